//! Boxes of many partitions, of which most are idle at any time.

use std::time::Duration;

use tests::fixture::STABLE;
use tests::scene::{Booted, box_file, networked};
use tests::{Instance, Scene};

const LIMIT: Duration = Duration::from_secs(240);

fn box_of(count: usize) -> Booted {
    let text = box_file((0..count).map(|number| networked(&format!("p{number}"), STABLE, 1)));
    let booted = Scene::new(&text.replace("16MiB", "64MiB")).boot();
    booted.await_links();
    booted
}

/// Doorbells that it has received.
fn rung(instance: &Instance<'_>) -> u64 {
    instance.counter("doorbells_received")
}

/// Each reaches each; then two talk, and the others are left alone.
fn all_reach_all_and_two_leave_the_others_alone(count: usize) {
    let booted = box_of(count);
    let instances = booted.instances();
    for instance in &instances {
        let others: Vec<_> =
            (0..count).map(|number| format!("p{number}")).filter(|it| *it != instance.plan.name).collect();
        let others = others.join(" ");
        instance.run(&format!("for to in {others}; do ping -q -c 1 -W 20 $to || exit 1; done"));
    }
    let [first, second, idle] = [0, 1, count - 1].map(|number| booted.instance(&format!("p{number}")));
    let before = [&second, &idle].map(rung);
    first.start("ping", "ping -q -i 0.002 -c 2000 -W 5 p1");
    let output = first.finish("ping", LIMIT);
    assert!(output.contains("2000 received"), "{output}");
    let [asked, not_asked] = [(&second, before[0]), (&idle, before[1])].map(|(who, before)| rung(who) - before);
    assert!(asked > 100 && not_asked < 100, "{asked} rings at who was asked, {not_asked} at who was not");
    instances.iter().for_each(Instance::assert_undisturbed);
}

#[test]
fn eight_partitions_reach_one_another_and_two_leave_the_others_alone() {
    all_reach_all_and_two_leave_the_others_alone(8);
}

#[test]
#[ignore = "as eight, with twice as many: cargo xtask test --matrix"]
fn sixteen_partitions_reach_one_another_and_two_leave_the_others_alone() {
    all_reach_all_and_two_leave_the_others_alone(16);
}
