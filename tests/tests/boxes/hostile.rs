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
/// Set by `cargo xtask test --only soak`.
const SECONDS_VARIABLE: &str = "SPRIG_SOAK_SECONDS";
/// Echo requests of a neighbour in a second.
const ECHOES: u64 = 10;

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

/// Echo requests from one to another for as long as an act takes; they have the names of jobs.
fn start_echoes<'a>(neighbours: &'a [Instance<'a>]) -> Vec<(&'a Instance<'a>, String)> {
    let all_pairs = neighbours.iter().flat_map(|from| neighbours.iter().map(move |to| (from, to)));
    let pairs = all_pairs.filter(|(from, to)| from.plan.index != to.plan.index);
    let started = pairs.map(|(from, to)| {
        let job = format!("to-{}", to.plan.name);
        let count = ECHOES * seconds();
        from.start(&job, &format!("ping -q -i 0.1 -W 5 -c {count} {} || true", to.address()));
        (from, job)
    });
    started.collect()
}

/// Echo replies that have come, and requests that were sent.
fn echoed(output: &str) -> (u64, u64) {
    let line = output.lines().find(|line| line.contains(" packets transmitted, "));
    let line = line.unwrap_or_else(|| panic!("no summary in {output}"));
    let number = |word: &str| line.split(", ").find(|part| part.contains(word)).and_then(|part| part.split(' ').next());
    let [received, sent] = ["received", "transmitted"].map(|word| number(word).and_then(|it| it.parse().ok()));
    received.zip(sent).unwrap_or_else(|| panic!("{line}"))
}

/// Plays an act, and returns the fewest echoes that came back of those that should.
fn play(hostile: &Instance<'_>, neighbours: &[Instance<'_>], act: &str) {
    let count = neighbours.len() + 1;
    let limit = Duration::from_secs(seconds()) + COMMAND_LIMIT;
    let echoes = start_echoes(neighbours);
    hostile.start(
        "act",
        &format!(
            "/hostile-partition {act} --seconds {} --index {} --partitions {count} --queues 1",
            seconds(),
            hostile.plan.index.0
        ),
    );
    // What they send to it may ring where it says.
    for (number, neighbour) in neighbours.iter().enumerate() {
        neighbour.start("at-it", &format!("ping -q -f -w {} {} || true", seconds(), hostile.address()));
        assert!(number < count);
    }
    hostile.finish("act", limit);
    neighbours.iter().for_each(|neighbour| _ = neighbour.finish("at-it", limit));
    for (from, job) in echoes {
        let (received, sent) = echoed(&from.finish(&job, limit));
        let lost = sent - received;
        // Nobody keeps it from writing what belongs to others: only what follows counts then.
        assert!(act == "everything" || lost <= ECHOES, "{act}: {} lost {lost} of {sent} {job}", from.plan.name);
    }
}

#[test]
fn neighbours_of_a_hostile_instance_go_on_as_before() {
    let booted = box_with_a_hostile_instance();
    let instances = booted.instances();
    let (hostile, neighbours) = instances.split_last().expect("a box has partitions");
    for act in ["doorbells", "flags", "metadata", "lanes", "links", "header", "everything"] {
        play(hostile, neighbours, act);
        // It behaves again.
        hostile.run(&format!("ip link set {CARD} down; ip link set {CARD} up"));
        for instance in &instances {
            instance.await_links(neighbours.len(), "up");
        }
        for from in &instances {
            for to in instances.iter().filter(|to| to.plan.index != from.plan.index) {
                let reaches = format!("ping -c 1 -W 1 {}", to.address());
                from.wait_until(&reaches, COMMAND_LIMIT, &format!("ethtool -S {CARD} | grep -v ': 0$'"));
            }
        }
        for neighbour in neighbours {
            neighbour.assert_calm();
        }
    }
    let counted = |name: &str| neighbours.iter().map(|neighbour| neighbour.counter(name)).sum::<u64>();
    for refused in ["doorbell_bad_vector", "doorbell_bad_core", "rx_drop_unknown_flags", "rx_drop_bad_offload"] {
        assert_ne!(counted(refused), 0, "nothing was refused as {refused}");
    }
}
