//! `sprig_vni_core.h` held against the Rust behind it: each prototype, each field, each constant.

use core::ffi::c_void;
use core::mem::offset_of;
use std::borrow::ToOwned;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use shmem::MAX_PARTITIONS;
use vni::descriptor::Offload;
use vni::link::State;
use vni::peer_link::LinkStatus;

use crate::abi::doorbell::Cores;
use crate::abi::receive::Frame;
use crate::abi::{MAX_SEGMENTS, Segment, console, control, doorbell, hold, links, receive, send, watch};
use crate::endpoint::Endpoint;

const HEADER: &str = include_str!("../../../sprig_vni_core.h");

/// The header's `<linux/types.h>`, as far as it uses it.
const LINUX_TYPES: &str = "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n\
    typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef uint64_t u64;\n";

/// Each type of the interface, in both languages; `@` is the place of the name.
const TYPES: [(&str, &str); 25] = [
    ("*const Endpoint", "const struct sprig_endpoint *@"),
    ("*const ControlPage", "const struct sprig_control_page *@"),
    ("*const Console", "const struct sprig_console_rings *@"),
    ("*mut u64", "u64 *@"),
    ("*mut u8", "u8 *@"),
    ("*const Segment", "const struct sprig_segment *@"),
    ("*const Offload", "const struct sprig_offload *@"),
    ("*const Cores", "const struct sprig_cores *@"),
    ("*mut Frame", "struct sprig_frame *@"),
    ("*mut [u8; 6]", "u8 @[6]"),
    ("*const [u8; 6]", "const u8 @[6]"),
    ("*const u8", "const u8 *@"),
    ("*const u32", "const u32 *@"),
    ("*const u64", "const u64 *@"),
    ("*mut c_void", "void *@"),
    ("*const c_char", "const char *@"),
    ("c_int", "int @"),
    ("bool", "bool @"),
    ("u8", "u8 @"),
    ("u16", "u16 @"),
    ("u32", "u32 @"),
    ("u64", "u64 @"),
    ("Offload", "struct sprig_offload @"),
    ("Frame", "struct sprig_frame @"),
    ("", "void @"),
];

/// The declaration in C of something that has this type in Rust.
fn in_c(rust: &str, name: &str) -> String {
    let found = TYPES.iter().find(|(known, _)| *known == rust.trim());
    found.unwrap_or_else(|| panic!("say in this test what {rust:?} is in C")).1.replace('@', name)
}

/// The prototype of a function, from what follows `fn ` in its source.
fn prototype(source: &str) -> String {
    let (name, rest) = source.split_once('(').unwrap();
    let (arguments, rest) = rest.split_once(')').unwrap();
    let result = rest.split_once(['{', ';']).unwrap().0.trim().trim_start_matches("->");
    let arguments = arguments.split(',').map(str::trim).filter(|argument| !argument.is_empty());
    let arguments = arguments.map(|argument| {
        let (name, kind) = argument.split_once(": ").unwrap();
        in_c(kind, name)
    });
    let arguments: Vec<String> = arguments.collect();
    let arguments = if arguments.is_empty() { "void".to_owned() } else { arguments.join(", ") };
    in_c(result, &format!("{name}({arguments})"))
}

