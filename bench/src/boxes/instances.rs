//! The instances of a running box that can be measured, and the routes within and between them.

use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, ensure};
use emulator::launch::RunningBox;
use emulator::shell::Shell;

use super::BOOT_LIMIT;
use super::commands::{COMMAND_LIMIT, Commands};
use super::route::{Endpoint, FIRST_PORT, PORTS, Route, VNI_CARD};
use super::spec::Subject;
use crate::model::Pair;

/// The namespaces of the veth.
const NAMESPACES: [(&str, &str); 2] = [("near", "10.99.0.1"), ("far", "10.99.0.2")];
const TOOLS: [&str; 5] = ["iperf3", "bench-agent", "ethtool", "ip", "taskset"];

pub(super) struct Instance {
    pub(super) name: String,
    pub(super) shell: Shell,
    /// Its IPv4 address on the virtual Ethernet.
    pub(super) address: String,
    pub(super) cores: usize,
    /// The release of its kernel.
    pub(super) kernel: String,
}

impl Instance {
    /// The instance of that name, when it is at its prompt.
    pub(super) fn find(running: &RunningBox, name: &str, stop: &AtomicBool) -> Result<Instance> {
        let planned = running.plan().partitions.iter().find(|partition| partition.name == name);
        let (planned, console) =
            planned.zip(running.console(name)).with_context(|| format!("{name} has no console"))?;
        let shell = Shell::at_prompt(console, BOOT_LIMIT, stop)?;
        let mut missing = Vec::new();
        for tool in TOOLS {
            if shell.try_run(&format!("command -v {tool}"), COMMAND_LIMIT)?.status != 0 {
                missing.push(tool);
            }
        }
        ensure!(missing.is_empty(), "its initial file system has no {}", missing.join(", no "));
        let address =
            shell.run(&format!("ip -4 -o address show dev {VNI_CARD} | awk '{{print $4}}'"), COMMAND_LIMIT)?;
        let address = address.split('/').next().unwrap_or_default().to_owned();
        ensure!(!address.is_empty(), "its {VNI_CARD} has no IPv4 address");
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
        // The endpoint of routes to others has the first ports.
        let end = Endpoint { port: FIRST_PORT + PORTS, ..Endpoint::new(commands, "lo", "127.0.0.1") };
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
