//! What `sprig bench` measures. No test looks at how fast anything is.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bench::boxes::run::BenchRun;
use bench::boxes::spec::{BenchSpec, Extent, Metric, Subject};
use bench::labels;
use bench::model::{Bench, Case, Measurement};
use bench::table::table;
use emulator::emulated::{EmulatedDevice, EmulatedMachine};
use tests::Scene;
use tests::fixture::{STABLE, boot_image};
use tests::scene::{box_file, networked};

fn quick() -> BenchSpec {
    BenchSpec {
        pair: Some(("web".to_owned(), "db".to_owned())),
        metrics: vec![Metric::Tcp, Metric::Udp, Metric::Frames, Metric::RoundTrip],
        subjects: vec![Subject::Vni, Subject::Loopback, Subject::Veth],
        rounds: 1,
        duration: Duration::from_secs(1),
        extent: Extent::Quick,
    }
}

fn measure(spec: &BenchSpec, stop: bool) -> Result<Bench, String> {
    let scene = Scene::new(&box_file([networked("web", STABLE, 1), networked("db", STABLE, 2)]));
    let machine = EmulatedMachine::needed_by(scene.source().request());
    run(&scene, machine, spec, &AtomicBool::new(stop))
}

fn run(scene: &Scene, machine: EmulatedMachine, spec: &BenchSpec, stop: &AtomicBool) -> Result<Bench, String> {
    let run = BenchRun { boot_image: boot_image(), spec, stop, progress: &|line| println!("{line}") };
    run.one_box(scene.source(), &machine).map_err(|error| error.to_string())
}

#[test]
fn a_quick_bench_measures_every_subject_and_has_counters() {
    let bench = measure(&quick(), false).unwrap();
    let measured: BTreeSet<(&str, &str)> =
        bench.measurements.iter().map(|one| (&*one.case.what, &*one.case.subject)).collect();
    for what in ["tcp", "udp", "frames", "round-trip"] {
        for subject in ["vni", "loopback", "veth"] {
            assert!(measured.contains(&(what, subject)), "{what} of {subject} is missing: {:?}", bench.remarks);
        }
    }
    for measurement in &bench.measurements {
        let Measurement { case: Case { what, subject, .. }, samples, counters, .. } = measurement;
        assert!(samples.len() == 1 && samples[0] > 0.0, "{what} of {subject}: {samples:?}");
        assert!((0.0..=1.0).contains(&counters["cpu_share_sender"]), "{what} of {subject}: {counters:?}");
        if subject == "vni" {
            assert!(counters["frames"] > 0.0 && counters["polls_per_frame"] > 0.0, "{what}: {counters:?}");
            assert_eq!(counters["lost_wakeups"], 0.0, "{what}: {counters:?}");
        }
        if what == "frames" {
            assert!(counters["checked_frames"] > 0.0, "{subject}: {counters:?}");
            assert_eq!(counters["corrupt_frames"], 0.0, "{subject}: {counters:?}");
        }
        assert_eq!(what == "round-trip", !measurement.distribution.is_empty(), "{what} of {subject}");
    }
    assert!(bench.targets.iter().any(|target| target.what == "lost wake-ups" && target.is_met() == Some(true)));
    // Not to the last bit: numbers are read back to within one.
    let written: Bench = serde_json::from_str(&serde_json::to_string(&bench).unwrap()).unwrap();
    let kinds = |bench: &Bench| bench.measurements.iter().map(|one| one.case.parameters.clone()).collect::<Vec<_>>();
    assert_eq!((kinds(&written), written.remarks), (kinds(&bench), bench.remarks), "bench.json is complete");
}

