//! The limit of any frame that is copied twice: the other copies frames into a region in shared memory, we copy them
//! out, and nothing else is said but how far each has come, once for a burst.
//!
//! The region is walked from its first byte to its last and again, so that all of it is touched.

// Raw copies are what is measured.
#![allow(unsafe_code)]

use std::arch::asm;
use std::hint;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hosted::WindowFile;
use memmap2::{MmapOptions, MmapRaw};
use serde::{Deserialize, Serialize};

use crate::floor::{Floor, LIMIT, Limit, Stop};
use crate::other::{Other, Task};
use crate::rounds::{Contender, Question, Sample};
use crate::station::{self, Frames};
use crate::{Failure, clock};

/// Most frames between two words about how far one has come.
const BURST: u64 = 32;

/// How it is copied.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub(crate) enum Routine {
    /// That of the C library, which takes the processor's widest registers.
    Memcpy,
    /// One instruction, without any of the wide registers.
    RepMovsb,
}

/// What is copied.
#[derive(Clone, Copy, Serialize, Deserialize, Debug)]
pub(crate) struct Copying {
    pub(crate) frame: usize,
    /// Bytes of the region.
    pub(crate) footprint: u64,
    pub(crate) routine: Routine,
    pub(crate) lasts: Duration,
}

/// The region, as one process has mapped it.
struct Region {
    map: MmapRaw,
    routine: Routine,
    frame: usize,
    stride: usize,
    slots: u64,
    burst: u64,
}

impl Region {
    fn map(window: &WindowFile, copying: Copying) -> Result<Self, Failure> {
        let len = copying.footprint as usize;
        // Behind the control part, whatever lies there in an idle window.
        let geometry = window.window().geometry();
        let (offset, room) = (geometry.pool(0), 2 * geometry.pool_len());
        let page = 4096;
        let skipped = (offset % page) as usize;
        if room < copying.footprint {
            return Err(Failure::wrong("the window is shorter than the region"));
        }
        let mut map = MmapOptions::new();
        let map = map.offset(offset - skipped as u64).len(len + skipped).populate();
        let map = map.map_raw(&window.memory()).map_err(Failure::of("map the region"))?;
        let stride = copying.frame.next_multiple_of(64);
        let slots = (len / stride) as u64;
        // So that one can be written while another is read.
        let burst = BURST.min(slots / 2);
        if burst == 0 {
            return Err(Failure::wrong(format!("{len} bytes hold no two frames of {}", copying.frame)));
        }
        Ok(Self { map, routine: copying.routine, frame: copying.frame, stride, slots, burst })
    }

    fn slot(&self, number: u64) -> *mut u8 {
        let at = (number % self.slots) as usize * self.stride;
        assert!(at + self.frame <= self.map.len());
        // SAFETY: inside the mapping, as was just seen.
        unsafe { self.map.as_mut_ptr().add(at) }
    }

    fn copy_in(&self, number: u64, from: &[u8]) {
        assert_eq!(from.len(), self.frame);
        // SAFETY: a slot is as long as a frame, and private memory does not overlap it. The other process reads it only
        // after it has seen `produced` pass it, and we write to it again only after `consumed` has.
        unsafe { copy(self.routine, self.slot(number), from.as_ptr(), self.frame) };
    }

    fn copy_out(&self, number: u64, into: &mut [u8]) {
        assert_eq!(into.len(), self.frame);
        // SAFETY: as for `copy_in`, the other way round.
        unsafe { copy(self.routine, into.as_mut_ptr(), self.slot(number), self.frame) };
    }
}

/// # Safety
/// As for [`ptr::copy_nonoverlapping`].
unsafe fn copy(routine: Routine, to: *mut u8, from: *const u8, len: usize) {
    match routine {
        // SAFETY: handed on. What it has copied nobody reads here, so that it must look to the compiler as if.
        Routine::Memcpy => unsafe { ptr::copy_nonoverlapping(hint::black_box(from), hint::black_box(to), len) },
        // SAFETY: RDI, RSI and RCX are all that it takes; it touches the two ranges only, and the ABI keeps the
        // direction flag clear.
        Routine::RepMovsb => unsafe {
            asm!("rep movsb", inout("rdi") to => _, inout("rsi") from => _, inout("rcx") len => _,
                options(nostack, preserves_flags));
        },
    }
}

/// The contender.
pub(crate) struct Limited {
    copying: Copying,
    question: Question,
}

impl Limited {
    pub(crate) fn boxed(copying: Copying) -> Box<dyn Contender> {
        let subject = match copying.routine {
            Routine::Memcpy => "limit",
            Routine::RepMovsb => "limit-rep-movsb",
        };
        let question = Question::new("frames", subject, "frames/s")
            .number("frame_bytes", copying.frame as f64)
            .number("footprint_bytes", copying.footprint as f64);
        Box::new(Self { copying, question })
    }
}

impl Contender for Limited {
    fn question(&self) -> &Question {
        &self.question
    }

    fn sample(&mut self, other: &mut Other) -> Result<Sample, Failure> {
        let copying = self.copying;
        other.floor.set_stop(Stop::NotYet);
        for word in [other.floor.produced(), other.floor.consumed()] {
            word.store(0, Ordering::Relaxed);
        }
        let window = station::window(copying.footprint.div_ceil(2) + 4096)?;
        let told = other.tell_in(&window, |path| Task::CopyIn(path, copying))?;
        let region = Region::map(&window, copying)?;
        other.floor.meet()?;
        let mut frames = Frames::new(copying.frame, BURST as usize);
        let mut done = 0;
        let mut burst = || {
            let theirs = await_past(other.floor.produced(), done, "frames to copy out")?;
            let until = theirs.min(done + region.burst);
            let count = until - done;
            (done..until).for_each(|number| region.copy_out(number, frames.next()));
            done = until;
            other.floor.consumed().store(done, Ordering::Release);
            Ok(count)
        };
        // The whole region once, and then for as long as anything warms up.
        let mut warm = 0;
        while warm < 2 * region.slots {
            warm += burst()?;
        }
        clock::count_for(clock::WARM_UP, copying.frame, &mut burst)?;
        let rate = clock::count_for(copying.lasts, copying.frame, &mut burst)?;
        other.floor.set_stop(Stop::Now);
        other.answer(told)?;
        Ok(Sample::of(rate.per_second()).beside("bit/s", rate.per_second() * copying.frame as f64 * 8.0))
    }
}

/// Waits until the word is past `done`.
fn await_past(word: &AtomicU64, done: u64, what: &'static str) -> Result<u64, Failure> {
    let mut limit = Limit::new(LIMIT, what);
    loop {
        let now = word.load(Ordering::Acquire);
        if now > done {
            return Ok(now);
        }
        limit.check()?;
    }
}

/// The other side: copies in until it is enough.
pub(crate) fn copy_in(window: &WindowFile, floor: &mut Floor, copying: Copying) -> Result<f64, Failure> {
    let region = Region::map(window, copying)?;
    floor.meet()?;
    let mut frames = Frames::new(copying.frame, BURST as usize);
    let (mut done, mut consumed) = (0, 0);
    let mut limit = Limit::new(LIMIT, "room to copy in");
    while !floor.is_over() {
        if done + region.burst > consumed + region.slots {
            consumed = floor.consumed().load(Ordering::Acquire);
            hint::spin_loop();
            limit.check()?;
            continue;
        }
        (done..done + region.burst).for_each(|number| region.copy_in(number, frames.next()));
        done += region.burst;
        floor.produced().store(done, Ordering::Release);
        limit = Limit::new(LIMIT, "room to copy in");
    }
    Ok(0.0)
}
