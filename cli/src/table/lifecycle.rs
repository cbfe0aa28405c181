//! What becomes of partitions: which start with the box, what follows when one ends or hangs, and which can be started again.

use partitioner::config::{Lifecycle, Reaction};
use partitioner::plan::{PartitionPlan, Plan};

/// A row for each partition; none if all live as they do by default.
pub(super) fn rows(plan: &Plan) -> Vec<Vec<String>> {
    let is_default = |partition: &PartitionPlan| partition.lifecycle == Lifecycle::default();
    if plan.partitions.iter().all(is_default) {
        return Vec::new();
    }
    let head = ["partition", "starts", "on panic", "on hang", "on exit", "restarts in 10 min"];
    let rows = plan.partitions.iter().map(|partition| {
        let Lifecycle { start, on_panic, on_hang, on_exit, restart_limit } = partition.lifecycle;
        let starts = if start { "with the box" } else { "when asked" };
        let limit = if [on_panic, on_hang, on_exit].contains(&Reaction::Restart) {
            format!("at most {restart_limit}")
        } else {
            "-".to_owned()
        };
        let [on_panic, on_hang, on_exit] = [on_panic, on_hang, on_exit].map(|reaction| word(reaction).to_owned());
        vec![partition.name.clone(), starts.to_owned(), on_panic, on_hang, on_exit, limit]
    });
    [head.map(str::to_owned).to_vec()].into_iter().chain(rows).collect()
}

fn word(reaction: Reaction) -> &'static str {
    match reaction {
        Reaction::Keep => "keep",
        Reaction::Stop => "stop",
        Reaction::Restart => "restart",
    }
}

/// Which partitions can be started again while the others live: nothing but the way to the boot processor is in doubt.
pub(super) fn restartable(plan: &Plan) -> String {
    let owner = plan
        .partitions
        .iter()
        .find(|partition| partition.cores.iter().any(|core| core.core.apic_id == plan.boot_processor));
    match owner {
        None => "every partition, at any time".to_owned(),
        Some(owner) => {
            format!(
                "every partition; {}, which has the boot processor, by an NMI to its driver, or by its firmware if that is a BIOS",
                owner.name
            )
        }
    }
}
