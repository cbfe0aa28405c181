//! A device and the instance that drives it: its modules are loaded, and what Linux calls it is known.

use std::time::Duration;

use emulator::emulated::EmulatedDevice;
use emulator::shell::Shell;
use partitioner::pci::PciAddress;
use partitioner::plan::PartitionPlan;
use partitioner::view::acpi::segment;

use super::Owned;
use super::outside;
use crate::bench::fault::Fault;
use crate::bench::site::Instance;
use crate::bench::wish::{Subject, What};

/// How long a command may take that measures nothing, on a busy host in emulation.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);
/// How long a driver may take to find its device, and a link to come up.
const PROBE_LIMIT: Duration = Duration::from_secs(30);

/// What can be measured of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Nvme,
    Sata,
    VirtioNet,
    E1000e,
}

/// A device in an instance.
pub(in crate::bench) struct Driven {
    pub(in crate::bench) subject: Subject,
    owned: Owned,
    shell: Shell,
    /// As its kernel calls it: `nvme0n1`, `eth0`.
    name: String,
}

impl Kind {
    pub(super) fn of(device: &EmulatedDevice) -> Option<Kind> {
        match device {
            EmulatedDevice::Nvme(_) => Some(Kind::Nvme),
            EmulatedDevice::Sata(_) => Some(Kind::Sata),
            EmulatedDevice::VirtioNet(_) => Some(Kind::VirtioNet),
            EmulatedDevice::E1000e(_) => Some(Kind::E1000e),
            EmulatedDevice::Usb => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Nvme => "nvme",
            Kind::Sata => "sata",
            Kind::VirtioNet => "virtio-net",
            Kind::E1000e => "e1000e",
        }
    }

    pub(super) fn what(self) -> What {
        match self {
            Kind::Nvme | Kind::Sata => What::Disk,
            Kind::VirtioNet | Kind::E1000e => What::Network,
        }
    }

    /// What drives it; some kernels have the first of them in their image.
    fn modules(self) -> &'static [&'static str] {
        match self {
            Kind::Nvme => &["nvme"],
            Kind::Sata => &["ahci", "sd_mod"],
            Kind::VirtioNet => &["virtio_pci", "virtio_net"],
            Kind::E1000e => &["e1000e"],
        }
    }

    /// Where Linux lists what it has found of such devices.
    fn list(self) -> &'static str {
        match self.what() {
            What::Disk => "/sys/block",
            _ => "/sys/class/net",
        }
    }
}

impl Driven {
    /// In the partition that owns it.
    pub(super) fn in_partition(owned: &Owned, instance: &Instance, planned: &PartitionPlan) -> Result<Driven, Fault> {
        let address = owned.address;
        let seen =
            PciAddress::new(segment(planned, address.segment()), address.bus(), address.device(), address.function());
        let seen = seen.ok_or_else(|| Fault::Nobody(format!("{address} is nowhere in {}", instance.name)))?;
        Driven::ready(Subject::Partition, owned, &instance.shell, seen)
    }

    /// With its driver loaded, and a card's link up, where the instance sees it at this address.
    pub(super) fn ready(subject: Subject, owned: &Owned, shell: &Shell, address: PciAddress) -> Result<Driven, Fault> {
        let modules = owned.kind.modules();
        for (number, module) in modules.iter().enumerate() {
            let command = format!("modprobe {module}");
            if number + 1 < modules.len() {
                shell.try_run(&command, COMMAND_LIMIT)?;
            } else {
                shell.run(&command, COMMAND_LIMIT)?;
            }
        }
        let found = format!("ls -l {}/ | grep -m 1 /{address}/", owned.kind.list());
        shell.wait_until(&format!("{found} > /dev/null"), PROBE_LIMIT, "dmesg | tail -n 5")?;
        let name = last_name(&shell.run(&found, COMMAND_LIMIT)?);
        let driven = Driven { subject, owned: owned.clone(), shell: shell.clone(), name };
        match owned.kind.what() {
            What::Network => driven.connect()?,
            _ => driven.warm_up()?,
        }
        Ok(driven)
    }

    /// Reads what will be read, so that the host has it in memory before anybody is timed.
    fn warm_up(&self) -> Result<(), Fault> {
        let file = self.file();
        self.shell.wait_until(&format!("[ -b {file} ]"), PROBE_LIMIT, "ls /dev")?;
        self.shell.run(&format!("dd if={file} of=/dev/null bs=1M count=64"), COMMAND_LIMIT)?;
        Ok(())
    }

    /// Gives a card a network namespace of its own, so that whatever else the instance has of networks stays as it is.
    fn connect(&self) -> Result<(), Fault> {
        let (card, space) = (&self.name, self.namespace());
        let script = format!(
            "ip netns add {space} && ip link set {card} netns {space} && ip -n {space} address add {} dev {card} \
             && ip -n {space} link set {card} up",
            outside::ADDRESS
        );
        self.shell.run(&script, COMMAND_LIMIT)?;
        let reached = self.within(&format!("ping -q -c 1 -W 1 {} > /dev/null", outside::HOST));
        Ok(self.shell.wait_until(&reached, PROBE_LIMIT, &self.within(&format!("ip -s link show {card}")))?)
    }

    fn namespace(&self) -> String {
        format!("outside-{}", self.name)
    }

    /// The command that runs `program` where the card is.
    pub(super) fn within(&self, program: &str) -> String {
        format!("ip netns exec {} {program}", self.namespace())
    }

    /// Whether it is that device, wherever.
    pub(super) fn is(&self, owned: &Owned) -> bool {
        self.owned.address == owned.address
    }

    /// The disk's file.
    pub(super) fn file(&self) -> String {
        format!("/dev/{}", self.name)
    }

    /// The partition that owns it, on the machine that has others, too.
    pub(super) fn partition(&self) -> &str {
        &self.owned.partition_name
    }

    /// Which it is, on that machine.
    pub(super) fn device(&self) -> String {
        self.owned.told()
    }

    /// For people.
    pub(in crate::bench) fn told(&self) -> String {
        format!("{}, {} of {}", self.subject.name(), self.device(), self.partition())
    }

    pub(in crate::bench) fn shell(&self) -> &Shell {
        &self.shell
    }

    /// Runs a program that takes so long by itself: what it prints, whether it succeeds or not.
    pub(super) fn measure(&self, program: &str, takes: Duration) -> Result<String, Fault> {
        Ok(self.shell.try_run(program, takes + COMMAND_LIMIT)?.output)
    }
}

/// The last name of a path, as Linux calls what programs use: of an NVMe disk that may have several paths, it lists each as
/// `nvme0c0n1`, which none can open (`drivers/nvme/host/multipath.c`).
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
    fn a_disk_is_called_what_programs_can_open() {
        let names = ["a/nvme/nvme1/nvme1c0n2", "a/nvme/nvme0/nvme0n1", "a/block/sda", "a/virtio0/net/enc0n1"];
        assert_eq!(names.map(last_name), ["nvme1n2", "nvme0n1", "sda", "enc0n1"]);
    }
}
