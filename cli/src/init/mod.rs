//! What `sprig init` proposes: a box file for a machine, made of what was found and what was asked for.
//!
//! [`kernels`] looks for kernels, [`defaults`] has what fits the machine, [`questions`] asks the person at the terminal,
//! [`proposal`] writes the text.

pub(crate) mod defaults;
pub(crate) mod kernels;
pub(crate) mod proposal;
pub(crate) mod questions;
mod release;

#[cfg(test)]
mod tests;
