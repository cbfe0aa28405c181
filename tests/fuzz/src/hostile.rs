//! Scripts for a hostile partition, grown by coverage.
//!
//! The first byte says how far it reaches; the rest is what `vni/tests/hostile` plays, which also replays a fixed set
//! of scripts in every test run.

#![no_main]

#[path = "../../../vni/tests/hostile/play.rs"]
mod play;
#[path = "../../../vni/tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;
use play::{Reach, play};

fuzz_target!(|script: &[u8]| {
    let Some((reach, script)) = script.split_first() else { return };
    play(script, if reach % 2 == 0 { Reach::ItsOwn } else { Reach::Everything });
});