/// Every source file of the interface.
fn sources() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let below = fs::read_dir(root.join("abi")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = below.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect();
    files.extend([root.join("abi.rs"), root.join("panic.rs")]);
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

/// The header without comments and without lines for the preprocessor, each declaration on one line.
fn declarations() -> Vec<String> {
    let mut code = String::new();
    for piece in HEADER.split("/*") {
        code.push_str(piece.split_once("*/").map_or(piece, |(_, after)| after));
    }
    let lines: Vec<&str> = code.lines().filter(|line| !line.starts_with('#')).collect();
    let text = lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut declarations = vec![String::new()];
    let mut depth = 0;
    for char in text.chars() {
        depth += i32::from(char == '{') - i32::from(char == '}');
        match char {
            ';' if depth == 0 => declarations.push(String::new()),
            _ => declarations.last_mut().unwrap().push(char),
        }
    }
    declarations.iter().map(|declaration| declaration.trim().to_owned()).collect()
}

#[test]
fn the_header_declares_every_function_as_it_is_and_no_other() {
    let mut declared: Vec<String> = declarations().into_iter().filter(|it| it.contains('(')).collect();
    let sources = sources();
    let written = sources.iter().flat_map(|source| {
        // `fn sprig_...` alone is what the core asks of the shim.
        let starts = source.split("extern \"C\" fn ").skip(1).chain(source.split("\n    fn sprig_core").skip(1));
        let whole = starts.map(|it| if it.starts_with("sprig_") { it.to_owned() } else { format!("sprig_core{it}") });
        whole.map(|function| prototype(&function)).collect::<Vec<_>>()
    });
    let mut written: Vec<String> = written.collect();
    declared.sort_unstable();
    written.sort_unstable();
    assert_eq!(declared, written);
}

/// A field: its declaration in C, its name there, and where it lies in Rust.
struct Field {
    declaration: String,
    name: &'static str,
    offset: usize,
}

/// The fields of a structure: name and type in Rust, and the name in C. It does not compile if a field is missing or
/// has another type.
macro_rules! fields {
    ($structure:ident { $($field:ident: $kind:ty => $name:literal),+ }) => {{
        let _ = |$structure { $($field),+ }: $structure| { $(let _: $kind = $field;)+ };
        vec![$(Field {
            declaration: in_c(&stringify!($kind).replace("* ", "*"), $name),
            name: $name,
            offset: offset_of!($structure, $field),
        }),+]
    }};
}

#[test]
fn c_lays_structures_out_as_rust_does() {
    let structures = [
        ("sprig_segment", size_of::<Segment>(), fields!(Segment { at: *mut c_void => "at", len: u64 => "len" })),
        (
            "sprig_offload",
            size_of::<Offload>(),
            fields!(Offload {
                flags: u8 => "flags",
                segmentation: u8 => "gso",
                segment_size: u16 => "gso_size",
                checksum_start: u16 => "csum_start",
                checksum_offset: u16 => "csum_offset"
            }),
        ),
        (
            "sprig_cores",
            size_of::<Cores>(),
            fields!(Cores { apic_ids: *const u32 => "apic_ids", count: u32 => "count", most: u32 => "most" }),
        ),
        ("sprig_frame", size_of::<Frame>(), fields!(Frame { len: u32 => "len", offload: Offload => "offload" })),
    ];
    let expected: BTreeMap<String, Vec<String>> = structures
        .iter()
        .map(|(name, _, fields)| (format!("struct {name}"), fields.iter().map(|it| it.declaration.clone()).collect()))
        .collect();
    let declared: BTreeMap<String, Vec<String>> = declarations()
        .iter()
        .filter_map(|it| it.trim_end_matches('}').split_once(" {"))
        .map(|(name, body)| {
            let fields = body.split(';').map(str::trim).filter(|field| !field.is_empty());
            (name.to_owned(), fields.map(str::to_owned).collect())
        })
        .collect();
    assert_eq!(declared, expected);

    let offset = |of: &str, field: &Field| (format!("offsetof(struct {of}, {})", field.name), field.offset);
    let sizes = structures.iter().map(|(name, size, _)| (format!("sizeof(struct {name})"), *size));
    let offsets = structures.iter().flat_map(|(of, _, fields)| fields.iter().map(move |field| offset(of, field)));
    assert_in_c(sizes.chain(offsets));
}

/// Each constant of the header.
const CONSTANTS: [(&str, usize); 41] = [
    ("SPRIG_MAX_PARTITIONS", MAX_PARTITIONS),
    ("SPRIG_MAX_FRAME", vni::MAX_FRAME),
    ("SPRIG_MAX_SEGMENTS", MAX_SEGMENTS),
    ("SPRIG_ENDPOINT_ALIGN", align_of::<Endpoint>()),
    ("SPRIG_LINK_QUEUE", vni::doorbell::LINK_QUEUE),
    ("SPRIG_RING_NONE", doorbell::RING_NONE as usize),
    ("SPRIG_RING_BAD_VECTOR", doorbell::RING_BAD_VECTOR as usize),
    ("SPRIG_RING_BAD_CORE", doorbell::RING_BAD_CORE as usize),
    ("SPRIG_RING_OUT_OF_REACH", doorbell::RING_OUT_OF_REACH as usize),
    ("SPRIG_TICK_MS", vni::port::TICK_MS as usize),
    ("SPRIG_LINK_RING", links::LINK_RING as usize),
    ("SPRIG_LINK_CHANGED", links::LINK_CHANGED as usize),
    ("SPRIG_LINK_DOWN", State::Down as usize),
    ("SPRIG_LINK_INIT", State::Init as usize),
    ("SPRIG_LINK_READY", State::Ready as usize),
    ("SPRIG_LINK_UP", State::Up as usize),
    ("SPRIG_LINK_STALLED", LinkStatus::STALLED as usize),
    ("SPRIG_SENT", send::SENT as usize),
    ("SPRIG_NO_ROOM", send::NO_ROOM as usize),
    ("SPRIG_LINK_NOT_UP", send::LINK_NOT_UP as usize),
    ("SPRIG_BAD_FRAME", send::BAD_FRAME as usize),
    ("SPRIG_EMPTY", receive::EMPTY as usize),
    ("SPRIG_FRAME", receive::FRAME as usize),
    ("SPRIG_FAULT", receive::FAULT as usize),
    ("SPRIG_COMMAND_STOP", control::COMMAND_STOP as usize),
    ("SPRIG_COMMAND_START", control::COMMAND_START as usize),
    ("SPRIG_STATE_STARTING", control::STATE_STARTING as usize),
    ("SPRIG_STATE_ENDED", control::STATE_ENDED as usize),
    ("SPRIG_CAUSE_PANIC", control::CAUSE_PANIC as usize),
    ("SPRIG_CAUSE_REBOOT", control::CAUSE_REBOOT as usize),
    ("SPRIG_CAUSE_HALT", control::CAUSE_HALT as usize),
    ("SPRIG_CAUSE_POWER_OFF", control::CAUSE_POWER_OFF as usize),
    ("SPRIG_PURPOSE_FREEZE", hold::PURPOSE_FREEZE as usize),
    ("SPRIG_PURPOSE_LOAD", hold::PURPOSE_LOAD as usize),
    ("SPRIG_REGISTERS_BYTES", hold::REGISTERS_BYTES as usize),
    ("SPRIG_REGISTERS", hold::REGISTERS),
    ("SPRIG_CONSOLE_BYTES", console::CONSOLE_BYTES),
    ("SPRIG_WATCH_BYTES", watch::WATCH_BYTES),
    ("SPRIG_LOOKS_PER_SECOND", watch::LOOKS_PER_SECOND as usize),
    ("SPRIG_STEP_NONE", watch::STEP_NONE as usize),
    ("SPRIG_STEP_PROBE", watch::STEP_PROBE as usize),
];

#[test]
fn c_has_every_constant_with_the_same_value() {
    let names: Vec<&str> = CONSTANTS.iter().map(|(name, _)| *name).collect();
    let defined: Vec<&str> = HEADER
        .lines()
        .filter_map(|line| line.strip_prefix("#define ")?.split_once([' ', '\t']))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(defined, names, "in the order of the header");
    for source in sources() {
        for constant in source.split("\npub const ").skip(1) {
            let name = format!("SPRIG_{}", constant.split_once(':').unwrap().0);
            assert!(defined.contains(&name.as_str()), "the header has no {name}");
        }
    }
    assert_in_c(CONSTANTS.iter().map(|(name, value)| ((*name).to_owned(), *value)));
}

/// Lets a C compiler assert that each expression has its value.
fn assert_in_c(expected: impl Iterator<Item = (String, usize)>) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("linux")).unwrap();
    fs::write(folder.path().join("linux/types.h"), LINUX_TYPES).unwrap();
    let asserts =
        expected.map(|(it, value)| format!("_Static_assert({it} == {value}, \"{it} is {value} in Rust\");\n"));
    let source = folder.path().join("asserts.c");
    fs::write(&source, format!("#include \"sprig_vni_core.h\"\n{}", asserts.collect::<String>())).unwrap();
    let mut command = Command::new("cc");
    command.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I"]).arg(folder.path());
    let output = command.arg("-I").arg(env!("CARGO_MANIFEST_DIR")).arg(&source).output().expect("cc runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
