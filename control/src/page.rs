//! The page's layout, and the steps of the protocol on it.

use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use crate::{
    BY_HOST, Cause, Command, LEN, MAGIC, MAX_CORES, MAX_PARTITIONS, Order, Pending, Policy, State, Status, VERSION,
    gate,
};

/// What is true of the whole box.
#[repr(C, align(4096))]
#[derive(Debug, Default)]
pub struct Header {
    /// [`MAGIC`] once the page is filled in.
    pub magic: AtomicU32,
    /// [`VERSION`].
    pub version: AtomicU32,
    /// Partitions of the box.
    pub partitions: AtomicU32,
    /// The APIC ID of the boot processor.
    pub boot_processor: AtomicU32,
    /// The page below 1 MiB that a start-up names, as an address.
    pub trampoline: AtomicU32,
    /// Not 0: the firmware is a BIOS, which brings the boot processor to that page after a reset if it is told to.
    pub warm_reset: AtomicU32,
    /// Where a core enters that comes without a reset, in 64-bit mode with the map of `root`.
    pub gate: AtomicU64,
    /// The top page table of the resident part.
    pub root: AtomicU64,
    /// The rate of the time-stamp counter, in which times are given.
    pub tsc_khz: AtomicU64,
    /// How often the host of an emulated machine has sent an NMI to all kernels.
    pub host_nmis: AtomicU64,
}

/// One partition's words, in cache lines of their own.
#[repr(C, align(256))]
#[derive(Debug, Default)]
pub struct Partition {
    /// The [`Order`] that is to be carried out.
    pub wanted: AtomicU64,
    /// The [`Order`] that was carried out last. Written by the partition's boot core.
    pub done: AtomicU64,
    /// [`Status`]. Written by the partition's cores.
    pub status: AtomicU64,
    /// When the status changed, by the time-stamp counter.
    pub since: AtomicU64,
    /// How often it was started.
    pub starts: AtomicU64,
    /// The address of its load list.
    pub list: AtomicU64,
    /// Bytes of it.
    pub list_len: AtomicU64,
    /// The APIC ID of its boot core.
    pub boot_core: AtomicU32,
    /// Which partition has asked last, and 1, and [`BY_POLICY`] or [`BY_HOST`]; 0: nobody.
    pub asker: AtomicU32,
    /// Its [`Policy`].
    pub policy: AtomicU64,
    /// When the first of its last restarts by policy was, by a clock in milliseconds.
    pub restarts_since: AtomicU64,
    /// Restarts by policy since then; `u64::MAX`: they have come to their limit.
    pub restarts: AtomicU64,
    /// Not 0: somebody has asked its kernel for its clock, by an NMI.
    pub probe: AtomicU64,
    /// That clock, when it was last asked for it. Written by its boot core.
    pub pulse: AtomicU64,
    /// The address of the load list that the boot image has made.
    pub first_list: AtomicU64,
    /// Bytes of it.
    pub first_list_len: AtomicU64,
    /// The [`Lease`] by which somebody has it to himself for a while.
    pub lease: AtomicU64,
    /// Where the registers of its cores are kept, by the driver of its kernel; 0: nowhere.
    pub registers: AtomicU64,
    /// Where the rings of its console lie, by the driver of its kernel; 0: it has none.
    pub console: AtomicU64,
}

/// Of [`Partition::asker`]: nobody has asked but the policy, by the hand of that partition.
pub const BY_POLICY: u32 = 1 << 31;

/// One core's words.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Core {
    /// The number of the [`Order`] with which it has arrived in the resident part, and 1; 0: it is not there, or it is
    /// about to be fetched.
    pub arrived: AtomicU64,
    /// The index of the partition that has it, and 1; [`NOBODY`].
    pub owner: AtomicU32,
    /// [`gate`](crate::gate): whether an NMI brings it to the resident part, by the driver of its kernel.
    pub gate: AtomicU32,
}

