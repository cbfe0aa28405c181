//! The ACPI tables as other people read them: the `acpi` crate for the fixed tables, ACPICA's `iasl` for all of them
//! and for the AML.
#![expect(unsafe_code, reason = "the acpi crate asks its user to map physical memory")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr::NonNull;

use crate::fixture::{DB, FAR, WEB, plan};
use acpi::madt::{Madt, MadtEntry};
use acpi::mcfg::{Mcfg, McfgEntry};
use acpi::{AcpiHandler, AcpiTables, PhysicalMapping, fadt::Fadt};
use partitioner::inventory::EcamSegment;
use partitioner::layout::{ACPI_LEN, LOW_SLICE_LEN, LOW_SLICES_END, LOW_SLICES_START};
use partitioner::plan::{PartitionIndex, PartitionPlan, Plan, PlannedBuses};
use partitioner::view::acpi_tables;

/// Physical memory that consists of the blob only.
#[derive(Clone, Copy)]
struct Blob<'a> {
    base: usize,
    bytes: &'a [u8],
}

impl AcpiHandler for Blob<'_> {
    unsafe fn map_physical_region<T>(&self, physical_address: usize, size: usize) -> PhysicalMapping<Self, T> {
        let offset = physical_address.checked_sub(self.base).expect("an address inside the tables");
        let region = &self.bytes[offset..offset + size];
        let start = NonNull::from(region).cast::<T>();
        // SAFETY: the region has `size` bytes, which the caller promises to be a `T`, and lives as long as the blob,
        // which outlives every mapping in these tests. `T`s of the `acpi` crate are packed, so any alignment will do.
        unsafe { PhysicalMapping::new(physical_address, start, size, size, *self) }
    }

    fn unmap_physical_region<T>(_region: &PhysicalMapping<Self, T>) {}
}

/// Hands the tables of a partition, as the `acpi` crate reads them, to `check`.
fn read(plan: &Plan, partition: usize, check: impl FnOnce(&AcpiTables<Blob<'_>>)) {
    let bytes = acpi_tables(plan, &plan.partitions[partition]).expect("the fixture has tables");
    let base = usize::try_from(plan.partitions[partition].tables.start()).unwrap();
    // SAFETY: the RSDP is the first thing in the blob, and the handler reads the blob only.
    let tables = unsafe { AcpiTables::from_rsdp(Blob { base, bytes: &bytes }, base) };
    check(&tables.expect("the acpi crate takes the tables"));
}

/// Kind, APIC ID, UID and flags of each entry of a MADT.
fn madt_entries(plan: &Plan, partition: usize) -> Vec<(&'static str, u32, u32, u32)> {
    let mut found = Vec::new();
    read(plan, partition, |tables| {
        let madt = tables.find_table::<Madt>().expect("a MADT");
        assert_eq!({ madt.get().local_apic_address }, 0xfee0_0000);
        assert!(!madt.get().supports_8259());
        found.extend(madt.get().entries().map(|entry| match entry {
            MadtEntry::LocalApic(e) => ("lapic", e.apic_id.into(), e.processor_id.into(), e.flags),
            MadtEntry::LocalX2Apic(e) => ("x2apic", e.x2apic_id, e.processor_uid, e.flags),
            _ => panic!("an entry that is not a core"),
        }));
    });
    found
}

#[test]
fn the_partition_with_the_boot_processor_sees_its_cores() {
    assert_eq!(madt_entries(&plan(), WEB), [("lapic", 0, 0, 1), ("lapic", 1, 1, 1)]);
}

#[test]
fn other_partitions_see_the_boot_processor_first_but_never_enabled() {
    assert_eq!(madt_entries(&plan(), DB), [("lapic", 0, 0, 2), ("lapic", 2, 2, 1), ("lapic", 254, 254, 1)]);
    assert_eq!(madt_entries(&plan(), FAR), [("lapic", 0, 0, 2), ("x2apic", 255, 255, 1), ("x2apic", 768, 768, 1)]);
}

#[test]
fn the_fadt_says_hardware_reduced_and_physical_destinations() {
    read(&plan(), DB, |tables| {
        let fadt = tables.find_table::<Fadt>().expect("a FADT");
        fadt.validate().expect("a valid FADT");
        let (flags, boot) = ({ fadt.flags }, { fadt.iapc_boot_arch });
        assert!(flags.system_is_hw_reduced_acpi());
        assert!(flags.local_xapics_must_use_physical_destination_mode());
        assert!(!flags.supports_system_reset_via_fadt());
        assert!(boot.dont_probe_vga() && boot.dont_enable_pcie_aspm() && boot.use_time_and_alarm_namespace_for_rtc());
        assert!(!boot.legacy_devices_are_accessible() && !boot.motherboard_implements_8042());
        let dsdt = tables.dsdt().expect("a DSDT");
        assert!(dsdt.length > 0);
    });
}

#[test]
fn there_are_no_tables_but_fadt_and_madt() {
    read(&plan(), FAR, |tables| {
        let signatures: Vec<_> = tables.headers().map(|header| header.signature.to_string()).collect();
        assert_eq!(signatures, ["FACP", "APIC"]);
    });
}

#[test]
fn the_mcfg_leads_to_the_partitions_own_buses_in_a_segment_of_its_own() {
    read(&plan(), DB, |tables| {
        let mcfg = tables.find_table::<Mcfg>().expect("an MCFG");
        let entry = |entry: &McfgEntry| {
            (entry.pci_segment_group, entry.bus_number_start, entry.bus_number_end, entry.base_address)
        };
        let entries: Vec<_> = mcfg.entries().iter().map(entry).collect();
        // The base is that of bus 0, whatever bus comes first.
        assert_eq!(entries, [(2, 1, 1, 0xb000_0000), (2, 4, 5, 0xb000_0000)]);
    });
    read(&plan(), WEB, |tables| assert!(tables.find_table::<Mcfg>().is_err(), "who has no bus has no MCFG"));
}

#[test]
fn buses_of_the_same_number_are_in_segments_of_their_own() {
    let mut plan = plan();
    plan.ecam.push(EcamSegment { segment: 1, base: 0xa000_0000, first_bus: 0, last_bus: 255 });
    let there = PlannedBuses { segment: 1, ..plan.partitions[DB].buses[0] };
    plan.partitions[DB].buses.push(there);
    read(&plan, DB, |tables| {
        let mcfg = tables.find_table::<Mcfg>().expect("an MCFG");
        let entry = |entry: &McfgEntry| (entry.pci_segment_group, entry.bus_number_start, entry.base_address);
        let entries: Vec<_> = mcfg.entries().iter().map(entry).collect();
        assert_eq!(entries, [(2, 1, 0xb000_0000), (2, 4, 0xb000_0000), (0x102, 1, 0xa000_0000)]);
    });
}

#[test]
fn too_many_cores_for_the_room_are_refused() {
    let mut plan = plan();
    let core = plan.partitions[DB].cores[1];
    plan.partitions[DB].cores.resize(5000, core);
    assert!(acpi_tables(&plan, &plan.partitions[DB]).is_err());
}

/// ACPICA's disassembler, from the environment or the path.
fn iasl() -> Command {
    let program = std::env::var_os("SPRIG_IASL").map_or_else(|| PathBuf::from("iasl"), PathBuf::from);
    let there = Command::new(&program).arg("-v").output();
    assert!(there.is_ok(), "{} is not there: install the package acpica-tools, or set SPRIG_IASL", program.display());
    Command::new(program)
}

/// What `iasl` makes of a table.
fn disassembled(folder: &Path, name: &str, table: &[u8]) -> String {
    let file = folder.join(format!("{name}.aml"));
    std::fs::write(&file, table).unwrap();
    let output = iasl().current_dir(folder).arg("-d").arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "iasl refuses {name}: {said}");
    for complaint in ["Incorrect checksum", "Warning", "Error", "Invalid"] {
        assert!(!said.contains(complaint), "iasl says of {name}: {said}");
    }
    std::fs::read_to_string(folder.join(format!("{name}.dsl"))).unwrap()
}

