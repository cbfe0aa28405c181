//! A partition is given another kernel while the box runs, from files of the instance that asks.

use std::fs;

use tests::Scene;
use tests::archive::{self, Entry};
use tests::fixture::{self, KERNELS, STABLE};
use tests::instance::Instance;
use tests::scene::{Booted, box_file, networked, networked_of};

use super::assert_refused;

const NEWEST: &str = KERNELS[2];
/// A word of the new command line that the old one has not.
const WORD: &str = "sprig.another";

/// One whose initial file system has the files for the other.
fn box_with_files() -> Booted {
    let read = |path| fs::read(path).expect("set-up has made it");
    let files =
        [Entry::file("newest", read(fixture::kernel(NEWEST))), Entry::file("new.img", read(fixture::network_initrd()))];
    let image = archive::extend(&fixture::network_initrd(), files);
    let actor = networked_of("actor", STABLE, 1, "768MiB").replace("demo.img", "actor.img");
    let booted = Scene::with(
        &box_file([actor, networked_of("victim", STABLE, 2, "384MiB"), networked("third", STABLE, 1)]),
        &[("actor.img", &image)],
    )
    .boot();
    booted.await_links();
    booted
}

/// Waits for its next life, and holds that to this kernel and command line.
fn assert_runs(booted: &Booted, victim: &Instance<'_>, line: &str, has_word: bool) {
    let report = victim.wait_for_report();
    assert_eq!(report["kernel_release"], fixture::release(line).as_str());
    assert_eq!(victim.run("cat /proc/cmdline").contains(WORD), has_word, "{line}");
    victim.assert_has_exactly_its_cores();
    booted.await_links();
    victim.assert_undisturbed();
}

#[test]
fn a_partition_goes_on_with_another_kernel_until_it_is_to_start_as_planned() {
    let booted = box_with_files();
    let [actor, victim, third] = ["actor", "victim", "third"].map(|name| booted.instance(name));
    actor.run("cp /new.img /large.img; truncate -s 200M /large.img");
    let refused = [
        ("--kernel /new.img", "it is not a Linux kernel image"),
        ("--kernel /nothing", "cannot read /nothing"),
        ("--kernel /newest --initrd /newest", "is no initial file system"),
        ("--kernel /newest --initrd /large.img", "\"victim\" cannot start from these"),
        ("--kernel /newest --cmdline acpi=off", "the command line has \"acpi=off\""),
    ];
    for (options, reason) in refused {
        assert_refused(&actor, &format!("sprig restart {options} victim"), reason);
    }
    victim.assert_undisturbed();

    let images = format!("--kernel /newest --initrd /new.img --cmdline {WORD}");
    actor.run(&format!("sprig restart --wait --timeout 120 {images} victim"));
    assert_runs(&booted, &victim, NEWEST, true);
    // It holds for every later start, whoever asks.
    victim.send("reboot -f");
    assert_runs(&booted, &victim, NEWEST, true);
    third.run("sprig restart --wait --timeout 120 --as-planned victim");
    assert_runs(&booted, &victim, STABLE, false);
    victim.assert_has_exactly_its_memory();
    for instance in [actor, third] {
        instance.assert_undisturbed();
    }
}
