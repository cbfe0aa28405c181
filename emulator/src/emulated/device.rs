//! PCI devices of the emulated machine, each behind a root port of its own: as planning sees them, and QEMU's
//! arguments for them.
//!
//! The firmware numbers the buses behind the ports in the order of the ports: the first device is at `0000:01:00.0`, the
//! second at `0000:02:00.0`, and so on. What addresses they decode, planning does not ask.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use partitioner::pci::{Bridge, BusRange, Interrupts, PciAddress, PciClass, PciFunction, Windows};

/// Where on bus 0 the first root port is: behind what the board itself has at its lower end, and serial cards.
pub(super) const FIRST_PORT: u8 = 0x10;
/// The board itself has the last one.
pub(super) const PORTS_MAX: u8 = 0x1f - FIRST_PORT;
/// A place for a capability. Planning asks whether there is one, not where.
const SOMEWHERE: Option<u16> = Some(0x40);

/// A device that `sprig run` can plug in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EmulatedDevice {
    /// An NVMe disk with this image.
    Nvme(PathBuf),
    /// An AHCI controller and a disk with this image.
    Sata(PathBuf),
    /// A virtio network card, at that back end of QEMU's.
    VirtioNet(String),
    /// An Intel 82574L network card, at that back end of QEMU's.
    E1000e(String),
    /// An xHCI host controller, with a keyboard.
    Usb,
}

/// Where a network card leads if nothing is said: QEMU's own network, from which one reaches out, but is not reached.
const USER_NETWORK: &str = "user";

/// Text that is no device.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{0:?} is no device; write nvme=IMAGE, sata=IMAGE, virtio-net, e1000e (or e1000e=BACKEND, as QEMU's -netdev takes it), or usb"
)]
pub struct DeviceError(String);

impl FromStr for EmulatedDevice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let (kind, value) = text.split_once('=').map_or((text, None), |(kind, value)| (kind, Some(value)));
        let network = || value.unwrap_or(USER_NETWORK).to_owned();
        match (kind, value) {
            ("nvme", Some(image)) if !image.is_empty() => Ok(Self::Nvme(image.into())),
            ("sata", Some(image)) if !image.is_empty() => Ok(Self::Sata(image.into())),
            ("virtio-net" | "e1000e", Some("")) => Err(DeviceError(text.to_owned())),
            ("virtio-net", _) => Ok(Self::VirtioNet(network())),
            ("e1000e", _) => Ok(Self::E1000e(network())),
            ("usb", None) => Ok(Self::Usb),
            _ => Err(DeviceError(text.to_owned())),
        }
    }
}

impl EmulatedDevice {
    /// QEMU's arguments for the device at this place.
    pub(super) fn arguments(&self, place: u8) -> Vec<String> {
        let port = format!("root-port{place}");
        let chassis = place + 1;
        let mut arguments = vec![
            "-device".to_owned(),
            format!(
                "pcie-root-port,id={port},bus=pcie.0,addr={:#x},chassis={chassis},slot={chassis}",
                FIRST_PORT + place
            ),
        ];
        let back_end = format!("back-end{place}");
        let drive = |image: &PathBuf| {
            let image = crate::qemu::option_value(image);
            ["-drive".to_owned(), format!("if=none,id={back_end},file={image},format=raw")]
        };
        let network = |what: &String| ["-netdev".to_owned(), format!("{what},id={back_end}")];
        let devices = match self {
            Self::Nvme(image) => {
                arguments.extend(drive(image));
                vec![format!("nvme,serial=sprig{place},drive={back_end},bus={port}")]
            }
            Self::Sata(image) => {
                arguments.extend(drive(image));
                let disk = format!("ide-hd,drive={back_end},bus=ahci{place}.0");
                vec![format!("ich9-ahci,id=ahci{place},bus={port}"), disk]
            }
            Self::VirtioNet(what) => {
                arguments.extend(network(what));
                vec![format!("virtio-net-pci,netdev={back_end},bus={port}")]
            }
            Self::E1000e(what) => {
                arguments.extend(network(what));
                vec![format!("e1000e,netdev={back_end},bus={port}")]
            }
            Self::Usb => {
                let keyboard = format!("usb-kbd,bus=xhci{place}.0");
                vec![format!("qemu-xhci,id=xhci{place},bus={port}"), keyboard]
            }
        };
        arguments.extend(devices.into_iter().flat_map(|device| ["-device".to_owned(), device]));
        arguments
    }

    /// The file with its disk's bytes, if it is a disk.
    pub fn image(&self) -> Option<&Path> {
        match self {
            Self::Nvme(image) | Self::Sata(image) => Some(image),
            Self::VirtioNet(_) | Self::E1000e(_) | Self::Usb => None,
        }
    }

    /// What it is.
    pub fn kind(&self) -> DeviceKind {
        match self {
            Self::Nvme(_) => DeviceKind::Nvme,
            Self::Sata(_) => DeviceKind::Sata,
            Self::VirtioNet(_) => DeviceKind::VirtioNet,
            Self::E1000e(_) => DeviceKind::E1000e,
            Self::Usb => DeviceKind::Usb,
        }
    }
}

