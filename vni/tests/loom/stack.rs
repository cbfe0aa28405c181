//! The stack of buffers that several senders share.
//!
//! A buffer is memory that its owner writes: so the checker sees one that two have at once, and one whose last owner has
//! not finished with it.

use loom::thread;
use std::sync::Arc;
use vni::stack::{self, pop, push};

use crate::words::{ENTRIES, Lacks, Memory, Stack};
use crate::{holds, is_caught};

type Shared = (Stack, [Memory; ENTRIES]);

/// A stack with these entries on it, the last of them on top.
fn shared(lacks: Lacks, entries: &[u16]) -> Arc<Shared> {
    let stack = Stack::new(lacks);
    entries.iter().for_each(|entry| push(&stack, *entry));
    Arc::new((stack, [(); ENTRIES].map(|()| Memory::new(0))))
}

/// Takes a buffer, if there is one, and fills it.
fn fill((stack, buffers): &Shared) -> Option<u16> {
    let entry = pop(stack)?;
    buffers[usize::from(entry)].write(1);
    Some(entry)
}

/// Fills a buffer, and puts it back.
fn use_one(shared: &Shared) {
    if let Some(entry) = fill(shared) {
        push(&shared.0, entry);
    }
}

/// Two fill and put back what they find, one of them twice.
fn use_and_put_back(lacks: Lacks) {
    let shared = shared(lacks, &[1, 0]);
    let of_other = shared.clone();
    let other = thread::spawn(move || (0..2).for_each(|_| use_one(&of_other)));
    use_one(&shared);
    other.join().unwrap();
    let mut left: Vec<u16> = std::iter::from_fn(|| pop(&shared.0)).collect();
    left.sort_unstable();
    assert_eq!(left, [0, 1], "none is lost, and none is there twice");
    assert_eq!(stack::count(vni::stack::StackWords::top(&shared.0)), 0);
}

/// One takes the top, while the other takes two, and puts them back in another order with a third between.
fn come_back(lacks: Lacks) {
    let shared = shared(lacks, &[1, 0]);
    let of_other = shared.clone();
    let other = thread::spawn(move || {
        let [first, second] = [fill(&of_other), fill(&of_other)];
        // The third is its own from the beginning: so there are as many as before.
        push(&of_other.0, 2);
        if let Some(entry) = first {
            push(&of_other.0, entry);
        }
        second
    });
    let mine = [fill(&shared), fill(&shared)];
    let theirs = other.join().unwrap();
    let left = std::iter::from_fn(|| pop(&shared.0));
    let mut all: Vec<u16> = mine.into_iter().flatten().chain(theirs).chain(left).collect();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2], "each is somebody's, and nobody else's");
}

#[test]
fn a_buffer_is_one_senders_at_a_time_and_none_is_lost() {
    holds(|| use_and_put_back(Lacks::Nothing));
    holds(|| come_back(Lacks::Nothing));
}

#[test]
fn without_its_count_of_changes_a_buffer_is_given_to_two() {
    assert!(is_caught(|| come_back(Lacks::Changes)));
}

#[test]
fn without_one_of_its_orderings_a_buffer_is_filled_by_two() {
    for lacks in [Lacks::TopAcquire, Lacks::PutRelease] {
        assert!(is_caught(move || use_and_put_back(lacks)), "{lacks:?} is not missed");
    }
}
