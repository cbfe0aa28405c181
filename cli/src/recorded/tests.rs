use partitioner::inventory::{ApicId, MemoryKind, Tsc};

use super::*;

/// A MADT of two processors, APIC IDs 0 and 2 (ACPI 6.5, section 5.2.12).
fn madt() -> Vec<u8> {
    let mut table = b"APIC".to_vec();
    table.extend(60u32.to_le_bytes());
    table.resize(36, 0);
    table.extend(0xfee0_0000_u32.to_le_bytes());
    table.extend(0u32.to_le_bytes());
    for (uid, apic_id) in [(0, 0), (1, 2)] {
        table.extend([0, 8, uid, apic_id, 1, 0, 0, 0]);
    }
    table
}

fn processor() -> Processor {
    let tsc = Tsc { khz: 2_600_000, invariant: true };
    Processor {
        name: "Test Processor".to_owned(),
        boot_apic_id: ApicId(0),
        smt_shift: 1,
        tsc,
        physical_address_bits: 46,
    }
}

/// A tree of files as Linux shows them.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for (path, bytes) in files {
            let path = tree.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        tree
    }

    fn record(&self) -> Result<Inventory, RecordError> {
        record(self.0.path(), &processor())
    }
}

const APIC: &str = "sys/firmware/acpi/tables/APIC";

#[test]
fn a_machine_is_recorded_from_its_tables_and_the_firmwares_map() {
    let inventory = Tree::new(&[
        (APIC, &madt()),
        ("sys/firmware/memmap/0/start", b"0x0\n"),
        ("sys/firmware/memmap/0/end", b"0x9fbff\n"),
        ("sys/firmware/memmap/0/type", b"System RAM\n"),
        ("sys/firmware/memmap/1/start", b"0x9fc00\n"),
        ("sys/firmware/memmap/1/end", b"0x9ffff\n"),
        ("sys/firmware/memmap/1/type", b"Reserved\n"),
        ("sys/class/tty/ttyS0/port", b"0x3F8\n"),
        ("sys/class/tty/ttyS0/type", b"4\n"),
        ("sys/class/tty/ttyS1/port", b"0x2F8\n"),
        ("sys/class/tty/ttyS1/type", b"0\n"),
        ("sys/class/tty/ttyS2/port", b"0x0\n"),
    ])
    .record()
    .unwrap();
    assert_eq!(inventory.cores.iter().map(|core| core.apic_id.0).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(inventory.usable_memory(), 0x9fc00);
    assert_eq!(inventory.memory[1].kind, MemoryKind::Reserved);
    assert_eq!(inventory.serial_ports, [SerialPort { io_port: 0x3f8 }]);
}

#[test]
fn without_the_firmwares_map_linuxs_own_is_taken() {
    let iomem = b"00000000-00000fff : Reserved\n00001000-0009fbff : System RAM\n  00002000-00003fff : Kernel code\n\
        c0000000-cfffffff : PCI Bus 0000:00\n";
    let inventory = Tree::new(&[(APIC, &madt()), ("proc/iomem", iomem)]).record().unwrap();
    assert_eq!(inventory.memory.len(), 2);
    assert_eq!(inventory.usable_memory(), 0x9ec00);
}

#[test]
fn hidden_addresses_need_root() {
    let iomem = b"00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n";
    let error = Tree::new(&[(APIC, &madt()), ("proc/iomem", iomem)]).record().unwrap_err();
    assert!(matches!(error, RecordError::NeedsRoot { .. }));
    let text = error.stopping("init").to_string();
    assert!(text.ends_with("proc/iomem: run `sudo sprig init`"), "{text}");
}

#[test]
fn a_machine_without_a_madt_is_refused() {
    let error = Tree::new(&[]).record().unwrap_err();
    assert!(matches!(error, RecordError::Firmware(FirmwareError::NoMadt)), "{error}");
}

#[test]
fn a_machine_without_any_map_is_refused() {
    let error = Tree::new(&[(APIC, &madt())]).record().unwrap_err();
    assert!(matches!(error, RecordError::NoMemoryMap { .. }), "{error}");
}

mod functions;
