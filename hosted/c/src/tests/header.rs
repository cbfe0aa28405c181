//! The C header held against the Rust behind it.

use std::fs;
use std::mem::offset_of;

use hosted::Offload;

use super::compile;
use crate::{exchange, lending, status};

const HEADER: &str = include_str!("../../include/sprig_vni_hosted.h");
const SOURCES: [&str; 5] = [
    include_str!("../exchange.rs"),
    include_str!("../lending.rs"),
    include_str!("../error.rs"),
    include_str!("../lifecycle.rs"),
    include_str!("../status.rs"),
];

/// Each type of the interface, in both languages.
const TYPES: [(&str, &str); 18] = [
    ("*mut Endpoint", "sprig_vni_endpoint *"),
    ("*mut Serving", "sprig_vni_server *"),
    ("*const Frame", "const sprig_vni_frame *"),
    ("*mut Frame", "sprig_vni_frame *"),
    ("*mut Lent", "sprig_vni_lent *"),
    ("*const Offload", "const sprig_vni_offload *"),
    ("Fill", "sprig_vni_fill "),
    ("*mut c_void", "void *"),
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
    let mut declared: Vec<&str> = HEADER
        .lines()
        .filter(|line| line.ends_with(");") && !line.starts_with(' ') && !line.starts_with("typedef"))
        .collect();
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
        ("SPRIG_VNI_MAX_PIECES", vni::lending::MAX_LENT_PIECES),
        ("SPRIG_VNI_SENT", exchange::SENT as usize),
        ("SPRIG_VNI_NO_ROOM", exchange::NO_ROOM as usize),
        ("SPRIG_VNI_LINK_DOWN", exchange::LINK_DOWN as usize),
        ("SPRIG_VNI_BAD_LENGTH", exchange::BAD_LENGTH as usize),
        ("SPRIG_VNI_LINK_IS_DOWN", status::LINK_IS_DOWN as usize),
        ("SPRIG_VNI_LINK_IS_CONNECTING", status::LINK_IS_CONNECTING as usize),
        ("SPRIG_VNI_LINK_IS_UP", status::LINK_IS_UP as usize),
        ("SPRIG_VNI_LINK_IS_STALLED", status::LINK_IS_STALLED as usize),
        ("sizeof(sprig_vni_frame)", size_of::<exchange::Frame>()),
        ("offsetof(sprig_vni_frame, room)", offset_of!(exchange::Frame, room)),
        ("offsetof(sprig_vni_frame, len)", offset_of!(exchange::Frame, len)),
        ("offsetof(sprig_vni_frame, offload)", offset_of!(exchange::Frame, offload)),
        ("sizeof(sprig_vni_piece)", size_of::<lending::Piece>()),
        ("offsetof(sprig_vni_piece, len)", offset_of!(lending::Piece, len)),
        ("sizeof(sprig_vni_lent)", size_of::<lending::Lent>()),
        ("offsetof(sprig_vni_lent, handle)", offset_of!(lending::Lent, handle)),
        ("offsetof(sprig_vni_lent, head)", offset_of!(lending::Lent, head)),
        ("offsetof(sprig_vni_lent, head_len)", offset_of!(lending::Lent, head_len)),
        ("offsetof(sprig_vni_lent, len)", offset_of!(lending::Lent, len)),
        ("offsetof(sprig_vni_lent, offload)", offset_of!(lending::Lent, offload)),
        ("offsetof(sprig_vni_lent, pieces)", offset_of!(lending::Lent, pieces)),
        ("offsetof(sprig_vni_lent, piece_count)", offset_of!(lending::Lent, piece_count)),
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
    fs::write(&source, format!("#include <stddef.h>\n#include \"sprig_vni_hosted.h\"\n{asserts}")).unwrap();
    compile(&source, &["-c".as_ref()], &folder.path().join("constants.o"));
}