/// What can be plugged in, without what is behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceKind {
    /// [`EmulatedDevice::VirtioNet`].
    VirtioNet,
    /// [`EmulatedDevice::E1000e`].
    E1000e,
    /// [`EmulatedDevice::Usb`].
    Usb,
    /// [`EmulatedDevice::Nvme`].
    Nvme,
    /// [`EmulatedDevice::Sata`].
    Sata,
}

impl DeviceKind {
    /// All of them. Of two that a request does not tell apart, the first is plugged in.
    pub(super) const ALL: [Self; 5] = [Self::VirtioNet, Self::E1000e, Self::Usb, Self::Nvme, Self::Sata];

    /// The device, if nothing more need be said of it.
    pub(super) fn by_itself(self) -> Option<EmulatedDevice> {
        match self {
            Self::VirtioNet => Some(EmulatedDevice::VirtioNet(USER_NETWORK.to_owned())),
            Self::E1000e => Some(EmulatedDevice::E1000e(USER_NETWORK.to_owned())),
            Self::Usb => Some(EmulatedDevice::Usb),
            Self::Nvme | Self::Sata => None,
        }
    }

    /// Vendor, device and class, as QEMU's devices have them.
    pub(super) fn identity(self) -> Identity {
        match self {
            Self::Nvme => (0x1b36, 0x0010, 0x01_08_02),
            Self::Sata => (0x8086, 0x2922, 0x01_06_01),
            Self::VirtioNet => (0x1af4, 0x1041, 0x02_00_00),
            Self::E1000e => (0x8086, 0x10d3, 0x02_00_00),
            Self::Usb => (0x1b36, 0x000d, 0x0c_03_30),
        }
    }
}

impl fmt::Display for DeviceKind {
    /// As `--device` has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nvme => "nvme",
            Self::Sata => "sata",
            Self::VirtioNet => "virtio-net",
            Self::E1000e => "e1000e",
            Self::Usb => "usb",
        })
    }
}

/// Vendor, device and class.
pub(super) type Identity = (u16, u16, u32);

/// What the firmware makes of `devices`: their ports, and themselves. Beyond what the board has room for, nothing.
pub(super) fn functions(devices: &[EmulatedDevice]) -> Vec<PciFunction> {
    let ports = (0..PORTS_MAX).zip(devices).filter_map(|(place, _)| port(place));
    let behind = (0..PORTS_MAX).zip(devices).filter_map(|(place, device)| behind(place, device));
    ports.chain(behind).collect()
}

fn port(place: u8) -> Option<PciFunction> {
    let bus = place + 1;
    Some(bridge(PciAddress::new(0, 0, FIRST_PORT + place, 0)?, bus))
}

fn behind(place: u8, device: &EmulatedDevice) -> Option<PciFunction> {
    Some(function(address_of(place)?, device.kind().identity()))
}

/// Where the device of that place is.
pub(super) fn address_of(place: u8) -> Option<PciAddress> {
    PciAddress::new(0, place.checked_add(1)?, 0, 0)
}

/// A bridge to one bus.
pub(super) fn bridge(address: PciAddress, bus: u8) -> PciFunction {
    let bridge = Bridge { buses: Some(BusRange { first: bus, last: bus }), windows: Windows::default() };
    PciFunction { bridge: Some(bridge), ..function(address, (0x1b36, 0x000c, 0x06_04_00)) }
}

/// A function that can be split off if there is a bridge before it.
pub(super) fn function(address: PciAddress, (vendor_id, device_id, class): Identity) -> PciFunction {
    PciFunction {
        address,
        vendor_id,
        device_id,
        class: PciClass(class),
        bars: Vec::new(),
        interrupts: Interrupts { msi: SOMEWHERE, msi_x: None },
        bridge: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_written_as_they_are_read() {
        assert_eq!("nvme=a.img".parse(), Ok(EmulatedDevice::Nvme("a.img".into())));
        assert_eq!("e1000e".parse(), Ok(EmulatedDevice::E1000e("user".into())));
        assert_eq!("virtio-net=tap,ifname=t0".parse(), Ok(EmulatedDevice::VirtioNet("tap,ifname=t0".into())));
        for text in ["", "nvme", "nvme=", "e1000e=", "usb=3", "floppy"] {
            assert_eq!(text.parse::<EmulatedDevice>(), Err(DeviceError(text.to_owned())));
        }
    }

    #[test]
    fn each_device_is_alone_on_its_bus() {
        let functions = functions(&[EmulatedDevice::Usb, EmulatedDevice::E1000e("user".into())]);
        let shown: Vec<_> = functions.iter().map(ToString::to_string).collect();
        let expected = [
            "0000:00:10.0 (pci-bridge, 1b36:000c)",
            "0000:00:11.0 (pci-bridge, 1b36:000c)",
            "0000:01:00.0 (usb, 1b36:000d)",
            "0000:02:00.0 (network, 8086:10d3)",
        ];
        assert_eq!(shown, expected);
    }
}
