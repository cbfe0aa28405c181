//! Every fixed address of the system, and why it is there.
//!
//! ```text
//! 0x0000_03b0  MP_CONFIG        an MP configuration table without an I/O APIC, found before the firmware's
//! 0x0000_03f0  MP_POINTER       and the `_MP_` structure that points to it
//! 0x0000_8000  TRAMPOLINE       where a SIPI wakes our processors
//! 0x0001_0000  LOW_SLICES       one slice for each instance's own real-mode trampoline, up to the firmware's data
//! 0x0010_0000  RESIDENT         the boot image: code, page tables, heap, stacks; never given away
//! 0x003f_c000  CONTROL          its last pages: where partitions are asked to start and stop
//! 0x0040_0000                   everything above is for partitions, the window and the images
//! ```

use crate::address::{LARGE_PAGE, MIB, MemoryRange, PAGE};

/// The one range of the boot image. Its linker script holds it to this, and it stays resident when the last kernel has
/// started.
pub const RESIDENT: MemoryRange = MemoryRange::new(MIB, 4 * MIB).expect("RESIDENT is not empty");

/// The control page, at the end of [`RESIDENT`], as the package `control` lays it out (a test of the whole compares them).
pub const CONTROL: MemoryRange = MemoryRange::with_len(RESIDENT.end() - 0x4000, 0x4000).expect("CONTROL is not empty");

/// The page into which the boot image's own SIPIs go. Below 64 KiB, which every Linux keeps away from.
pub const TRAMPOLINE: MemoryRange = MemoryRange::with_len(0x8000, PAGE).expect("TRAMPOLINE is not empty");

/// Where Linux looks first for an `_MP_` structure: the last kilobyte of base memory's first, in steps of 16.
pub const MP_POINTER: u64 = 0x3f0;
/// The empty MP configuration table that [`MP_POINTER`] names.
pub const MP_CONFIG: u64 = 0x3b0;

/// Linux reserves the first 64 KiB for itself, so no slice may start below.
pub const LOW_SLICES_START: u64 = 0x1_0000;
/// And above this lies video memory and firmware, on every PC.
pub const LOW_SLICES_END: u64 = 0xa_0000;
/// What a kernel needs below 1 MiB for its real-mode trampoline: 24 KiB is too little for Linux 6.12.
pub const LOW_SLICE_LEN: u64 = 32 << 10;

/// What the tables of an instance take at the start of its memory: ACPI tables, zero page, command line.
pub const TABLES_LEN: u64 = 64 << 10;
/// Offset of the ACPI tables (RSDP first) in the tables.
pub const ACPI_OFFSET: u64 = 0;
/// Room for the ACPI tables.
pub const ACPI_LEN: u64 = 0x8000;
/// Offset of the zero page (`boot_params`) in the tables.
pub const ZERO_PAGE_OFFSET: u64 = 0x8000;
/// Offset of the command line in the tables.
pub const COMMAND_LINE_OFFSET: u64 = 0x9000;
/// Offset of the seed for the kernel's random numbers, see [`crate::view::seed`].
pub const SEED_OFFSET: u64 = 0xa000;
/// Linux's `COMMAND_LINE_SIZE`, with the closing zero byte.
pub const COMMAND_LINE_LEN: usize = 2048;

/// What the owner may put on it: the rest is for what the partitioner adds.
pub const OWNER_COMMAND_LINE_MAX: usize = COMMAND_LINE_LEN - 512;

/// A 64-bit kernel that is loaded below this runs at this address all the same (`LOAD_PHYSICAL_ADDR`).
pub const KERNEL_LOWEST_LOAD: u64 = 16 * MIB;

/// Where a partition's header page of the window has the doorbell of its first queue, and how far the next is.
pub const WINDOW_DOORBELLS_AT: u64 = 0x200;
/// What each of them takes.
pub const WINDOW_DOORBELL_LEN: u64 = 0x100;
/// Where in a doorbell its address is: 8 bytes, 0 if nobody is to ring.
pub const WINDOW_DOORBELL_ADDRESS_AT: u64 = 0x80;

/// The addresses of a partition's doorbells in a window.
pub fn doorbells(window: MemoryRange, partition: u8, queues: u8) -> impl Iterator<Item = MemoryRange> {
    let header = window.start() + u64::from(partition) * WINDOW_HEADER_LEN;
    let address = move |queue: u8| {
        let doorbell = header + WINDOW_DOORBELLS_AT + u64::from(queue) * WINDOW_DOORBELL_LEN;
        MemoryRange::with_len(doorbell + WINDOW_DOORBELL_ADDRESS_AT, 8)
    };
    (0..queues).filter_map(address)
}

/// What a partition takes of the window for its header page, as `shmem` lays it out (a test of the whole compares
/// them).
pub const WINDOW_HEADER_LEN: u64 = 4096;
/// What each lane, of a queue and an ordered pair of partitions, takes of it for the words and descriptors of its ring.
pub const WINDOW_LANE_LEN: u64 = 4480;
/// What each lane must find at least of buffers in its sender's pool.
pub const WINDOW_LANE_BUFFERS: u64 = 96 << 10;
/// Most queues for each ordered pair.
pub const QUEUES_MAX: u8 = 8;

/// What a window is for, and so what it must hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// How many partitions share it.
    pub partitions: usize,
    /// How many queues each ordered pair has.
    pub queues: u8,
}

impl Window {
    /// Lanes of one partition.
    const fn lanes(self) -> u64 {
        self.queues as u64 * (self.partitions as u64).saturating_sub(1)
    }

    /// Bytes of buffers that each pool keeps for its lanes. A partition that is alone has a pool too.
    const fn kept(self) -> u64 {
        let lanes = self.lanes();
        if lanes == 0 { WINDOW_LANE_BUFFERS } else { lanes * WINDOW_LANE_BUFFERS }
    }

    /// Bytes of headers and lanes.
    const fn control(self) -> u64 {
        let count = self.partitions as u64;
        (count * WINDOW_HEADER_LEN + count * self.lanes() * WINDOW_LANE_LEN).next_multiple_of(PAGE)
    }

    /// The smallest such window, in bytes.
    pub const fn least(self) -> u64 {
        (self.control() + self.partitions as u64 * self.kept()).next_multiple_of(LARGE_PAGE)
    }

    /// Whether in one of `len` bytes at most half of each pool is kept for lanes, and the rest is shared by all.
    pub const fn keeps_half(self, len: u64) -> bool {
        self.control() + 2 * self.partitions as u64 * self.kept() <= len
    }
}

/// The window's size where the box file says nothing.
pub const DEFAULT_SHARED_MEMORY: u64 = 64 * MIB;
