//! Whether anything is lost: numbered frames, each checked byte by byte, in bursts of all sizes, with pauses on both sides, so that each
//! sleeps again and again and the other must wake it.

use std::hint;
use std::time::Instant;

use anyhow::Result;
use bench::model::Case;
use bench::probe::{Counter, Probe, Sample, probe};
use fastrand::Rng;

use crate::control::Control;
use crate::peer::{Peer, Waits};
use crate::port::{self, Port};

/// Bytes of a frame: two addresses and a type, and bytes made of its number.
const FRAME: usize = 64;
const HEADER: usize = 14;
const POOL: u64 = 2 << 20;
const WAITS: Waits = Waits::Sleeping { after_us: 0 };

fn frame(number: u64) -> [u8; FRAME] {
    let mut bytes = [0x5a; FRAME];
    Rng::with_seed(number).fill(&mut bytes[HEADER..]);
    bytes
}

/// Once in so many calls, pauses for up to so many spins.
fn pause(random: &mut Rng, once_in: u64, at_most: u64) {
    if random.u64(..once_in) == 0 {
        (0..random.u64(..at_most)).for_each(|_| hint::spin_loop());
    }
}

pub(crate) fn numbered(count: u64) -> Box<dyn Probe<Peer>> {
    let case = Case::new("integrity", "vni", "frames/s").with("frame_bytes", FRAME).with("frames", count);
    probe(case.with("receiver", "sleeping"), move |peer: &mut Peer| {
        let here = |port: &mut Port, control: &mut Control| receive(count, port, control);
        port::exchange(peer, WAITS, (2, POOL), here, |port, control| send(count, port, control))
    })
}

fn receive(count: u64, port: &mut Port, control: &mut Control) -> Result<Sample> {
    let (start, mut random, mut corrupt) = (Instant::now(), Rng::with_seed(7), 0_u64);
    for number in 0..count {
        let mut bytes = [0; FRAME];
        let len = port.receive(&mut bytes, WAITS)?;
        corrupt += u64::from(len != FRAME || bytes != frame(number));
        if (number + 1).is_multiple_of(64) {
            port.release();
            pause(&mut random, 256, 1000);
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
    let (mut random, mut next) = (Rng::with_seed(1), 0);
    while next < count {
        let burst = random.u64(1..=128).min(count - next);
        for number in next..next + burst {
            let bytes = frame(number);
            while !port.send(&bytes)? {
                port.sleep_for_room()?;
            }
        }
        next += burst;
        port.publish()?;
        pause(&mut random, 64, 400);
    }
    // The last frames are still on their way, and the link goes down with this endpoint.
    control.meet()
}
