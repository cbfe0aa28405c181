//! The window, mapped through `/dev/mem` (mem(4)): the memory map of each instance has it as reserved.

#![expect(unsafe_code, reason = "the window is memory that others write to")]

use std::fs::{self, File};
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;

use anyhow::{Context, Result};
use rustix::mm::{MapFlags, ProtFlags, mmap};
use shmem::{Shape, Window};

/// The line of `/proc/iomem` that has the window: the ACPI device that announces it.
const DEVICE: &str = " : SPRG0001:00";

/// Memory of the machine, mapped for good.
pub(crate) struct Mapped {
    start: NonNull<u8>,
    len: u64,
}

impl Mapped {
    /// Maps the window of this instance.
    pub(crate) fn window() -> Result<Self> {
        let (first, len) = find()?;
        Self::memory(first, len)
    }

    /// Maps memory of the machine.
    pub(crate) fn memory(first: u64, len: u64) -> Result<Self> {
        let memory = File::options().read(true).write(true).open("/dev/mem").context("/dev/mem")?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses an address where nothing is.
        let start = unsafe { mmap(ptr::null_mut(), len as usize, access, MapFlags::SHARED, &memory, first) };
        let start = NonNull::new(start.context("cannot map memory")?.cast()).context("mapped at null")?;
        Ok(Self { start, len })
    }

    /// As partitions see it.
    pub(crate) fn as_window(&self, shape: Shape) -> Result<Window<'_>> {
        // SAFETY: it is mapped for as long as the process lives, from a page on; everybody touches it by atomics and
        // volatile copies.
        Ok(unsafe { Window::new(self.start, self.len, shape) }?)
    }

    /// Bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The word that begins at a byte, a multiple of 8 below the length.
    pub(crate) fn word(&self, at: u64) -> &AtomicU64 {
        assert!(at.is_multiple_of(8) && at < self.len, "{at:#x} is no word of the window");
        // SAFETY: it lies in the mapping, whose length is a multiple of 8, and is aligned; an atomic may be written by
        // anybody.
        unsafe { self.start.add(at as usize).cast().as_ref() }
    }
}

/// The window's first byte and its length.
fn find() -> Result<(u64, u64)> {
    let map = fs::read_to_string("/proc/iomem").context("/proc/iomem")?;
    let range = map.lines().find_map(|line| line.trim_start().strip_suffix(DEVICE));
    let ends = range.and_then(|range| range.split_once('-')).context("/proc/iomem has no window")?;
    let [first, last] = [ends.0, ends.1].map(|end| u64::from_str_radix(end, 16));
    let first = first?;
    Ok((first, last? - first + 1))
}