/// No partition's.
pub const NOBODY: u32 = 0;

/// The whole page.
#[repr(C, align(4096))]
#[derive(Debug)]
pub struct ControlPage {
    /// Of the box.
    pub header: Header,
    /// Of each partition.
    pub partitions: [Partition; MAX_PARTITIONS],
    /// Of each APIC ID.
    pub cores: [Core; MAX_CORES],
}

const _: () = assert!(offset_of!(ControlPage, partitions) == 0x1000 && offset_of!(ControlPage, cores) == 0x3000);
const _: () = assert!(size_of::<Partition>() == 256);
const _: () = assert!(size_of::<ControlPage>() as u64 == LEN && size_of::<Core>() == 16);

/// What a core is in its partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It carries orders out, once the others are there.
    Boot,
    /// It waits.
    Other,
}

/// A core that has arrived in the resident part with an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// The index of its partition.
    pub partition: usize,
    /// Its part there.
    pub role: Role,
    /// What is to be done.
    pub order: Order,
}

impl Default for ControlPage {
    /// One that is not filled in.
    fn default() -> Self {
        Self {
            header: Header::default(),
            partitions: core::array::from_fn(|_| Partition::default()),
            cores: core::array::from_fn(|_| Core::default()),
        }
    }
}

impl ControlPage {
    /// Whether it is one of this version.
    pub fn is_known(&self) -> bool {
        // Acquire pairs with the release of `open`: whoever sees the magic number sees all the rest.
        self.header.magic.load(Ordering::Acquire) == MAGIC && self.header.version.load(Ordering::Relaxed) == VERSION
    }

    /// Shows that all of it is filled in.
    pub fn open(&self) {
        self.header.version.store(VERSION, Ordering::Relaxed);
        self.header.magic.store(MAGIC, Ordering::Release);
    }

    /// The APIC ID of the boot processor.
    pub fn boot_processor(&self) -> u32 {
        self.header.boot_processor.load(Ordering::Relaxed)
    }

    /// The page below 1 MiB that a start-up names, as an address.
    pub fn trampoline(&self) -> u32 {
        self.header.trampoline.load(Ordering::Relaxed)
    }

    /// Whether the firmware brings the boot processor to that page after a reset.
    pub fn has_warm_reset(&self) -> bool {
        self.header.warm_reset.load(Ordering::Relaxed) != 0
    }

    /// Where a core enters that is not reset.
    pub fn gate(&self) -> u64 {
        self.header.gate.load(Ordering::Relaxed)
    }

    /// The top page table of the resident part.
    pub fn root(&self) -> u64 {
        self.header.root.load(Ordering::Relaxed)
    }

