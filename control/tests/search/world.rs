//! What can be: where the cores and the askers are, and what the page says.

use std::sync::atomic::Ordering::Relaxed;

use control::{Command, ControlPage, Order, Partition};

pub(crate) const PARTITION: usize = 1;
/// APIC IDs: of the boot core, of the other one.
pub(crate) const CORES: [u32; 2] = [4, 5];
pub(crate) const BOOT: usize = 0;
pub(crate) const OTHER: usize = 1;

/// Where a core is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Place {
    /// In a kernel, and works.
    Kernel,
    /// In a kernel that has panicked, and waits in its last loop.
    Panicked,
    /// On its way out of a kernel that comes back by itself: what it does next.
    Leaving(u8, u64),
    /// Reset, by an asker: it waits for a start-up.
    Reset,
    /// Reset by the new kernel, which will start it itself. A start-up of an asker's would take it away.
    ResetByKernel,
    /// In the resident part.
    Come,
    /// There, with that order, halted until something wakes it.
    Parked(u64),
    /// The boot core waits for the other.
    Waits(u64),
    /// It fills the partition's memory.
    Loads(u64),
    /// The order is done; what it does next is to dismiss its cores and enter.
    Enters(u64),
}

/// How far an asker is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Asker {
    /// A person's.
    Begins,
    /// The host.
    Host,
    /// By policy: he looks whether the kernel has panicked.
    Watches,
    /// He has seen that it has, when that order was the last that was carried out.
    HasSeen(u64),
    /// He is about to have the partition to himself, to freeze it.
    Takes,
    /// He has it, as far as he knows.
    Holds,
    /// An order is given; steps 0 and 1 reset the cores, 2 and 3 start them up, twice.
    Fetches(u8, u64),
    /// Done, refused, or dead.
    Gone,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct World {
    pub(crate) wanted: u64,
    pub(crate) done: u64,
    pub(crate) status: u64,
    pub(crate) asker: u32,
    pub(crate) lease: u64,
    /// The time, of which there are as many as there are lengths of a lease in a search.
    pub(crate) now_ms: u64,
    pub(crate) arrived: [u64; 2],
    pub(crate) places: [Place; 2],
    pub(crate) askers: [Asker; 2],
    /// How often the kernel may still come back by itself: an end to the search.
    pub(crate) returns: u8,
    /// How often it may still panic.
    pub(crate) panics: u8,
}

/// The protocol's functions, on a page.
pub(crate) struct Search {
    pub(crate) page: Box<ControlPage>,
    /// The boot core is the boot processor: no INIT reaches it, and an NMI brings it while an order is pending.
    pub(crate) by_nmi: bool,
}

impl Search {
    pub(crate) fn new(by_nmi: bool) -> Self {
        // All words are atomics, and zero is a page that is not filled in.
        let page: Box<ControlPage> = Box::default();
        page.header.partitions.store(2, Relaxed);
        CORES.iter().for_each(|core| page.give(*core, PARTITION));
        page.partitions[PARTITION].boot_core.store(CORES[BOOT], Relaxed);
        Self { page, by_nmi }
    }

    pub(crate) fn partition(&self) -> &Partition {
        &self.page.partitions[PARTITION]
    }

    pub(crate) fn load(&self, world: &World) {
        let partition = self.partition();
        partition.wanted.store(world.wanted, Relaxed);
        partition.done.store(world.done, Relaxed);
        partition.status.store(world.status, Relaxed);
        partition.asker.store(world.asker, Relaxed);
        partition.lease.store(world.lease, Relaxed);
        for (core, arrived) in CORES.into_iter().zip(world.arrived) {
            self.page.cores[core as usize].arrived.store(arrived, Relaxed);
        }
    }

    /// The same world after what has happened on the page.
    pub(crate) fn store(&self, mut world: World) -> World {
        let partition = self.partition();
        world.wanted = partition.wanted.load(Relaxed);
        world.done = partition.done.load(Relaxed);
        world.status = partition.status.load(Relaxed);
        world.asker = partition.asker.load(Relaxed);
        world.lease = partition.lease.load(Relaxed);
        world.arrived = CORES.map(|core| self.page.cores[core as usize].arrived.load(Relaxed));
        world
    }

    pub(crate) fn start() -> World {
        let entered = Order { sequence: 1, command: Command::Enter }.word();
        World {
            wanted: entered,
            done: entered,
            status: 0,
            asker: 0,
            lease: 0,
            now_ms: 1,
            arrived: [0; 2],
            places: [Place::Kernel; 2],
            askers: [Asker::Begins; 2],
            panics: 0,
            returns: 1,
        }
    }
}
