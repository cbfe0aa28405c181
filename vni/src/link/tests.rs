//! The handshake searched whole: every order in which two ends can look, say, leave, and come again.

use std::collections::{BTreeSet, VecDeque};
use std::vec::Vec;

use super::*;

/// Beginnings that an end is forced to make by leaving, in one search.
const LEAVES: u8 = 2;

/// One end, and what it would do to the window.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Model {
    word: u64,
    /// A step under way: its own word when it began, and the other's as it was then seen.
    looked: Option<(u64, u64)>,
    /// The generation for which its rings were last cleared.
    cleared: u32,
    /// It has been Up since it last cleared them, so they are not zero any more.
    has_sent: bool,
    /// How often it may still leave.
    leaves: u8,
}

impl Model {
    fn end(&self) -> End {
        End::from_word(self.word)
    }

    /// Stores `word`.
    fn say(&mut self, end: End) {
        assert!(end.generation >= self.end().generation, "a generation came back");
        self.word = end.to_word();
        self.has_sent |= end.state == State::Up;
    }
}

type Pair = [Model; 2];

const START: Pair = [Model { word: 0, looked: None, cleared: 0, has_sent: false, leaves: LEAVES }; 2];

/// The first half of a step: it looks at the other.
fn look(pair: &mut Pair, me: usize) {
    pair[me].looked = Some((pair[me].word, pair[1 - me].word));
}

/// The second half: it clears what it must, and says what follows from what it saw.
fn act(pair: &mut Pair, me: usize) {
    let (word, theirs) = pair[me].looked.take().expect("it has looked");
    let said = match next(End::from_word(word), End::from_word(theirs)) {
        Next::Stay => return,
        Next::Announce(said) => said,
        Next::BeginWith(said) => {
            assert_nobody_uses(pair, me);
            assert!(said.generation > pair[me].cleared, "a generation came back");
            (pair[me].cleared, pair[me].has_sent) = (said.generation, false);
            said
        }
    };
    if pair[me].word == word {
        pair[me].say(said);
    }
}

/// Nothing that `me` is about to clear is in use.
fn assert_nobody_uses(pair: &Pair, me: usize) {
    let other = pair[1 - me].end();
    let speaks_to_us = other.echo == pair[me].end().generation;
    assert!(!(other.state == State::Up && speaks_to_us), "it sends into a ring that is cleared: {pair:?}");
    assert!(!(other.state == State::Ready && speaks_to_us && pair[me].has_sent), "it receives still: {pair:?}");
}

/// What must hold of every pair that can come about.
fn check(pair: &Pair) {
    for me in [0, 1] {
        let (mine, other) = (pair[me].end(), &pair[1 - me]);
        if mine.state == State::Up {
            assert_eq!(other.cleared, mine.echo, "it sends where nothing was cleared for it: {pair:?}");
            assert_eq!(pair[me].cleared, mine.generation, "it sends by indices of another time: {pair:?}");
        }
        if mine.state == State::Ready {
            assert!(other.cleared >= mine.echo, "it receives what is left of another time: {pair:?}");
        }
    }
}

/// All that can happen next.
fn successors(pair: &Pair) -> Vec<Pair> {
    let mut all = Vec::new();
    for me in [0, 1] {
        let mut outcome = *pair;
        if pair[me].looked.is_some() {
            act(&mut outcome, me)
        } else {
            look(&mut outcome, me)
        }
        all.push(outcome);
        if pair[me].leaves > 0 {
            // Taken down from another context, for a stop or a fault; the step under way goes on.
            let mut left = *pair;
            left[me].leaves -= 1;
            left[me].say(pair[me].end().at(State::Down));
            all.push(left);
            // A new life: the step under way is gone.
            left[me].looked = None;
            all.push(left);
        }
    }
    all
}

/// Every pair that can come about.
fn reachable() -> BTreeSet<Pair> {
    let mut seen = BTreeSet::from([START]);
    let mut next = VecDeque::from([START]);
    while let Some(pair) = next.pop_front() {
        check(&pair);
        next.extend(successors(&pair).into_iter().filter(|successor| seen.insert(*successor)));
    }
    seen
}

