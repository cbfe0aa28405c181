//! What a user may name by mistake, and what the command says of it: files of other kinds, kernels for other machines,
//! disks that are not there. Nothing of it may block, grow, or pass.

mod folder;

use std::fs::{self, File};
use std::io::Write;
use std::process::{Command, Stdio};

use folder::{Folder, PAIR, boot_image};
use rustix::fs::{CWD, Mode, mkfifoat};

/// The most memory that `check` may take for any input.
const MEMORY_MOST: u64 = 100 << 20;

/// What `check` prints of a box whose kernel, or initial RAM disk, is another file. It runs with little memory.
fn check(folder: &Folder, from: &str, to: &str) -> String {
    folder.write("box.toml", PAIR.replace(from, to).as_bytes());
    limited(folder, &["check", "box.toml"])
}

/// Runs the command with [`MEMORY_MOST`] of address space beyond its own, and with a limit on its time.
fn limited(folder: &Folder, arguments: &[&str]) -> String {
    let sprig = folder.command(arguments);
    let mut command = Command::new("prlimit");
    command
        .arg(format!("--as={}", MEMORY_MOST + (200 << 20)))
        .arg("--")
        .arg("timeout")
        .arg("20")
        .arg(sprig.get_program());
    let output = command.args(sprig.get_args()).current_dir(folder.path()).output().expect("prlimit runs");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    format!("{text}[exit {}]", output.status.code().unwrap())
}

/// The first line of an answer, and its exit code.
fn summary(answer: &str) -> String {
    let first = answer.lines().next().unwrap_or_default();
    let code = answer.rsplit_once("[exit ").map_or("", |(_, code)| code.trim_end_matches(']'));
    format!("{code}: {first}")
}

