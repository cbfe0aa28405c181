//! [`Machine`] on the machine itself.

use alloc::vec::Vec;
use core::fmt;

use partitioner::address::{MemoryRange, PAGE};
use partitioner::load_list::LoadList;
use partitioner::machine::{Machine, StartError, StartMode, Turn, TurnSigns};
use partitioner::pci::PciAddress;
use partitioner::plan::PartitionPlan;

use crate::cores::Cores;
use crate::ecam::Ecam;
use crate::sleep::Sleeper;
use crate::{control_page, loader, log, tsc};

/// How long an instance may take until it shows that it is on its way. A kernel does so within a few seconds even in
/// emulation; one that never does shall not hold up the others for ever.
const TURN_LIMIT_MS: u64 = 20_000;

/// The machine that this runs on.
pub struct BareMetal {
    cores: Cores,
    sleeper: Sleeper,
    ecam: Ecam,
    waited_ticks: u64,
}

impl BareMetal {
    /// `cores` must be parked.
    pub fn new(cores: Cores, sleeper: Sleeper, ecam: Ecam) -> Self {
        Self { cores, sleeper, ecam, waited_ticks: 0 }
    }

    /// Microseconds spent in waiting for turns.
    pub fn waited_us(&self) -> u64 {
        tsc::micros(self.waited_ticks)
    }
}

/// Whether the kernel has read its seed and erased its length.
fn is_erased(seed_len: u64) -> bool {
    // SAFETY: an aligned word in the tables of a partition, identity-mapped. The kernel writes it meanwhile, which is
    // why the read is volatile.
    unsafe { (seed_len as *const u32).read_volatile() == 0 }
}

/// Pages of the low slice that must have been written before an instance counts as past its legacy accesses. Its
/// real-mode trampoline fills more than these; the decompressor of older kernels borrows no more than two pages, much
/// earlier, and gives them back.
const TRAMPOLINE_PAGES: usize = 3;

/// Whether a kernel's real-mode trampoline lies in a range that was zeroed.
fn holds_trampoline(low: MemoryRange) -> bool {
    let pages = (low.start()..low.end()).step_by(PAGE as usize);
    pages.filter(|page| is_written(*page)).count() >= TRAMPOLINE_PAGES
}

fn is_written(page: u64) -> bool {
    (page..page + PAGE).step_by(8).any(|address| {
        // SAFETY: an aligned word of usable memory, identity-mapped. The instance that owns it writes meanwhile, which
        // is why the read is volatile; any value will do.
        unsafe { (address as *const u64).read_volatile() != 0 }
    })
}

impl Machine for BareMetal {
    fn copy(&mut self, from: MemoryRange, to: u64) {
        // SAFETY: by the trait's contract both lie in usable memory and do not overlap; no core that runs reads or
        // writes the target.
        unsafe { loader::copy(from, to) }
    }

    fn write(&mut self, to: u64, bytes: &[u8]) {
        // SAFETY: by the trait's contract the target is usable memory that no running core uses.
        unsafe { loader::write(to, bytes) }
    }

    fn zero(&mut self, range: MemoryRange) {
        // SAFETY: as for `write`.
        unsafe { loader::zero(range) }
    }

    fn update(&mut self, function: PciAddress, register: u16, clear: u16, set: u16) {
        self.ecam.update(function, register, clear, set);
    }

    fn keep(&mut self, partition: &PartitionPlan, list: &LoadList) {
        control_page::keep(partition, Vec::leak(list.bytes().to_vec()));
    }

    fn load(&mut self, list: &LoadList) -> bool {
        // SAFETY: the list was recorded for this machine, and no core runs in the partition yet.
        unsafe { loader::load(list.first_start()) }.is_ok_and(|loaded| loaded.is_seeded)
    }

    fn start(&mut self, partition: &PartitionPlan, mode: StartMode) -> Result<(), StartError> {
        match mode {
            StartMode::Direct => self.cores.enter(partition),
        }
    }

    fn await_turn(&mut self, signs: TurnSigns) -> Turn {
        let start = tsc::now();
        let limit = start + tsc::ticks(TURN_LIMIT_MS * 1000);
        let turn = loop {
            if signs.seed_len.is_some_and(is_erased) || holds_trampoline(signs.low) {
                break Turn::Passed;
            }
            if tsc::now() > limit {
                break Turn::TimedOut;
            }
            self.sleeper.one_ms();
        };
        self.waited_ticks += tsc::now() - start;
        turn
    }

    fn log(&mut self, step: &'static str, detail: fmt::Arguments<'_>) {
        log::step(step, detail);
    }
}
