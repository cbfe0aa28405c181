//! The plan carried out through the verbs of a [`crate::machine::Machine`].
