//! A partition that ends, hangs or is only busy, and those who watch it.

use std::sync::atomic::Ordering::Relaxed;

use control::{
    Cause, Command, ControlPage, LOOKS_PER_SECOND, Order, Policy, Purpose, Reaction, Sight, State, Step, Watch,
};

const WATCHED: usize = 1;
/// APIC IDs: of its boot core, of the other one.
const CORES: [u32; 2] = [4, 5];

/// A box of four, of which all but one watch that one.
struct Scene {
    page: Box<ControlPage>,
    watchers: [Watch; 3],
    is_stalled: bool,
    is_in_reach: bool,
    looks: u64,
}

impl Scene {
    fn new(policy: Policy) -> Self {
        let page: Box<ControlPage> = Box::default();
        page.header.partitions.store(4, Relaxed);
        CORES.iter().for_each(|core| page.give(*core, WATCHED));
        let watched = &page.partitions[WATCHED];
        watched.boot_core.store(CORES[0], Relaxed);
        watched.policy.store(policy.word(), Relaxed);
        watched.say(State::Running, Cause::None, 0);
        Self { page, watchers: Default::default(), is_stalled: false, is_in_reach: true, looks: 0 }
    }

    fn say(&self, state: State, cause: Cause) {
        self.page.partitions[WATCHED].say(state, cause, 0);
    }

    /// Everybody looks for so many seconds. Returns what they do, each with the second in which they do it.
    fn look_for(&mut self, seconds: u32) -> Vec<(u32, Step)> {
        let mut steps = Vec::new();
        for look in 0..seconds * LOOKS_PER_SECOND {
            self.looks += 1;
            let now_ms = self.looks * 1000 / u64::from(LOOKS_PER_SECOND);
            let sight = Sight { is_stalled: self.is_stalled, is_in_reach: self.is_in_reach, now_ms };
            for (own, watcher) in [0, 2, 3].into_iter().zip(&mut self.watchers) {
                let step = watcher.look(&self.page, WATCHED, own, sight);
                steps.extend((step != Step::None).then_some((look / LOOKS_PER_SECOND, step)));
            }
        }
        steps
    }

    /// The order that is given within so many seconds, and the second in which it is. Nobody else gives one.
    fn only_order(&mut self, seconds: u32) -> (u32, Order) {
        for second in 0..seconds {
            let orders: Vec<_> = self.look_for(1).into_iter().filter_map(|(_, step)| order(step)).collect();
            match orders[..] {
                [] => {}
                [order] => return (second, order),
                _ => panic!("more than one has acted: {orders:?}"),
            }
        }
        panic!("nobody has acted in {seconds} s");
    }

    /// All of its cores come, and the order is carried out.
    fn carry_out(&self, order: Order) {
        CORES.iter().for_each(|core| assert_eq!(self.page.arrive(*core).expect("it has an owner").order, order));
        let watched = &self.page.partitions[WATCHED];
        let reason = watched.reason();
        let state = if order.command == Command::Start { State::Starting } else { State::Stopped };
        assert!(watched.finish(order, state, reason, 0));
        if state == State::Starting {
            self.page.dismiss(WATCHED, order);
            self.say(State::Running, reason);
        }
    }
}

fn order(step: Step) -> Option<Order> {
    if let Step::Fetch(order) = step { Some(order) } else { None }
}

fn restart_always() -> Policy {
    let restart = Reaction::Restart;
    Policy { on_panic: restart, on_hang: restart, on_exit: restart, restart_limit: 255 }
}

#[test]
fn a_panic_is_answered_once_and_after_its_last_words() {
    let mut scene = Scene::new(restart_always());
    assert_eq!(scene.look_for(60), [], "it runs");
    scene.say(State::Ended, Cause::Panic);
    let (second, order) = scene.only_order(10);
    assert_eq!((second, order.command), (1, Command::Start));
    scene.carry_out(order);
    assert_eq!(scene.page.partitions[WATCHED].status().cause, Cause::Panic);
    assert_eq!(scene.look_for(60), [], "it runs again");
}

#[test]
fn a_policy_may_also_stop_or_keep_it() {
    let mut scene = Scene::new(Policy { on_panic: Reaction::Stop, ..Policy::default() });
    scene.say(State::Ended, Cause::Panic);
    let (_, order) = scene.only_order(10);
    assert_eq!(order.command, Command::Stop);
    scene.carry_out(order);
    assert_eq!(scene.look_for(60), [], "it is stopped");
    let mut kept = Scene::new(Policy { on_panic: Reaction::Keep, ..restart_always() });
    kept.say(State::Ended, Cause::Panic);
    assert_eq!(kept.look_for(60), []);
}

#[test]
fn what_is_switched_off_may_first_shut_its_devices_down() {
    let mut scene = Scene::new(restart_always());
    scene.say(State::Ended, Cause::PowerOff);
    assert_eq!(scene.look_for(5), [], "its cores are at work");
    CORES.iter().for_each(|core| {
        scene.page.arrive(*core);
    });
    assert_eq!(scene.only_order(2).0, 0, "all of its cores have left their kernel");
    let mut scene = Scene::new(restart_always());
    scene.say(State::Ended, Cause::Halt);
    assert_eq!(scene.only_order(20).0, 10, "its cores stay in its kernel");
}

