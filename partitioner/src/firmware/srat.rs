//! The System Resource Affinity Table (ACPI 6.5, section 5.2.16).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::error::FirmwareError;
use super::table::{body, entries, u32_at, u64_at};
use crate::address::MemoryRange;
use crate::inventory::{ApicId, NodeId, NodeMemory};

/// Where the entries start.
const ENTRIES: usize = 48;
/// The flag of an entry that says something.
const ENABLED: u32 = 1;

const PROCESSOR_AFFINITY: u8 = 0;
const MEMORY_AFFINITY: u8 = 1;
const X2APIC_AFFINITY: u8 = 2;

/// What is near to what.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Affinity {
    nodes: BTreeMap<ApicId, NodeId>,
    /// Memory and the node that it belongs to.
    pub memory: Vec<NodeMemory>,
}

impl Affinity {
    /// The node of a processor, if the table tells.
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
    let revision = bytes.get(8).copied().unwrap_or_default();
    Ok(Affinity {
        nodes: entries(body).filter_map(|entry| processor(entry, revision)).collect(),
        memory: entries(body).filter_map(|entry| memory(entry, revision)).collect(),
    })
}

fn processor((kind, entry): (u8, &[u8]), revision: u8) -> Option<(ApicId, NodeId)> {
    let (apic_id, domain, flags) = match kind {
        PROCESSOR_AFFINITY => {
            let high = entry.get(9..12)?;
            let domain = u32::from_le_bytes([*entry.get(2)?, high[0], high[1], high[2]]);
            (u32::from(*entry.get(3)?), domain, u32_at(entry, 4)?)
        }
        X2APIC_AFFINITY => (u32_at(entry, 8)?, u32_at(entry, 4)?, u32_at(entry, 12)?),
        _ => return None,
    };
    (flags & ENABLED != 0).then_some((ApicId(apic_id), node(domain, revision)))
}

fn memory((kind, entry): (u8, &[u8]), revision: u8) -> Option<NodeMemory> {
    if kind != MEMORY_AFFINITY || u32_at(entry, 28)? & ENABLED == 0 {
        return None;
    }
    let range = MemoryRange::with_len(u64_at(entry, 8)?, u64_at(entry, 16)?)?;
    Some(NodeMemory { range, node: node(u32_at(entry, 2)?, revision) })
}

/// Before revision 2 a proximity domain had eight bits, and what stood beside them meant nothing.
fn node(domain: u32, revision: u8) -> NodeId {
    NodeId(if revision < 2 { domain & 0xff } else { domain })
}
