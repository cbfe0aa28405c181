//! A device and the instance that drives it.

use std::time::Duration;

use anyhow::Result;
use emulator::emulated::{DeviceKind, EmulatedDevice};
use emulator::shell::Shell;
use emulator::user_network::{GUEST, HOST};
use partitioner::pci::PciAddress;

use crate::boxes::commands::{COMMAND_LIMIT, Commands};
use crate::boxes::spec::{Metric, Subject};

/// How long a driver may take to find its device, and a link to come up.
const PROBE_LIMIT: Duration = Duration::from_secs(30);

/// How Linux drives a kind of device.
#[derive(Clone, Copy)]
pub(super) struct Driver {
    pub(super) name: &'static str,
    pub(super) metric: Metric,
    /// Some kernels have the first of them in their image.
    modules: &'static [&'static str],
    /// The folder in which it lists what it has found.
    list: &'static str,
}

/// A disk or a network card that a partition owns.
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

/// A device that can be measured.
pub(super) struct Device {
    pub(super) subject: Subject,
    pub(super) owned: OwnedDevice,
    pub(super) commands: Commands,
    /// Linux's name: `nvme0n1`, `eth0`.
    pub(super) name: String,
}

impl Driver {
    /// The driver of a disk or a network card.
    pub(super) fn of(kind: DeviceKind) -> Option<Driver> {
        let disk = |name, modules| Driver { name, metric: Metric::Disk, modules, list: "/sys/block" };
        let card = |name, modules| Driver { name, metric: Metric::Network, modules, list: "/sys/class/net" };
        match kind {
            DeviceKind::Nvme => Some(disk("nvme", &["nvme"])),
            DeviceKind::Sata => Some(disk("sata", &["ahci", "sd_mod"])),
            DeviceKind::VirtioNet => Some(card("virtio-net", &["virtio_pci", "virtio_net"])),
            DeviceKind::E1000e => Some(card("e1000e", &["e1000e"])),
            DeviceKind::Usb => None,
        }
    }
}

impl OwnedDevice {
    /// `nvme at 0000:01:00.0`.
    pub(super) fn label(&self) -> String {
        format!("{} at {}", self.driver.name, self.address)
    }

    /// `alone, nvme at 0000:01:00.0 of web`.
    pub(super) fn place(&self, subject: Subject) -> String {
        format!("{subject}, {} of {}", self.label(), self.partition_name)
    }

    /// Loads its driver in an instance that sees it at this address, and brings up the link of a card.
    pub(super) fn drive(&self, subject: Subject, shell: &Shell, address: PciAddress) -> Result<Device> {
        if let Some((last, before)) = self.driver.modules.split_last() {
            for module in before {
                shell.try_run(&format!("modprobe {module}"), COMMAND_LIMIT)?;
            }
            shell.run(&format!("modprobe {last}"), COMMAND_LIMIT)?;
        }
        let find = format!("ls -l {}/ | grep -m 1 /{address}/", self.driver.list);
        shell.wait_until(&format!("{find} > /dev/null"), PROBE_LIMIT, "dmesg | tail -n 5")?;
        let name = last_name(&shell.run(&find, COMMAND_LIMIT)?);
        let prefix = match self.driver.metric {
            Metric::Network => connect(shell, &name)?,
            _ => warm_up(shell, &name)?,
        };
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

/// The last name of a path, as programs use it. An NVMe disk may have several paths, and Linux lists each as `nvme0c0n1`,
/// which no program can open (`drivers/nvme/host/multipath.c`).
fn last_name(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    let parts = name.strip_prefix("nvme").and_then(|parts| parts.split_once('c'));
    match parts.and_then(|(subsystem, path)| Some((subsystem, path.split_once('n')?.1))) {
        Some((subsystem, space)) => format!("nvme{subsystem}n{space}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_the_name_that_programs_can_open() {
        let names = ["a/nvme/nvme1/nvme1c0n2", "a/nvme/nvme0/nvme0n1", "a/block/sda", "a/virtio0/net/enc0n1"];
        assert_eq!(names.map(last_name), ["nvme1n2", "nvme0n1", "sda", "enc0n1"]);
    }
}
