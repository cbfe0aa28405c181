//! `sprig init`: what it proposes, and what it refuses without leaving anything.

mod folder;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use folder::{Folder, kernel_of};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A folder with a `boot` in which there are three kernels, and things that are none.
fn with_kernels() -> Folder {
    let folder = Folder::new();
    let boot = folder.path().join("boot");
    fs::create_dir(&boot).unwrap();
    for release in ["6.9.0-amd64", "6.12.1-amd64", "5.10.0-8-amd64"] {
        fs::write(boot.join(format!("vmlinuz-{release}")), kernel_of(release)).unwrap();
    }
    fs::copy(folder.path().join("web.img"), boot.join("initrd.img-6.12.1-amd64")).unwrap();
    fs::write(boot.join("vmlinuz-7.0-arm64"), arm64_kernel()).unwrap();
    fs::write(boot.join("vmlinuz-0-rescue-0123"), kernel_of("9.0")).unwrap();
    symlink("nowhere", boot.join("vmlinuz-8.0-gone")).unwrap();
    folder
}

/// The beginning of a kernel for another architecture (Linux `Documentation/arch/arm64/booting.rst`).
fn arm64_kernel() -> Vec<u8> {
    [&[0; 0x38], b"ARM\x64".as_slice(), &[0; 4096]].concat()
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.collect();
    names.sort();
    names
}

#[test]
fn the_newest_kernel_is_proposed_and_the_box_can_be_planned() {
    let folder = with_kernels();
    insta::assert_snapshot!("proposed", folder.sprig(&["init", "pair", "--root", ".", "--emulated"]));
    insta::assert_snapshot!("proposed-file", fs::read_to_string(folder.path().join("pair.toml")).unwrap());
    assert!(folder.sprig(&["plan", "pair.toml"]).ends_with("[exit 0]"));
}

#[test]
fn what_is_given_goes_before_what_is_found() {
    let folder = with_kernels();
    let sizes = ["--partitions", "3", "--cpus", "1", "--memory", "512MiB", "--emulated"];
    let images = ["--kernel", "vmlinuz", "--initrd", "web.img"];
    let said = folder.sprig(&[["init", "trio"].as_slice(), &sizes, &images].concat());
    assert_eq!(
        said,
        "wrote trio.toml: 3 partitions, 3 cores, on emulated machine: 3 cores, 1792 MiB\n\
         next: sprig plan trio.toml, sprig run trio.toml\n[exit 0]"
    );
    let text = fs::read_to_string(folder.path().join("trio.toml")).unwrap();
    assert_eq!(text.matches("\nkernel = \"vmlinuz\"\n").count(), 3);
    assert_eq!(text.matches("\ninitrd = \"web.img\"\n").count(), 3);
}

