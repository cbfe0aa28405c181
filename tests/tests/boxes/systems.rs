//! Whole systems: a Debian that lives on a disk shuts down as it should, and starts again from what it left.

use std::time::Duration;

use cli::qemu::{Boot, Machine, MachineBuilder};
use cli::shell::Shell;
use regex::bytes::Regex;
use tests::disk::Disk;
use tests::fixture::{self, STABLE};
use tests::instance::{BOOT_LIMIT, COMMAND_LIMIT};

/// How long a Debian may take to end all that runs in it.
const POWEROFF_LIMIT: Duration = Duration::from_secs(120);
/// What it is to keep from one start to the next.
const KEPT: &str = "/root/starts";

/// A machine that nobody has split, with that disk.
fn machine_of_its_own(disk: &Disk) -> Machine {
    let boot = Boot::Kernel {
        image: fixture::kernel(STABLE),
        initrd: Some(fixture::debian_initrd()),
        command_line: "console=ttyS0 root=LABEL=debian ro sprig.partition=web".to_owned(),
    };
    let builder = MachineBuilder::new(boot).cpus(2).memory(512 << 20).console("web");
    let builder = disk.arguments().into_iter().fold(builder, MachineBuilder::argument);
    builder.start().unwrap_or_else(|error| panic!("{error}"))
}

/// Powers it off by systemd and waits for the kernel's last words.
fn power_off(shell: &Shell) {
    // The console shows what a kernel says at its end only if the level is not held down.
    shell.run("dmesg -n 7", COMMAND_LIMIT).unwrap_or_else(|error| panic!("{error}"));
    let console = shell.console();
    console.send_line("systemctl poweroff").unwrap_or_else(|error| panic!("{error}"));
    let last_words = Regex::new("reboot: Power (down|off not available)").expect("a regular expression");
    console.wait_for(last_words, POWEROFF_LIMIT).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_debian_on_a_disk_shuts_down_clean_and_starts_again_on_a_machine_of_its_own() {
    let disk = Disk::with_debian();
    disk.assert_clean();
    for starts in ["1", "2"] {
        let machine = machine_of_its_own(&disk);
        let console = machine.console("web").expect("it was asked for");
        for words in ["sprig-report: {\"name\":\"web\",", "# "] {
            console.wait_for(words, BOOT_LIMIT).unwrap_or_else(|error| panic!("{error}"));
        }
        let shell = Shell::new(console.clone());
        let run = |command: &str| shell.run(command, COMMAND_LIMIT).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(run("systemctl --failed --no-legend"), "", "every unit does as it should");
        assert_eq!(run("systemctl is-active ssh"), "active");
        assert_eq!(run("findmnt -n -o SOURCE,FSTYPE /"), "/dev/nvme0n1p1 ext4");
        assert_eq!(run(&format!("echo start >> {KEPT}; wc -l < {KEPT}")), starts);
        disk.assert_in_use();
        power_off(&shell);
        disk.assert_clean();
    }
}
