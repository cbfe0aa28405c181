//! How Linux drives a device that is plugged in.

use std::time::Duration;

use partitioner::pci::PciAddress;

use super::DeviceKind;
use crate::shell::{Shell, ShellError};

/// The driver of a disk or a network card in a stock kernel.
#[derive(Clone, Copy, Debug)]
pub struct Driver {
    /// Whether it drives a disk, and not a network card.
    pub is_disk: bool,
    /// Some kernels have all but the last in their image.
    modules: &'static [&'static str],
}

impl Driver {
    /// The driver of a device of this kind, if that is a disk or a network card.
    pub fn of(kind: DeviceKind) -> Option<Self> {
        let (is_disk, modules): (_, &[_]) = match kind {
            DeviceKind::Nvme => (true, &["nvme"]),
            DeviceKind::Sata => (true, &["ahci", "sd_mod"]),
            DeviceKind::VirtioNet => (false, &["virtio_pci", "virtio_net"]),
            DeviceKind::E1000e => (false, &["e1000e"]),
            DeviceKind::Usb => return None,
        };
        Some(Self { is_disk, modules })
    }

    /// Loads it.
    ///
    /// # Errors
    /// If the kernel has none.
    pub fn load(self, shell: &Shell, limit: Duration) -> Result<(), ShellError> {
        if let Some((last, before)) = self.modules.split_last() {
            for module in before {
                shell.try_run(&format!("modprobe {module}"), limit)?;
            }
            shell.run(&format!("modprobe {last}"), limit)?;
        }
        Ok(())
    }

    /// Linux's name of the device at this address, when the driver has found it: `nvme0n1`, `eth0`.
    ///
    /// # Errors
    /// If it does not find it within `limit`.
    pub fn find(self, shell: &Shell, address: PciAddress, limit: Duration) -> Result<String, ShellError> {
        let list = if self.is_disk { "/sys/block" } else { "/sys/class/net" };
        let find = format!("ls -l {list}/ | grep -m 1 /{address}/");
        shell.wait_until(&format!("{find} > /dev/null"), limit, "dmesg | tail -n 5")?;
        Ok(last_name(&shell.run(&find, limit)?))
    }
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
