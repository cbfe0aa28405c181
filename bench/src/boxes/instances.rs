//! The instances of a running box that can be measured, and the routes within and between them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use emulator::console::{Console, Pattern, WaitEnd};
use emulator::launch::RunningBox;
use emulator::session::LogLine;
use emulator::shell::{Shell, ShellError};
use regex::bytes::Regex;

use super::commands::{COMMAND_LIMIT, Commands};
use super::error::{BenchError, Result};
use super::route::{Endpoint, Route, VNI_CARD};
use super::spec::Subject;
use crate::model::Pair;

/// How long the boot image may take to start all kernels, and then an instance to reach its prompt, on a busy host in
/// emulation.
const BOOT_LIMIT: Duration = Duration::from_secs(180);
/// How often a wait looks for a signal.
const WAIT_STEP: Duration = Duration::from_millis(500);

/// The namespaces of the veth.
const NAMESPACES: [(&str, &str); 2] = [("near", "10.99.0.1"), ("far", "10.99.0.2")];
/// What an instance must have.
const TOOLS: [&str; 5] = ["iperf3", "bench-agent", "ethtool", "ip", "taskset"];

/// An instance that can be measured.
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) shell: Shell,
    /// Its IPv4 address on the virtual Ethernet.
    pub(super) address: String,
    pub(super) cores: usize,
    /// The release of its kernel.
    pub(super) kernel: String,
}

/// Waits until the boot image has started all kernels.
pub(super) fn await_start(running: &RunningBox, stop: &AtomicBool) -> Result<()> {
    let line = Regex::new(r"(?m)^sprig +\d+\.\d+ (?:leave: |FAILED [^\r\n]*)").expect("a regular expression");
    let found = wait(running.log(), line.into(), stop)?;
    match LogLine::read(&found) {
        LogLine::Failed { what } => Err(BenchError::Stopped(what.to_owned())),
        _ => Ok(()),
    }
}

/// The shell of an instance, when it is at its prompt.
pub(super) fn shell(console: &Console, stop: &AtomicBool) -> Result<Shell> {
    // Some shells ask the terminal for the position of its cursor.
    wait(console, Regex::new(r"# (?:\x1b\[6n)?$").expect("a regular expression").into(), stop)?;
    let shell = Shell::new(console.clone());
    shell.settle()?;
    Ok(shell)
}

/// Waits in short steps, and ends when a signal has come.
fn wait(console: &Console, pattern: Pattern, stop: &AtomicBool) -> Result<String> {
    let end = Instant::now() + BOOT_LIMIT;
    loop {
        match console.wait_for(pattern.clone(), WAIT_STEP) {
            Ok(found) => return Ok(found.text),
            Err(_) if stop.load(Ordering::Relaxed) => return Err(BenchError::Interrupted),
            Err(mut error) if error.why == WaitEnd::Closed || Instant::now() > end => {
                if let WaitEnd::TimedOut(limit) = &mut error.why {
                    *limit = BOOT_LIMIT;
                }
                return Err(ShellError::from(error).into());
            }
            Err(_) => {}
        }
    }
}

impl Instance {
    /// Waits for the instances of these names. Those that cannot be measured are remarks.
    pub(super) fn all(
        running: &RunningBox,
        names: &[String],
        stop: &AtomicBool,
        remarks: &mut Vec<String>,
    ) -> Result<Vec<Instance>> {
        let mut found = Vec::new();
        for name in names {
            match Instance::find(running, name, stop) {
                Ok(instance) => found.push(instance),
                Err(BenchError::Interrupted) => return Err(BenchError::Interrupted),
                Err(error) => remarks.push(format!("{name} is left out: {error}")),
            }
        }
        Ok(found)
    }

    fn find(running: &RunningBox, name: &str, stop: &AtomicBool) -> Result<Instance> {
        let planned = running.plan().partitions.iter().find(|partition| partition.name == name);
        let (Some(planned), Some(console)) = (planned, running.console(name)) else {
            return Err(BenchError::Nothing(format!("{name} has no console")));
        };
        let shell = shell(console, stop)?;
        let mut missing = Vec::new();
        for tool in TOOLS {
            if shell.try_run(&format!("command -v {tool}"), COMMAND_LIMIT)?.status != 0 {
                missing.push(tool);
            }
        }
        if !missing.is_empty() {
            return Err(BenchError::Nothing(format!("its initial file system has no {}", missing.join(", no "))));
        }
        let address =
            shell.run(&format!("ip -4 -o address show dev {VNI_CARD} | awk '{{print $4}}'"), COMMAND_LIMIT)?;
        let address = address.split('/').next().unwrap_or_default().to_owned();
        if address.is_empty() {
            return Err(BenchError::Nothing(format!("its {VNI_CARD} has no IPv4 address")));
        }
        let kernel = shell.run("uname -r", COMMAND_LIMIT)?;
        Ok(Instance { name: name.to_owned(), shell, address, cores: planned.cores.len(), kernel })
    }

    /// The instance as an end of routes to others.
    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint::new(Commands::new(&self.name, &self.shell, ""), VNI_CARD, &self.address)
    }

    /// The route over the virtual Ethernet to another instance, when the link is up.
    pub(super) fn route_to(&self, other: &Instance) -> Result<Route> {
        let pair = Pair { from: self.name.clone(), to: other.name.clone() };
        let route = Route::new(Subject::Vni, Some(pair), self.endpoint(), other.endpoint());
        route.await_answer().map(|()| route)
    }

    /// Its own loopback, with both ends on its first core.
    pub(super) fn loopback(&self) -> Result<Route> {
        let commands = Commands::new(&self.name, &self.shell, "taskset -c 0 ");
        let end = Endpoint::new(commands, "lo", "127.0.0.1").with_other_ports();
        end.serve()?;
        Ok(Route::new(Subject::Loopback, None, end.clone(), end))
    }

    /// A veth between two of its namespaces, the ends on two cores if there are two.
    pub(super) fn veth(&self) -> Result<Route> {
        let [(near, near_address), (far, far_address)] = NAMESPACES;
        let mut script = format!(
            "modprobe veth && ip netns add {near} && ip netns add {far} \
             && ip link add sprig-{near} netns {near} type veth peer name sprig-{far} netns {far}"
        );
        for (name, address) in NAMESPACES {
            script += &format!(
                " && ip -n {name} address add {address}/24 dev sprig-{name} && ip -n {name} link set sprig-{name} up \
                 && ip -n {name} link set lo up"
            );
        }
        self.shell.run(&script, COMMAND_LIMIT)?;
        let end = |namespace: &str, core: usize, address: &str| {
            let prefix = format!("ip netns exec {namespace} taskset -c {core} ");
            let card = format!("sprig-{namespace}");
            Endpoint::new(Commands::new(&self.name, &self.shell, &prefix), &card, address)
        };
        let (from, to) = (end(near, 0, near_address), end(far, usize::from(self.cores > 1), far_address));
        to.serve()?;
        Ok(Route::new(Subject::Veth, None, from, to))
    }
}
