//! What may surprise the owner of a box that can be planned.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{PartitionPlan, Plan};
use crate::diagnostic::{Diagnostic, Place};
use crate::inventory::{CoreNumber, Inventory};
use crate::request::Request;

/// The warnings about a plan of `request` on a machine.
pub fn warnings(inventory: &Inventory, request: &Request, plan: &Plan) -> Vec<Diagnostic> {
    let pairs = plan.partitions.iter().enumerate();
    let pairs = pairs.flat_map(|(index, first)| plan.partitions[index + 1..].iter().map(move |second| [first, second]));
    pairs.filter_map(|pair| split_physical_cores(inventory, request, pair)).collect()
}

/// That two partitions have threads of the same physical cores.
fn split_physical_cores(
    inventory: &Inventory,
    request: &Request,
    [first, second]: [&PartitionPlan; 2],
) -> Option<Diagnostic> {
    let of_second = by_physical_core(inventory, second);
    let common: Vec<_> = by_physical_core(inventory, first)
        .into_iter()
        .filter_map(|(physical, threads)| Some((threads, of_second.get(&physical)?)))
        .collect();
    let (threads, others) = common.first()?;
    let together = common.iter().map(|(threads, others)| set([threads.as_slice(), others.as_slice()].concat()));
    let together = together.collect::<Vec<_>>().join(", ");
    let places = [first, second].into_iter().filter_map(|partition| {
        let entry = request.file.partitions.get(usize::from(partition.index.0))?;
        Some(Place::new(entry.cpus.span(), format!("cores of \"{}\"", partition.name)))
    });
    let message = format!(
        "core {} of \"{}\" and core {} of \"{}\" are threads of one physical core: each slows the other down, and can \
         watch it through their caches",
        threads[0], first.name, others[0], second.name
    );
    let help = format!("give those that go together to one partition, by sets in `cpus`: {together}");
    Some(Diagnostic::new("physical-core-split", message, places.collect(), help).into_warning())
}

fn by_physical_core(inventory: &Inventory, partition: &PartitionPlan) -> BTreeMap<u32, Vec<CoreNumber>> {
    let mut threads: BTreeMap<u32, Vec<CoreNumber>> = BTreeMap::new();
    for core in &partition.cores {
        threads.entry(inventory.physical_core(core.core)).or_default().push(core.number);
    }
    threads
}

/// As the box file would have it.
fn set(mut numbers: Vec<CoreNumber>) -> String {
    numbers.sort_unstable();
    format!("\"{}\"", numbers.iter().map(|number| format!("{number}")).collect::<Vec<_>>().join(","))
}
