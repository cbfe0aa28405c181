//! What the boot image refuses: it prints the error on the serial port, and starts nothing.
//!
//! The host would refuse the same before it starts anything, so these tests make the bundles without its checks.

use std::borrow::Cow;
use std::fs;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use emulator::bundle::{Bundle, Content, NamedImage};
use emulator::qemu::{Boot, ConsoleSpec, Machine, MachineSpec};
use tempfile::TempDir;
use tests::HeldLine;
use tests::fixture;
use tests::scene::{box_file, partition};

const LIMIT: Duration = Duration::from_secs(60);
const LOG: &str = "sprig";
const LAST_WORDS: &str = "halted: nothing was started";

/// A machine that is booted with any bundle.
pub(crate) struct Attempt {
    folder: TempDir,
    spec: MachineSpec,
}

impl Attempt {
    fn with_archive(archive: &[u8]) -> Self {
        let folder = TempDir::with_prefix("sprig-test-").expect("a folder for the bundle");
        let path = folder.path().join("bundle.cpio");
        fs::write(&path, archive).expect("a bundle");
        let boot = Boot::Kernel { image: fixture::boot_image(), initrd: Some(path), command_line: String::new() };
        let consoles = vec![ConsoleSpec::new(LOG)];
        Self { folder, spec: MachineSpec { cpus: 2, memory: 1 << 30, consoles, ..MachineSpec::new(boot) } }
    }

    /// With that box file, and the images that it may name.
    pub(crate) fn of(text: &str) -> Self {
        Self::with_archive(&archive(text, &kernel()))
    }

    /// With a further argument for QEMU.
    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.spec.arguments.push(argument.to_owned());
        self
    }

    /// A path in the folder of its bundle.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Boots, and returns the log.
    fn log(self) -> String {
        self.log_with(|| ())
    }

    /// The same, with something done to the machine as soon as it runs.
    fn log_with(self, done: impl FnOnce()) -> String {
        let machine: Machine = self.spec.start().unwrap_or_else(|error| panic!("{error}"));
        done();
        let log = machine.console(LOG).expect("the log");
        log.wait_for(LAST_WORDS, LIMIT).unwrap_or_else(|error| panic!("{error}"));
        drop(self.folder);
        log.text()
    }

    /// The same, with a serial line that is held up for so long after a part of the log.
    fn log_read_late(mut self, mut line: HeldLine, held_for: Duration) -> String {
        self.spec.arguments.extend(line.arguments());
        let _machine = self.spec.start().unwrap_or_else(|error| panic!("{error}"));
        line.hold(held_for, LIMIT);
        line.read_until(LAST_WORDS, LIMIT)
    }

    /// Boots, and returns the log from the error on, without the times.
    pub(crate) fn refusal(self) -> String {
        self.refusal_with(|| ())
    }

    /// The same, with something done to the machine as soon as it runs.
    pub(crate) fn refusal_with(self, done: impl FnOnce()) -> String {
        let text = self.log_with(done);
        assert!(!text.contains(" start: "), "nothing was started:\n{text}");
        let line = |line: &str| line.trim_end().get("sprig     0.000 ".len()..).unwrap_or_default().to_owned();
        let lines: Vec<_> = text.lines().map(line).skip_while(|line| !line.starts_with("FAILED")).collect();
        lines.join("\n")
    }
}

fn kernel() -> Vec<u8> {
    fs::read(fixture::kernel(fixture::STABLE)).expect("a kernel")
}

fn archive(text: &str, kernel: &[u8]) -> Vec<u8> {
    let initrd = fs::read(fixture::initrd()).expect("an initial file system");
    let image = |path, bytes| NamedImage { path, content: Content::Bytes(Cow::Borrowed(bytes)) };
    let images = [image("vmlinuz-6.12", kernel), image("small.img", initrd.as_slice())];
    let bundle = Bundle::new(text.as_bytes(), &images).unwrap_or_else(|error| panic!("{error}"));
    let mut archive = Vec::new();
    bundle.write_cpio(&mut archive).expect("writing to memory");
    archive
}

fn two() -> String {
    box_file([partition("web", fixture::STABLE, 1), partition("db", fixture::STABLE, 1)])
}

fn two_on_one_core() -> String {
    two().replace("cpus = 1", "cpus = \"1\"")
}

