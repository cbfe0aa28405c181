//! The protocol under a model checker (the crate `loom`), which runs every interleaving that the language's memory
//! model allows, with every value that a load may then see.
//!
//! Each model is a few lines of the real algorithms on words of the checker's ([`words`]). For each fence and each
//! ordering there is a twin that lacks it, and a test that wants the checker to find a schedule in which the twin
//! fails: somebody sleeps with work to do, or two touch the same memory at once. A fence that no twin needs would not
//! be there.
//!
//! Only with `--cfg loom`, since the checker's atomics work nowhere else: `cargo xtask test --only proofs`.

#![cfg(loom)]

mod doorbell;
mod lending;
mod link;
mod ring;
mod room;
mod stack;
mod words;

use std::panic;

/// How often a run may be interrupted where nobody waits: more than any of the models needs to fail.
const PREEMPTIONS: usize = 6;

/// Runs a model in every schedule; panics if one fails.
fn holds(model: impl Fn() + Send + Sync + 'static) {
    holds_within(PREEMPTIONS, model);
}

/// The same, with so many interruptions at the most.
fn holds_within(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = ::loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Whether some schedule makes a model fail.
fn is_caught(model: impl Fn() + Send + Sync + 'static) -> bool {
    is_caught_within(PREEMPTIONS, model)
}

/// The same, with so many interruptions at the most.
fn is_caught_within(preemptions: usize, model: impl Fn() + Send + Sync + 'static) -> bool {
    // A thread of its own: a run that failed leaves the checker's thread-local state behind.
    std::thread::spawn(move || {
        panic::catch_unwind(panic::AssertUnwindSafe(|| holds_within(preemptions, model))).is_err()
    })
    .join()
    .expect("the panic was caught")
}
