//! What can happen next in a world.

use control::{Arrival, Cause, Command, LEASE_MS, Order, Pending, Purpose, State};

use crate::world::{Asker, BOOT, CORES, OTHER, PARTITION, Place, Search, World};

/// The most orders of a search: more than all askers and returns together give.
const PENDING_STEPS: u8 = 6;

/// The partitions that the two askers are, as holders.
const HOLDERS: [usize; 2] = [0, 2];
/// So many times a lease may end in a search.
const TIMES: u64 = 3;

impl Search {
    /// Every world that can follow.
    pub(crate) fn next(&self, world: &World) -> Vec<World> {
        let mut next = Vec::new();
        for asker in 0..2 {
            next.extend(self.ask(world, asker));
        }
        for core in 0..2 {
            next.extend(self.core(world, core));
        }
        next.extend(self.kernel(world));
        next.extend(Self::time(world));
        next
    }

    /// A lease that is not renewed before this step has ended.
    fn time(world: &World) -> Option<World> {
        let is_due = world.lease != 0 && world.now_ms < TIMES * LEASE_MS;
        is_due.then(|| World { now_ms: world.now_ms + LEASE_MS, ..world.clone() })
    }

    fn is_held(&self, world: &World) -> bool {
        self.partition().lease(world.now_ms).is_some()
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
            // He is refused, or holds his hand.
            Asker::Begins | Asker::Host if self.is_held(world) => vec![with(Asker::Gone)],
            Asker::Watches if self.is_held(world) => Vec::new(),
            Asker::Takes => {
                let was_held = self.is_held(world);
                let taken = self.partition().take_lease(HOLDERS[asker], Purpose::Freeze, world.now_ms);
                assert_eq!(taken.is_err(), was_held, "who has it has it to himself");
                vec![with(if taken.is_ok() { Asker::Holds } else { Asker::Gone })]
            }
            Asker::Holds => self.hold(world, asker),
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

    /// Steps of somebody who has the partition to himself: he has it for longer, gives it back, gives an order of his own,
    /// or dies.
    fn hold(&self, world: &World, asker: usize) -> Vec<World> {
        let with = |state: Asker| {
            let mut next = self.store(world.clone());
            next.askers[asker] = state;
            self.load(world);
            next
        };
        let (of, holder, now) = (self.partition(), HOLDERS[asker], world.now_ms);
        let dead = with(Asker::Gone);
        if !of.renew_lease(holder, Purpose::Freeze, now) {
            assert!(!of.end_lease(holder, Purpose::Freeze, now), "he gives back what is not his");
            return vec![with(Asker::Gone)];
        }
        let longer = with(Asker::Holds);
        assert!(of.end_lease(holder, Purpose::Freeze, now), "it is his");
        let given_back = with(Asker::Gone);
        let mut next = vec![dead, longer, given_back];
        if let Ok(order) = of.ask(Command::Start, holder) {
            next.push(with(Asker::Fetches(0, order.word())));
        }
        next
    }

    /// Of all who think so one at most has the partition to himself.
    pub(crate) fn assert_has_one_holder(&self, world: &World) {
        let thinks = |asker: &usize| world.askers[*asker] == Asker::Holds;
        let has = |asker: &usize| {
            self.load(world);
            self.partition().renew_lease(HOLDERS[*asker], Purpose::Freeze, world.now_ms)
        };
        let holders: Vec<_> = (0..2).filter(thinks).filter(has).collect();
        assert!(holders.len() < 2, "two have it: {world:?}");
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
        let is_frozen = self.partition().is_frozen(world.now_ms);
        match world.places {
            // It stands still in an NMI, where an order takes it.
            [Place::Kernel, _] if is_frozen && !gate => Vec::new(),
            [Place::Kernel, other] if is_frozen => {
                vec![with([Place::Leaving(1, self.partition().wanted().word()), other])]
            }
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

    /// From here somebody who does not die asks once more, and waits as long as it takes, also for leases to end: the
    /// partition must start.
    pub(crate) fn assert_can_be_started(&self, world: &World) {
        let mut world = World { askers: [Asker::Begins, Asker::Gone], returns: 0, ..world.clone() };
        world.now_ms += 2 * LEASE_MS;
        self.load(&world);
        assert!(!self.is_held(&world), "its holder holds it for ever");
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
