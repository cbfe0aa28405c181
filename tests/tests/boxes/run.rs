//! How `sprig run` ends, and what it says of it: the command itself, as a user or a script runs it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;
use tests::Scene;
use tests::fixture::{self, STABLE};
use tests::scene::{box_file, partition};

/// For whatever a run is made to end by.
const LIMIT: Duration = Duration::from_secs(180);

/// `sprig run` of a scene, with a folder for temporary files of its own.
fn command(scene: &Scene, arguments: &[&str]) -> Command {
    let [temporary, runtime] = ["temporary", "runtime"].map(|name| scene.path(name));
    for folder in [&temporary, &runtime] {
        fs::create_dir_all(folder).expect("a folder for temporary files, and for sockets");
    }
    let mut command = Command::new(fixture::command());
    command.arg("run").arg(scene.source().path()).args(arguments);
    command.arg("--boot-image").arg(fixture::boot_image());
    command.env("TMPDIR", temporary).env("XDG_RUNTIME_DIR", runtime);
    command
}

fn run(scene: &Scene, arguments: &[&str]) -> Output {
    command(scene, arguments).output().expect("the command runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The folders that runs of a scene have left behind.
fn left_behind(scene: &Scene) -> Vec<PathBuf> {
    let entries = fs::read_dir(scene.path("temporary")).expect("the folder for temporary files");
    entries.map(|entry| entry.expect("a folder can be listed").path()).collect()
}

/// A run whose events are read as they come.
struct Events {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Events {
    fn start(scene: &Scene, arguments: &[&str]) -> Self {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let mut command = command(scene, &arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, lines }
    }

    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("a further event").expect("the command's output");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    fn all(mut self) -> (Vec<Value>, Option<i32>) {
        let events = self.lines.by_ref().map(|line| serde_json::from_str(&line.expect("output")).expect("an event"));
        (events.collect(), self.child.wait().expect("the command ends").code())
    }
}

/// The process below another one.
fn child_of(parent: u32) -> Pid {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let end = Instant::now() + LIMIT;
    loop {
        let children = fs::read_to_string(&path).unwrap_or_default();
        if let Some(child) = children.split_whitespace().next().and_then(|child| child.parse().ok()) {
            return Pid::from_raw(child).expect("a process ID is not 0");
        }
        assert!(Instant::now() < end, "no process below {parent}");
        std::thread::yield_now();
    }
}

#[test]
fn a_kernel_without_a_root_is_reported_at_once_and_fails_the_run() {
    let lost = partition("lost", STABLE, 1).replace("small.img", "noise.img");
    let noise: Vec<u8> = (0..2u32 << 20).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let scene = Scene::with(&box_file([lost, partition("well", STABLE, 1)]), &[("noise.img", &noise)]);
    let (events, code) = Events::start(&scene, &["--until-up"]).all();
    let panicked = events.iter().find(|event| event["event"] == "panicked").expect("the panic is an event");
    assert_eq!(panicked["partition"], "lost");
    assert!(panicked["cause"].as_str().is_some_and(|cause| cause.starts_with("VFS: Unable to mount root fs")));
    let end = events.last().expect("an end");
    assert_eq!((&end["event"], &end["cause"], &end["exit"]), (&"ended".into(), &"panicked".into(), &1.into()));
    let message = end["message"].as_str().expect("a message");
    assert!(message.contains("lost: kernel panic: VFS: Unable to mount root fs"), "{message}");
    assert!(message.contains("Kernel panic - not syncing") || message.contains("Call Trace"), "{message}");
    assert_eq!(code, Some(1));
}

#[test]
fn a_kernel_that_resets_the_machine_fails_the_run() {
    let restless = partition("a", STABLE, 1) + "cmdline = \"panic=1 rdinit=/nope\"\n";
    let output = run(&Scene::new(&box_file([restless])), &["--timeout", "120"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let line = "error: the machine was reset by a kernel or a triple fault; not in user space: a\n";
    assert!(said.contains(line) && said.contains("  a: kernel panic: "), "{said}");
}

#[test]
fn a_killed_emulator_is_told_from_a_reset() {
    let scene = Scene::of_cores(&[1]);
    let mut events = Events::start(&scene, &[]);
    assert_eq!(events.next()["event"], "started");
    kill_process(child_of(events.child.id()), Signal::KILL).expect("QEMU can be killed");
    let (events, code) = events.all();
    let end = events.last().expect("an end");
    assert_eq!(end["message"], "QEMU was killed by signal 9; not in user space: p0");
    assert_eq!(code, Some(1));
    assert!(left_behind(&scene).is_empty());
}

#[test]
fn an_end_before_user_space_is_no_success_whatever_its_cause() {
    let scene = Scene::of_cores(&[1]);
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT"), (Signal::HUP, "SIGHUP")] {
        let mut events = Events::start(&scene, &["--timeout", "100"]);
        assert_eq!(events.next()["event"], "started");
        let command = Pid::from_child(&events.child);
        kill_process(command, signal).expect("the command can be signalled");
        let (events, code) = events.all();
        let end = events.last().expect("an end");
        assert_eq!(end["message"], format!("ended by {name}; not in user space: p0"));
        assert_eq!(code, Some(1));
    }
    let output = run(&scene, &["--timeout", "1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("ended: the time is over; not in user space: p0"), "{}", stderr(&output));

    let mut command = command(&scene, &[]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
    let mut first = [0];
    child.stdout.take().expect("it is piped").read_exact(&mut first).expect("some output");
    let output = child.wait_with_output().expect("the command ends when nobody reads");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("ended: standard output takes no more; not in user space: p0"),
        "{}",
        stderr(&output)
    );
    assert!(left_behind(&scene).is_empty());
}

#[test]
fn a_log_that_cannot_be_written_is_reported_and_the_box_runs_on() {
    let scene = Scene::of_cores(&[1]);
    let logs = scene.path("logs");
    fs::create_dir(&logs).expect("a folder for logs");
    symlink("/dev/full", logs.join("p0.log")).expect("a link to a full device");
    let output = run(&scene, &["--until-up", "--timeout", "180", "--logs", &logs.display().to_string()]);
    let (shown, said) = (String::from_utf8_lossy(&output.stdout), stderr(&output));
    let warning = format!("cannot write the log {}: No space left on device", logs.join("p0.log").display());
    assert_eq!(shown.matches(&warning).count(), 1, "{shown}");
    assert!(shown.contains("every partition with a console is in user space"), "{shown}");
    assert!(said.contains(&warning), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_box_that_is_left_running_ends_with_its_process_and_leaves_nothing() {
    let scene = Scene::of_cores(&[1]);
    let output = run(&scene, &["--until-up", "--keep", "--timeout", "180", "--json"]);
    let (shown, said) = (String::from_utf8_lossy(&output.stdout), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(shown.contains("\"event\":\"left-running\""), "{shown}");
    let process = said.split_once("end it with: kill ").map(|(_, rest)| rest.trim());
    let process = process.and_then(|id| Pid::from_raw(id.parse().ok()?)).expect("the process is named");
    let machine = child_of(process.as_raw_nonzero().get().unsigned_abs());
    assert_eq!(left_behind(&scene).len(), 1, "the box runs");
    kill_process(process, Signal::TERM).expect("the box can be ended");
    let end = Instant::now() + LIMIT;
    while test_kill_process(machine).is_ok() || !left_behind(&scene).is_empty() {
        assert!(Instant::now() < end, "the machine or its folder is still there after {} s", LIMIT.as_secs());
        std::thread::yield_now();
    }
}

#[test]
fn the_folder_of_a_killed_run_is_removed_by_whoever_comes_next() {
    let scene = Scene::of_cores(&[1]);
    let mut events = Events::start(&scene, &[]);
    assert_eq!(events.next()["event"], "started");
    let alive = Events::start(&scene, &["--logs", &scene.path("other-logs").display().to_string()]);
    events.child.kill().expect("the command can be killed");
    events.child.wait().expect("it ends");
    let mut next = Command::new(fixture::command());
    next.arg("check").arg(scene.source().path()).env("TMPDIR", scene.path("temporary"));
    assert!(next.output().expect("the command runs").status.success());
    let mut alive = alive;
    assert_eq!(alive.next()["event"], "started");
    assert_eq!(left_behind(&scene).len(), 1, "the folder of the dead run is gone, that of the living one is not");
    kill_process(Pid::from_child(&alive.child), Signal::TERM).expect("the other run can be ended");
    alive.all();
}

#[test]
fn a_disk_that_a_running_machine_has_is_not_given_to_another() {
    let disks = partition("p0", STABLE, 1) + "devices = [\"class:nvme\"]\n";
    let scene = Scene::with(&box_file([disks]), &[("disk.img", &[0; 1 << 20])]);
    let device = format!("nvme={}", scene.path("disk.img").display());
    let mut events = Events::start(&scene, &["--device", &device]);
    assert_eq!(events.next()["event"], "started");
    let other = scene.path("other-logs").display().to_string();
    let output = run(&scene, &["--device", &device, "--logs", &other]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("error[disk-image-in-use]"), "{}", stderr(&output));
    kill_process(Pid::from_child(&events.child), Signal::TERM).expect("the first run can be ended");
    events.all();
}

#[test]
fn a_box_whose_foreground_is_ended_before_it_is_up_ends_too() {
    let scene = Scene::of_cores(&[1]);
    let mut events = Events::start(&scene, &["--until-up", "--keep"]);
    assert_eq!(events.next()["event"], "started");
    let background = child_of(events.child.id());
    kill_process(Pid::from_child(&events.child), Signal::TERM).expect("the command can be signalled");
    let (events, code) = events.all();
    let end = events.last().expect("an end");
    assert_eq!(end["message"], "ended by SIGTERM; not in user space: p0");
    assert_eq!(code, Some(1));
    assert!(test_kill_process(background).is_err(), "the background process has ended");
    assert!(left_behind(&scene).is_empty());
}

#[test]
fn an_image_that_is_interrupted_is_not_written_and_leaves_nothing() {
    let scene = Scene::of_cores(&[1]);
    let folder = scene.path("images");
    fs::create_dir(&folder).expect("a folder for the image");
    let mut command = Command::new(fixture::command());
    command.arg("image").arg(scene.source().path()).arg("-o").arg(folder.join("box.iso"));
    command.arg("--boot-image").arg(fixture::boot_image()).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().expect("the command runs");
    child_of(child.id());
    kill_process(Pid::from_child(&child), Signal::TERM).expect("the command can be signalled");
    let output = child.wait_with_output().expect("the command ends");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("error: interrupted: "), "{}", stderr(&output));
    let left: Vec<_> = fs::read_dir(&folder).expect("the folder").flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}