/// The tables of a blob by signature, found by their headers.
fn tables_of(bytes: &[u8]) -> Vec<(String, &[u8])> {
    let mut tables = Vec::new();
    let mut at = 48;
    while at < bytes.len() {
        let len = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
        tables.push((String::from_utf8(bytes[at..at + 4].to_vec()).unwrap(), &bytes[at..at + len]));
        at = (at + len).next_multiple_of(16);
    }
    tables
}

#[test]
fn iasl_reads_every_table() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan();
    let bytes = acpi_tables(&plan, &plan.partitions[DB]).unwrap();
    let tables = tables_of(&bytes);
    assert_eq!(
        tables.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["DSDT", "FACP", "APIC", "MCFG", "XSDT"]
    );
    for (name, table) in tables {
        let text = disassembled(folder.path(), &name, table);
        assert!(!text.contains("Incorrect checksum") && !text.contains("Unknown"), "{text}");
    }
}

#[test]
fn iasl_disassembles_console_and_window() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan();
    let bytes = acpi_tables(&plan, &plan.partitions[DB]).unwrap();
    let (_, dsdt) = tables_of(&bytes).swap_remove(0);
    let text = disassembled(folder.path(), "dsdt", dsdt);
    let definition = &text[text.find("DefinitionBlock").expect("a definition block")..];
    insta::assert_snapshot!(without_comments(definition));
}

/// The low memory has slices for so many instances, and their names are of the longest.
#[test]
fn a_full_box_with_long_names_fits_and_iasl_reads_them_all() {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = plan();
    let most = (LOW_SLICES_END - LOW_SLICES_START) / LOW_SLICE_LEN;
    let name = |index: u64| format!("{index:-<31}x");
    plan.box_name = name(99);
    plan.partitions = (0..most)
        .map(|index| PartitionPlan {
            index: PartitionIndex(u8::try_from(index).unwrap()),
            name: name(index),
            ..plan.partitions[DB].clone()
        })
        .collect();
    let last = plan.partitions.last().unwrap();
    let bytes = acpi_tables(&plan, last).unwrap();
    assert!(bytes.len() < ACPI_LEN as usize / 4, "{} bytes leave no room for cores", bytes.len());
    let (_, dsdt) = tables_of(&bytes).swap_remove(0);
    let text = disassembled(folder.path(), "full", dsdt);
    for partition in &plan.partitions {
        assert!(text.contains(&format!("\"{}\"", partition.name)), "{} is not in {text}", partition.name);
    }
}

/// What does not differ between versions of `iasl`: no comments, no blanks but single ones.
fn without_comments(text: &str) -> String {
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    let words = |line: String| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines: Vec<String> = text.lines().map(code).map(words).filter(|line| !line.is_empty()).collect();
    for line in &mut lines {
        if let (Some(start), Some(end)) = (line.find(" /*"), line.find("*/")) {
            line.replace_range(start..end + 2, "");
        }
    }
    lines.join("\n")
}
