//! An instance that breaks every rule of the shared window, in a booted box, and its neighbours on all lines of kernels.

use std::fs;
use std::time::Duration;

use tests::Scene;
use tests::archive::{self, Entry};
use tests::fixture::{self, KERNELS, STABLE};
use tests::instance::{COMMAND_LIMIT, Instance};
use tests::network::CARD;
use tests::scene::{Booted, box_file, networked};

/// Seconds of each act, if [`SECONDS_VARIABLE`] says nothing else.
const SECONDS: u64 = 2;
/// Set by `cargo xtask soak`.
const SECONDS_VARIABLE: &str = "SPRIG_SOAK_SECONDS";
/// Echo requests of a neighbour in a second.
const ECHOES: u64 = 10;

/// What neighbours refuse, and the act that brings it: on a busy host it may take another try until they meet it.
const REFUSED: [(&str, &str); 4] = [
    ("doorbell_bad_vector", "doorbells"),
    ("doorbell_bad_core", "doorbells"),
    ("rx_drop_unknown_flags", "flags"),
    ("rx_drop_bad_offload", "metadata"),
];
/// So many.
const TRIES: usize = 5;

fn seconds() -> u64 {
    let set = std::env::var(SECONDS_VARIABLE).ok();
    set.map_or(SECONDS, |set| set.parse().unwrap_or_else(|error| panic!("{SECONDS_VARIABLE}={set}: {error}")))
}

/// A neighbour on each line, and the hostile instance last.
fn box_with_a_hostile_instance() -> Booted {
    let program = fs::read(fixture::hostile_program()).expect("`cargo xtask build` has made it");
    let image = archive::extend(&fixture::network_initrd(), [Entry::program("hostile-partition", program)]);
    let neighbours = KERNELS.map(|line| networked(&format!("linux-{}", line.replace('.', "-")), line, 1));
    let hostile = networked("hostile", STABLE, 1).replace("demo.img", "hostile.img");
    let booted = Scene::with(&box_file(neighbours.into_iter().chain([hostile])), &[("hostile.img", &image)]).boot();
    booted.await_links();
    booted
}

/// Each of these and the one after it.
fn ring<'a>(instances: &'a [Instance<'a>]) -> impl Iterator<Item = (&'a Instance<'a>, &'a Instance<'a>)> {
    instances.iter().zip(instances.iter().cycle().skip(1))
}

/// Echo requests from each to the next for as long as an act takes.
fn start_echoes(neighbours: &[Instance<'_>]) {
    let count = ECHOES * seconds();
    for (from, to) in ring(neighbours) {
        from.start("echoes", &format!("ping -q -i 0.1 -W 5 -c {count} {} || true", to.address()));
    }
}

/// Echo replies that have come, and requests that were sent.
fn echoed(output: &str) -> (u64, u64) {
    let line = output.lines().find(|line| line.contains(" packets transmitted, "));
    let line = line.unwrap_or_else(|| panic!("no summary in {output}"));
    let number = |word: &str| line.split(", ").find(|part| part.contains(word)).and_then(|part| part.split(' ').next());
    let [received, sent] = ["received", "transmitted"].map(|word| number(word).and_then(|it| it.parse().ok()));
    received.zip(sent).unwrap_or_else(|| panic!("{line}"))
}

/// Plays an act, and holds the neighbours to what they say to each other meanwhile.
fn play(hostile: &Instance<'_>, neighbours: &[Instance<'_>], act: &str) {
    let limit = Duration::from_secs(seconds()) + COMMAND_LIMIT;
    start_echoes(neighbours);
    // What they send to it may ring where it says.
    for neighbour in neighbours {
        neighbour.start("at-it", &format!("ping -q -f -w {} {} || true", seconds(), hostile.address()));
    }
    let (index, partitions) = (hostile.plan.index.0, neighbours.len() + 1);
    hostile.start(
        "act",
        &format!(
            "/hostile-partition {act} --seconds {} --index {index} --partitions {partitions} --queues 1",
            seconds()
        ),
    );
    hostile.finish("act", limit);
    for neighbour in neighbours {
        neighbour.finish("at-it", limit);
        let (received, sent) = echoed(&neighbour.finish("echoes", limit));
        // Nobody keeps it from writing what belongs to others: only what follows counts then.
        assert!(
            act == "everything" || sent - received <= ECHOES,
            "{act}: {} lost {} of {sent} echoes",
            neighbour.plan.name,
            sent - received
        );
    }
}

/// Plays an act, after which the hostile instance behaves again, and everybody talks to everybody.
fn play_and_behave(hostile: &Instance<'_>, neighbours: &[Instance<'_>], all: &[Instance<'_>], act: &str) {
    play(hostile, neighbours, act);
    hostile.run(&format!("ip link set {CARD} down; ip link set {CARD} up"));
    for instance in all {
        instance.await_links(neighbours.len(), "up");
    }
    for (from, to) in ring(all) {
        let reaches = format!("ping -c 1 -W 1 {}", to.address());
        from.wait_until(&reaches, COMMAND_LIMIT, &format!("ethtool -S {CARD} | grep -v ': 0$'"));
    }
    for neighbour in neighbours {
        neighbour.assert_calm();
    }
}

#[test]
fn neighbours_of_a_hostile_instance_go_on_as_before() {
    let booted = box_with_a_hostile_instance();
    let instances = booted.instances();
    let (hostile, neighbours) = instances.split_last().expect("a box has partitions");
    for act in ["doorbells", "flags", "metadata", "lanes", "links", "header", "everything"] {
        play_and_behave(hostile, neighbours, &instances, act);
    }
    let counted = |name: &str| neighbours.iter().map(|neighbour| neighbour.counter(name)).sum::<u64>();
    for (refused, act) in REFUSED {
        let is_counted = || counted(refused) != 0;
        let comes = is_counted()
            || (0..TRIES).any(|_| {
                play_and_behave(hostile, neighbours, &instances, act);
                is_counted()
            });
        assert!(comes, "nothing was refused as {refused}, in {TRIES} tries more");
    }
}
