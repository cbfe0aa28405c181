//! Machines and boxes to plan with: `placement` holds what is planned, `devices` who has which, `refusals` what is
//! refused and how it is reported, `properties` what is true of every plan.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::address::{GIB_4, MIB};
use crate::bzimage::tests::FakeKernel;
use crate::config::BoxFile;
use crate::inventory::{ApicId, Core, EcamSegment, MemoryKind, MemoryRegion, NodeId, SerialPort, Tsc};
use crate::request::LoadedImage;

mod devices;
mod placement;
mod properties;
mod refusals;

/// How many bytes the initial file system has that every box here names.
const INITRD_LEN: usize = 3 << 20;

fn region(start: u64, end: u64, kind: MemoryKind) -> MemoryRegion {
    MemoryRegion { range: MemoryRange::new(start, end).unwrap(), kind }
}

/// A machine with that many cores on one node, `below` bytes of memory up to 4 GiB, and `above` bytes beyond.
pub(super) fn machine(cores: u32, below: u64, above: u64) -> Inventory {
    let core = |id| Core { apic_id: ApicId(id), acpi_uid: id, node: NodeId(0) };
    let mut memory = vec![
        region(0, 0x9_fc00, MemoryKind::Usable),
        region(0x9_fc00, 0xa_0000, MemoryKind::Reserved),
        region(0xf_0000, MIB, MemoryKind::Reserved),
        region(MIB, below - 0x2_0000, MemoryKind::Usable),
        region(below - 0x2_0000, below, MemoryKind::AcpiReclaimable),
        region(0xb000_0000, 0xc000_0000, MemoryKind::Reserved),
    ];
    if above > 0 {
        memory.push(region(GIB_4, GIB_4 + above, MemoryKind::Usable));
    }
    Inventory {
        machine: "test".into(),
        cores: (0..cores).map(core).collect(),
        smt_shift: 0,
        memory,
        node_memory: Vec::new(),
        ecam: vec![EcamSegment { segment: 0, base: 0xb000_0000, first_bus: 0, last_bus: 255 }],
        pci: Vec::new(),
        serial_ports: [0x3f8, 0x2f8, 0x3e8, 0x2e8].map(|io_port| SerialPort { io_port }).into(),
        tsc: Tsc { khz: 2_000_000, invariant: true },
        physical_address_bits: 40,
    }
}

/// Four cores and 2 GiB.
pub(super) fn four_cores() -> Inventory {
    machine(4, 2 << 30, 0)
}

/// A box file with these partitions, each a value for `cpus` and one for `memory`, and 64 MiB of window.
fn box_file(partitions: &[(&str, &str)]) -> String {
    let mut text = String::from("[box]\nname = \"pair\"\nshared_memory = \"64MiB\"\n");
    for (index, (cpus, memory)) in partitions.iter().enumerate() {
        text += &format!("\n[[partition]]\nname = \"p{index}\"\ncpus = {cpus}\nmemory = \"{memory}\"\n");
        text += "kernel = \"vmlinuz\"\ninitrd = \"demo.img\"\n";
    }
    text
}

/// The box file with images like those of a real one; `loaded` tells where a boot loader has put them.
fn gather(text: &str, loaded: impl Fn(&str) -> Option<u64>) -> Request {
    let file = BoxFile::parse(text).unwrap();
    let request = Request::gather(file, |path| {
        let bytes = if path == "vmlinuz" { FakeKernel::default().image() } else { vec![1; INITRD_LEN] };
        let loaded = loaded(path).and_then(|start| MemoryRange::with_len(start, bytes.len() as u64));
        Ok(LoadedImage { head: bytes.clone().into(), len: bytes.len() as u64, tail: bytes.into(), loaded })
    });
    request.unwrap()
}

/// A box whose partitions have these values for `cpus`, and 256 MiB each.
pub(super) fn request_of(cpus: &[&str]) -> Request {
    let partitions: Vec<_> = cpus.iter().map(|cpus| (*cpus, "256MiB")).collect();
    gather(&box_file(&partitions), |_| None)
}
