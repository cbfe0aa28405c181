//! Benches as one page that needs nothing else: no script, and no other file.
//!
//! | module | |
//! |---|---|
//! | `page` | the page from its title to its conditions |
//! | `figures` | which figures a bench gets |
//! | `draw` | a figure with its plot |
//! | `plot` | lines, bars, distributions and matrices as SVG |
//! | `details` | the table below a figure |

mod details;
mod draw;
mod figures;
mod page;
mod plot;
#[cfg(test)]
mod tests;

pub use self::page::{page, pages};
