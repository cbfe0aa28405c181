//! Whether anything is lost: numbered frames with checksums, in bursts of all sizes, with pauses on both sides, so that each
//! sleeps again and again and the other must wake it.

use std::hint;
use std::time::Instant;

use anyhow::Result;
use bench::model::Case;
use bench::probe::{Counter, Probe, Sample, probe};

use crate::control::Control;
use crate::peer::{Peer, Waits};
use crate::port::{self, Port};

/// Bytes of a frame: two addresses and a type, a number, words made of it, a checksum.
const FRAME: usize = 64;
const POOL: u64 = 2 << 20;
const WAITS: Waits = Waits::Sleeping { after_us: 0 };
/// Where the number begins: behind two addresses and a type.
const NUMBER_AT: usize = 14;
const WORDS_AT: usize = NUMBER_AT + 8;
const CHECKSUM_AT: usize = FRAME - 8;

fn frame(number: u64) -> [u8; FRAME] {
    let mut bytes = [0x5a; FRAME];
    bytes[NUMBER_AT..WORDS_AT].copy_from_slice(&number.to_le_bytes());
    let (mut sum, mut random) = (number, Random(number));
    for word in bytes[WORDS_AT..CHECKSUM_AT].chunks_mut(8) {
        let value = random.next();
        sum = sum.rotate_left(9) ^ value;
        word.copy_from_slice(&value.to_le_bytes()[..word.len()]);
    }
    bytes[CHECKSUM_AT..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// splitmix64 (S. Vigna).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Once in so many calls, pauses for up to so many spins.
    fn pause(&mut self, once_in: u64, at_most: u64) {
        if self.next().is_multiple_of(once_in) {
            (0..self.next() % at_most).for_each(|_| hint::spin_loop());
        }
    }
}

/// So many frames, as a contender.
pub(crate) fn numbered(count: u64) -> Box<dyn Probe<Peer>> {
    let case = Case::new("integrity", "vni", "frames/s").with("frame_bytes", FRAME).with("frames", count);
    probe(case.with("receiver", "sleeping"), move |peer: &mut Peer| {
        let here = |port: &mut Port, control: &mut Control| receive(count, port, control);
        port::exchange(peer, WAITS, POOL, here, |port, control| send(count, port, control))
    })
}

fn receive(count: u64, port: &mut Port, control: &mut Control) -> Result<Sample> {
    let (start, mut random, mut corrupt) = (Instant::now(), Random(7), 0_u64);
    for number in 0..count {
        let mut bytes = [0; FRAME];
        let len = port.receive(&mut bytes, WAITS)?;
        corrupt += u64::from(len != FRAME || bytes != frame(number));
        if (number + 1).is_multiple_of(64) {
            port.release();
            random.pause(256, 1000);
        }
    }
    port.release();
    let elapsed = start.elapsed();
    control.meet()?;
    Ok(Sample::of(count as f64 / elapsed.as_secs_f64())
        .count("corrupt_frames", Counter::Sum(corrupt as f64))
        .count("sleeps", Counter::mean(port.sleeps as f64))
        .count("doorbells_per_frame", Counter::mean(port.doorbells as f64 / count as f64)))
}

fn send(count: u64, port: &mut Port, control: &mut Control) -> Result<()> {
    let (mut random, mut next) = (Random(1), 0);
    while next < count {
        let burst = (1 + random.next() % 128).min(count - next);
        for number in next..next + burst {
            let bytes = frame(number);
            while !port.send(&bytes)? {
                port.sleep_for_room()?;
            }
        }
        next += burst;
        port.publish()?;
        random.pause(64, 400);
    }
    // The last frames are still on their way, and the link goes down with this endpoint.
    control.meet()
}