#[test]
fn one_that_somebody_has_to_himself_is_left_alone() {
    let mut scene = Scene::new(restart_always());
    scene.is_stalled = true;
    scene.look_for(19);
    scene.page.partitions[WATCHED].take_lease(0, Purpose::Freeze, 19_000).unwrap();
    for second in 20..60 {
        assert_eq!(scene.look_for(1), [], "it is frozen");
        assert!(scene.page.partitions[WATCHED].renew_lease(0, Purpose::Freeze, second * 1000));
    }
    assert!(scene.page.partitions[WATCHED].end_lease(0, Purpose::Freeze, 60_000));
    assert_eq!(scene.only_order(30).0, 19, "it hangs: 20 s from then on");
}

#[test]
fn one_that_is_stopped_or_starts_is_left_alone() {
    for (state, cause) in [
        (State::Planned, Cause::None),
        (State::Stopped, Cause::Asked),
        (State::Starting, Cause::Panic),
        (State::Failed, Cause::CoreSilent),
        (State::Ended, Cause::Reboot),
    ] {
        let mut scene = Scene::new(restart_always());
        scene.is_stalled = true;
        scene.say(state, cause);
        assert_eq!(scene.look_for(120), [], "{state:?}");
    }
}

#[test]
fn a_kernel_without_heartbeat_is_asked_and_if_its_clock_stands_still_it_hangs() {
    for clock in [None, Some(77)] {
        let mut scene = Scene::new(restart_always());
        scene.is_stalled = true;
        let first = scene.look_for(15);
        assert!(
            first.len() > 10 && first.iter().all(|(second, step)| *second >= 3 && *step == Step::Probe),
            "{first:?}"
        );
        if let Some(clock) = clock {
            assert!(scene.page.partitions[WATCHED].answer(clock), "nobody has asked");
        }
        let (second, order) = scene.only_order(30);
        assert_eq!(second, if clock.is_some() { 16 } else { 4 }, "of {clock:?}");
        scene.carry_out(order);
        assert_eq!(scene.page.partitions[WATCHED].status().cause, Cause::Hang);
    }
}

#[test]
fn a_kernel_that_is_only_busy_answers_and_is_left_alone() {
    let mut scene = Scene::new(restart_always());
    scene.is_stalled = true;
    for second in 0..300 {
        assert!(scene.look_for(1).iter().all(|(_, step)| *step == Step::Probe), "in second {second}");
        scene.page.partitions[WATCHED].answer(second / 10);
    }
    scene.is_stalled = false;
    assert_eq!(scene.look_for(60), [], "its heart beats again");
}

#[test]
fn if_whoever_has_asked_dies_another_goes_on() {
    let mut scene = Scene::new(restart_always());
    scene.say(State::Ended, Cause::Panic);
    let (_, dead) = scene.only_order(10);
    let (second, order) = scene.only_order(20);
    assert!(order.sequence > dead.sequence && second >= 13, "{second}");
    assert_eq!(scene.page.partitions[WATCHED].reason(), Cause::Panic);
    scene.page.arrive(CORES[0]);
    assert_eq!(scene.look_for(60), [], "its boot core is at work");
}

#[test]
fn nobody_helps_for_ever_where_no_core_comes() {
    let mut scene = Scene::new(restart_always());
    scene.say(State::Ended, Cause::Panic);
    let orders = scene.look_for(3600).len();
    assert!((2..=10).contains(&orders), "{orders} orders in an hour");
}

#[test]
fn restarts_far_from_each_other_have_no_limit() {
    let mut scene = Scene::new(Policy { restart_limit: 1, ..restart_always() });
    for _ in 0..3 {
        scene.say(State::Ended, Cause::Panic);
        let (_, order) = scene.only_order(10);
        scene.carry_out(order);
        assert_eq!(scene.look_for(600), [], "it runs");
    }
}

#[test]
fn a_limit_holds_until_somebody_asks() {
    let mut scene = Scene::new(Policy { restart_limit: 2, ..restart_always() });
    for _ in 0..2 {
        scene.say(State::Ended, Cause::Panic);
        let (_, order) = scene.only_order(10);
        scene.carry_out(order);
    }
    scene.say(State::Ended, Cause::Panic);
    assert_eq!(scene.look_for(2000), [], "it has been restarted twice");
    let watched = &scene.page.partitions[WATCHED];
    let order = watched.ask(Command::Start, 0).expect("nothing is pending");
    watched.forgive();
    scene.carry_out(order);
    scene.say(State::Ended, Cause::Panic);
    assert_eq!(scene.only_order(10).1.command, Command::Start, "somebody has asked");
}

#[test]
fn one_whose_cores_nobody_can_fetch_is_left_as_it_is() {
    let mut scene = Scene::new(restart_always());
    scene.is_in_reach = false;
    scene.say(State::Ended, Cause::Panic);
    assert_eq!(scene.look_for(60), []);
}
