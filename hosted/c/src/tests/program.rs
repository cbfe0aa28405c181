//! A C program on the other end of a link.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use hosted::{Endpoint, LinkState, Offload, WindowServer};
use serde_json::Value;

use super::compile;
use super::support::{until, until_up, window};

/// How many frames the program sends back.
const ROUNDS: u32 = 100_000;

static LIBRARIES: LazyLock<Libraries> = LazyLock::new(Libraries::build);

/// The libraries for C, as cargo makes them.
struct Libraries {
    shared: PathBuf,
    archive: PathBuf,
}

impl Libraries {
    /// Built here, since cargo builds for a test only libraries that Rust can link with.
    fn build() -> Self {
        let output = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--lib", "--message-format", "json"])
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8(output.stdout).expect("cargo prints text");
        let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).expect("cargo prints JSON"));
        let files = messages.flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default());
        let files: Vec<PathBuf> = files.filter_map(|file| Some(file.as_str()?.into())).collect();
        let named = |name: &str| {
            let found = files.iter().find(|path| path.ends_with(name));
            found.unwrap_or_else(|| panic!("cargo has made {files:?}, and no {name}")).clone()
        };
        Self { shared: named("libsprig_vni_hosted.so"), archive: named("libsprig_vni_hosted.a") }
    }
}

/// Compiles an example with what it links with.
fn program(example: &str, options: &[&OsStr], to: &Path) -> Command {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example);
    compile(&source, options, to);
    Command::new(to)
}

#[test]
fn a_c_program_echoes_a_hundred_thousand_frames() {
    let folder = tempfile::tempdir().unwrap();
    let libraries = LIBRARIES.shared.parent().expect("a library lies in a folder");
    let options = ["-L".as_ref(), libraries.as_os_str(), "-lsprig_vni_hosted".as_ref()];
    let mut program = program("echo.c", &options, &folder.path().join("echo"));
    let said = echoes(program.env("LD_LIBRARY_PATH", libraries), &folder.path().join("socket"));
    assert_eq!(said, expected());
}

#[test]
fn a_c_program_with_the_archive_in_it_does_so_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = program("echo.c", &with_archive(), &folder.path().join("echo"));
    assert_eq!(echoes(&mut program, &folder.path().join("socket")), expected());
}

#[test]
fn a_c_program_that_reads_and_writes_frames_where_they_lie_does_so_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = program("echo_in_place.c", &with_archive(), &folder.path().join("echo"));
    assert_eq!(echoes(&mut program, &folder.path().join("socket")), format!("received: {ROUNDS}\n"));
}

/// What a program links with that has the archive in it.
fn with_archive() -> Vec<&'static OsStr> {
    let system = ["-lpthread", "-ldl", "-lm", "-lgcc_s"].map(OsStr::new);
    [&[LIBRARIES.archive.as_os_str()], &system[..]].concat()
}

/// What `echo.c` says.
fn expected() -> String {
    let refused = "refused: the window has partitions 0 to 1, and no partition 7";
    format!("{refused}\njoined: 1 of 2, mac ends with 1\nreceived: {ROUNDS}\n")
}

/// Starts a program, which joins at `server_path`, holds it to what it has to send back, and returns what it has said.
fn echoes(program: &mut Command, server_path: &Path) -> String {
    let window = window(2);
    let _serving = WindowServer::bind(server_path, &window).unwrap().spawn().unwrap();
    let mut a = Endpoint::open(&window, 0).unwrap();
    let child = program.arg(server_path).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until_up(&mut a, 1);
    exchange(&mut a);
    assert_eq!(a.link(1), LinkState::Up);
    drop(a);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Sends frames to the program, and looks at each that comes back.
fn exchange(a: &mut Endpoint) {
    let lane = a.lane(1, 0).unwrap();
    let mut buffer = vec![0; vni::MAX_FRAME];
    let frame_of = |number: u32| -> Vec<u8> { (0..60 + number % 1400).map(|at| (at * 3 + number) as u8).collect() };
    let (mut sent, mut came) = (0, 0);
    until("every frame to come back", &mut [a], |all| {
        let a = &mut *all[0];
        while sent < ROUNDS && sent - came < 100 && a.send(lane, &frame_of(sent), Offload::NONE).is_ok() {
            sent += 1;
        }
        a.publish(lane);
        while let Some(received) = a.receive(lane, &mut buffer) {
            buffer[..received.len].reverse();
            assert_eq!(buffer[..received.len], frame_of(came), "frame {came}");
            came += 1;
        }
        a.release(lane);
        came == ROUNDS
    });
}
