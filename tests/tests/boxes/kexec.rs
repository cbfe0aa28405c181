//! Instances that start their next kernel themselves, at once or after a panic: it stays in its partition, and the others
//! do not notice.

use std::fs;

use tests::Scene;
use tests::archive::{self, Entry};
use tests::fixture::{self, STABLE};
use tests::instance::Instance;
use tests::network::CARD;
use tests::scene::{Booted, box_file, networked, networked_of};

/// The words without which an instance is not kept in its partition.
const OURS: [&str; 4] = ["tsc_early_khz=", "no_ipi_broadcast=1", "pci=noearly", "sprig.partition="];

/// What an instance needs to start a kernel of that line, beside what all have.
fn next_kernel(line: &str) -> Vec<u8> {
    let kernel = fs::read(fixture::kernel(line)).expect("set-up has made it");
    let initrd = archive::extend(&fixture::initrd(), archive::drivers());
    let boot = [Entry::folder("boot"), Entry::file("boot/vmlinuz", kernel), Entry::file("boot/next.img", initrd)];
    archive::extend(&fixture::network_initrd(), boot)
}

/// A box of a watcher and a partition for each of these lines of kernels, with two cores and these words on its line.
fn box_of(lines: &[&str], words: &str) -> Booted {
    let images: Vec<_> = lines.iter().map(|line| (format!("with-{line}.img"), next_kernel(line))).collect();
    let victims = lines.iter().map(|line| {
        let name = format!("linux-{}", line.replace('.', "-"));
        let section = networked_of(&name, line, 2, "512MiB").replace("demo.img", &format!("with-{line}.img"));
        format!("{section}cmdline = \"{words}\"\n")
    });
    let files: Vec<(&str, &[u8])> = images.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let text = box_file([networked("watcher", STABLE, 1)].into_iter().chain(victims));
    Scene::with(&text, &files).boot()
}

/// Has the next kernel report, and asserts that it is the right one with the right words.
fn assert_next_kernel(instance: &Instance<'_>, words: &str) {
    instance.wait_for_report();
    let line = instance.run("cat /proc/cmdline");
    for word in OURS.into_iter().chain(words.split(' ')) {
        assert!(line.contains(word), "{}: no {word:?} in {line}", instance.plan.name);
    }
}

/// Loads the driver of the small initial RAM disk, and opens its card.
fn join(instance: &Instance<'_>) {
    instance.run(&format!(
        "insmod /drivers/$(uname -r).ko && ip link set {CARD} up && ip addr add {}/24 dev {CARD}",
        instance.address()
    ));
}

fn assert_reaches(from: &Instance<'_>, to: &Instance<'_>) {
    let ping = format!("ping -c 1 -W 1 {} > /dev/null", to.address());
    from.wait_until(&ping, tests::instance::COMMAND_LIMIT, &format!("cat /sys/class/net/{CARD}/vni/links"));
}

/// Has an instance of each of these lines start its next kernel.
fn start_the_next_kernel(lines: &[&str]) {
    let booted = box_of(lines, "");
    booted.await_links();
    let watcher = booted.instance("watcher");
    for victim in &booted.instances()[1..] {
        let load = "-l /boot/vmlinuz --initrd=/boot/next.img --command-line='quiet and=mine'";
        let (said, status) = victim.try_run(&format!("kexec -c {load} 2>&1"));
        assert_ne!(status, 0, "it was loaded: {said}");
        assert_eq!(victim.run("cat /sys/kernel/kexec_loaded"), "0");
        victim.run("dmesg | grep 'kexec_load: refused'");
        victim.assert_calm();
        victim.run(&format!("kexec -s {load}"));
        victim.send("kexec -e");
        assert_next_kernel(victim, "quiet and=mine");
        victim.assert_has_exactly_its_cores();
        join(victim);
        assert_reaches(&watcher, victim);
        watcher.assert_undisturbed();
    }
}

#[test]
fn the_next_kernel_stays_in_its_partition_whatever_line_it_is_given() {
    start_the_next_kernel(&["7.2"]);
}

#[test]
#[ignore = "as with 7.2, with older kernels: cargo xtask test --matrix"]
fn the_next_kernel_stays_in_its_partition_in_older_kernels_too() {
    start_the_next_kernel(&["6.1", "6.12"]);
}

/// Has an instance of each of these lines panic with a crash kernel loaded.
fn panic_with_a_crash_kernel(lines: &[&str]) {
    let booted = box_of(lines, "crashkernel=160M");
    booted.await_links();
    let watcher = booted.instance("watcher");
    for (left, victim) in booted.instances()[1..].iter().enumerate() {
        victim
            .run("kexec -s -p /boot/vmlinuz --initrd=/boot/next.img --command-line='nr_cpus=1 reset_devices and=mine'");
        victim.send("echo c > /proc/sysrq-trigger");
        assert_next_kernel(victim, "nr_cpus=1 reset_devices and=mine elfcorehdr=");
        assert_eq!(victim.run("head -c 4 /proc/vmcore | tail -c 3"), "ELF");
        join(victim);
        assert_reaches(&watcher, victim);
        victim.send("reboot -f");
        victim.wait_for("would have reset the whole box");
        watcher.await_links(lines.len() - 1 - left, "up");
        watcher.assert_undisturbed();
    }
}

// 6.12 is that of a whole Debian, in `systems`.

#[test]
fn the_kernel_after_a_panic_reads_what_was_left_and_its_end_leaves_the_box_alone() {
    panic_with_a_crash_kernel(&["6.1"]);
}

#[test]
#[ignore = "as with 6.1, with a newer kernel: cargo xtask test --matrix"]
fn the_kernel_after_a_panic_reads_what_was_left_by_a_newer_one_too() {
    panic_with_a_crash_kernel(&["7.2"]);
}
