//! Another instance's kernel, seen from outside: its memory, and what it says of itself there.
//!
//! That kernel takes no part in this, and need not run any more. Nothing that is read from its memory is trusted.
//!
//! | module | |
//! |---|---|
//! | [`memory`], [`range`] | the kernel's memory, as a trait |
//! | [`device`] | that memory through `/dev/mem` |
//! | [`note`] | vmcoreinfo: the kernel's description of itself |
//! | [`search`] | finds the kernel in a partition's memory, by its note |
//! | [`paging`] | its virtual addresses |
//! | [`direct_map`] | where it maps all memory |

pub(crate) mod device;
pub(crate) mod direct_map;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod memory;
pub(crate) mod note;
pub(crate) mod paging;
pub(crate) mod range;
pub(crate) mod search;