/// [`Folder::new`] has a box file of that name.
#[test]
fn a_file_that_is_there_stays_as_it_is() {
    let folder = with_kernels();
    let before = fs::read(folder.path().join("box.toml")).unwrap();
    insta::assert_snapshot!(folder.sprig(&["init", "--root", "."]), @r"
    error: box.toml is there already, and is left as it is
      help: choose another name, or move box.toml away
    [exit 1]
    ");
    assert_eq!(fs::read(folder.path().join("box.toml")).unwrap(), before);
}

#[test]
fn each_mistake_has_one_answer_and_leaves_nothing() {
    let folder = with_kernels();
    let before = names(folder.path());
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::create_dir(folder.path().join("closed.toml")).unwrap();
    let mistakes: [&[&str]; 13] = [
        &["--root", "empty"],
        &["--kernel", "none"],
        &["--kernel", "web.img"],
        &["--kernel", "boot"],
        &["--kernel", "boot/vmlinuz-7.0-arm64"],
        &["--kernel", "vmlinuz", "--initrd", "none"],
        &["--root", ".", "--memory", "16MiB"],
        &["--root", ".", "--memory", "1GB"],
        &["--root", ".", "--memory", "3KiB"],
        &["--root", ".", "--partitions", "19"],
        &["--root", ".", "--cpus", "0"],
        &["--root", ".", "--cpus", "200", "--partitions", "2"],
        &["--root", "empty", "--this-machine", "--kernel", "vmlinuz"],
    ];
    let answers = mistakes.map(|arguments| {
        let emulated: &[&str] = if arguments.contains(&"--this-machine") { &[] } else { &["--emulated"] };
        let arguments = [&["init", "new"], emulated, arguments].concat();
        format!("$ sprig {}\n{}", arguments.join(" "), folder.sprig(&arguments))
    });
    insta::assert_snapshot!("mistakes", answers.join("\n\n"));
    let name = ["init", "pair.toml", "--root", "."];
    insta::assert_snapshot!("a-name-that-cannot-be", folder.sprig(&name));
    insta::assert_snapshot!("a-folder-of-that-name", folder.sprig(&["init", "closed", "--root", "."]));
    let after: Vec<_> =
        names(folder.path()).into_iter().filter(|name| name != "empty" && name != "closed.toml").collect();
    assert_eq!(after, before);
}

/// Puts a machine into the folder, as Linux shows it: with these cores, and memory up to there.
fn put_machine(folder: &Folder, apic_ids: &[u8], end_of_memory: &str) {
    let write = |path: &str, bytes: &[u8]| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let cores: Vec<_> = apic_ids.iter().flat_map(|id| [0, 8, *id, *id, 1, 0, 0, 0]).collect();
    let len = u32::try_from(44 + cores.len()).unwrap();
    let header = [b"APIC".as_slice(), &len.to_le_bytes(), &[0; 28], &0xfee0_0000_u32.to_le_bytes(), &[0; 4]];
    write("sys/firmware/acpi/tables/APIC", &[&header.concat()[..], &cores].concat());
    for (number, (start, end)) in [("0x0", "0x9fbff"), ("0x100000", end_of_memory)].into_iter().enumerate() {
        for (field, value) in [("start", start), ("end", end), ("type", "System RAM")] {
            write(&format!("sys/firmware/memmap/{number}/{field}"), value.as_bytes());
        }
    }
}

#[test]
fn a_machine_that_cannot_carry_the_box_is_complained_of_and_nothing_is_written() {
    let folder = with_kernels();
    put_machine(&folder, &[0], "0xfffffff");
    let said = folder.sprig(&["init", "large", "--root", ".", "--this-machine"]);
    assert!(said.contains("error[too-few-cores]") && said.contains("error[too-little-memory]"), "{said}");
    assert!(said.contains("or --emulated") && said.ends_with("[exit 1]"), "{said}");
    assert!(!folder.path().join("large.toml").exists());
    // Without a word about the machine it is the same: it can be looked at.
    assert!(folder.sprig(&["init", "large", "--root", "."]).contains("error[too-few-cores]"));
}

/// Whether it has the clock that instances need is a question to the machine on which this runs.
#[test]
fn a_small_machine_can_carry_what_is_proposed_for_it() {
    let folder = with_kernels();
    put_machine(&folder, &[0, 1], "0x3fffffff");
    let said = folder.sprig(&["init", "small", "--root", ".", "--this-machine"]);
    assert!(!said.contains("error[too-") && !said.contains("cannot look"), "{said}");
    let said = folder.sprig(&["init", "large", "--root", ".", "--this-machine", "--cpus", "2", "--memory", "1GiB"]);
    assert!(said.contains("error[too-few-cores]") && said.contains("error[too-little-memory]"), "{said}");
}

#[test]
fn a_person_at_a_terminal_is_asked_for_what_is_not_given() {
    let folder = with_kernels();
    let (questions, said) = at_a_terminal(&folder, &["init", "--root", ".", "--cpus", "1"], "trio\n2\nmany\n3\n\n");
    insta::assert_snapshot!("questions", questions);
    assert!(said.starts_with("wrote trio.toml: 3 partitions, 3 cores, on emulated machine"), "{said}");
    let text = fs::read_to_string(folder.path().join("trio.toml")).unwrap();
    assert!(text.contains("kernel = \"./boot/vmlinuz-6.9.0-amd64\""), "{text}");
}

#[test]
fn of_two_at_once_one_writes_the_file_and_the_other_leaves_it() {
    let folder = with_kernels();
    let start = || {
        let mut command = folder.command(&["init", "same", "--root", ".", "--emulated"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let ends = [start(), start()].map(|child| child.wait_with_output().unwrap());
    assert_eq!(ends.iter().filter(|end| end.status.success()).count(), 1, "{ends:?}");
    let loser = ends.iter().find(|end| !end.status.success()).unwrap();
    let said = String::from_utf8_lossy(&loser.stderr);
    assert!(said.starts_with("error: same.toml is there already, and is left as it is\n"), "{said}");
    assert!(folder.sprig(&["check", "same.toml"]).starts_with("ok: "));
    assert!(names(folder.path()).iter().all(|name| !name.starts_with(".tmp")));
}

#[test]
fn a_reader_that_has_gone_is_no_failure_and_a_full_one_is() {
    let folder = with_kernels();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let end = folder.command(&["init", "gone", "--root", ".", "--emulated"]).stdout(writer).output().unwrap();
    assert!(end.status.success() && end.stderr.is_empty(), "{end:?}");
    let full = File::options().write(true).open("/dev/full").unwrap();
    let end = folder.command(&["init", "full", "--root", ".", "--emulated"]).stdout(full).output().unwrap();
    let said = String::from_utf8_lossy(&end.stderr);
    assert!(!end.status.success() && said.starts_with("error: cannot write to standard output: "), "{said}");
}

/// In `/proc` nobody can make a file.
#[test]
fn a_folder_that_takes_no_file_is_named_in_one_line_and_a_help() {
    let folder = with_kernels();
    let root = folder.path().display().to_string();
    let end = folder.command(&["init", "new", "--root", &root, "--emulated"]).current_dir("/proc").output().unwrap();
    let said = String::from_utf8_lossy(&end.stderr);
    let lines: Vec<_> = said.lines().collect();
    assert!(!end.status.success() && lines.len() == 2 && !said.contains(".tmp"), "{said}");
    assert!(lines[0].starts_with("error: cannot write new.toml: ") && lines[1].starts_with("  help: "), "{said}");
}

#[test]
fn what_is_named_is_looked_at_before_anything_is_asked() {
    let folder = with_kernels();
    let (questions, said) = at_a_terminal(&folder, &["init", "--root", ".", "--kernel", "none"], "");
    assert!(questions.ends_with("cannot take --kernel none: there is no such file\n"), "{questions}");
    assert_eq!((questions.lines().count(), said.as_str()), (1, ""));
}

/// Types all answers at once, as a terminal allows, and gives the questions and the standard output.
fn at_a_terminal(folder: &Folder, arguments: &[&str], answers: &str) -> (String, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let other_end = || File::from(rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap());
    let (input, errors) = (other_end(), other_end());
    let mut terminal = File::from(terminal);
    terminal.write_all(answers.as_bytes()).unwrap();
    let mut command = folder.command(arguments);
    let mut child = command.stdin(input).stderr(errors).stdout(Stdio::piped()).spawn().unwrap();
    // Its ends of the terminal close with it, and then there is no more to read.
    drop(command);
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    child.wait().unwrap();
    let mut shown = Vec::new();
    // Linux answers with an error where nobody is at the other end any more.
    let _ = terminal.read_to_end(&mut shown);
    (String::from_utf8(shown).unwrap().replace('\r', ""), said)
}
