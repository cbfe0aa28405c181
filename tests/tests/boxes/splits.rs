//! How a machine is split: each instance has exactly what the plan gives it, and sees nothing of the others.

use partitioner::address::GIB_4;
use tests::Scene;
use tests::fixture::STABLE;
use tests::scene::{Booted, box_file, partition_of};

fn assert_split_as_planned(booted: &Booted) {
    for instance in booted.instances() {
        instance.assert_has_exactly_its_cores();
        instance.assert_has_exactly_its_memory();
    }
    assert_boot_image_planned_the_same(booted);
}

/// What the host has planned stands in the boot image's log.
fn assert_boot_image_planned_the_same(booted: &Booted) {
    let log = booted.running().log().text();
    for partition in &booted.running().plan().partitions {
        let cores: Vec<_> = partition.cores.iter().map(|core| core.number.0).collect();
        let expected =
            format!("plan: {}: cores {cores:?}, memory {:?}, low {}", partition.name, partition.memory, partition.low);
        assert!(log.contains(&expected), "the boot image's log has no line `{expected}`:\n{log}");
    }
    let window = format!("window {}", booted.running().plan().window);
    assert!(log.contains(&window), "the boot image's log has no `{window}`:\n{log}");
}

#[test]
fn two_partitions_of_two_cores_have_exactly_what_was_planned() {
    assert_split_as_planned(&Scene::of_cores(&[2, 2]).boot());
}

#[test]
fn four_partitions_of_one_core_have_exactly_what_was_planned() {
    assert_split_as_planned(&Scene::of_cores(&[1, 1, 1, 1]).boot());
}

#[test]
fn three_cores_stand_beside_one() {
    assert_split_as_planned(&Scene::of_cores(&[3, 1]).boot());
}

#[test]
fn one_of_three_partitions_lies_wholly_above_4_gib() {
    let scene = Scene::new(&box_file([
        partition_of("low", STABLE, 1, "1GiB"),
        partition_of("middle", STABLE, 1, "896MiB"),
        partition_of("high", STABLE, 1, "1GiB"),
    ]));
    let booted = scene.boot();
    assert_split_as_planned(&booted);
    let high = booted.instance("high");
    assert!(high.plan.memory.iter().all(|run| run.start() >= GIB_4), "planned above 4 GiB: {:?}", high.plan.memory);
}

#[test]
fn cores_given_by_number_go_where_they_were_given() {
    let text = box_file([partition_of("a", STABLE, 1, "256MiB"), partition_of("b", STABLE, 2, "256MiB")])
        .replace("cpus = 1", "cpus = \"3\"")
        .replace("cpus = 2", "cpus = \"1-2\"");
    let booted = Scene::new(&text).boot();
    assert_split_as_planned(&booted);
    let numbers = |name: &str| booted.instance(name).plan.cores.iter().map(|core| core.number.0).collect::<Vec<_>>();
    assert_eq!(
        (numbers("a"), numbers("b")),
        (vec![3], vec![1, 2]),
        "core 0, the boot processor, belongs to no partition"
    );
}
