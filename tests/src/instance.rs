//! An instance, seen from its console.

use std::time::Duration;

use emulator::console::{Console, Pattern, WaitError};
use emulator::launch::RunningBox;
use emulator::shell::Shell;
use partitioner::address::{MIB, MemoryRange};
use partitioner::plan::PartitionPlan;
use regex::bytes::Regex;
use serde_json::Value;

/// How long an instance may take from its start to user space, on a busy host in emulation.
pub const BOOT_LIMIT: Duration = Duration::from_secs(180);
/// How long a command may take.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(90);

/// A partition and its console.
#[derive(Clone)]
pub struct Instance<'a> {
    /// Its partition in the plan.
    pub plan: &'a PartitionPlan,
    /// Its console.
    pub console: &'a Console,
    /// Its memory, with its slice below 1 MiB.
    memory: Vec<MemoryRange>,
}

impl<'a> Instance<'a> {
    /// The instance in that partition.
    pub fn new(plan: &'a PartitionPlan, console: &'a Console, memory: Vec<MemoryRange>) -> Self {
        Self { plan, console, memory }
    }

    /// The instance that has taken over the port of the boot image's log. Its memory is not known.
    ///
    /// # Panics
    /// If there is no partition of that name, or it has no console.
    pub fn at_port_of_the_log(running: &'a RunningBox, name: &str) -> Self {
        let plan = running.plan().partitions.iter().find(|partition| partition.name == name);
        let console = running.console(name).unwrap_or_else(|| panic!("{name} has no console"));
        Self::new(plan.expect("a console belongs to a partition"), console, Vec::new())
    }

    /// The report that it prints in user space.
    ///
    /// # Panics
    /// If it does not get there.
    pub fn wait_for_report(&self) -> Value {
        self.try_wait_for_report().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, without a panic if it does not reach user space.
    ///
    /// # Errors
    /// If it does not reach user space.
    ///
    /// # Panics
    /// If what it prints is not a report.
    pub fn try_wait_for_report(&self) -> Result<Value, WaitError> {
        let line = Regex::new(r"sprig-report: (\{.*\})\r?\n").expect("a regular expression");
        let found = self.console.wait_for(Pattern::Regex(line), BOOT_LIMIT)?;
        self.console.wait_for("# ", COMMAND_LIMIT)?;
        Ok(serde_json::from_str(&found.groups[0]).unwrap_or_else(|error| panic!("{}: {error}", found.text)))
    }

    /// Runs a command in its shell, and returns its output without the last line break.
    ///
    /// # Panics
    /// If it does not end in time, or fails.
    pub fn run(&self, command: &str) -> String {
        let (output, status) = self.try_run(command);
        assert_eq!(status, 0, "{}: `{command}` printed:\n{output}", self.plan.name);
        output
    }

    /// Runs a command in its shell, and returns its output and exit status.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn try_run(&self, command: &str) -> (String, i32) {
        let ended = self.shell().try_run(command, COMMAND_LIMIT).unwrap_or_else(|error| panic!("{error}"));
        (ended.output, ended.status)
    }

    /// The shell at its console.
    pub fn shell(&self) -> Shell {
        Shell::new(self.console.clone())
    }

    /// Types a line without waiting for anything.
    pub fn send(&self, line: &str) {
        self.console.send_line(line).unwrap_or_else(|error| panic!("{}: {error}", self.plan.name));
    }

    /// Waits for text that matches a regular expression.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn wait_for(&self, pattern: &str) {
        let pattern = Pattern::Regex(Regex::new(pattern).expect("a regular expression"));
        self.console.wait_for(pattern, COMMAND_LIMIT).unwrap_or_else(|error| panic!("{error}"));
    }

    /// A number that a command prints.
    pub fn number(&self, command: &str) -> u64 {
        let output = self.run(command);
        output
            .trim()
            .parse()
            .unwrap_or_else(|error| panic!("{}: `{command}` printed {output:?}: {error}", self.plan.name))
    }

    /// Lines of /proc/iomem: range and name, indented if it lies in a range before.
    pub fn iomem(&self) -> Vec<(MemoryRange, String)> {
        let line = |line: &str| {
            let (range, name) = line.split_once(" : ")?;
            let (start, end) = range.trim_start().split_once('-')?;
            let start = u64::from_str_radix(start, 16).ok()?;
            let end = u64::from_str_radix(end, 16).ok()?;
            let indent = line.len() - line.trim_start().len();
            Some((MemoryRange::new(start, end + 1)?, format!("{:indent$}{name}", "")))
        };
        self.run("cat /proc/iomem").lines().filter_map(line).collect()
    }

    /// Asserts that it has exactly the cores of its plan, and that each of them runs a program.
    pub fn assert_has_exactly_its_cores(&self) {
        let count = self.plan.cores.len();
        let name = &self.plan.name;
        assert_eq!(self.number("nproc"), count as u64, "{name} has as many cores as planned");
        let listed = self.run("cat /sys/devices/system/cpu/online");
        let expected = if count == 1 { "0".to_owned() } else { format!("0-{}", count - 1) };
        assert_eq!(listed, expected, "{name} has them online");
        let apic_ids = self.run("grep ^apicid /proc/cpuinfo | sort -n -k3 | awk '{print $3}'");
        let mut planned: Vec<_> = self.plan.cores.iter().map(|core| core.core.apic_id.0).collect();
        planned.sort_unstable();
        let found: Vec<u32> = apic_ids.lines().map(|id| id.trim().parse().expect("an APIC ID")).collect();
        assert_eq!(found, planned, "{name} has the very cores of its plan");
        for cpu in 0..count {
            let ran_on = self.run(&format!("taskset -c {cpu} awk '{{print $39}}' /proc/self/stat"));
            assert_eq!(ran_on, cpu.to_string(), "{name} runs work on core {cpu}");
        }
    }

    /// Asserts that its memory is exactly that of its plan, and that all other memory is reserved for it.
    pub fn assert_has_exactly_its_memory(&self) {
        let mut total = 0;
        for (range, name) in self.iomem().into_iter().filter(|(_, name)| !name.starts_with(' ')) {
            match name.as_str() {
                // `Booted::assert_devices_are_apart` checks the owners.
                name if name.starts_with("PCI ") => {}
                "System RAM" | "ACPI Tables" => {
                    assert!(self.memory.iter().any(|own| own.contains(range)), "{}: {range} is {name}", self.plan.name);
                    if range.start() >= MIB {
                        total += range.len();
                    }
                }
                "Reserved" | "Local APIC" => {}
                // Linux adds these itself, on every PC.
                "Video ROM" | "Adapter ROM" | "System ROM" if range.end() <= MIB => {}
                other => panic!("{}: {range} is {other}, which belongs to no partition", self.plan.name),
            }
        }
        assert_eq!(total, self.plan.memory_len(), "{} has as much memory as planned", self.plan.name);
    }
}
