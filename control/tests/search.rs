//! All that can happen between two instances that ask for something of a partition, any of which may die at any step, and
//! the partition's two cores, whose kernel may come back by itself at any time.
//!
//! One of the two may be the host, which fetches nobody: its NMIs have the kernel leave, and wake the boot core in the resident
//! part, which fetches the other core itself.
//!
//! The search runs the functions of the protocol themselves, one at a time, on a real page. What is not a word of the page,
//! where a core is and how far an asker has come, is the model's.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;

use control::{Arrival, BY_HOST, Cause, Command, ControlPage, Order, Partition, Pending, State};

const PARTITION: usize = 1;
/// APIC IDs: of the boot core, of the other one.
const CORES: [u32; 2] = [4, 5];
const BOOT: usize = 0;
const OTHER: usize = 1;

/// Where a core is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Place {
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
enum Asker {
    /// A person's.
    Begins,
    /// The host.
    Host,
    /// By policy: he looks whether the kernel has panicked.
    Watches,
    /// He has seen that it has, when that order was the last that was carried out.
    HasSeen(u64),
    /// An order is given; steps 0 and 1 reset the cores, 2 and 3 start them up, twice.
    Fetches(u8, u64),
    /// Done, refused, or dead.
    Gone,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct World {
    wanted: u64,
    done: u64,
    status: u64,
    asker: u32,
    arrived: [u64; 2],
    places: [Place; 2],
    askers: [Asker; 2],
    /// How often the kernel may still come back by itself: an end to the search.
    returns: u8,
    /// How often it may still panic.
    panics: u8,
}

/// The most orders of a search: more than all askers and returns together give.
const PENDING_STEPS: u8 = 6;

struct Search {
    page: Box<ControlPage>,
    /// The boot core is the boot processor: no INIT reaches it, and an NMI brings it while an order is pending.
    by_nmi: bool,
}

impl Search {
    fn new(by_nmi: bool) -> Self {
        // All words are atomics, and zero is a page that is not filled in.
        let page: Box<ControlPage> = Box::default();
        page.header.partitions.store(2, Relaxed);
        CORES.iter().for_each(|core| page.give(*core, PARTITION));
        page.partitions[PARTITION].boot_core.store(CORES[BOOT], Relaxed);
        Self { page, by_nmi }
    }

    fn partition(&self) -> &Partition {
        &self.page.partitions[PARTITION]
    }

    fn load(&self, world: &World) {
        let partition = self.partition();
        partition.wanted.store(world.wanted, Relaxed);
        partition.done.store(world.done, Relaxed);
        partition.status.store(world.status, Relaxed);
        partition.asker.store(world.asker, Relaxed);
        for (core, arrived) in CORES.into_iter().zip(world.arrived) {
            self.page.cores[core as usize].arrived.store(arrived, Relaxed);
        }
    }

    /// The same world after what has happened on the page.
    fn store(&self, mut world: World) -> World {
        let partition = self.partition();
        world.wanted = partition.wanted.load(Relaxed);
        world.done = partition.done.load(Relaxed);
        world.status = partition.status.load(Relaxed);
        world.asker = partition.asker.load(Relaxed);
        world.arrived = CORES.map(|core| self.page.cores[core as usize].arrived.load(Relaxed));
        world
    }

    fn start() -> World {
        let entered = Order { sequence: 1, command: Command::Enter }.word();
        World {
            wanted: entered,
            done: entered,
            status: 0,
            asker: 0,
            arrived: [0; 2],
            places: [Place::Kernel; 2],
            askers: [Asker::Begins; 2],
            panics: 0,
            returns: 1,
        }
    }

    /// Every world that can follow.
    fn next(&self, world: &World) -> Vec<World> {
        let mut next = Vec::new();
        for asker in 0..2 {
            next.extend(self.ask(world, asker));
        }
        for core in 0..2 {
            next.extend(self.core(world, core));
        }
        next.extend(self.kernel(world));
        next
    }

