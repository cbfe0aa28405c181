//! Where it is measured: the running box, what of its instances can be used, and the paths between them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use emulator::console::{Console, Pattern, WaitEnd, WaitError};
use emulator::launch::RunningBox;
use emulator::session::LogLine;
use emulator::shell::{Shell, ShellError};
use regex::bytes::Regex;

use super::end::{Card, End, Path};
use super::fault::Fault;
use super::model::Pair;
use super::wish::Subject;

/// How long the boot image may take to start all kernels, and then an instance to give a prompt, on a busy host in
/// emulation.
const BOOT_LIMIT: Duration = Duration::from_secs(180);
/// How often it is looked whether somebody wants the end.
const LOOK: Duration = Duration::from_millis(500);
/// How long links may take to come up.
const LINK_LIMIT: Duration = Duration::from_secs(60);
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// As the driver calls it.
const CARD: &str = "vni0";
/// The namespaces at the ends of the veth.
const NAMESPACES: [(&str, &str); 2] = [("near", "10.99.0.1"), ("far", "10.99.0.2")];
/// What measures in an instance, and what it takes to.
const TOOLS: [&str; 5] = ["iperf3", "bench-agent", "ethtool", "ip", "taskset"];

/// An instance that can be measured.
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) shell: Shell,
    /// Its IPv4 address on the virtual Ethernet.
    pub(super) address: String,
    pub(super) cores: usize,
    /// What it says of itself.
    pub(super) kernel: String,
}

/// Waits until the boot image has started all kernels.
pub(super) fn await_start(running: &RunningBox, stop: &AtomicBool) -> Result<(), Fault> {
    let said = Regex::new(r"(?m)^sprig +\d+\.\d+ (?:leave: |FAILED [^\r\n]*)").expect("a regular expression");
    let found = wait(running.log(), said.into(), BOOT_LIMIT, stop)?;
    match LogLine::read(&found) {
        LogLine::Failed { what } => Err(Fault::Stopped(what.to_owned())),
        _ => Ok(()),
    }
}

/// Waits for the instances of these names; those that cannot be measured are told of instead, one line each.
pub(super) fn instances(
    running: &RunningBox,
    names: &[String],
    stop: &AtomicBool,
    remarks: &mut Vec<String>,
) -> Result<Vec<Instance>, Fault> {
    let mut found = Vec::new();
    for name in names {
        match instance(running, name, stop) {
            Ok(instance) => found.push(instance),
            Err(Fault::Interrupted) => return Err(Fault::Interrupted),
            Err(fault) => remarks.push(format!("{name} is left out: {fault}")),
        }
    }
    Ok(found)
}

fn instance(running: &RunningBox, name: &str, stop: &AtomicBool) -> Result<Instance, Fault> {
    let planned = running.plan().partitions.iter().find(|partition| partition.name == name);
    let (Some(planned), Some(console)) = (planned, running.console(name)) else {
        return Err(Fault::Nobody(format!("{name} has no console")));
    };
    let shell = arrived(console, stop)?;
    let missing = missing_tools(&shell)?;
    if !missing.is_empty() {
        return Err(Fault::Nobody(format!("its initial file system has no {}", missing.join(", no "))));
    }
    let address = shell.run(&format!("ip -4 -o address show dev {CARD} | awk '{{print $4}}'"), COMMAND_LIMIT)?;
    let address = address.split('/').next().unwrap_or_default().to_owned();
    if address.is_empty() {
        return Err(Fault::Nobody(format!("its {CARD} has no IPv4 address")));
    }
    let kernel = shell.run("uname -r", COMMAND_LIMIT)?;
    Ok(Instance { name: name.to_owned(), shell, address, cores: planned.cores.len(), kernel })
}

