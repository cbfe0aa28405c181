//! This machine's processor, as CPUID describes it.

use std::fs;

use partitioner::firmware::tsc::TscLeaf;
use partitioner::firmware::{smt_shift, tsc_khz};
use partitioner::inventory::{ApicId, Tsc};
use raw_cpuid::{CpuId, CpuIdReaderNative, Hypervisor, TopologyType};

/// The facts that an inventory needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Processor {
    /// Its brand.
    pub name: String,
    /// The APIC ID of the one that booted.
    pub boot_apic_id: ApicId,
    /// How many low bits of an APIC ID tell the threads of a physical core apart.
    pub smt_shift: u8,
    /// Its time-stamp counter.
    pub tsc: Tsc,
    /// How many bits a physical address has.
    pub physical_address_bits: u8,
}

impl Processor {
    /// The processor that this runs on.
    pub(crate) fn of_this_machine() -> Self {
        let cpuid = CpuId::new();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let brand = cpuid.get_processor_brand_string();
        let name = brand.as_ref().map_or("an unnamed processor", |brand| brand.as_str().trim());
        Self {
            name: name.to_owned(),
            // Linux numbers the processor that booted 0 and lists it first.
            boot_apic_id: ApicId(number(&cpuinfo, "apicid").unwrap_or_default()),
            smt_shift: smt_shift(thread_level(&cpuid), threads_per_core(&cpuid)),
            tsc: Tsc { khz: khz(&cpuinfo), invariant: is_invariant() },
            // 36 is what every 64-bit processor has.
            physical_address_bits: cpuid
                .get_processor_capacity_feature_info()
                .map_or(36, |capacity| capacity.physical_address_bits()),
        }
    }
}

/// Leaf 0x1F, or else 0x0B: the lowest level, if it is that of threads.
fn thread_level(cpuid: &CpuId<CpuIdReaderNative>) -> Option<u32> {
    let levels = [cpuid.get_extended_topology_info_v2(), cpuid.get_extended_topology_info()];
    let lowest = levels.into_iter().flatten().find_map(|mut levels| levels.next())?;
    Some(if lowest.level_type() == TopologyType::SMT { lowest.shift_right_for_next_apic_id() } else { 0 })
}

fn threads_per_core(cpuid: &CpuId<CpuIdReaderNative>) -> Option<u8> {
    Some(cpuid.get_processor_topology_info()?.threads_per_core())
}

/// From CPUID where it has the rate, else from Linux's own measurement: its `bogomips` are two for each million ticks.
fn khz(cpuinfo: &str) -> u64 {
    let cpuid = CpuId::new();
    let leaf = cpuid.get_tsc_info().map_or(TscLeaf::default(), |info| TscLeaf {
        denominator: info.denominator(),
        numerator: info.numerator(),
        crystal_hz: info.nominal_frequency(),
    });
    let base_mhz = cpuid.get_processor_frequency_info().map_or(0, |info| u32::from(info.processor_base_frequency()));
    tsc_khz(leaf, base_mhz).unwrap_or_else(|| {
        let hundredths = field(cpuinfo, "bogomips").map(|value| value.replace('.', ""));
        hundredths.and_then(|digits| digits.parse::<u64>().ok()).map_or(0, |hundredths| hundredths * 5)
    })
}

/// Judged as the boot image does: by the processor's own flag, and for QEMU's emulation, which keeps the rate without
/// setting the flag.
fn is_invariant() -> bool {
    let cpuid = CpuId::new();
    let emulated = cpuid.get_hypervisor_info().is_some_and(|info| info.identify() == Hypervisor::QEMU);
    emulated || cpuid.get_advanced_power_mgmt_info().is_some_and(|info| info.has_invariant_tsc())
}

fn number(cpuinfo: &str, name: &str) -> Option<u32> {
    field(cpuinfo, name)?.parse().ok()
}

fn field<'a>(cpuinfo: &'a str, name: &str) -> Option<&'a str> {
    let fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    fields.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name).map(|(_, value)| value)
}