    /// Steps of an asker, and its death.
    fn ask(&self, world: &World, asker: usize) -> Vec<World> {
        let with = |state: Asker| {
            let mut world = self.store(world.clone());
            world.askers[asker] = state;
            world
        };
        self.load(world);
        match world.askers[asker] {
            Asker::Gone => Vec::new(),
            Asker::Watches => {
                let done = self.partition().done();
                let has_ended = self.partition().status().state == State::Ended && !self.partition().is_pending();
                vec![with(if has_ended { Asker::HasSeen(done.word()) } else { Asker::Watches })]
            }
            Asker::HasSeen(done) => {
                let asked = self.partition().ask_after(Order::from_word(done), Command::Start, 0);
                assert!(asked.is_none() || world.places[BOOT] == Place::Panicked, "a kernel that works is shot");
                vec![with(asked.map_or(Asker::Gone, |order| Asker::Fetches(0, order.word())))]
            }
            // What it does next, to send NMIs, may happen at any time.
            Asker::Host => match self.partition().ask_by_host(Command::Start) {
                Ok(_) => vec![with(Asker::Gone)],
                Err(pending) => {
                    let gone = with(Asker::Gone);
                    self.partition().supersede_by_host(pending, Command::Start).expect("nobody else moves");
                    vec![gone, with(Asker::Gone)]
                }
            },
            Asker::Begins => {
                let mut next = Vec::new();
                match self.partition().ask(Command::Start, 0) {
                    Ok(order) => next.push(with(Asker::Fetches(0, order.word()))),
                    // He has waited long enough, or has not.
                    Err(pending) => {
                        next.push(with(Asker::Gone));
                        let order = self.partition().supersede(pending, Command::Start, 0);
                        next.push(with(Asker::Fetches(0, order.expect("nobody else moves").word())));
                    }
                }
                next
            }
            Asker::Fetches(step, order) => {
                let mut after =
                    with(if step == PENDING_STEPS - 1 { Asker::Gone } else { Asker::Fetches(step + 1, order) });
                self.fetch(&mut after, step, order);
                let mut dead = world.clone();
                dead.askers[asker] = Asker::Gone;
                vec![after, dead]
            }
        }
    }

    fn fetch(&self, world: &mut World, step: u8, order: u64) {
        // The boot core comes last: once it has, the order is its own affair.
        let core = if step < 2 { usize::from(step) } else { usize::from(1 - step % 2) };
        let order_word = Order::from_word(order);
        if self.by_nmi && core == BOOT {
            // Nobody resets it; and an NMI comes at any time.
        } else if !self.partition().is_open(order_word) {
            // It is another one's by now, or nobody's.
        } else if step < 2 {
            self.page.dismiss_core(CORES[core]);
            world.places[core] = Place::Reset;
        } else if !self.page.has_answered(CORES[core], order_word) {
            let is_stolen = world.places[core] == Place::ResetByKernel;
            // The boot processor may enter its kernel while the next order is given: that kernel ends as soon as it has
            // opened its gate.
            let takes_nmis = self.by_nmi || self.partition().is_by_host();
            let is_doomed = takes_nmis && self.partition().is_pending();
            assert!(!is_stolen || is_doomed, "a late start-up takes a core from the new kernel");
            if is_stolen || world.places[core] == Place::Reset {
                world.places[core] = Place::Come;
            }
        }
        *world = self.store(world.clone());
    }

