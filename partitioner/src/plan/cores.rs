//! The cores of each partition.
//!
//! Sets are served first, for they leave no choice. Then counts, in the order of the file, each with the lowest
//! numbers that serve it best:
//! 1. consecutive numbers on one node,
//! 2. any numbers on one node,
//! 3. as few nodes as possible, those with the most free cores first.
//!
//! Where physical cores have threads (SMT), this is tried with whole physical cores first, as long as they last: two
//! partitions on the threads of one would slow each other down, and could watch each other through its caches. If a
//! count is no multiple of the threads, the rest of a physical core stays for a partition that finds nothing better.
//!
//! Numbers are given from the lowest on, so that without SMT `web` and `db` with two cores each have 0-1 and 2-3, and a partition
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
    let is_free = |number: &CoreNumber| free.contains(number);
    let physical = physical_cores(inventory);
    let whole: Vec<_> = physical.iter().filter(|unit| unit.threads.iter().all(is_free)).collect();
    choose(&whole, count).or_else(|| {
        let single = |number: &CoreNumber| Unit::of(inventory, *number);
        let singles: Vec<_> = free.iter().filter_map(single).collect();
        choose(&singles.iter().collect::<Vec<_>>(), count)
    })
}

/// What is given as a whole: a physical core, or one of its threads.
struct Unit {
    /// Its place among all of its kind: consecutive ones lie side by side.
    place: usize,
    node: NodeId,
    /// Lowest first, never none.
    threads: Vec<CoreNumber>,
}

impl Unit {
    /// One thread alone.
    fn of(inventory: &Inventory, number: CoreNumber) -> Option<Self> {
        let place = usize::try_from(number.0).ok()?;
        Some(Self { place, node: inventory.core(number)?.node, threads: alloc::vec![number] })
    }
}

/// Every physical core with its threads in reach, in the order of its lowest thread.
fn physical_cores(inventory: &Inventory) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut places = BTreeMap::new();
    for (number, core) in (0..).map(CoreNumber).zip(&inventory.cores).filter(|(_, core)| core.apic_id.is_in_reach()) {
        let place = *places.entry(inventory.physical_core(*core)).or_insert(units.len());
        match units.get_mut(place) {
            Some(unit) => unit.threads.push(number),
            None => units.push(Unit { place, node: core.node, threads: alloc::vec![number] }),
        }
    }
    units
}

/// The `count` threads of `units` that serve best, lowest first; `None` if they do not have so many.
fn choose(units: &[&Unit], count: usize) -> Option<Vec<CoreNumber>> {
    let mut nodes: BTreeMap<NodeId, Vec<&Unit>> = BTreeMap::new();
    for unit in units {
        nodes.entry(unit.node).or_default().push(unit);
    }
    let mut nodes: Vec<_> = nodes.into_values().collect();
    let starts = nodes.iter().flat_map(|units| (0..units.len()).map(|start| &units[start..]));
    let runs = starts.filter_map(|units| first_of(units, count)).filter(|run| are_consecutive(run));
    let on_one_node = || nodes.iter().filter_map(|units| first_of(units, count)).min_by_key(|run| run[0].place);
    if let Some(run) = runs.min_by_key(|run| (threads_of(run), run[0].place)).or_else(on_one_node) {
        return Some(numbers(run.iter().copied(), count));
    }
    nodes.sort_by_key(|units| (Reverse(threads_of(units)), units[0].place));
    (threads_of(units) >= count).then(|| numbers(nodes.into_iter().flatten(), count))
}

/// The first of `units` that have `count` threads; `None` if all of them have fewer.
fn first_of<'a, 'b>(units: &'a [&'b Unit], count: usize) -> Option<&'a [&'b Unit]> {
    let mut threads = 0;
    let enough = |unit: &&Unit| {
        threads += unit.threads.len();
        threads >= count
    };
    let last = units.iter().position(enough)?;
    units.get(..=last)
}

fn are_consecutive(units: &[&Unit]) -> bool {
    units.windows(2).all(|pair| pair[0].place + 1 == pair[1].place)
}

fn threads_of(units: &[&Unit]) -> usize {
    units.iter().map(|unit| unit.threads.len()).sum()
}

fn numbers<'a>(units: impl Iterator<Item = &'a Unit>, count: usize) -> Vec<CoreNumber> {
    let mut numbers: Vec<_> = units.flat_map(|unit| unit.threads.iter().copied()).take(count).collect();
    numbers.sort_unstable();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{ApicId, Core};
    use crate::plan::tests::{four_cores, request_of};

    /// A machine whose cores have these nodes.
    fn machine(nodes: &[u32]) -> Inventory {
        let mut inventory = four_cores();
        let model = inventory.cores[0];
        let core = |(id, node): (u32, &u32)| Core { apic_id: ApicId(id), node: NodeId(*node), ..model };
        inventory.cores = (0..).zip(nodes).map(core).collect();
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

    /// The same on a machine whose cores have these APIC IDs, two threads to a physical core.
    fn with_threads(apic_ids: &[u32], cpus: &[&str]) -> Vec<Vec<u32>> {
        let mut inventory = machine(&alloc::vec![0; apic_ids.len()]);
        inventory.smt_shift = 1;
        inventory.cores.iter_mut().zip(apic_ids).for_each(|(core, id)| core.apic_id = ApicId(*id));
        let assigned = assign(&inventory, &request_of(cpus), &mut Vec::new()).unwrap();
        assigned.into_iter().map(|cores| cores.into_iter().map(|number| number.0).collect()).collect()
    }

    #[test]
    fn a_count_takes_whole_physical_cores() {
        let first_threads_first = [0, 2, 4, 6, 1, 3, 5, 7];
        assert_eq!(with_threads(&first_threads_first, &["2", "4", "2"]), [&[0, 4][..], &[1, 2, 5, 6], &[3, 7]]);
        let side_by_side = [0, 1, 2, 3, 4, 5, 6, 7];
        assert_eq!(with_threads(&side_by_side, &["2", "4"]), [&[0, 1][..], &[2, 3, 4, 5]]);
        assert_eq!(with_threads(&side_by_side, &["'1'", "2"]), [&[1][..], &[2, 3]]);
    }

    #[test]
    fn the_rest_of_a_physical_core_is_given_last() {
        let ids = [0, 1, 2, 3, 4, 5, 6, 7];
        assert_eq!(with_threads(&ids, &["1", "3", "2"]), [&[0][..], &[2, 3, 4], &[6, 7]]);
        assert_eq!(with_threads(&ids, &["1", "1", "1", "1", "2"]), [&[0][..], &[2], &[4], &[6], &[1, 3]]);
    }

    #[test]
    fn a_physical_core_without_a_second_thread_is_as_whole_as_others() {
        assert_eq!(with_threads(&[0, 1, 2, 4, 6], &["1", "2"]), [&[2][..], &[0, 1]]);
    }

    #[test]
    fn what_no_node_can_hold_takes_as_few_as_possible() {
        assert_eq!(cores_of(&[0, 1, 1, 2, 2, 2], &["4"]), [[1, 3, 4, 5]]);
    }
}
