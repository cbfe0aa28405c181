//! Both ends of a link, each on a thread of its own.
//!
//! What an end clears when it begins anew is memory that holds the generation it was cleared for. The other end uses it
//! whenever it is Up: so the checker sees a clearing that meets a use, and a use of what was cleared for another time.

use loom::thread;
use std::sync::Arc;
use vni::link::{self, End, LinkWords, State};

use crate::words::{Lacks, Link, Memory, Side};
use crate::{holds, is_caught};

/// A link, and for each end the generation for which its words were cleared.
type Shared = (Link, [Memory; 2]);

/// One step of an end, and then what its receiver does if it is Ready, and its sender if it is Up.
fn step((link, cleared): &Shared, me: usize) {
    let words = Side { link, me };
    let generation = End::from_word(words.mine()).generation + 1;
    let (end, _) = link::step(&words, || cleared[me].write(generation));
    if end.state == State::Ready {
        // The other may be leaving and clearing again at this moment, what has not been used since.
        assert!(cleared[1 - me].value() >= end.echo, "nothing of an earlier conversation is received");
    }
    if end.state == State::Up {
        assert_eq!(cleared[1 - me].read(), end.echo, "cleared for the conversation that we are in");
    }
}

fn shared(lacks: Lacks, states: [State; 2], generation: u32) -> Arc<Shared> {
    let words = states.map(|state| End { generation, echo: generation, state }.to_word());
    Arc::new((Link::new(lacks, words), [Memory::new(generation), Memory::new(generation)]))
}

/// One goes down and begins anew, just as the other comes up.
fn leave_and_come(lacks: Lacks) {
    let shared = shared(lacks, [State::Ready, State::Init], 1);
    let of_other = shared.clone();
    let other = thread::spawn(move || (0..2).for_each(|_| step(&of_other, 1)));
    link::take_down(&Side { link: &shared.0, me: 0 });
    step(&shared, 0);
    other.join().unwrap();
}

/// One goes down while the other uses its words, and clears them when the other has left too.
fn leave_first(lacks: Lacks) {
    let shared = shared(lacks, [State::Up; 2], 1);
    let of_other = shared.clone();
    let other = thread::spawn(move || (0..2).for_each(|_| step(&of_other, 1)));
    link::take_down(&Side { link: &shared.0, me: 0 });
    step(&shared, 0);
    other.join().unwrap();
}

/// One begins, when the other has already, which then receives. No second step of the one, whose fence would hide what
/// its first did not order.
fn begin(lacks: Lacks) {
    let shared = shared(lacks, [State::Down, State::Init], 1);
    let of_other = shared.clone();
    let other = thread::spawn(move || (0..2).for_each(|_| step(&of_other, 1)));
    step(&shared, 0);
    other.join().unwrap();
}

/// Both begin, and come as far as they may in the steps that they have.
fn come_up(lacks: Lacks) {
    let shared = shared(lacks, [State::Down, State::Init], 1);
    let of_other = shared.clone();
    let other = thread::spawn(move || (0..4).for_each(|_| step(&of_other, 1)));
    (0..4).for_each(|_| step(&shared, 0));
    other.join().unwrap();
}

#[test]
fn nothing_is_cleared_while_the_other_uses_it_nor_used_before_it_is_cleared() {
    for model in [leave_and_come, leave_first, begin, come_up] {
        holds(move || model(Lacks::Nothing));
    }
}

#[test]
fn without_its_fence_an_end_finds_the_other_gone_that_is_just_coming() {
    assert!(is_caught(|| leave_and_come(Lacks::FenceSaid)));
}

#[test]
fn without_its_orderings_an_end_uses_what_is_not_cleared_or_clears_what_is_in_use() {
    assert!(is_caught(|| begin(Lacks::SaidRelease)));
    assert!(is_caught(|| leave_first(Lacks::TheirsAcquire)));
}