    /// Steps of a core in the resident part.
    fn core(&self, world: &World, core: usize) -> Vec<World> {
        self.load(world);
        let at = |place: Place| {
            let mut world = self.store(world.clone());
            world.places[core] = place;
            world
        };
        match world.places[core] {
            Place::Kernel | Place::Panicked | Place::Reset | Place::ResetByKernel | Place::Leaving(..) => Vec::new(),
            Place::Come => vec![at(self.arrive(core))],
            Place::Parked(order) if core == BOOT => {
                let arrival =
                    Arrival { partition: PARTITION, role: control::Role::Boot, order: Order::from_word(order) };
                // Something may wake it at any time.
                if self.page.is_still_wanted(Some(arrival)) { Vec::new() } else { vec![at(Place::Come)] }
            }
            Place::Parked(_) => Vec::new(),
            Place::Waits(order) => {
                let mut next = Vec::new();
                if self.page.all_arrived(PARTITION) {
                    assert!(!matches!(world.places[OTHER], Place::Kernel | Place::Leaving(..)), "it runs a kernel");
                    next.push(at(Place::Loads(order)));
                } else {
                    let order = Order::from_word(order);
                    self.partition().finish(order, State::Failed, Cause::CoreSilent, 0);
                    next.push(at(Place::Parked(order.word())));
                    next.extend(self.fetch_absent(world));
                }
                next
            }
            Place::Loads(order) => {
                assert!(!matches!(world.places[OTHER], Place::Kernel | Place::ResetByKernel), "its memory is cleared");
                let order = Order::from_word(order);
                let is_done = self.partition().finish(order, State::Starting, Cause::Asked, 0);
                assert!(!is_done || self.partition().wanted() == order, "another order is wanted by now");
                vec![at(if is_done { Place::Enters(order.word()) } else { Place::Come })]
            }
            Place::Enters(order) => {
                self.page.dismiss(PARTITION, Order::from_word(order));
                vec![at(Place::Kernel)]
            }
        }
    }

    /// The boot core waits for the other one, which it fetches itself for the host.
    fn fetch_absent(&self, world: &World) -> Option<World> {
        self.load(world);
        let is_absent = self.page.absent(PARTITION).any(|core| core == CORES[OTHER]);
        if !self.partition().is_by_host() || !is_absent {
            return None;
        }
        let mut world = world.clone();
        if world.places[OTHER] == Place::Reset {
            world.places[OTHER] = Place::Come;
        } else {
            self.page.dismiss_core(CORES[OTHER]);
            world.places[OTHER] = Place::Reset;
        }
        Some(self.store(world))
    }

    fn arrive(&self, core: usize) -> Place {
        let arrival = self.page.arrive(CORES[core]).expect("it has an owner");
        let order = arrival.order.word();
        match core {
            BOOT if arrival.order != self.partition().done() => Place::Waits(order),
            _ => Place::Parked(order),
        }
    }

    /// Steps of the kernel on the boot core: it starts the other core, and it comes back by itself.
    fn kernel(&self, world: &World) -> Vec<World> {
        self.load(world);
        let with = |places: [Place; 2]| World { places, ..self.store(world.clone()) };
        let gate = (self.by_nmi || self.partition().is_by_host()) && self.partition().is_pending();
        match world.places {
            [Place::Kernel, other] => {
                let mut next = Vec::new();
                if gate {
                    next.push(with([Place::Leaving(1, self.partition().wanted().word()), other]));
                }
                match other {
                    Place::ResetByKernel => next.push(with([Place::Kernel, Place::Kernel])),
                    Place::Kernel => {}
                    // The kernel is new: it resets what it finds.
                    _ => next.push(with([Place::Kernel, Place::ResetByKernel])),
                }
                if world.panics > 0 {
                    let mut panicked = with([Place::Panicked, other]);
                    panicked.panics -= 1;
                    self.load(&panicked);
                    self.partition().say(State::Ended, Cause::Panic, 0);
                    next.push(self.store(panicked));
                }
                self.load(world);
                if world.returns > 0 {
                    let mut leaving = with([Place::Leaving(0, 0), other]);
                    leaving.returns -= 1;
                    next.push(leaving);
                }
                next
            }
            [Place::Panicked, other] if gate => {
                vec![with([Place::Leaving(1, self.partition().wanted().word()), other])]
            }
            [Place::Leaving(step, order), other] => vec![self.leave(world, step, order, other)],
            _ => Vec::new(),
        }
    }

