//! The C header held against the Rust behind it, and a C program on the other end of a link.

mod support;

use std::env;
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hosted::abi::{exchanging, telling};
use hosted::{Endpoint, Hub, LinkState, Offload};
use support::{until, until_up, window};

const HEADER: &str = include_str!("../include/sprig_vni_hosted.h");
const SOURCES: [&str; 4] = [
    include_str!("../src/abi/exchanging.rs"),
    include_str!("../src/abi/failing.rs"),
    include_str!("../src/abi/opening.rs"),
    include_str!("../src/abi/telling.rs"),
];

/// Each type of the interface, in both languages.
const TYPES: [(&str, &str); 14] = [
    ("*mut Endpoint", "sprig_vni_endpoint *"),
    ("*mut Serving", "sprig_vni_hub *"),
    ("*const Frame", "const sprig_vni_frame *"),
    ("*mut Frame", "sprig_vni_frame *"),
    ("*const c_char", "const char *"),
    ("*mut u32", "uint32_t *"),
    ("*mut u8", "uint8_t *"),
    ("c_int", "int "),
    ("i32", "int32_t "),
    ("u32", "uint32_t "),
    ("u64", "uint64_t "),
    ("u16", "uint16_t "),
    ("u8", "uint8_t "),
    ("", "void "),
];

fn in_c(rust: &str) -> &'static str {
    let found = TYPES.iter().find(|(known, _)| *known == rust.trim());
    found.unwrap_or_else(|| panic!("say in this test what {rust:?} is in C")).1
}

/// The declaration of a function, of what follows `extern "C" fn ` in its source.
fn declaration(source: &str) -> String {
    let (name, rest) = source.split_once('(').unwrap();
    let (arguments, rest) = rest.split_once(')').unwrap();
    let result = rest.split_once('{').unwrap().0.trim().trim_start_matches("->");
    let arguments = arguments.split(',').map(str::trim).filter(|argument| !argument.is_empty());
    let arguments = arguments.map(|argument| {
        let (name, kind) = argument.split_once(": ").unwrap();
        format!("{}{name}", in_c(kind))
    });
    let arguments: Vec<String> = arguments.collect();
    let arguments = if arguments.is_empty() { "void".to_owned() } else { arguments.join(", ") };
    format!("{}{name}({arguments});", in_c(result))
}

#[test]
fn the_header_declares_every_function_as_it_is_and_no_other() {
    let mut declared: Vec<&str> =
        HEADER.lines().filter(|line| line.ends_with(");") && !line.starts_with(' ')).collect();
    let functions = SOURCES.iter().flat_map(|source| source.split("extern \"C\" fn ").skip(1));
    let mut written: Vec<String> = functions.map(declaration).collect();
    declared.sort_unstable();
    written.sort_unstable();
    assert_eq!(declared, written);
}

#[test]
fn c_lays_frames_out_as_rust_does_and_has_the_same_constants() {
    let constants = [
        ("SPRIG_VNI_MIN_FRAME", vni::MIN_FRAME),
        ("SPRIG_VNI_MAX_FRAME", vni::MAX_FRAME),
        ("SPRIG_VNI_SENT", exchanging::SENT as usize),
        ("SPRIG_VNI_NO_ROOM", exchanging::NO_ROOM as usize),
        ("SPRIG_VNI_LINK_DOWN", exchanging::LINK_DOWN as usize),
        ("SPRIG_VNI_BAD_LENGTH", exchanging::BAD_LENGTH as usize),
        ("SPRIG_VNI_LINK_IS_DOWN", telling::LINK_IS_DOWN as usize),
        ("SPRIG_VNI_LINK_IS_COMING", telling::LINK_IS_COMING as usize),
        ("SPRIG_VNI_LINK_IS_UP", telling::LINK_IS_UP as usize),
        ("SPRIG_VNI_LINK_IS_STALLED", telling::LINK_IS_STALLED as usize),
        ("sizeof(sprig_vni_frame)", size_of::<exchanging::Frame>()),
        ("offsetof(sprig_vni_frame, room)", offset_of!(exchanging::Frame, room)),
        ("offsetof(sprig_vni_frame, len)", offset_of!(exchanging::Frame, len)),
        ("offsetof(sprig_vni_frame, offload)", offset_of!(exchanging::Frame, offload)),
        ("sizeof(sprig_vni_offload)", size_of::<Offload>()),
        ("offsetof(sprig_vni_offload, segmentation)", offset_of!(Offload, segmentation)),
        ("offsetof(sprig_vni_offload, segment_size)", offset_of!(Offload, segment_size)),
        ("offsetof(sprig_vni_offload, checksum_start)", offset_of!(Offload, checksum_start)),
        ("offsetof(sprig_vni_offload, checksum_offset)", offset_of!(Offload, checksum_offset)),
    ];
    let defined =
        HEADER.lines().filter(|line| line.starts_with("#define SPRIG_VNI_") && line.contains(' ')).count() - 1;
    assert_eq!(constants.iter().filter(|(name, _)| name.starts_with("SPRIG")).count(), defined, "each is held");
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("constants.c");
    let asserts = constants.map(|(name, value)| format!("_Static_assert({name} == {value}, \"{name}\");\n")).concat();
    std::fs::write(&source, format!("#include <stddef.h>\n#include \"sprig_vni_hosted.h\"\n{asserts}")).unwrap();
    compile(&["-c".as_ref()], &source, &folder.path().join("constants.o"));
}

/// Compiles with all warnings, and says what the compiler says.
fn compile(options: &[&Path], source: &Path, to: &Path) {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    let mut command = Command::new("cc");
    command.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-I"]).arg(include).arg(source);
    let output = command.arg("-o").arg(to).args(options).output().expect("cc runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The folder where cargo has put the libraries of this package.
fn libraries() -> PathBuf {
    env::current_exe().unwrap().parent().unwrap().to_owned()
}

#[test]
fn a_c_program_echoes_a_hundred_thousand_frames() {
    const ROUNDS: u32 = 100_000;
    let folder = tempfile::tempdir().unwrap();
    let (hub_path, program) = (folder.path().join("hub"), folder.path().join("echo"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/echo.c");
    let library = libraries().join("libhosted.so");
    compile(&[&library], &source, &program);
    let window = window(2);
    let _serving = Hub::bind(&hub_path, &window).unwrap().spawn().unwrap();
    let mut a = Endpoint::open(&window, 0).unwrap();
    let child = Command::new(&program)
        .arg(&hub_path)
        .env("LD_LIBRARY_PATH", libraries())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until_up(&mut a, 1);
    let lane = a.lane(1, 0).unwrap();
    let mut buffer = vec![0; vni::MAX_FRAME];
    let frame_of = |number: u32| -> Vec<u8> { (0..60 + number % 1400).map(|at| (at * 3 + number) as u8).collect() };
    let (mut sent, mut came) = (0, 0);
    until("every frame to come back", &mut [&mut a], |all| {
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
    assert_eq!(a.link(1), LinkState::Up);
    drop(a);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let refused = "refused: the window has partitions 0 to 1, and no partition 7";
    assert_eq!(said, format!("{refused}\njoined: 1 of 2, mac ends with 1\nreceived: {ROUNDS}\n"));
}
