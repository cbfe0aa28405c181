//! Targets: what a bench is to reach, and what it has reached. [`boxes`], [`boot`] and [`native`] are the tables;
//! all find their figures with one `matcher`.

pub mod boot;
pub mod boxes;
mod matcher;
pub mod native;
