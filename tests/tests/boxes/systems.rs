//! Whole systems: a Debian on a disk shuts down cleanly, and starts again with what it has written.
//!
//! Debian's own checker examines the disk from outside.

use std::time::Duration;

use emulator::emulated::{EmulatedDevice, EmulatedMachine};
use emulator::launch::LaunchOptions;
use regex::bytes::Regex;
use tests::disk::Disk;
use tests::fixture;
use tests::scene::Booted;
use tests::{Instance, Scene};

/// Limit for shutting one down, in emulation on a busy host.
const END_LIMIT: Duration = Duration::from_secs(180);
/// Limit for a login on its console, once SSH is up.
const LOGIN_LIMIT: Duration = Duration::from_secs(30);
/// What a kernel prints at its end, with and without a power switch.
const LAST_WORDS: &str = "reboot: Power (down|off not available)";
/// What must stay on the disk from one start to the next.
const KEPT: &str = "/root/starts";

/// Has an instance end itself by that command, and waits for its kernel's last words.
fn end(instance: &Instance<'_>, command: &str) {
    // The console shows what a kernel prints at its end only if the console's level of messages is raised.
    instance.run("dmesg -n 7");
    instance.send(command);
    let last_words = Regex::new(LAST_WORDS).expect("a regular expression");
    instance.console.wait_for(last_words, END_LIMIT).unwrap_or_else(|error| panic!("{error}"));
}

/// The box of `examples/disk.toml`, on a machine with that disk.
fn box_with(disk: &Disk) -> Booted {
    box_of(&fixture::example("disk.toml"), disk)
}

fn box_of(text: &str, disk: &Disk) -> Booted {
    let scene = Scene::new(text);
    let devices = vec![EmulatedDevice::Nvme(disk.path())];
    let machine = EmulatedMachine { devices, ..EmulatedMachine::needed_by(scene.source().request()) };
    scene.boot_with(LaunchOptions::on(machine))
}

#[test]
fn a_debian_on_a_disk_reboots_like_any_machine_shuts_down_clean_and_is_started_again() {
    let disk = Disk::with_debian();
    let booted = box_with(&disk);
    let (web, db) = (booted.instance("web"), booted.instance("db"));
    let in_web = |command: &str| db.run(&format!("ssh web '{command}'"));
    for starts in ["1", "2", "3"] {
        booted.await_links();
        assert_eq!(in_web("hostname; findmnt -n -o SOURCE,FSTYPE /"), "web\n/dev/nvme0n1p1 ext4");
        assert_eq!(in_web("systemctl --failed --no-legend"), "", "every unit does as it should");
        assert_eq!(in_web(&format!("echo start >> {KEPT}; wc -l < {KEPT}")), starts);
        assert_eq!(web.run("ssh db hostname"), "db");
        assert_eq!(db.run("ls /sys/bus/pci/devices | wc -l"), "0", "db sees nothing of it");
        // udev has the login started as the driver comes, and nothing waits for it.
        let typed = "echo tty | sprig console web";
        db.wait_until(&format!("{typed} | grep -q '^/dev/ttySPRIG0'"), LOGIN_LIMIT, typed);
        for instance in [&web, &db] {
            instance.assert_has_exactly_its_cores();
            instance.assert_undisturbed();
        }
        disk.assert_in_use();
        match starts {
            "1" => web.send("systemctl reboot"),
            _ => {
                end(&web, "systemctl poweroff");
                disk.assert_clean();
                db.await_links(0, "up");
            }
        }
        if starts == "2" {
            db.run("sprig start web");
        }
        if starts != "3" {
            web.wait_for_report();
        }
    }
    assert_eq!(db.run("sleep 1; hostname"), "db", "the other one lives on");
    end(&db, "poweroff -f");
}

#[test]
fn a_debian_that_panics_writes_its_dump_to_its_disk_and_the_other_lives_on() {
    let disk = Disk::with_debian();
    let text = fixture::example("disk.toml");
    let text = text.replacen("512MiB", "768MiB", 1).replace("=debian ro\"", "=debian ro crashkernel=256M\"");
    let booted = box_of(&text, &disk);
    booted.await_links();
    let (web, db) = (booted.instance("web"), booted.instance("db"));
    web.run(
        "systemctl start kdump-tools; kdump-config status | grep 'ready to kdump'; cat /sys/kernel/kexec_crash_loaded",
    );
    web.run("dmesg -n 7");
    web.send("echo c > /proc/sysrq-trigger");
    let parked = Regex::new("would have reset the whole box").expect("a regular expression");
    web.console.wait_for(parked, END_LIMIT).unwrap_or_else(|error| panic!("{error}"));
    db.await_links(0, "up");
    db.assert_undisturbed();

    let dumps: Vec<String> = disk.list("/var/crash").into_iter().filter(|name| name.starts_with("20")).collect();
    let [dump] = &dumps[..] else { panic!("one dump: {dumps:?}") };
    let log = disk.read(&format!("/var/crash/{dump}/dmesg.{dump}"));
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("sysrq: Trigger a crash"), "{:?}: {log}", disk.list(&format!("/var/crash/{dump}")));
    let vmcore = disk.read(&format!("/var/crash/{dump}/dump.{dump}"));
    let start = String::from_utf8_lossy(&vmcore[..vmcore.len().min(16)]);
    assert!(start.starts_with("makedumpfile"), "{:?}: {start:?}", disk.list(&format!("/var/crash/{dump}")));
}
