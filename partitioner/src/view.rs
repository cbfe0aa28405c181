//! The bytes that an instance sees of the machine: pure functions from a [`crate::plan::Plan`].