#[test]
fn a_kernel_must_be_a_file() {
    let folder = Folder::new();
    mkfifoat(CWD, folder.path().join("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    let expected = [("/dev/zero", "a character device"), ("pipe", "a pipe"), ("folder", "a directory")];
    for (file, kind) in expected {
        let answer = check(&folder, "\"vmlinuz\"", &format!("{file:?}"));
        assert_eq!(summary(&answer), format!("1: error[image-not-a-file]: \"{file}\" is {kind}, not a file"));
    }
}

#[test]
fn a_kernel_of_another_kind_is_named() {
    let folder = Folder::new();
    let mut arm64 = vec![0; 4096];
    arm64[0x38..0x3c].copy_from_slice(b"ARM\x64");
    let elf = |machine: u8| {
        let mut elf = vec![0; 4096];
        elf[..4].copy_from_slice(b"\x7fELF");
        elf[18] = machine;
        elf
    };
    let files = [
        ("arm64", arm64, "it is a kernel for ARM64"),
        ("aarch64.elf", elf(183), "it is an ELF file for AArch64"),
        ("vmlinux", elf(62), "it is an ELF file, such as vmlinux or a program"),
        ("vmlinuz.gz", b"\x1f\x8b\x08 and so on".to_vec(), "it is compressed by gzip"),
        ("empty", Vec::new(), "it is empty"),
        ("script", b"#!/bin/sh\n".to_vec(), "it is a script"),
    ];
    for (name, bytes, what) in files {
        folder.write(name, &bytes);
        let answer = check(&folder, "\"vmlinuz\"", &format!("{name:?}"));
        let message = format!("\"{name}\" cannot be started: it is not a Linux kernel image (bzImage): {what}");
        assert_eq!(summary(&answer), format!("1: error[kernel-not-a-bzimage]: {message}"));
    }
}

#[test]
fn a_huge_image_is_refused_by_its_length() {
    let folder = Folder::new();
    File::create(folder.path().join("huge.img")).unwrap().set_len(900 << 30).unwrap();
    let answer = check(&folder, "web.img", "huge.img");
    let message =
        "the initial file system of \"web\" has 900GiB; with its kernel it takes 900 GiB, and the partition has 512MiB";
    assert_eq!(summary(&answer), format!("1: error[initrd-too-large]: {message}"));
}

#[test]
fn an_image_that_unpacks_to_more_than_its_partition_is_refused() {
    let folder = Folder::new();
    // A zstd frame whose header announces 1 GiB.
    let frame = [b"\x28\xb5\x2f\xfd\xa0".as_slice(), &(1u32 << 30).to_le_bytes(), &[0; 64]].concat();
    folder.write("large.img", &frame);
    let answer = check(&folder, "web.img", "large.img");
    let first = summary(&answer);
    assert!(
        first
            .starts_with("1: error[initrd-too-large-unpacked]: the initial file system of \"web\" takes 1GiB unpacked"),
        "{first}"
    );
}

#[test]
fn a_kernel_as_initial_file_system_is_refused_and_noise_is_warned_of() {
    let folder = Folder::new();
    let answer = check(&folder, "web.img", "vmlinuz");
    let first = summary(&answer);
    assert_eq!(
        first,
        "1: error[initrd-is-a-kernel]: \"vmlinuz\" cannot be an initial file system: it is a Linux kernel"
    );
    folder.write("noise.img", &[0xa5; 5000]);
    let answer = check(&folder, "web.img", "noise.img");
    assert!(
        answer.contains("warning[initrd-unknown-format]: \"noise.img\" is in no format that Linux unpacks"),
        "{answer}"
    );
    assert!(answer.contains("ok: \"pair\"") && answer.ends_with("[exit 0]"), "{answer}");
}

#[test]
fn a_box_file_must_be_a_file_of_reasonable_length_or_standard_input() {
    let folder = Folder::new();
    mkfifoat(CWD, folder.path().join("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
    File::create(folder.path().join("long.toml")).unwrap().set_len(20 << 30).unwrap();
    let cases = [
        ("/dev/zero", "it is a character device, not a file"),
        ("pipe", "it is a pipe, not a file"),
        (".", "it is a directory, not a file"),
        ("long.toml", "it has 21474836480 bytes, and 1048576 are the most"),
        ("none.toml", "there is no such file"),
    ];
    for (file, what) in cases {
        let answer = limited(&folder, &["check", file]);
        assert_eq!(summary(&answer), format!("1: error: cannot read the box file {file}: {what}"));
    }
    let mut child = folder.command(&["check", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(PAIR.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"ok: \"pair\""));
}

#[test]
fn a_disk_must_be_there_and_free() {
    let folder = Folder::new();
    for command in [["plan"].as_slice(), &["run", "--boot-image", "boot.elf"]] {
        let arguments = |device| [command, &["box.toml", "--device", device]].concat();
        let missing = folder.sprig(&arguments("nvme=nope.img"));
        assert_eq!(summary(&missing), "1: error[disk-image-missing]: --device nvme=nope.img: there is no such file");
        let wrong = folder.sprig(&arguments("sata=."));
        assert_eq!(summary(&wrong), "1: error[disk-image-not-a-file]: --device sata=.: it is a directory, not a file");
    }
}

#[test]
fn a_machine_larger_than_the_host_is_warned_of_and_not_run() {
    let folder = Folder::new();
    let planned = folder.sprig(&["plan", "box.toml", "--machine", "memory=900TiB"]);
    assert!(planned.contains("warning[more-memory-than-host]: the emulated machine has 900 TiB"), "{planned}");
    assert!(planned.ends_with("[exit 0]"), "{planned}");
}

#[test]
fn paths_are_looked_at_before_tools() {
    let folder = Folder::new();
    let without_tools = |arguments: &[&str]| {
        let mut command = folder.command(arguments);
        let output = command.env("PATH", "/nonexistent").env("SPRIG_QEMU", "/nonexistent/qemu").output().unwrap();
        String::from_utf8(output.stderr).unwrap().lines().next().unwrap_or_default().to_owned()
    };
    let image = ["run", "box.toml", "--boot-image", "boot.elf", "--image", "nope.iso"];
    assert_eq!(without_tools(&image), "error: cannot read nope.iso: there is no such file");
    let output = ["image", "box.toml", "--boot-image", "boot.elf", "-o", "nowhere/x"];
    assert_eq!(without_tools(&output), "error: cannot write nowhere/x: No such file or directory (os error 2)");
    let run = ["run", "box.toml", "--boot-image", "boot.elf"];
    assert_eq!(without_tools(&run), "error: cannot start `/nonexistent/qemu`: there is no such program");
}

#[test]
fn help_that_nobody_gets_is_a_failure() {
    for arguments in [["--help"].as_slice(), &["run", "--help"], &["--version"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let status = Folder::new().command(arguments).stdout(full).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(1), "{arguments:?}");
    }
}

#[test]
fn a_boot_image_is_known_by_its_note() {
    let folder = Folder::new();
    let kernel = fs::read(folder.path().join("vmlinuz")).unwrap();
    let program = fs::read(env!("CARGO_BIN_EXE_sprig")).unwrap()[..4096].to_vec();
    let files = [
        ("kernel", kernel, "it is a Linux kernel"),
        ("empty", Vec::new(), "it is empty"),
        ("program", program, "it is an ELF file, such as vmlinux or a program"),
    ];
    for (name, bytes, what) in files {
        folder.write(name, &bytes);
        let answer = folder.sprig(&["run", "box.toml", "--boot-image", name]);
        assert_eq!(summary(&answer), format!("1: error: {name} is no Sprig boot image: {what}"));
    }
    folder.write("old.elf", &boot_image("0.0.7"));
    let answer = folder.sprig(&["image", "box.toml", "--boot-image", "old.elf", "-o", "nowhere/x"]);
    assert!(answer.contains("warning: old.elf is of Sprig 0.0.7, and this command of "), "{answer}");
}

#[test]
fn records_and_benches_are_opened_by_kind_and_size_too() {
    let folder = Folder::new();
    mkfifoat(CWD, folder.path().join("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
    for (file, kind) in [("/dev/zero", "a character device"), ("pipe", "a pipe")] {
        let answer = limited(&folder, &["plan", "box.toml", "--inventory", file]);
        assert_eq!(summary(&answer), format!("1: error: cannot read the inventory {file}: it is {kind}, not a file"));
        let answer = limited(&folder, &["report", file]);
        assert_eq!(summary(&answer), format!("1: error: cannot read the bench {file}: it is {kind}, not a file"));
    }
}

#[test]
fn a_minus_is_standard_output_for_a_picture() {
    let folder = Folder::new();
    let output = folder.command(&["plan", "box.toml", "--svg", "-"]).output().unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"<svg"));
    assert!(!folder.path().join("-").exists());
}

#[test]
fn an_error_that_nobody_reads_is_still_an_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Folder::new().command(&["check", "none.toml"]).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn less_memory_than_the_box_needs_is_refused_by_its_option() {
    let answer = Folder::new().sprig(&["run", "box.toml", "--memory", "64MiB"]);
    let first = summary(&answer);
    assert!(
        first.starts_with("1: error: the box needs a machine of ") && first.ends_with("and --memory gives it 64MiB"),
        "{first}"
    );
}

#[test]
fn nothing_that_is_read_is_overwritten_whatever_it_is_called() {
    let folder = Folder::new();
    let inventory = folder.sprig(&["plan", "box.toml", "--machine", "cpus=8"]);
    assert!(inventory.ends_with("[exit 0]"));
    folder.write("machine.json", b"{}");
    std::os::unix::fs::symlink("box.toml", folder.path().join("link")).unwrap();
    fs::create_dir(folder.path().join("logs")).unwrap();
    std::os::unix::fs::symlink("../box.toml", folder.path().join("logs/web.log")).unwrap();
    for arguments in [
        ["plan", "box.toml", "--svg", "link"].as_slice(),
        &["plan", "box.toml", "--svg", "./web.img"],
        &["image", "box.toml", "--boot-image", "boot.elf", "-o", "./boot.elf"],
        &["run", "box.toml", "--boot-image", "boot.elf", "--logs", "logs"],
    ] {
        let answer = folder.sprig(arguments);
        assert!(answer.contains("the command reads this very file") && answer.ends_with("[exit 1]"), "{answer}");
    }
    assert_eq!(fs::read(folder.path().join("box.toml")).unwrap(), PAIR.as_bytes());
}

#[test]
fn a_device_is_not_replaced_by_an_image() {
    let answer = Folder::new().sprig(&["image", "box.toml", "--boot-image", "boot.elf", "-o", "/dev/null"]);
    assert_eq!(summary(&answer), "1: error: cannot write /dev/null: it is a device or a pipe, not a file");
}

#[test]
fn options_out_of_their_range_are_wrong_usage() {
    let folder = Folder::new();
    for arguments in [
        ["run", "box.toml", "--timeout", "18446744073709551615"].as_slice(),
        &["run", "box.toml", "--timeout", "-5"],
        &["run", "box.toml", "--keep"],
        &["run", "box.toml", "--device", "e1000e="],
        &["plan", "box.toml", "--machine", "cpus=1,cpus=2"],
        &["plan", "box.toml", "--machine", "memory=1KiB"],
    ] {
        let answer = folder.sprig(arguments);
        assert!(answer.ends_with("[exit 2]"), "{arguments:?}: {answer}");
    }
    let keep = ["run", "-", "--boot-image", "boot.elf", "--until-up", "--keep"];
    assert!(
        summary(&folder.sprig(&keep)).starts_with("1: error: with --keep the box file cannot come from standard input")
    );
}

#[test]
fn thousands_of_partitions_make_no_thousands_of_lines() {
    let folder = Folder::new();
    let one =
        |number| format!("[[partition]]\nname = \"p{number}\"\ncpus = 1\nmemory = \"64MiB\"\nkernel = \"vmlinuz\"\n");
    let text: String = ["[box]\nname = \"many\"\n".to_owned()].into_iter().chain((0..5000).map(one)).collect();
    folder.write("box.toml", text.as_bytes());
    let answer = limited(&folder, &["check", "box.toml"]);
    assert!(answer.contains("error[too-few-cores]") && answer.contains("more of them are not shown"), "{answer}");
    assert!(answer.lines().count() < 200, "{} lines", answer.lines().count());
}

#[test]
fn a_ram_disk_that_is_cut_off_is_warned_of_and_a_home_folder_is_not_expanded() {
    let folder = Folder::new();
    folder.write("cut.img", &[b"\xfd7zXZ\0".as_slice(), &[7; 500]].concat());
    let answer = check(&folder, "web.img", "cut.img");
    assert!(answer.contains("warning[initrd-cut-off]") && answer.ends_with("[exit 0]"), "{answer}");
    let answer = check(&folder, "\"vmlinuz\"", "\"~/vmlinuz\"");
    assert!(answer.contains("`~` has no meaning in a box file") && answer.ends_with("[exit 1]"), "{answer}");
}
