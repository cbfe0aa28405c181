//! What a partition gets if nobody says: two cores and 1 GiB, or less on a machine that has less.

use partitioner::inventory::Inventory;
use partitioner::layout::DEFAULT_SHARED_MEMORY;
use partitioner::size::Size;

const CPUS: u32 = 2;
const MEMORY: u64 = 1 << 30;
/// With less, a stock kernel with its distribution's initial file system hardly starts.
const MEMORY_LEAST: u64 = 256 << 20;
/// What partitions cannot have: the boot image, the window, and what is left at the edges of the memory map.
const NOT_FOR_PARTITIONS: u64 = DEFAULT_SHARED_MEMORY + (64 << 20);

/// Cores of each of so many partitions. Without a machine there are as many as they need.
pub(crate) fn cpus(machine: Option<&Inventory>, partitions: usize) -> u32 {
    let share = machine.map(|machine| machine.cores.len() / partitions.max(1));
    share.and_then(|share| u32::try_from(share).ok()).unwrap_or(CPUS).clamp(1, CPUS)
}

/// Memory of each of so many partitions, a power of two.
pub(crate) fn memory(machine: Option<&Inventory>, partitions: usize) -> Size {
    let share = |machine: &Inventory| {
        machine.usable_memory().saturating_sub(NOT_FOR_PARTITIONS) / u64::try_from(partitions).unwrap_or(1).max(1)
    };
    let share = machine.map_or(MEMORY, share).clamp(MEMORY_LEAST, MEMORY);
    Size(1 << share.ilog2())
}

#[cfg(test)]
mod tests {
    use emulator::emulated::EmulatedMachine;

    use super::*;

    #[test]
    fn a_small_machine_gives_each_partition_its_share_and_a_large_one_no_more_than_is_usual() {
        let machine = |cpus, memory| EmulatedMachine { cpus, memory, serial_ports: 3, devices: Vec::new() }.inventory();
        let proposed =
            |machine: Option<&Inventory>, partitions| (cpus(machine, partitions), memory(machine, partitions));
        assert_eq!(proposed(None, 18), (2, Size(1 << 30)));
        let (small, large) = (machine(2, 2 << 30), machine(64, 64 << 30));
        assert_eq!(proposed(Some(&large), 2), (2, Size(1 << 30)));
        assert_eq!(proposed(Some(&small), 2), (1, Size(512 << 20)));
        // More than it can carry: what is least, of which the planner complains.
        assert_eq!(proposed(Some(&small), 18), (1, Size(256 << 20)));
    }
}
