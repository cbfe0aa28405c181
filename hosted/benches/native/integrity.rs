//! Whether anything is lost: numbered frames with checksums, in bursts of all sizes, with pauses on both sides, so that
//! each sleeps again and again and must be woken by the other.

use std::hint;
use std::time::Instant;

use hosted::WindowFile;
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::floor::Floor;
use crate::other::{Other, Task};
use crate::rounds::{Contender, Question, Sample};
use crate::station::{self, HERE, Station, THERE, Waits};

/// Bytes of a frame: two addresses and a type, a number, words made of it, a checksum.
const FRAME: usize = 64;
const POOL: u64 = 2 << 20;
/// Where the number begins: behind two addresses and a type.
const NUMBER_AT: usize = 14;
const WORDS_AT: usize = NUMBER_AT + 8;
const CHECKSUM_AT: usize = FRAME - 8;

/// How many frames.
#[derive(Clone, Copy, Serialize, Deserialize, Debug)]
pub(crate) struct Numbered {
    pub(crate) count: u64,
}

/// A frame of that number.
fn frame(number: u64) -> [u8; FRAME] {
    let mut bytes = [0x5a; FRAME];
    bytes[NUMBER_AT..WORDS_AT].copy_from_slice(&number.to_le_bytes());
    let mut sum = number;
    let mut dice = Dice(number);
    for word in bytes[WORDS_AT..CHECKSUM_AT].chunks_mut(8) {
        let value = dice.throw();
        sum = sum.rotate_left(9) ^ value;
        word.copy_from_slice(&value.to_le_bytes()[..word.len()]);
    }
    bytes[CHECKSUM_AT..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// Random numbers: splitmix64 (S. Vigna).
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Once in so many times: a pause of up to so many turns on the spot.
    fn pause(&mut self, once_in: u64, at_most: u64) {
        if self.throw().is_multiple_of(once_in) {
            (0..self.throw() % at_most).for_each(|_| hint::spin_loop());
        }
    }
}

/// The contender.
pub(crate) struct Integrity {
    numbered: Numbered,
    question: Question,
}

impl Integrity {
    pub(crate) fn boxed(count: u64) -> Box<dyn Contender> {
        let question = Question::new("integrity", "vni", "frames/s")
            .number("frame_bytes", FRAME as f64)
            .number("frames", count as f64)
            .word("receiver", "sleeping");
        Box::new(Self { numbered: Numbered { count }, question })
    }
}

impl Contender for Integrity {
    fn question(&self) -> &Question {
        &self.question
    }

    fn busy(&self, _other: &Other) -> Vec<u32> {
        // Both sleep, and what is asked is not how long it takes.
        Vec::new()
    }

    fn sample(&mut self, other: &mut Other) -> Result<Sample, Failure> {
        let numbered = self.numbered;
        let window = station::window(POOL)?;
        let told = other.tell_in(&window, |path| Task::SendNumbered(path, numbered))?;
        let mut station = Station::up(&window, HERE)?;
        other.floor.meet()?;
        let begin = Instant::now();
        let mut dice = Dice(7);
        let (mut corrupt, mut next) = (0_u64, 0);
        while next < numbered.count {
            let mut bytes = [0; FRAME];
            let len = station.receive(&mut bytes, Waits::Sleeping { after_us: 0 }, || false)?;
            corrupt += u64::from(len != Some(FRAME) || bytes != frame(next));
            next += 1;
            if next.is_multiple_of(64) {
                station.release();
                dice.pause(256, 1000);
            }
        }
        station.release();
        let took = begin.elapsed();
        other.floor.meet()?;
        let lost_there = other.answer(told)?;
        Ok(Sample::of(numbered.count as f64 / took.as_secs_f64())
            .beside("corrupt_frames", corrupt as f64)
            .beside("lost_wakeups", station.lost_wakeups as f64 + lost_there)
            .beside("sleeps", station.sleeps as f64)
            .beside("doorbells_per_frame", station.rings as f64 / numbered.count as f64))
    }
}

/// The other side; tells how many wake-ups it has lost.
pub(crate) fn send(window: &WindowFile, floor: &mut Floor, numbered: Numbered) -> Result<f64, Failure> {
    let mut station = Station::up(window, THERE)?;
    floor.meet()?;
    let mut dice = Dice(1);
    let mut next = 0;
    while next < numbered.count {
        let burst = (1 + dice.throw() % 128).min(numbered.count - next);
        for number in next..next + burst {
            let bytes = frame(number);
            while !station.send(&bytes)? {
                station.sleep_for_room()?;
            }
        }
        next += burst;
        station.publish()?;
        dice.pause(64, 400);
    }
    // The last are still on their way, and the link goes down with us.
    floor.meet()?;
    Ok(station.lost_wakeups as f64)
}
