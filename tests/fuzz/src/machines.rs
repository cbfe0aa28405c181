//! Machines to plan for, and box files with images.

#![allow(dead_code, reason = "each target takes what it needs")]

use partitioner::address::MemoryRange;
use partitioner::config::BoxFile;
use partitioner::firmware::pci::{Recorded, RecordedFunction, functions};
use partitioner::inventory::{
    ApicId, Core, EcamSegment, Inventory, MemoryKind, MemoryRegion, NodeId, NodeMemory, SerialPort, Tsc,
};
use partitioner::pci::{PciAddress, PciFunction};
use partitioner::request::{LoadedImage, Request};

/// A box of two.
pub(crate) const PAIR: &str = include_str!("../corpus/box-file/pair.toml");
/// A kernel image of which only the header is real.
pub(crate) const KERNEL: &[u8] = include_bytes!("../corpus/bzimage/kernel");

const GIB: u64 = 1 << 30;

/// The request of a box file whose kernel is that image. What is named like a file system is one of 64 KiB.
pub(crate) fn request(text: &str, kernel: &[u8]) -> Option<Request> {
    let file = BoxFile::parse(text).ok()?;
    let initrd = [1; 64 << 10];
    let read = |path: &str| {
        let bytes = if path.ends_with(".img") { &initrd } else { kernel };
        Ok(LoadedImage {
            head: bytes.to_vec().into(),
            len: bytes.len() as u64,
            tail: bytes.to_vec().into(),
            loaded: None,
        })
    };
    Request::gather(file, read).ok()
}

/// One of a few machines.
pub(crate) fn machine(number: u8) -> Inventory {
    let cores = [4, 1, 16, 48][usize::from(number % 4)];
    let above = [0, 6 * GIB, 64 * GIB][usize::from(number / 4 % 3)];
    let nodes = 1 + u32::from(number / 16 % 2);
    let core = |id| Core { apic_id: ApicId(id), acpi_uid: id, node: NodeId(id % nodes) };
    let region = |start, end, kind| MemoryRange::new(start, end).map(|range| MemoryRegion { range, kind });
    let memory = [
        region(0, 0x9_fc00, MemoryKind::Usable),
        region(0x9_fc00, 0x10_0000, MemoryKind::Reserved),
        region(0x10_0000, 0x7ffe_0000, MemoryKind::Usable),
        region(0x7ffe_0000, 0x8000_0000, MemoryKind::AcpiReclaimable),
        region(0xb000_0000, 0xc000_0000, MemoryKind::Reserved),
        region(4 * GIB, 4 * GIB + above, MemoryKind::Usable),
    ];
    let ecam = vec![EcamSegment { segment: 0, base: 0xb000_0000, first_bus: 0, last_bus: 255 }];
    let node_memory = MemoryRange::new(4 * GIB, 6 * GIB).filter(|_| nodes > 1);
    Inventory {
        machine: "fuzz".into(),
        cores: (0..cores).map(core).collect(),
        smt_shift: number / 32 % 2,
        memory: memory.into_iter().flatten().collect(),
        node_memory: node_memory.map(|range| NodeMemory { range, node: NodeId(1) }).into_iter().collect(),
        pci: devices(&ecam),
        ecam,
        serial_ports: [0x3f8, 0x2f8].map(|io_port| SerialPort { io_port }).into(),
        tsc: Tsc { khz: 2_000_000, invariant: number & 0x80 == 0 },
        physical_address_bits: 40,
    }
}

/// A network card, a disk, and a bridge with a card behind it.
fn devices(ecam: &[EcamSegment]) -> Vec<PciFunction> {
    let mut space = Recorded::default();
    let mut put = |bus: u8, device: u8, class: [u8; 3], more: &dyn Fn(&mut [u8; 256])| {
        let mut registers = [0; 256];
        registers[..4].copy_from_slice(&[0x86, 0x80, device, 0x10]);
        registers[9..12].copy_from_slice(&class);
        more(&mut registers);
        let function = RecordedFunction::new(&registers, [0x4000, 0, 0, 0, 0, 0]);
        if let (Some(address), Some(function)) = (PciAddress::new(0, bus, device, 0), function) {
            space.insert(address, function);
        }
    };
    let with_bar =
        |address: u32| move |registers: &mut [u8; 256]| registers[16..20].copy_from_slice(&address.to_le_bytes());
    put(0, 1, [0, 0, 2], &with_bar(0xc000_0000));
    put(0, 2, [2, 8, 1], &with_bar(0xc001_0000));
    put(0, 3, [0, 4, 6], &|registers| {
        registers[14] = 1;
        registers[0x18..0x1b].copy_from_slice(&[0, 1, 1]);
        registers[0x20..0x24].copy_from_slice(&[0x10, 0xc0, 0x10, 0xc0]);
    });
    put(1, 0, [0, 0, 2], &with_bar(0xc010_0000));
    functions(&mut space, ecam)
}
