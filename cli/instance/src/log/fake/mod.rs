//! A partition's memory for tests, and a kernel in it.

pub(crate) mod kernel;
pub(crate) mod memory;
