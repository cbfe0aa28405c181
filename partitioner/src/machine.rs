//! The hardware as [`crate::apply`] needs it: a few verbs.
//!
//! The boot image implements [`Machine`] on the real one; tests use a fake that records its calls.

use core::fmt;

use crate::address::MemoryRange;
use crate::inventory::ApicId;
use crate::load_list::LoadList;
use crate::pci::PciAddress;
use crate::plan::PartitionPlan;

/// How a core enters its kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartMode {
    /// With the whole machine in reach: there is nothing between the kernel and the hardware.
    Direct,
}

/// What a core is to do: enter the 64-bit entry point of a kernel, identity-mapped, with the zero page in RSI
/// (Linux `Documentation/arch/x86/boot.rst`, "64-bit boot protocol").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Where execution starts.
    pub address: u64,
    /// The zero page.
    pub zero_page: u64,
}

/// Random bytes for a kernel.
pub type Seed = [u8; 32];

/// The signs by which an instance shows that it has passed the moments at which it must be alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TurnSigns {
    /// Its slice below 1 MiB, zeroed before it was started: its real-mode trampoline appears there when its timers are
    /// set up.
    pub low: MemoryRange,
    /// The 32-bit length of its random seed, if it got one: it becomes 0 when the kernel proper has begun.
    pub seed_len: Option<u64>,
}

/// How waiting for an instance to leave its legacy accesses behind ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// One of its signs was seen.
    Passed,
    /// No sign was seen within the limit.
    TimedOut,
}

/// A core that did not answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("core with APIC ID {core} did not answer within {waited_ms} ms")]
pub struct StartError {
    /// The core.
    pub core: ApicId,
    /// How long the boot processor waited.
    pub waited_ms: u64,
}

/// The verbs of the hardware. Ranges come from a [`crate::plan::Plan`], so they lie in usable memory and the ranges of
/// different partitions do not overlap.
pub trait Machine {
    /// Copies `from` to the same number of bytes at `to`. The two do not overlap.
    fn copy(&mut self, from: MemoryRange, to: u64);

    /// Writes bytes.
    fn write(&mut self, to: u64, bytes: &[u8]);

    /// Fills with zeros.
    fn zero(&mut self, range: MemoryRange);

    /// Clears and sets bits of the 16-bit register at `register`, a multiple of 2, in the configuration space of a
    /// function.
    fn update(&mut self, function: PciAddress, register: u16, clear: u16, set: u16);

    /// Keeps what is needed to start a partition later, at any time: the list, whose its cores are, and what is to become of
    /// it when it ends.
    fn keep(&mut self, partition: &PartitionPlan, list: &LoadList);

    /// Fills a partition's memory for its first start. Returns whether the kernel got a random seed.
    fn load(&mut self, list: &LoadList) -> bool;

    /// Makes the boot core of a partition that was loaded enter its kernel, now. Never the boot processor, which calls
    /// this: what it has to start is handed back by [`crate::apply::apply`].
    ///
    /// # Errors
    /// If the core does not answer.
    fn start(&mut self, partition: &PartitionPlan, mode: StartMode) -> Result<(), StartError>;

    /// Waits until an instance shows one of its signs.
    fn await_turn(&mut self, signs: TurnSigns) -> Turn;

    /// Logs on the serial port what is being done, under a stable name of the step.
    fn log(&mut self, step: &'static str, detail: fmt::Arguments<'_>);
}
