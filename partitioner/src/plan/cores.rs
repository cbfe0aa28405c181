//! The cores of each partition.
//!
//! Sets are served first, for they leave no choice. Then counts, in the order of the file, each with the lowest
//! numbers that serve it best:
//! 1. consecutive numbers on one node,
//! 2. any numbers on one node,
//! 3. as few nodes as possible, those with the most free cores first.
//!
//! Numbers are given from the lowest on, so that `web` and `db` with two cores each have 0-1 and 2-3, and a partition
//! that is added at the end of a file takes nothing from those before it. The boot processor is not treated specially:
//! the partition that gets core 0 has it as its boot core, because it is the lowest number, and is started last.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::conflict::Conflict;
use crate::config::CpuRequest;
use crate::inventory::{CoreNumber, Inventory, NodeId};
use crate::request::Request;

/// The boot processor's number.
pub(super) const BOOT_PROCESSOR: CoreNumber = CoreNumber(0);

/// The cores of each partition, lowest first; `None` if there is a conflict about them.
pub(super) fn assign(
    inventory: &Inventory,
    request: &Request,
    conflicts: &mut Vec<Conflict>,
) -> Option<Vec<Vec<CoreNumber>>> {
    let before = conflicts.len();
    let claims = claim_sets(inventory, request, conflicts);
    let numbered = (0..).map(CoreNumber).zip(&inventory.cores);
    let in_reach: BTreeSet<_> =
        numbered.filter(|(_, core)| core.apic_id.is_in_reach()).map(|(number, _)| number).collect();
    let free = in_reach.iter().copied().filter(|number| !claims.contains_key(number)).collect();
    let assigned = serve_counts(inventory, request, free, in_reach.len(), conflicts);
    if conflicts.len() == before { assigned } else { None }
}

/// The partition that claims each core by a set: the first in the file, if several do.
fn claim_sets(inventory: &Inventory, request: &Request, conflicts: &mut Vec<Conflict>) -> BTreeMap<CoreNumber, usize> {
    let mut claims = BTreeMap::new();
    for (partition, (entry, _)) in request.entries().enumerate() {
        let CpuRequest::Set(set) = entry.cpus.get_ref() else { continue };
        let (there, missing): (Vec<_>, Vec<_>) = set.iter().partition(|number| exists(inventory, **number));
        if !missing.is_empty() {
            conflicts.push(Conflict::CoresDoNotExist { cores: missing, partition, machine: inventory.cores.len() });
        }
        let far: Vec<_> = there.iter().copied().filter(|number| !is_in_reach(inventory, *number)).collect();
        if !far.is_empty() {
            conflicts.push(Conflict::CoresOutOfReach { cores: far, partition });
        }
        let mut twice: BTreeMap<usize, Vec<CoreNumber>> = BTreeMap::new();
        for number in there {
            let first = *claims.entry(number).or_insert(partition);
            if first != partition {
                twice.entry(first).or_default().push(number);
            }
        }
        let twice = twice.into_iter();
        conflicts.extend(twice.map(|(first, cores)| Conflict::CoreClaimedTwice { cores, first, second: partition }));
    }
    claims
}

/// Whether the machine has that core. A machine that lists no cores is one conflict, and not one for each core.
fn exists(inventory: &Inventory, number: CoreNumber) -> bool {
    inventory.cores.is_empty() || inventory.core(number).is_some()
}

/// Whether an instance can drive that core, if there is one.
fn is_in_reach(inventory: &Inventory, number: CoreNumber) -> bool {
    inventory.core(number).is_none_or(|core| core.apic_id.is_in_reach())
}