    fn leave(&self, world: &World, step: u8, order: u64, other: Place) -> World {
        let (boot, other) = match step {
            0 => {
                let asked = self.partition().ask(Command::Start, PARTITION);
                let order = asked.unwrap_or_else(|Pending(order)| order);
                (Place::Leaving(1, order.word()), other)
            }
            1 => {
                self.page.dismiss_core(CORES[OTHER]);
                (Place::Leaving(2, order), Place::Reset)
            }
            2 => {
                let answered = self.page.has_answered(CORES[OTHER], Order::from_word(order));
                let comes = !answered && other == Place::Reset;
                (Place::Leaving(3, order), if comes { Place::Come } else { other })
            }
            _ => (Place::Come, other),
        };
        World { places: [boot, other], ..self.store(world.clone()) }
    }

    /// From here somebody who does not die asks once more, and waits as long as it takes: the partition must start.
    fn assert_can_be_started(&self, world: &World) {
        let mut world = World { askers: [Asker::Begins, Asker::Gone], returns: 0, ..world.clone() };
        self.load(&world);
        let asked = self.partition().ask(Command::Start, 0);
        let order = asked.or_else(|pending| self.partition().supersede(pending, Command::Start, 0));
        let order = order.expect("nobody else moves").word();
        world = self.store(world);
        for step in 0..4 {
            self.load(&world);
            self.fetch(&mut world, step, order);
        }
        for _ in 0..16 {
            if self.by_nmi
                && matches!(world.places[BOOT], Place::Kernel | Place::Panicked)
                && world.wanted != world.done
            {
                world.places[BOOT] = Place::Leaving(1, world.wanted);
            }
            if let [Place::Leaving(step, order), other] = world.places {
                self.load(&world);
                world = self.leave(&world, step, order, other);
            }
            // The other core first: it is in time.
            let Some(next) = [OTHER, BOOT].into_iter().find_map(|core| self.core(&world, core).pop()) else { continue };
            world = next;
        }
        assert_eq!((world.done, world.places[BOOT]), (order, Place::Kernel), "it does not come up: {world:?}");
    }
}

/// Searches everything that can follow, and returns every world that can be.
fn search(by_nmi: bool, start: World) -> HashSet<World> {
    let search = Search::new(by_nmi);
    let mut seen = HashSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some(world) = open.pop() {
        search.assert_can_be_started(&world);
        open.extend(search.next(&world).into_iter().filter(|next| seen.insert(next.clone())));
    }
    assert!(seen.len() > 2_000, "{} worlds are too few for a search", seen.len());
    seen
}

#[test]
fn whoever_dies_at_whatever_step_leaves_a_partition_that_can_be_started() {
    search(false, Search::start());
}

#[test]
fn a_partition_with_the_boot_processor_can_be_started_too() {
    search(true, Search::start());
}

#[test]
fn the_host_disturbs_no_other_asker_and_leaves_a_partition_that_can_be_started() {
    for by_nmi in [false, true] {
        for askers in [[Asker::Host, Asker::Begins], [Asker::Host, Asker::Watches]] {
            let seen = search(by_nmi, World { askers, panics: 2, ..Search::start() });
            // Nobody but the host has asked, and the kernel has not come back by itself.
            let by_host = |world: &&World| {
                world.asker == BY_HOST && world.done == world.wanted && world.places == [Place::Kernel; 2]
            };
            assert!(seen.iter().any(|world| by_host(&world)), "the host has started nothing");
        }
    }
}

/// Two that watch, and a kernel that panics twice: each panic is answered once, by one of the two, or by nobody if he dies.
#[test]
fn of_all_who_watch_one_acts_and_none_shoots_the_next_kernel() {
    for by_nmi in [false, true] {
        let watched = World { askers: [Asker::Watches; 2], returns: 1, panics: 2, ..Search::start() };
        let seen = search(by_nmi, watched);
        let was_restarted =
            |world: &&World| world.panics == 1 && world.places == [Place::Kernel; 2] && world.status != 0;
        assert!(seen.iter().any(|world| was_restarted(&world)), "nobody has acted");
    }
}