/// The shell of an instance, when it waits at its prompt.
pub(super) fn arrived(console: &Console, stop: &AtomicBool) -> Result<Shell, Fault> {
    // Some shells ask the terminal where its cursor is.
    wait(console, Regex::new(r"# (?:\x1b\[6n)?$").expect("a regular expression").into(), BOOT_LIMIT, stop)?;
    let shell = Shell::new(console.clone());
    shell.settle()?;
    Ok(shell)
}

pub(super) fn missing_tools(shell: &Shell) -> Result<Vec<&'static str>, Fault> {
    let mut missing = Vec::new();
    for tool in TOOLS {
        if shell.try_run(&format!("command -v {tool}"), COMMAND_LIMIT)?.status != 0 {
            missing.push(tool);
        }
    }
    Ok(missing)
}

/// Waits in short pieces, between which somebody may want the end.
fn wait(console: &Console, pattern: Pattern, limit: Duration, stop: &AtomicBool) -> Result<String, Fault> {
    let end = Instant::now() + limit;
    loop {
        match console.wait_for(pattern.clone(), LOOK) {
            Ok(found) => return Ok(found.text),
            Err(_) if stop.load(Ordering::Relaxed) => return Err(Fault::Interrupted),
            Err(error) if error.why == WaitEnd::Closed || Instant::now() > end => {
                return Err(error_after(error, limit));
            }
            Err(_) => {}
        }
    }
}

fn error_after(mut error: WaitError, limit: Duration) -> Fault {
    if let WaitEnd::TimedOut(_) = error.why {
        error.why = WaitEnd::TimedOut(limit);
    }
    ShellError::from(error).into()
}

/// The path over the virtual Ethernet between two instances, when the link is up.
pub(super) fn vni(from: &Instance, to: &Instance) -> Result<Path, Fault> {
    let (near, far) = (end_of(from), end_of(to));
    await_answer(&near, &far)?;
    let pair = Pair { from: from.name.clone(), to: to.name.clone() };
    Ok(Path { subject: Subject::Vni, pair: Some(pair), from: near, to: far })
}

/// The instance's own loopback, with both ends on its first core.
pub(super) fn loopback(instance: &Instance) -> Result<Path, Fault> {
    let end = End::new(&instance.name, &instance.shell, "taskset -c 0 ", Card::Other("lo".to_owned()), "127.0.0.1");
    let end = end.beside_another();
    end.serve()?;
    Ok(Path { subject: Subject::Loopback, pair: None, from: end.clone(), to: end })
}

/// A veth between two namespaces of the instance, its ends on two cores if there are two.
pub(super) fn veth(instance: &Instance) -> Result<Path, Fault> {
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
    instance.shell.run(&script, COMMAND_LIMIT)?;
    let cores = [0, usize::from(instance.cores > 1)];
    let end = |namespace: &str, core: usize, address: &str| {
        let within = format!("ip netns exec {namespace} taskset -c {core} ");
        End::new(&instance.name, &instance.shell, &within, Card::Other(format!("sprig-{namespace}")), address)
    };
    let (from, to) = (end(near, cores[0], near_address), end(far, cores[1], far_address));
    to.serve()?;
    Ok(Path { subject: Subject::Veth, pair: None, from, to })
}

/// The instance as an end of paths to others.
pub(super) fn end_of(instance: &Instance) -> End {
    End::new(&instance.name, &instance.shell, "", Card::Vni(CARD.to_owned()), &instance.address)
}

/// Starts what an instance serves all others with.
pub(super) fn serve(instance: &Instance) -> Result<(), Fault> {
    end_of(instance).serve()
}

/// Waits until one end reaches the other.
pub(super) fn await_answer(from: &End, to: &End) -> Result<(), Fault> {
    let condition = from.command(&format!("ping -q -c 1 -W 1 {} > /dev/null", to.address()));
    let show = format!("ip -s neigh; cat /sys/class/net/{CARD}/vni/links");
    Ok(from.shell().wait_until(&condition, LINK_LIMIT, &show)?)
}
