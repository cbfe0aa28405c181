//! Every reason why a machine cannot be split as its owner wants it.

use alloc::vec::Vec;

use crate::diagnostic::Diagnostic;
use crate::request::Request;

/// One reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Conflict {
    /// The firmware has no MADT, so there are no cores to give.
    NoMadt,
}

/// Why there is no plan: every conflict, at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanError {
    /// In the order in which they were found: cores, low memory, memory, images.
    pub conflicts: Vec<Conflict>,
}

impl PlanError {
    /// The conflicts as they are told, with their places in the box file that `request` was gathered from.
    pub fn diagnostics(&self, request: &Request) -> Vec<Diagnostic> {
        let _ = request;
        todo!()
    }
}
