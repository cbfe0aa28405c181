//! The System Resource Affinity Table (ACPI 6.5, section 5.2.16).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::error::FirmwareError;
use super::table::{body, entries, revision, u32_at, u64_at};
use crate::address::MemoryRange;
use crate::inventory::{ApicId, NodeId, NodeMemory};

/// Where the entries start.
const ENTRIES: usize = 48;
/// The flag of an entry that is in use.
const ENABLED: u32 = 1;

const PROCESSOR_AFFINITY: u8 = 0;
const MEMORY_AFFINITY: u8 = 1;
const X2APIC_AFFINITY: u8 = 2;

/// A processor local APIC affinity structure (section 5.2.16.1).
mod processor_affinity {
    use core::ops::Range;

    pub(super) const DOMAIN_LOW: usize = 2;
    pub(super) const APIC_ID: usize = 3;
    pub(super) const FLAGS: usize = 4;
    pub(super) const DOMAIN_HIGH: Range<usize> = 9..12;
}

/// A memory affinity structure (section 5.2.16.2).
mod memory_affinity {
    pub(super) const DOMAIN: usize = 2;
    pub(super) const BASE: usize = 8;
    pub(super) const LENGTH: usize = 16;
    pub(super) const FLAGS: usize = 28;
}

/// A processor local x2APIC affinity structure (section 5.2.16.3).
mod x2apic_affinity {
    pub(super) const DOMAIN: usize = 4;
    pub(super) const X2APIC_ID: usize = 8;
    pub(super) const FLAGS: usize = 12;
}

/// The nodes of processors and memory.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Affinity {
    nodes: BTreeMap<ApicId, NodeId>,
    /// Memory and the node that it belongs to.
    pub memory: Vec<NodeMemory>,
}

impl Affinity {
    /// The node of a processor, if the table has it.
    pub fn node_of(&self, apic_id: ApicId) -> Option<NodeId> {
        self.nodes.get(&apic_id).copied()
    }
}

/// Reads a whole table, header included.
///
/// # Errors
/// [`FirmwareError::Damaged`].
pub fn read(bytes: &[u8]) -> Result<Affinity, FirmwareError> {
    let body = body(bytes, "SRAT", ENTRIES)?;
    let revision = revision(bytes);
    Ok(Affinity {
        nodes: entries(body).filter_map(|entry| processor(entry, revision)).collect(),
        memory: entries(body).filter_map(|entry| memory(entry, revision)).collect(),
    })
}

fn processor((kind, entry): (u8, &[u8]), revision: u8) -> Option<(ApicId, NodeId)> {
    let (apic_id, domain, flags) = match kind {
        PROCESSOR_AFFINITY => {
            let high = entry.get(processor_affinity::DOMAIN_HIGH)?;
            let low = *entry.get(processor_affinity::DOMAIN_LOW)?;
            let apic_id = *entry.get(processor_affinity::APIC_ID)?;
            let domain = u32::from_le_bytes([low, high[0], high[1], high[2]]);
            (u32::from(apic_id), domain, u32_at(entry, processor_affinity::FLAGS)?)
        }
        X2APIC_AFFINITY => (
            u32_at(entry, x2apic_affinity::X2APIC_ID)?,
            u32_at(entry, x2apic_affinity::DOMAIN)?,
            u32_at(entry, x2apic_affinity::FLAGS)?,
        ),
        _ => return None,
    };
    (flags & ENABLED != 0).then_some((ApicId(apic_id), node(domain, revision)))
}

fn memory((kind, entry): (u8, &[u8]), revision: u8) -> Option<NodeMemory> {
    if kind != MEMORY_AFFINITY || u32_at(entry, memory_affinity::FLAGS)? & ENABLED == 0 {
        return None;
    }
    let (base, len) = (u64_at(entry, memory_affinity::BASE)?, u64_at(entry, memory_affinity::LENGTH)?);
    let domain = u32_at(entry, memory_affinity::DOMAIN)?;
    Some(NodeMemory { range: MemoryRange::with_len(base, len)?, node: node(domain, revision) })
}

/// Before revision 2 a proximity domain had eight bits, and the bytes beside them were reserved.
fn node(domain: u32, revision: u8) -> NodeId {
    NodeId(if revision < 2 { domain & 0xff } else { domain })
}
