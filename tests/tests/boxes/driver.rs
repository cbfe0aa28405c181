//! The Linux driver as built: it loads into every stock kernel, and DKMS builds it where there is no Rust.

use std::process::Command;

use tests::fixture::{self, KERNELS, release};
use tests::instance::Instance;
use tests::scene::{box_file, partition};
use tests::{Scene, archive};

/// What a kernel prints when it does not accept a module, in small letters. The note that it is tainted does not count:
/// every module from elsewhere causes it.
const COMPLAINTS: [&str; 9] = [
    "warning",
    "bug:",
    "oops",
    "call trace",
    "unknown symbol",
    "disagrees about version",
    "exec format",
    "unpatched return thunk",
    "missing endbr",
];

/// The small initial file system with the drivers of all lines.
fn initrd_with_drivers() -> Vec<u8> {
    archive::extend(&fixture::initrd(), archive::drivers())
}

/// Warnings in the kernel's log.
fn complaints(log: &str) -> Vec<&str> {
    let complains = |line: &&str| COMPLAINTS.iter().any(|word| line.to_lowercase().contains(word));
    log.lines().filter(complains).collect()
}

fn assert_loads_quietly(instance: &Instance<'_>) {
    instance.run("dmesg -c > /dev/null");
    instance.run("insmod /drivers/$(uname -r).ko");
    let log = instance.run("dmesg");
    assert!(log.contains("sprig_vni: "), "the driver prints nothing:\n{log}");
    assert_eq!(complaints(&log), Vec::<&str>::new(), "all of it:\n{log}");
    instance.run("grep -q '^sprig_vni .* Live ' /proc/modules");
    instance.run("rmmod sprig_vni");
    let log = instance.run("dmesg");
    assert_eq!(complaints(&log), Vec::<&str>::new(), "all of it:\n{log}");
}

#[test]
fn the_driver_loads_into_kernels_6_1_and_6_12_and_7_2() {
    let name = |line: &str| format!("linux-{}", line.replace('.', "-"));
    let text = box_file(KERNELS.map(|line| partition(&name(line), line, 1))).replace("small.img", "drivers.img");
    let booted = Scene::with(&text, &[("drivers.img", &initrd_with_drivers())]).boot();
    for instance in booted.instances() {
        assert_loads_quietly(&instance);
    }
}

#[test]
fn a_kernel_refuses_the_driver_of_another() {
    let text = box_file([partition("p0", fixture::STABLE, 1)]).replace("small.img", "drivers.img");
    let booted = Scene::with(&text, &[("drivers.img", &initrd_with_drivers())]).boot();
    let (output, status) = booted.instance("p0").try_run(&format!("insmod /drivers/{}.ko", release("6.1")));
    assert_ne!(status, 0, "it was loaded: {output}");
}

#[test]
fn dkms_builds_the_driver_where_there_is_no_rust() {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["xtask", "dkms", "--try-out"])
        .env("SPRIG_ROOT", fixture::root())
        .output()
        .expect("cargo runs");
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
    for line in ["6.12", "7.2"] {
        let built = format!("sprig_vni.ko for {}", release(line));
        assert!(messages.contains(&built), "no {built:?} in:\n{messages}");
    }
}