    /// A time by the time-stamp counter in milliseconds.
    pub fn milliseconds(&self, ticks: u64) -> u64 {
        ticks.checked_div(self.header.tsc_khz.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// A partition of the box.
    pub fn partition(&self, index: usize) -> Option<&Partition> {
        let count = (self.header.partitions.load(Ordering::Relaxed) as usize).min(MAX_PARTITIONS);
        self.partitions[..count].get(index)
    }

    /// Gives a core to a partition.
    pub fn give(&self, core: u32, partition: usize) {
        self.core(core).owner.store(partition as u32 + 1, Ordering::Relaxed);
    }

    /// A core says that it is in the resident part, with the order that is wanted of its partition now. `None`: it
    /// belongs to nobody.
    pub fn arrive(&self, core: u32) -> Option<Arrival> {
        let words = self.core(core);
        let owner = words.owner.load(Ordering::Relaxed).checked_sub(1).map(|owner| owner as usize);
        let Some((owner, partition)) = owner.and_then(|owner| Some((owner, self.partition(owner)?))) else {
            words.arrived.store(1, Ordering::Release);
            return None;
        };
        let order = partition.wanted();
        words.arrived.store(order.sequence + 1, Ordering::Release);
        let role = if partition.boot_core() == core { Role::Boot } else { Role::Other };
        Some(Arrival { partition: owner, role, order })
    }

    /// Whether there is nothing new for a core that has arrived so.
    pub fn is_still_wanted(&self, arrival: Option<Arrival>) -> bool {
        let of_partition = |arrival: Arrival| Some((self.partition(arrival.partition)?, arrival.order));
        arrival.and_then(of_partition).is_none_or(|(partition, order)| partition.wanted() == order)
    }

    /// Whether all cores of a partition are in the resident part.
    pub fn all_arrived(&self, partition: usize) -> bool {
        // Acquire: what a core did before, it has done.
        self.cores_of(partition).all(|core| core.arrived.load(Ordering::Acquire) != 0)
    }

    /// The cores of a partition have gone to the kernel that an order has started. Those that have been fetched again
    /// meanwhile, for a later order, have not.
    pub fn dismiss(&self, partition: usize, order: Order) {
        for core in self.cores_of(partition) {
            core.gate.store(gate::CLOSED, Ordering::Relaxed);
            // Release pairs with the acquire of `has_answered`: whoever sees this sees that the order is done.
            let _ = core.arrived.fetch_update(Ordering::Release, Ordering::Relaxed, |arrived| {
                (arrived <= order.sequence + 1).then_some(0)
            });
        }
    }

    /// A core is about to be fetched: what it has said of itself holds no longer.
    pub fn dismiss_core(&self, core: u32) {
        let core = self.core(core);
        core.gate.store(gate::CLOSED, Ordering::Relaxed);
        core.arrived.store(0, Ordering::Release);
    }

    /// The index of the partition that has a core.
    pub(crate) fn owner_of(&self, core: u32) -> Option<usize> {
        self.core(core).owner.load(Ordering::Relaxed).checked_sub(1).map(|owner| owner as usize)
    }

    pub(crate) fn core(&self, apic_id: u32) -> &Core {
        &self.cores[apic_id as usize % MAX_CORES]
    }

    pub(crate) fn cores_of(&self, partition: usize) -> impl Iterator<Item = &Core> {
        self.cores.iter().filter(move |core| core.owner.load(Ordering::Relaxed) == partition as u32 + 1)
    }

    /// Whether that core has arrived with that order or a later one, or has done so and left again.
    pub fn has_answered(&self, core: u32, order: Order) -> bool {
        // In this order: a core that has left has first seen to it that the order is done.
        let core = self.core(core);
        let owner = core.owner.load(Ordering::Relaxed).wrapping_sub(1) as usize;
        core.arrived.load(Ordering::Acquire) > order.sequence
            || self.partition(owner).is_some_and(|partition| partition.done().sequence >= order.sequence)
    }
}

impl Partition {
    /// The order that is to be carried out.
    pub fn wanted(&self) -> Order {
        // Acquire: the list that an order is about was written before it.
        Order::from_word(self.wanted.load(Ordering::Acquire))
    }

    /// The order that was carried out last.
    pub fn done(&self) -> Order {
        Order::from_word(self.done.load(Ordering::Acquire))
    }

    /// Whether an order has yet to be carried out.
    pub fn is_pending(&self) -> bool {
        self.wanted() != self.done()
    }

    /// The load list that the boot image has made: address and bytes.
    pub fn first_list(&self) -> (u64, u64) {
        (self.first_list.load(Ordering::Relaxed), self.first_list_len.load(Ordering::Relaxed))
    }

    /// From now on it is loaded by that list. Only while it is stopped.
    pub fn load_by(&self, (address, len): (u64, u64)) {
        self.list_len.store(len, Ordering::Relaxed);
        self.list.store(address, Ordering::Release);
    }

    /// Its own account of itself.
    pub fn status(&self) -> Status {
        Status::from_word(self.status.load(Ordering::Acquire))
    }

    /// The APIC ID of its boot core.
    pub fn boot_core(&self) -> u32 {
        self.boot_core.load(Ordering::Relaxed)
    }

    /// What is to become of it when it ends or hangs.
    pub fn policy(&self) -> Policy {
        Policy::from_word(self.policy.load(Ordering::Relaxed))
    }

    /// Why an order is carried out: because its kernel has ended by itself, or because it is to.
    pub fn reason(&self) -> Cause {
        match self.status() {
            Status { state: State::Ended, cause } => cause,
            _ if self.asker.load(Ordering::Relaxed) & BY_POLICY != 0 => Cause::Hang,
            _ => Cause::Asked,
        }
    }

    /// Whether an order is still to be carried out: a core that is reset for it is not at work for a later one.
    pub fn is_open(&self, order: Order) -> bool {
        self.wanted() == order && self.done().sequence < order.sequence
    }

    /// Gives the first order of all, to enter what lies in the partition; `None` if somebody has asked for something already,
    /// which is then what is done.
    pub fn ask_first(&self) -> Option<Order> {
        self.exchange(Order::from_word(0), Command::Enter, 0).ok()
    }

    /// Gives an order on behalf of the partition `asker`, unless one is pending. What the asker does next, to fetch the cores,
    /// comes after it for all.
    ///
    /// # Errors
    /// The order that is pending, also if somebody else was faster.
    pub fn ask(&self, command: Command, asker: usize) -> Result<Order, Pending> {
        let wanted = self.wanted();
        if wanted != self.done() {
            return Err(Pending(wanted));
        }
        self.exchange(wanted, command, asker as u32 + 1)
    }

    /// Gives an order in place of one that has been pending for too long: its asker, or the partition's boot core, died.
    ///
    /// # Errors
    /// The order that is pending, if it is another by now.
    pub fn supersede(&self, pending: Pending, command: Command, asker: usize) -> Result<Order, Pending> {
        self.exchange(pending.0, command, asker as u32 + 1)
    }

    /// The same for somebody who only helps: it stays an order by policy, or the host's, if it was one.
    pub fn help(&self, pending: Pending, command: Command, hand: usize) -> Option<Order> {
        let on_whose_behalf = self.asker.load(Ordering::Relaxed) & (BY_POLICY | BY_HOST);
        self.exchange(pending.0, command, (hand as u32 + 1) | on_whose_behalf).ok()
    }

    /// Gives an order by policy, by the hand of the partition `hand`, in place of one that was carried out; `None` if
    /// somebody else was faster.
    pub fn ask_after(&self, done: Order, command: Command, hand: usize) -> Option<Order> {
        self.exchange(done, command, (hand as u32 + 1) | BY_POLICY).ok()
    }

    pub(crate) fn exchange(&self, before: Order, command: Command, asker: u32) -> Result<Order, Pending> {
        let order = before.then(command);
        let swapped = self.wanted.compare_exchange(before.word(), order.word(), Ordering::AcqRel, Ordering::Acquire);
        swapped.map_err(|other| Pending(Order::from_word(other)))?;
        self.asker.store(asker, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        Ok(order)
    }

    /// Says how it is, at that time.
    pub fn say(&self, state: State, cause: Cause, now: u64) {
        self.since.store(now, Ordering::Relaxed);
        self.status.store(Status { state, cause }.word(), Ordering::Release);
    }

    /// The boot core has carried an order out, and leaves or waits. False if another order is wanted by now, which is to
    /// be carried out instead.
    pub fn finish(&self, order: Order, state: State, cause: Cause, now: u64) -> bool {
        if self.wanted() != order {
            return false;
        }
        if state == State::Starting {
            self.starts.fetch_add(1, Ordering::Relaxed);
            // The memory that these lie in is cleared.
            self.registers.store(0, Ordering::Relaxed);
            self.console.store(0, Ordering::Relaxed);
        }
        self.say(state, cause, now);
        self.done.store(order.word(), Ordering::Release);
        true
    }
}
