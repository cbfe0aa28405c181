//! The host looks after the partitions of a box that `sprig run` runs, from another terminal.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::Scene;
use tests::archive::{self, Entry};
use tests::fixture::{self, STABLE};
use tests::scene::{box_file, networked, partition};

/// For whatever is waited for.
const LIMIT: Duration = Duration::from_secs(180);
/// In its first life `db` panics on its second core, when it has come up, and `web` freezes the next `db` for as long as it
/// lives.
const PROFILE: &str = r#"
row() { sprig status --json | tr '{' '\n' | grep "$1"; }
first_life() { row '"own":true' | grep -q '"restarts":0'; }
case "$(hostname)" in
db)
    first_life && taskset -c 1 sh -c 'echo c > /proc/sysrq-trigger' ;;
web)
    first_life && {
        until row '"name":"db"' | grep '"restarts":1' | grep -q '"state":"running"'; do sleep 1; done
        sprig dump db --freeze -o - | { head -c 1; exec sleep 1000; } > /dev/null
    } & ;;
esac
"#;

/// `sprig` of a user who runs the boxes of a scene, and no other.
fn sprig(scene: &Scene, line: &str) -> Command {
    let runtime = scene.path("runtime");
    fs::create_dir_all(&runtime).expect("a folder for sockets");
    let mut command = Command::new(fixture::command());
    command.args(line.split_whitespace()).env("XDG_RUNTIME_DIR", runtime);
    command
}

fn run(scene: &Scene, line: &str) -> Output {
    sprig(scene, line).output().expect("the command runs")
}

/// What a command prints that succeeds.
fn done(scene: &Scene, line: &str) -> String {
    let output = run(scene, line);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`sprig {line}` failed: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Why a command is refused.
fn refusal(scene: &Scene, line: &str) -> String {
    let output = run(scene, line);
    assert_eq!(output.status.code(), Some(1), "`sprig {line}` was not refused");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.lines().count(), 1, "a refusal is one line: {said}");
    said
}

/// A box that runs, with what its command has printed so far.
struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: String,
}

impl Running {
    fn start(scene: &Scene, logs: &str) -> Self {
        let mut command = sprig(scene, "run");
        command.arg(scene.source().path()).arg("--boot-image").arg(fixture::boot_image());
        command.arg("--logs").arg(scene.path(logs));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
        let (sender, lines) = channel();
        let pipes: [Box<dyn BufRead + Send>; 2] = [
            Box::new(BufReader::new(child.stdout.take().expect("it is piped"))),
            Box::new(BufReader::new(child.stderr.take().expect("it is piped"))),
        ];
        for pipe in pipes {
            let sender = sender.clone();
            thread::spawn(move || pipe.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        }
        Self { child, lines, seen: String::new() }
    }

    /// Waits until the command has printed these words.
    fn wait_for(&mut self, words: &str) {
        let end = Instant::now() + LIMIT;
        while !self.seen.contains(words) {
            let line = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|error| panic!("no {words:?} ({error}) in:\n{}", self.seen));
            self.seen += &format!("{line}\n");
        }
    }

    fn end(&mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the command can be signalled");
        self.child.wait().expect("the command ends");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A key of a partition in the status.
fn status(scene: &Scene, partition: &str, key: &str) -> Value {
    let all: Value = serde_json::from_str(&done(scene, "status --box test --json")).expect("JSON");
    let mut rows = all["partitions"].as_array().expect("partitions").iter();
    rows.find(|row| row["name"] == partition).expect("the partition")[key].clone()
}

/// Waits until a key of a partition in the status has that value.
fn await_status(scene: &Scene, partition: &str, key: &str, value: &Value) {
    let end = Instant::now() + LIMIT;
    while status(scene, partition, key) != *value {
        assert!(Instant::now() < end, "{partition}: {key} is {} and not {value}", status(scene, partition, key));
        thread::yield_now();
    }
}

fn sockets(scene: &Scene) -> usize {
    let entries = fs::read_dir(scene.path("runtime").join("sprig")).expect("the folder of sockets").flatten();
    entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "sock")).count()
}

#[test]
fn the_host_restarts_stops_and_starts_every_partition_whatever_it_does() {
    let image = archive::extend(
        &fixture::network_initrd(),
        [Entry::folder("root"), Entry::file("root/.profile", PROFILE.as_bytes().to_vec())],
    );
    let driven = |name| networked(name, STABLE, 2).replace("demo.img", "panics.img");
    let bare = partition("bare", STABLE, 1);
    let scene = Scene::with(&box_file([driven("web"), driven("db"), bare]), &[("panics.img", &image)]);
    assert!(refusal(&scene, "status").contains("no box runs"));

    let mut running = Running::start(&scene, "logs");
    running.wait_for(" = every partition with a console is in user space");
    // A kernel without the driver does not know whose NMIs come.
    await_status(&scene, "web", "state", &"running".into());
    // All cores but the one that has panicked wait in the resident part, the boot core among them.
    running.wait_for(" = db: panicked");
    assert_eq!(status(&scene, "db", "state"), "panicked");
    assert!(
        done(&scene, "restart db --wait --timeout 120").starts_with("\"db\" is running, its kernel entered after ")
    );
    running.wait_for(" = db: running again (restart 1, panic)");
    running.wait_for(" = db: frozen");
    assert_eq!(status(&scene, "db", "state"), "frozen");
    assert!(refusal(&scene, "restart db").contains("\"db\" is being dumped by web"));

    // It has the boot processor, which comes by an NMI alone.
    done(&scene, "stop web --wait --box test");
    running.wait_for(" = web: stopped (asked by the host)");
    // Nobody renews its lease any more.
    running.wait_for(" = db goes on");
    assert_eq!(done(&scene, "stop web"), "\"web\" is stopped already\n");
    done(&scene, "start web --wait --timeout 120");
    running.wait_for(" = web: running again (restart 1, asked by the host)");
    assert_eq!(status(&scene, "web", "asked_by"), "the host");

    // Its kernel takes no NMI, so another partition fetches it.
    done(&scene, "stop bare --wait");
    running.wait_for(" = bare: stopped (asked by the host)");
    done(&scene, "start bare");
    await_status(&scene, "bare", "restarts", &1.into());

    assert!(refusal(&scene, "start web").contains("\"web\" is running; use sprig restart web"));
    assert!(refusal(&scene, "stop far").contains("there is no partition \"far\"; there are web, db, bare"));
    assert!(refusal(&scene, "stop web --box far").contains("no box \"far\" runs; there is test"));
    for disturbed in ["web", "db"] {
        let console = fs::read_to_string(scene.path("logs").join(format!("{disturbed}.log"))).expect("its log");
        let mut lines = console.lines();
        assert_eq!(lines.find(|line| line.contains("NMI received for unknown reason")), None, "{disturbed}");
    }

    a_second_run_has_a_name_of_its_own_and_may_be_killed(&scene);
    running.end(Signal::TERM);
    assert_eq!(sockets(&scene), 0);
}

fn a_second_run_has_a_name_of_its_own_and_may_be_killed(scene: &Scene) {
    let mut second = Running::start(scene, "other-logs");
    let name = format!("test-{}", second.child.id());
    second.wait_for(&format!("`sprig status --box {name}` reaches this one"));
    assert!(refusal(scene, "status").contains(&format!("2 boxes run: say which by --box: test, {name}")));
    second.end(Signal::KILL);
    assert_eq!(sockets(scene), 2, "it could remove nothing");
    assert!(done(scene, "status").contains("\nweb "));
    assert_eq!(sockets(scene), 1);
}
