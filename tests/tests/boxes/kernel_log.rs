//! The kernel log of an instance, read by another one out of its memory.

use std::time::Duration;

use tests::fixture::{KERNELS, STABLE, release};
use tests::scene::{Booted, box_file, networked};
use tests::{Instance, Scene};

const LIMIT: Duration = Duration::from_secs(60);

fn name(line: &str) -> String {
    format!("linux-{}", line.replace('.', "-"))
}

/// Asserts that in `reader` the command `read` prints the log that `dmesg` prints in `target`.
fn assert_same_log(reader: &Instance<'_>, read: &str, target: &Instance<'_>) {
    let pair = format!("{} reads {}", reader.plan.name, target.plan.name);
    // The target may log more meanwhile; the log before that must be the same.
    let lines = target.number("dmesg | wc -l");
    assert!(lines > 100, "{pair}: {lines} lines are no kernel's log");
    // A console takes 4 KiB in a second, and a log is ten times as long: it is compared where it is.
    let digest = |instance: &Instance<'_>, log: &str| instance.run(&format!("{log} | head -n {lines} | md5sum"));
    if digest(target, "dmesg") != digest(reader, read) {
        let (own, read) = (target.run("dmesg"), reader.run(read));
        let differs = own.lines().zip(read.lines()).find(|(own, read)| own != read);
        panic!("{pair}: in {lines} lines dmesg there, and what was read: {differs:?}");
    }
}

/// Asserts that a log that was read begins as that of a kernel of that line.
fn assert_from_the_first_line(reader: &Instance<'_>, read: &str, line: &str) {
    let first = reader.run(&format!("{read} | head -n 1"));
    assert!(first.starts_with(&format!("[    0.000000] Linux version {}", release(line))), "{read}: {first}");
}

#[test]
fn the_kernel_log_and_the_console_of_another_instance_are_read_whatever_kernel_it_has() {
    let booted = Scene::new(&box_file(KERNELS.map(|line| networked(&name(line), line, 1)))).boot();
    // Upwards and downwards in memory: access to lower memory may differ from access to higher memory.
    for line in KERNELS {
        let target = booted.instance(&name(line));
        for reader in KERNELS.into_iter().filter(|reader| *reader != line) {
            let (reader, read) = (booted.instance(&name(reader)), format!("sprig log {}", target.plan.name));
            assert_from_the_first_line(&reader, &read, line);
            assert_same_log(&reader, &read, &target);
        }
        let (refusal, status) = target.try_run(&format!("sprig log {}", target.plan.name));
        assert!(status != 0 && refusal.contains("is the partition that this runs in"), "{refusal}");
    }
    // Nor does it matter on which kernel a console is.
    for (user, line) in KERNELS.into_iter().zip(KERNELS.into_iter().cycle().skip(1)) {
        let user = booted.instance(&name(user));
        let shown = user.run(&format!("echo uname -r | sprig console {}", name(line)));
        assert!(shown.contains(&format!("\n{}\n", release(line))), "{line}: {shown}");
    }
}

#[test]
fn the_kernel_log_of_a_crashed_instance_shows_why() {
    let booted = Scene::new(&box_file([networked("web", STABLE, 1), networked("db", "7.2", 1)])).boot();
    let (web, db) = (booted.instance("web"), booted.instance("db"));
    web.start("follow", "sprig log --follow db");
    let comes_true = |condition: &str| web.wait_until(condition, LIMIT, "tail /tmp/follow.out");
    let follows = |what: &str| comes_true(&format!("grep -q '{what}' /tmp/follow.out"));
    db.run("echo before the crash > /dev/kmsg");
    follows("before the crash");
    db.run("dmesg -n 7");
    db.send("echo c > /proc/sysrq-trigger");
    db.wait_for("end Kernel panic");
    follows("end Kernel panic");
    for expected in
        ["before the crash", "Kernel panic - not syncing: sysrq triggered crash", "Call Trace", "sysrq_handle_crash"]
    {
        let (found, status) =
            web.try_run(&format!("sprig log db > /tmp/log; grep '{expected}' /tmp/log || tail /tmp/log"));
        assert!(status == 0 && found.contains(expected), "no {expected:?} in what ends with:\n{found}");
    }
    assert_from_the_first_line(&web, "sprig log db", "7.2");
    comes_true("sprig log db | cmp - /tmp/follow.out");
}

/// A box whose instances have not loaded the driver.
fn without_the_driver() -> Booted {
    let without = |name| networked(name, STABLE, 1) + "cmdline = \"sprig.vni=off\"\n";
    Scene::new(&box_file(["web", "db"].map(without))).boot()
}

#[test]
fn without_the_driver_a_kernel_log_is_read_by_where_its_memory_lies() {
    let booted = without_the_driver();
    let (web, db) = (booted.instance("web"), booted.instance("db"));
    let (refusal, status) = web.try_run("sprig log db");
    assert!(status != 0 && refusal.contains("load it with `modprobe sprig_vni`"), "{refusal}");
    let memory = db.plan.memory.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    assert_same_log(&web, &format!("sprig log --memory {memory}"), &db);
    // There is no kernel in the window.
    let window = booted.running().plan().window;
    let (refusal, _) = web.try_run(&format!("sprig log --memory {window}"));
    assert!(refusal.contains("is not a Linux kernel"), "{refusal}");
}
