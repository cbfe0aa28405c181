//! Targets: what a bench is to reach, and what it has reached. [`boxes`] and [`native`] are the tables; both find their
//! figures with one `matcher`.

pub mod boxes;
mod matcher;
pub mod native;