/// Serves those that want a count. `there` cores are in reach, and no set names those in `free`.
fn serve_counts(
    inventory: &Inventory,
    request: &Request,
    mut free: BTreeSet<CoreNumber>,
    there: usize,
    conflicts: &mut Vec<Conflict>,
) -> Option<Vec<Vec<CoreNumber>>> {
    if inventory.cores.is_empty() {
        return None;
    }
    let mut assigned = Vec::new();
    let mut wanted = there - free.len();
    let mut unserved = None;
    for (partition, (entry, _)) in request.entries().enumerate() {
        match entry.cpus.get_ref() {
            CpuRequest::Set(set) => assigned.push(set.iter().copied().collect()),
            CpuRequest::Count(count) => {
                let count = usize::try_from(*count).unwrap_or(usize::MAX);
                wanted = wanted.saturating_add(count);
                match pick(inventory, &free, count) {
                    Some(cores) if unserved.is_none() => {
                        cores.iter().for_each(|number| _ = free.remove(number));
                        assigned.push(cores);
                    }
                    _ => unserved = unserved.or(Some(partition)),
                }
            }
        }
    }
    match unserved {
        None => Some(assigned),
        Some(partition) => {
            conflicts.push(Conflict::TooFewCores {
                wanted,
                there,
                out_of_reach: inventory.cores.len() - there,
                partition,
            });
            None
        }
    }
}

/// The `count` cores that serve best, lowest first; `None` if not so many are free.
fn pick(inventory: &Inventory, free: &BTreeSet<CoreNumber>, count: usize) -> Option<Vec<CoreNumber>> {
    if count == 0 || free.len() < count {
        return None;
    }
    let mut nodes: BTreeMap<NodeId, Vec<CoreNumber>> = BTreeMap::new();
    for number in free {
        nodes.entry(inventory.core(*number)?.node).or_default().push(*number);
    }
    let mut nodes: Vec<_> = nodes.into_values().collect();
    let consecutive = |cores: &&[CoreNumber]| cores.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0);
    if let Some(run) = nodes.iter().filter_map(|cores| cores.windows(count).find(consecutive)).min() {
        return Some(run.to_vec());
    }
    if let Some(cores) = nodes.iter().filter_map(|cores| cores.get(..count)).min() {
        return Some(cores.to_vec());
    }
    nodes.sort_by_key(|cores| (Reverse(cores.len()), cores.first().copied()));
    let mut cores: Vec<_> = nodes.into_iter().flatten().take(count).collect();
    cores.sort_unstable();
    Some(cores)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{four_cores, request_of};

    /// A machine whose cores have these nodes.
    fn machine(nodes: &[u32]) -> Inventory {
        let mut inventory = four_cores();
        let model = inventory.cores[0];
        inventory.cores = nodes.iter().map(|node| crate::inventory::Core { node: NodeId(*node), ..model }).collect();
        inventory
    }

    fn cores_of(nodes: &[u32], cpus: &[&str]) -> Vec<Vec<u32>> {
        let assigned = assign(&machine(nodes), &request_of(cpus), &mut Vec::new()).unwrap();
        assigned.into_iter().map(|cores| cores.into_iter().map(|number| number.0).collect()).collect()
    }

    #[test]
    fn counts_are_served_in_the_order_of_the_file() {
        assert_eq!(cores_of(&[0; 4], &["2", "2"]), [[0, 1], [2, 3]]);
        assert_eq!(cores_of(&[0; 4], &["3", "1"]), [&[0, 1, 2][..], &[3]]);
    }

    #[test]
    fn sets_are_served_first() {
        assert_eq!(cores_of(&[0; 4], &["2", "'0-1'"]), [[2, 3], [0, 1]]);
    }

    #[test]
    fn a_gap_is_passed_over_where_a_whole_run_is_free() {
        assert_eq!(cores_of(&[0; 6], &["'1'", "2", "1"]), [&[1][..], &[2, 3], &[0]]);
    }

    #[test]
    fn a_partition_stays_on_one_node() {
        assert_eq!(cores_of(&[0, 0, 0, 1, 1, 1], &["2", "2", "1"]), [&[0, 1][..], &[3, 4], &[2]]);
        assert_eq!(cores_of(&[0, 1, 0, 1], &["2", "2"]), [[0, 2], [1, 3]]);
    }

    #[test]
    fn what_no_node_can_hold_takes_as_few_as_possible() {
        assert_eq!(cores_of(&[0, 1, 1, 2, 2, 2], &["4"]), [[1, 3, 4, 5]]);
    }
}
