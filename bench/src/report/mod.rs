//! Benches as one page that needs nothing else: no script, and no other file.

mod details;
mod draw;
mod figures;
mod page;
mod plot;
#[cfg(test)]
mod tests;

pub use self::page::{page, pages};