/// Replaces times and rates, which differ between runs, but not in length.
fn without_digits(log: &str) -> String {
    log.trim_end().replace(|letter: char| letter.is_ascii_digit(), "0")
}

#[test]
fn a_refusal_whose_reader_is_late_is_whole() {
    let at_once = Attempt::of(&two_on_one_core()).log();
    let late = Attempt::of(&two_on_one_core()).log_read_late(HeldLine::with_room(512), Duration::from_millis(500));
    assert_eq!(without_digits(&late), without_digits(&at_once));
}

#[test]
fn a_core_that_two_partitions_claim_is_refused() {
    let refusal = Attempt::of(&two_on_one_core()).refusal();
    assert!(refusal.starts_with("FAILED plan: error[core-claimed-twice]"), "{refusal}");
    assert!(refusal.contains("at box.toml:14: "), "both lines are named:\n{refusal}");
    assert!(refusal.contains("at box.toml:7: "), "both lines are named:\n{refusal}");
    assert!(refusal.contains("help: "), "{refusal}");
}

#[test]
fn more_memory_than_the_machine_has_is_refused() {
    let refusal = Attempt::of(&two().replace("256MiB", "8GiB")).refusal();
    assert!(refusal.starts_with("FAILED plan: error[too-little-memory]"), "{refusal}");
}

#[test]
fn an_unknown_key_is_refused() {
    let refusal = Attempt::of(&two().replace("cpus = 1", "cpu = 1")).refusal();
    assert!(refusal.starts_with("FAILED request: error[unknown-key]"), "{refusal}");
}

#[test]
fn a_word_that_leads_a_kernel_out_of_its_partition_is_refused() {
    let text = two().replacen("cpus = 1", "cpus = 1\ncmdline = \"quiet pci=noacpi\"", 1);
    let refusal = Attempt::of(&text).refusal();
    assert!(refusal.starts_with("FAILED request: error[cmdline-word-refused]"), "{refusal}");
    assert!(refusal.contains("pci=noacpi"), "the word is named:\n{refusal}");
}

#[test]
fn a_truncated_kernel_is_refused() {
    let kernel = kernel();
    let refusal = Attempt::with_archive(&archive(&two(), &kernel[..kernel.len() / 2])).refusal();
    assert!(refusal.starts_with("FAILED request: error[kernel-truncated]"), "{refusal}");
}

#[test]
fn a_box_file_changed_after_the_image_was_made_is_refused() {
    let mut archive = archive(&two(), &kernel());
    let at = archive.windows(8).position(|window| window == b"cpus = 1").expect("the box file is in the archive");
    archive[at + 7] = b'2';
    let refusal = Attempt::with_archive(&archive).refusal();
    assert!(refusal.starts_with("FAILED bundle: error[box-file-changed]"), "{refusal}");
}

#[test]
fn a_machine_without_an_acpi_madt_is_refused() {
    let refusal = Attempt::of(&two()).argument("-machine").argument("microvm,acpi=off").refusal();
    assert!(refusal.starts_with("FAILED inventory: error[no-madt]"), "{refusal}");
}

#[test]
fn a_machine_without_an_invariant_tsc_is_refused() {
    // Without its signature the emulator's counter looks like that of an old processor.
    let refusal = Attempt::of(&two()).argument("-cpu").argument("max,-hypervisor").refusal();
    assert!(refusal.starts_with("FAILED plan: error[tsc-not-invariant]"), "{refusal}");
}

#[test]
fn no_module_at_all_is_refused() {
    let folder = TempDir::with_prefix("sprig-test-").expect("a folder");
    let boot = Boot::Kernel { image: fixture::boot_image(), initrd: None, command_line: String::new() };
    let spec = MachineSpec { memory: 256 << 20, consoles: vec![ConsoleSpec::new(LOG)], ..MachineSpec::new(boot) };
    let refusal = Attempt { folder, spec }.refusal();
    assert!(refusal.starts_with("FAILED bundle: error[manifest-missing]"), "{refusal}");
}

#[test]
fn a_file_that_is_no_bundle_is_refused() {
    let folder = TempDir::with_prefix("sprig-test-").expect("a folder");
    let path = folder.path().join("noise");
    File::create(&path).and_then(|file| file.set_len(1 << 16)).expect("a file");
    let refusal = Attempt::with_archive(&fs::read(&path).expect("the file")).refusal();
    assert!(refusal.starts_with("FAILED bundle: error[archive-damaged]"), "{refusal}");
}
