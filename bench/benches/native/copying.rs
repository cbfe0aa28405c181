//! The limit of any frame that is copied twice: the peer copies frames into a region of shared memory, this process copies
//! them out, and each says once for a burst how far it has come.
//!
//! Both walk the region from its first byte to its last and again, so that all of it is touched.

// Raw copies are what is measured.
#![allow(unsafe_code)]

use std::arch::asm;
use std::hint;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench::model::Case;
use bench::probe::{Probe, probe};
use hosted::WindowFile;
use memmap2::{MmapOptions, MmapRaw};
use strum::IntoStaticStr;

use crate::clock;
use crate::control::{Control, Limit, Word};
use crate::peer::{Peer, Waits};
use crate::port::{self, Frames};

/// The most frames between two words about how far a side has come.
const BURST: u64 = 32;

#[derive(Clone, Copy, PartialEq, Eq, Debug, IntoStaticStr)]
pub(crate) enum Routine {
    /// By the C library, which uses the processor's widest registers.
    #[strum(serialize = "limit")]
    Memcpy,
    /// By one instruction, without any of the wide registers.
    #[strum(serialize = "limit-rep-movsb")]
    RepMovsb,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Copying {
    pub(crate) frame: usize,
    pub(crate) footprint: u64,
    pub(crate) routine: Routine,
    pub(crate) duration: Duration,
}

/// The region, as a process has mapped it.
struct Region {
    map: MmapRaw,
    copying: Copying,
    stride: usize,
    slots: u64,
    burst: u64,
}

impl Region {
    fn map(window: &WindowFile, copying: Copying) -> Result<Self> {
        let len = copying.footprint as usize;
        // Behind the control part: an idle window does not use the rest.
        let geometry = window.window().geometry();
        let (offset, room) = (geometry.pool(0), 2 * geometry.pool_len());
        let page = 4096;
        let skipped = (offset % page) as usize;
        ensure!(room >= copying.footprint, "the window is shorter than the region");
        let mut map = MmapOptions::new();
        let map = map.offset(offset - skipped as u64).len(len + skipped).populate();
        let map = map.map_raw(&window.memory()).context("cannot map the region")?;
        let stride = copying.frame.next_multiple_of(64);
        let slots = (len / stride) as u64;
        // So that one can be written while another is read.
        let burst = BURST.min(slots / 2);
        ensure!(burst > 0, "{len} bytes hold no two frames of {}", copying.frame);
        Ok(Self { map, copying, stride, slots, burst })
    }

    fn slot(&self, number: u64) -> *mut u8 {
        let at = (number % self.slots) as usize * self.stride;
        assert!(at + self.copying.frame <= self.map.len());
        // SAFETY: inside the mapping, as the assertion says.
        unsafe { self.map.as_mut_ptr().add(at) }
    }

    fn copy_in(&self, number: u64, from: &[u8]) {
        assert_eq!(from.len(), self.copying.frame);
        // SAFETY: a slot is as long as a frame, and private memory does not overlap it. The other process reads it only
        // after `produced` has passed it, and this one writes to it again only after `consumed` has.
        unsafe { copy(self.copying.routine, self.slot(number), from.as_ptr(), from.len()) };
    }

    fn copy_out(&self, number: u64, into: &mut [u8]) {
        assert_eq!(into.len(), self.copying.frame);
        // SAFETY: as for `copy_in`, the other way round.
        unsafe { copy(self.copying.routine, into.as_mut_ptr(), self.slot(number), into.len()) };
    }
}

/// # Safety
/// As for [`ptr::copy_nonoverlapping`].
unsafe fn copy(routine: Routine, to: *mut u8, from: *const u8, len: usize) {
    match routine {
        // SAFETY: the caller's. Nobody reads the copy here, so it must look to the compiler as if somebody did.
        Routine::Memcpy => unsafe { ptr::copy_nonoverlapping(hint::black_box(from), hint::black_box(to), len) },
        // SAFETY: it takes RDI, RSI and RCX, and touches only the two ranges. The ABI keeps the direction flag clear.
        Routine::RepMovsb => unsafe {
            asm!("rep movsb", inout("rdi") to => _, inout("rsi") from => _, inout("rcx") len => _,
                options(nostack, preserves_flags));
        },
    }
}

impl Copying {
    pub(crate) fn probe(self) -> Box<dyn Probe<Peer>> {
        let case = Case::new("frames", self.routine.into(), "frames/s").with("frame_bytes", self.frame);
        probe(case.with("footprint_bytes", self.footprint), move |peer: &mut Peer| {
            let window = port::window(self.footprint.div_ceil(2) + 4096)?;
            let there = |control: &mut Control| self.copy_in(&window, control);
            let (rate, _) = peer.run(Waits::Polling, there, |control| self.copy_out(&window, control))?;
            Ok(clock::frames(rate, self.frame))
        })
    }

    /// Copies out for its time. Returns how many frames there were in a second.
    fn copy_out(self, window: &WindowFile, control: &mut Control) -> Result<f64> {
        let region = Region::map(window, self)?;
        control.meet()?;
        let mut frames = Frames::new(self.frame, BURST as usize);
        let mut done = 0;
        let mut burst = || {
            let until = await_past(control.word(Word::Produced), done)?.min(done + region.burst);
            let count = until - done;
            (done..until).for_each(|number| region.copy_out(number, frames.next()));
            done = until;
            control.word(Word::Consumed).store(done, Ordering::Release);
            Ok(count)
        };
        // First the whole region, whatever else warms up.
        let mut warm = 0;
        while warm < 2 * region.slots {
            warm += burst()?;
        }
        let rate = clock::rate(self.duration, self.frame, &mut burst)?;
        control.stop();
        Ok(rate)
    }

    fn copy_in(self, window: &WindowFile, control: &mut Control) -> Result<f64> {
        let region = Region::map(window, self)?;
        control.meet()?;
        let mut frames = Frames::new(self.frame, BURST as usize);
        let (mut done, mut consumed) = (0, 0);
        let mut limit = Limit::new("room to copy in");
        while !control.is_stopped() {
            if done + region.burst > consumed + region.slots {
                consumed = control.word(Word::Consumed).load(Ordering::Acquire);
                hint::spin_loop();
                limit.check()?;
                continue;
            }
            (done..done + region.burst).for_each(|number| region.copy_in(number, frames.next()));
            done += region.burst;
            control.word(Word::Produced).store(done, Ordering::Release);
            limit = Limit::new("room to copy in");
        }
        Ok(0.0)
    }
}

fn await_past(word: &AtomicU64, done: u64) -> Result<u64> {
    let mut limit = Limit::new("frames to copy out");
    loop {
        let now = word.load(Ordering::Acquire);
        if now > done {
            return Ok(now);
        }
        limit.check()?;
    }
}
