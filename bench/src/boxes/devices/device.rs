//! A device and the instance that drives it.

use std::time::Duration;

use anyhow::Result;
use emulator::emulated::{Driver, EmulatedDevice};
use emulator::shell::Shell;
use emulator::user_network::{GUEST, HOST};
use partitioner::pci::PciAddress;

use crate::boxes::commands::{COMMAND_LIMIT, Commands};
use crate::boxes::spec::{Metric, Subject};

/// How long a driver may take to find its device, and a link to come up.
const PROBE_LIMIT: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(super) struct OwnedDevice {
    /// The partition's place in the box file.
    pub(super) partition: usize,
    pub(super) partition_name: String,
    /// On the whole machine.
    pub(super) address: PciAddress,
    pub(super) device: EmulatedDevice,
    pub(super) driver: Driver,
    /// A kernel that is alone has the others too.
    pub(super) is_measured: bool,
}

pub(super) struct Device {
    pub(super) subject: Subject,
    pub(super) owned: OwnedDevice,
    pub(super) commands: Commands,
    /// Linux's name: `nvme0n1`, `eth0`.
    pub(super) name: String,
}

impl OwnedDevice {
    pub(super) fn metric(&self) -> Metric {
        if self.driver.is_disk { Metric::Disk } else { Metric::Network }
    }

    /// `nvme at 0000:01:00.0`.
    pub(super) fn label(&self) -> String {
        format!("{} at {}", self.device.kind(), self.address)
    }

    /// `alone, nvme at 0000:01:00.0 of web`.
    pub(super) fn place(&self, subject: Subject) -> String {
        format!("{subject}, {} of {}", self.label(), self.partition_name)
    }

    /// Loads its driver in an instance that sees it at this address, and brings up the link of a card.
    pub(super) fn drive(&self, subject: Subject, shell: &Shell, address: PciAddress) -> Result<Device> {
        self.driver.load(shell, COMMAND_LIMIT)?;
        let name = self.driver.find(shell, address, PROBE_LIMIT)?;
        let prefix = if self.driver.is_disk { warm_up(shell, &name)? } else { connect(shell, &name)? };
        let commands = Commands::new(&self.place(subject), shell, &prefix);
        Ok(Device { subject, owned: self.clone(), commands, name })
    }
}

/// Reads what will be measured, so that the host has it in memory. Nothing need precede programs.
fn warm_up(shell: &Shell, disk: &str) -> Result<String> {
    shell.wait_until(&format!("[ -b /dev/{disk} ]"), PROBE_LIMIT, "ls /dev")?;
    shell.run(&format!("dd if=/dev/{disk} of=/dev/null bs=1M count=64"), COMMAND_LIMIT)?;
    Ok(String::new())
}

/// Gives a card a network namespace of its own, so that the instance's other networks stay as they are. Returns
/// what makes programs run there.
fn connect(shell: &Shell, card: &str) -> Result<String> {
    let space = format!("outside-{card}");
    let script = format!(
        "ip netns add {space} && ip link set {card} netns {space} && ip -n {space} address add {GUEST} dev {card} \
         && ip -n {space} link set {card} up"
    );
    shell.run(&script, COMMAND_LIMIT)?;
    let within = format!("ip netns exec {space} ");
    let ping = format!("{within}ping -q -c 1 -W 1 {HOST} > /dev/null");
    shell.wait_until(&ping, PROBE_LIMIT, &format!("{within}ip -s link show {card}"))?;
    Ok(within)
}
