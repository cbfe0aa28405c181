//! Measuring what the virtual Ethernet carries.
//!
//! | module | |
//! |---|---|
//! | [`model`] | what was measured, as it is written to `bench.json` and read by everything that shows it |

pub mod model;