#[test]
#[cfg_attr(miri, ignore = "thousands of states, and nothing of memory in them")]
fn nobody_sends_into_rings_that_are_not_cleared_for_it_in_any_order_of_events() {
    let reachable = reachable();
    let both_up = |pair: &&Pair| pair.iter().all(|model| model.end().state == State::Up);
    assert!(reachable.iter().filter(both_up).count() > 1, "the search gets somewhere");
    assert!(reachable.len() > 1_000, "{} states", reachable.len());
}

#[test]
#[cfg_attr(miri, ignore = "thousands of states, and nothing of memory in them")]
fn from_wherever_they_are_both_come_up_if_both_stay() {
    for start in reachable() {
        let mut pair = start;
        for me in [0, 1].into_iter().cycle().take(32) {
            if pair[me].looked.is_none() {
                look(&mut pair, me);
            }
            act(&mut pair, me);
        }
        assert!(pair.iter().all(|model| model.end().state == State::Up), "{start:?} ends at {pair:?}");
        assert!(pair[0].end().agrees_with(pair[1].end()));
    }
}

#[test]
fn a_peer_that_died_while_up_keeps_what_it_may_be_reading() {
    let dead = End { generation: 5, echo: 7, state: State::Up };
    let mine = End { generation: 7, echo: 5, state: State::Down };
    assert_eq!(next(mine, dead), Next::Stay);
    let Next::BeginWith(anew) = next(mine, dead.at(State::Down)) else { panic!("it has left") };
    assert_eq!(anew, End { generation: 8, echo: 0, state: State::Init });
}

#[test]
fn whatever_a_peer_writes_into_its_word_we_say_only_what_the_table_allows() {
    for theirs in (0..64).flat_map(|bit| [1_u64 << bit, u64::MAX << bit, u64::MAX >> bit]).chain([0]) {
        for state in [State::Down, State::Init, State::Ready, State::Up] {
            let mine = End { generation: 3, echo: theirs as u32 & 1, state };
            let allowed = match next(mine, End::from_word(theirs)) {
                Next::Stay => true,
                Next::BeginWith(said) => state == State::Down && said.state == State::Init && said.generation == 4,
                Next::Announce(said) => {
                    said.generation == 3
                        && match state {
                            State::Down => false,
                            State::Init => said.state <= State::Ready,
                            State::Ready => said.state != State::Init,
                            State::Up => said.state == State::Down,
                        }
                }
            };
            assert!(allowed, "{mine:?} and {theirs:#x}");
        }
    }
}

#[test]
fn words_carry_every_field() {
    for state in [State::Down, State::Init, State::Ready, State::Up] {
        let end = End { generation: 0x7fff_fffe, echo: 0x5555_5555, state };
        assert_eq!(End::from_word(end.to_word()), end);
    }
}

#[test]
fn a_generation_is_never_zero_again() {
    let last = End { generation: GENERATION as u32, echo: 0, state: State::Down };
    let Next::BeginWith(anew) = next(last, last) else { panic!("nobody is there") };
    assert_eq!(anew.generation, 1);
}

#[test]
fn a_heart_that_does_not_beat_is_frozen_and_one_that_beats_again_lives() {
    let mut liveness = Liveness::default();
    assert!(liveness.observe(1, 0));
    assert!(liveness.observe(1, FROZEN_AFTER - 1));
    assert!(!liveness.observe(1, FROZEN_AFTER));
    assert!(liveness.observe(2, FROZEN_AFTER + 5), "it went on");
    assert!(!liveness.observe(2, 2 * FROZEN_AFTER + 5));
}

#[test]
fn our_time_may_wrap_around() {
    let mut liveness = Liveness::default();
    assert!(liveness.observe(1, u32::MAX - 1));
    assert!(liveness.observe(1, FROZEN_AFTER - 3));
    assert!(!liveness.observe(1, FROZEN_AFTER - 2));
}
