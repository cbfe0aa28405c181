//! A hostile partition, as far as a fixed set of random scripts goes; `cargo xtask fuzz` looks further ([`play`]).

#![cfg(not(loom))]

mod play;
#[path = "../support/mod.rs"]
mod support;

use std::array;
use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use play::{KINDS, Reach, play};
use vni::fault::Fault;

/// Scripts for each reach.
const SCRIPTS: u32 = if cfg!(miri) { 2 } else { 400 };

fn play_many(reach: Reach) -> [u64; KINDS] {
    let config = ProptestConfig { cases: SCRIPTS, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let len = if cfg!(miri) { 200 } else { 4_000 };
    let found = Cell::new([0; KINDS]);
    let one = |script: Vec<u8>| {
        let now = play(&script, reach);
        found.set(array::from_fn(|kind| found.get()[kind] + now[kind]));
        Ok(())
    };
    runner.run(&vec(any::<u8>(), 0..len), one).unwrap();
    found.get()
}

#[test]
fn a_hostile_peer_that_keeps_to_its_part_hurts_nobody_but_its_own_links() {
    let found = play_many(Reach::ItsOwn);
    let all = found.iter().all(|count| *count > 0);
    assert!(all || cfg!(miri), "the scripts break every rule: {:?} {found:?}", Fault::NAMES);
}

#[test]
fn a_hostile_peer_that_writes_everywhere_makes_nobody_panic_or_leave_the_window() {
    play_many(Reach::Everything);
}
