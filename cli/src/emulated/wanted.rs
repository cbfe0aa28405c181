//! What a box wants to be plugged in: what it names by class or model, if nothing more need be said of it.
//!
//! Wishes are met as the planner will meet them ([`partitioner::plan`]): addresses first, then classes and models in the
//! order of the file, each by the first device that is left.

use partitioner::config::DeviceSelector;
use partitioner::diagnostic::{Diagnostic, Place};
use partitioner::pci::PciClass;
use partitioner::request::Request;
use toml::Spanned;

use super::device::{DeviceKind, EmulatedDevice, PORTS_MAX, address_of};

/// A wish, and whose.
#[derive(Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) partition: &'a str,
    pub(super) device: &'a Spanned<DeviceSelector>,
}

/// Every wish of a box for a device, in the order of the file.
pub(super) fn wishes(request: &Request) -> impl Iterator<Item = Wish<'_>> {
    request.file.partitions.iter().flat_map(|entry| {
        let partition = entry.name.get_ref();
        entry.devices.iter().map(move |device| Wish { partition, device })
    })
}

impl Wish<'_> {
    /// What of all that can be plugged in meets it first.
    pub(super) fn kind(self) -> Option<DeviceKind> {
        DeviceKind::ALL.into_iter().find(|kind| self.is_met_by(*kind))
    }

    fn is_met_by(self, kind: DeviceKind) -> bool {
        let (vendor, device, class) = kind.identity();
        match *self.device.get_ref() {
            DeviceSelector::Class(filter) => filter.matches(PciClass(class)),
            DeviceSelector::Model { vendor_id, device_id } => (vendor_id, device_id) == (vendor, device),
            DeviceSelector::Function(_) | DeviceSelector::Serial(_) => false,
        }
    }
}

/// `devices` and those that must be added to them; and for each wish that is not met, what can be done.
pub(super) fn plug(request: &Request, devices: Vec<EmulatedDevice>) -> (Vec<EmulatedDevice>, Vec<Diagnostic>) {
    let mut sockets = Sockets { taken: vec![false; devices.len()], devices };
    let mut lacking = Vec::new();
    let is_address = |wish: &Wish<'_>| matches!(wish.device.get_ref(), DeviceSelector::Function(_));
    for wish in wishes(request).filter(is_address) {
        if !sockets.take_named(wish) {
            lacking.push(told(wish, None));
        }
    }
    let is_kind =
        |wish: &Wish<'_>| matches!(wish.device.get_ref(), DeviceSelector::Class(_) | DeviceSelector::Model { .. });
    for wish in wishes(request).filter(is_kind) {
        if !sockets.take(wish) && !sockets.add(wish) {
            lacking.push(told(wish, wish.kind()));
        }
    }
    (sockets.devices, lacking)
}

/// What is plugged in, and which of it a wish has taken.
struct Sockets {
    devices: Vec<EmulatedDevice>,
    taken: Vec<bool>,
}

impl Sockets {
    /// The device at an address. One that is named twice is there, too: that the planner finds.
    fn take_named(&mut self, wish: Wish<'_>) -> bool {
        let mut taken = (0..).zip(&mut self.taken);
        let found = taken.find(|(place, _)| {
            address_of(*place).is_some_and(|address| *wish.device.get_ref() == DeviceSelector::Function(address))
        });
        found.map(|(_, taken)| *taken = true).is_some()
    }

    fn take(&mut self, wish: Wish<'_>) -> bool {
        let mut left = self.devices.iter().zip(&mut self.taken).filter(|(_, taken)| !**taken);
        left.find(|(device, _)| wish.is_met_by(device.kind())).map(|(_, taken)| *taken = true).is_some()
    }

    fn add(&mut self, wish: Wish<'_>) -> bool {
        let room = self.devices.len() < usize::from(PORTS_MAX);
        let Some(device) = wish.kind().and_then(DeviceKind::by_itself).filter(|_| room) else { return false };
        self.devices.push(device);
        self.taken.push(true);
        true
    }
}

/// How a wish is told that no device meets.
fn told(wish: Wish<'_>, kind: Option<DeviceKind>) -> Diagnostic {
    let (partition, device) = (wish.partition, wish.device.get_ref());
    let message = format!("\"{partition}\" wants \"{device}\", which this emulated machine has not");
    let help = match kind {
        Some(kind @ (DeviceKind::Nvme | DeviceKind::Sata)) => {
            format!("plug a disk in, with the file that holds its bytes: --device {kind}=IMAGE")
        }
        Some(_) => format!("it has room for {PORTS_MAX} devices"),
        None if matches!(device, DeviceSelector::Function(_)) => {
            "plug devices in with --device: the first is at 0000:01:00.0, the second at 0000:02:00.0".to_owned()
        }
        None => "it can have nvme=IMAGE, sata=IMAGE, virtio-net, e1000e and usb, each by --device".to_owned(),
    };
    let places = vec![Place { span: wish.device.span(), label: "wanted here".to_owned() }];
    Diagnostic { code: "no-such-device", message, places, help }
}
