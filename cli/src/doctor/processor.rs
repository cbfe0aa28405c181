//! The processor and memory of the machine itself.

use partitioner::amount::{Amount, Count};

use super::{Finding, Host, Purpose};

/// Two small partitions and the window.
const MEMORY_LEAST: u64 = 512 << 20;

pub(super) fn findings(host: &Host) -> Vec<Finding> {
    let looks = [cores, memory, threads, time_stamp_counter, timer, microcode];
    looks.into_iter().map(|look| look(host)).collect()
}

fn finding(id: &'static str, found: impl Into<String>) -> Finding {
    Finding::new(id, Purpose::RealMachine, found)
}

fn cores(host: &Host) -> Finding {
    let (id, count) = ("cores", host.processor_field("processor").count());
    let found = finding(id, Count(count, "core").to_string());
    match count {
        0 => found.missing("mount /proc: Linux does not say what processors there are"),
        _ if !host.has_flag("lm") => {
            finding(id, "the processor has no 64-bit mode").missing("take an x86-64 processor")
        }
        1 => found.missing("take a machine with a core for each partition"),
        _ => found,
    }
}

fn memory(host: &Host) -> Finding {
    let bytes = host.memory().unwrap_or_default();
    let found = finding("real-memory", Amount(bytes).to_string());
    if bytes < MEMORY_LEAST { found.missing("take a machine with more memory") } else { found }
}

fn threads(host: &Host) -> Finding {
    let found = match host.text("sys/devices/system/cpu/smt/active").as_deref() {
        Some("1") => "on: a core number is a thread, and a count of cores takes both threads of a physical core",
        Some(_) => "off",
        None => "not known to Linux",
    };
    finding("smt", found)
}

/// As the boot image judges: by the processor's own flag, and for QEMU's emulation, which keeps the rate without it.
fn time_stamp_counter(host: &Host) -> Finding {
    let is_emulated = host.processor_field("model name").next().is_some_and(|name| name.contains("QEMU TCG"));
    let id = "invariant-tsc";
    match is_emulated || host.has_flag("constant_tsc") && host.has_flag("nonstop_tsc") {
        true => finding(id, "it ticks at one rate in every power state"),
        false => finding(id, "the time-stamp counter stops or changes its rate, and it is the only clock of instances")
            .missing("take a processor from 2010 or later; in a virtual machine, have the host's invariant TSC passed through"),
    }
}

fn timer(host: &Host) -> Finding {
    let id = "arat";
    match host.has_flag("arat") {
        true => finding(id, "the timer of each core runs in every power state"),
        false => finding(id, "the timer of a core stops in deep sleep, and an instance has no other")
            .warned("write cmdline = \"intel_idle.max_cstate=0 processor.max_cstate=1\" for each partition"),
    }
}

fn microcode(host: &Host) -> Finding {
    let revisions = host.processor_values("microcode");
    let id = "microcode";
    match revisions.iter().copied().collect::<Vec<_>>().as_slice() {
        [] => finding(id, "Linux does not say its revision"),
        [revision] => finding(id, format!("revision {revision} on every core")),
        several => finding(id, format!("revisions {} on different cores", several.join(" and ")))
            .warned("update the firmware, which then gives all cores the same"),
    }
}