#[test]
fn disks_and_network_cards_are_measured_in_their_partition_and_with_its_kernel_alone() {
    let disk = tempfile::NamedTempFile::new().expect("a disk");
    disk.as_file().set_len(64 << 20).expect("a disk's length");
    let web = networked("web", STABLE, 1) + "devices = [\"class:nvme\", \"class:network\"]\n";
    let db = networked("db", "6.1", 1) + "devices = [\"class:sata\"]\n";
    let scene = Scene::new(&box_file([web, db]));
    let (image, user) = (disk.path().to_owned(), || "user".to_owned());
    // Nobody owns the second card, so it is not measured.
    let devices = vec![
        EmulatedDevice::Nvme(image.clone()),
        EmulatedDevice::Sata(image),
        EmulatedDevice::VirtioNet(user()),
        EmulatedDevice::E1000e(user()),
    ];
    let machine = EmulatedMachine { devices, ..EmulatedMachine::needed_by(scene.source().request()) };
    let bench = run(&scene, machine, &of_devices(), &AtomicBool::new(false)).unwrap();
    let shown = table(&bench);
    let measured = |subject: &str| -> Vec<String> {
        let of_subject = bench.measurements.iter().map(|one| &one.case).filter(|case| case.subject == subject);
        of_subject.map(|case| format!("{}, {}", case.what, labels::parameters(&case.parameters))).collect()
    };
    let (partition, alone) = (measured("partition"), measured("alone"));
    assert_eq!(partition, alone, "{shown}");
    let devices = ["nvme at 0000:01:00.0", "sata at 0000:02:00.0", "virtio-net at 0000:03:00.0"];
    assert_eq!(partition.len(), 2 * devices.len(), "two cases of each device, and nothing else:\n{shown}");
    for device in devices {
        assert_eq!(partition.iter().filter(|one| one.contains(device)).count(), 2, "{device}:\n{shown}");
    }
    assert!(bench.measurements.iter().all(|one| one.samples.len() == 1 && one.samples[0] > 0.0), "{shown}");
    let held = bench.targets.iter().filter(|target| target.what.ends_with("against the same kernel alone"));
    assert_eq!(held.filter(|target| target.found.is_some()).count(), partition.len(), "{shown}");
}

#[test]
fn a_bench_of_devices_that_no_partition_has_says_so() {
    let refused = measure(&of_devices(), false).unwrap_err();
    assert!(refused.contains("no partition has a disk or a network card"), "{refused}");
}

fn of_devices() -> BenchSpec {
    let (metrics, subjects) = (vec![Metric::Disk, Metric::Network], vec![Subject::Partition, Subject::Alone]);
    BenchSpec { pair: None, metrics, subjects, ..quick() }
}

/// A box file of an owner of a network card and of a guest, for a network of that number.
fn gateway(name: &str, number: usize) -> Scene {
    let words = format!("cmdline = \"sprig.network={number}\"\n");
    let web = networked("web", STABLE, 1) + &words + "devices = [\"class:network\"]\n";
    let text = box_file([web, networked("db", STABLE, 1) + &words]);
    Scene::new(&text.replace("\"test\"", &format!("{name:?}")))
}

fn joined(one: &Scene, other: &Scene) -> Result<Bench, String> {
    let subjects = vec![Subject::Vni, Subject::Cards, Subject::Bridge, Subject::Tunnel];
    let spec = BenchSpec { pair: None, subjects, ..quick() };
    let (sources, progress) = ([one.source(), other.source()], |line: &str| println!("{line}"));
    let (boot_image, stop) = (boot_image(), &AtomicBool::new(false));
    let run = BenchRun { boot_image, spec: &spec, stop, progress: &progress };
    run.two_boxes(sources).map_err(|error| error.to_string())
}

#[test]
#[ignore = "as in `world`, measured: cargo xtask test --matrix"]
fn every_route_between_two_boxes_is_measured() {
    let bench = joined(&gateway("left", 1), &gateway("right", 2)).unwrap();
    let shown = table(&bench);
    for what in ["tcp", "udp", "round-trip"] {
        for (subject, to) in
            [("vni", "left/web"), ("cards", "right/web"), ("bridge", "right/db"), ("tunnel", "right/db")]
        {
            let found = bench.measurements.iter().find(|one| (&*one.case.what, &*one.case.subject) == (what, subject));
            let found = found.unwrap_or_else(|| panic!("{what} of {subject} is missing:\n{shown}"));
            assert!(found.samples.len() == 1 && found.samples[0] > 0.0, "{shown}");
            assert_eq!(found.case.pair.as_ref().map(|pair| &*pair.to), Some(to), "{shown}");
        }
    }
}

#[test]
fn boxes_that_cannot_be_joined_are_refused_before_anything_boots() {
    let one = gateway("left", 1);
    let refused = joined(&one, &gateway("left", 2)).unwrap_err();
    assert!(refused.contains("both boxes are called \"left\""), "{refused}");
    let without = Scene::new(&box_file([networked("web", STABLE, 1), networked("db", STABLE, 1)]));
    let refused = joined(&one, &without).unwrap_err();
    assert!(refused.contains("in the box \"test\" nobody has devices = [\"class:network\"]"), "{refused}");
}

#[test]
fn a_pair_that_is_none_is_refused_before_anything_boots() {
    let spec = BenchSpec { pair: Some(("web".to_owned(), "nobody".to_owned())), ..quick() };
    let refused = measure(&spec, false).unwrap_err();
    assert_eq!(refused, "there is no pair web:nobody: the box file has the partitions web, db");
}

#[test]
fn a_bench_that_is_ended_before_its_first_sample_says_so() {
    let refused = measure(&quick(), true).unwrap_err();
    assert_eq!(refused, "ended by a signal");
}
