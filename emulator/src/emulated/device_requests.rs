//! The devices that a box names by class or model, and which emulated devices meet them.
//!
//! Requests are met as the planner will meet them ([`partitioner::plan`]): addresses first, then classes and models in the
//! order of the file, each by the first device that is left.

use partitioner::config::DeviceSelector;
use partitioner::diagnostic::{Diagnostic, Place};
use partitioner::pci::PciClass;
use partitioner::request::Request;
use toml::Spanned;

use super::device::{DeviceKind, EmulatedDevice, PORTS_MAX, address_of};

/// A request for a device, and the partition that makes it.
#[derive(Clone, Copy)]
pub(super) struct DeviceRequest<'a> {
    pub(super) partition: &'a str,
    pub(super) device: &'a Spanned<DeviceSelector>,
}

/// Every request of a box, in the order of the file.
pub(super) fn device_requests(request: &Request) -> impl Iterator<Item = DeviceRequest<'_>> {
    request.file.partitions.iter().flat_map(|entry| {
        let partition = entry.name.get_ref();
        entry.devices.iter().map(move |device| DeviceRequest { partition, device })
    })
}

impl DeviceRequest<'_> {
    /// The first kind of device that meets it.
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

/// `devices` and those that must be added; and a diagnostic for each request that nothing meets.
pub(super) fn plug(request: &Request, devices: Vec<EmulatedDevice>) -> (Vec<EmulatedDevice>, Vec<Diagnostic>) {
    let mut sockets = Sockets { taken: vec![false; devices.len()], devices };
    let mut lacking = Vec::new();
    let is_address = |request: &DeviceRequest<'_>| matches!(request.device.get_ref(), DeviceSelector::Function(_));
    for request in device_requests(request).filter(is_address) {
        if !sockets.take_named(request) {
            lacking.push(diagnose(request, None));
        }
    }
    let is_kind = |request: &DeviceRequest<'_>| {
        matches!(request.device.get_ref(), DeviceSelector::Class(_) | DeviceSelector::Model { .. })
    };
    for request in device_requests(request).filter(is_kind) {
        if !sockets.take(request) && !sockets.add(request) {
            lacking.push(diagnose(request, request.kind()));
        }
    }
    (sockets.devices, lacking)
}

/// The devices, and which of them a request has taken.
struct Sockets {
    devices: Vec<EmulatedDevice>,
    taken: Vec<bool>,
}

impl Sockets {
    /// Takes the device at an address. It may be taken twice: the planner refuses that.
    fn take_named(&mut self, request: DeviceRequest<'_>) -> bool {
        let mut taken = (0..).zip(&mut self.taken);
        let found = taken.find(|(place, _)| {
            address_of(*place).is_some_and(|address| *request.device.get_ref() == DeviceSelector::Function(address))
        });
        found.map(|(_, taken)| *taken = true).is_some()
    }

    fn take(&mut self, request: DeviceRequest<'_>) -> bool {
        let mut left = self.devices.iter().zip(&mut self.taken).filter(|(_, taken)| !**taken);
        left.find(|(device, _)| request.is_met_by(device.kind())).map(|(_, taken)| *taken = true).is_some()
    }

    fn add(&mut self, request: DeviceRequest<'_>) -> bool {
        let room = self.devices.len() < usize::from(PORTS_MAX);
        let Some(device) = request.kind().and_then(DeviceKind::by_itself).filter(|_| room) else { return false };
        self.devices.push(device);
        self.taken.push(true);
        true
    }
}

/// What is wrong if no device meets a request.
fn diagnose(request: DeviceRequest<'_>, kind: Option<DeviceKind>) -> Diagnostic {
    let (partition, device) = (request.partition, request.device.get_ref());
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
    let places = vec![Place { span: request.device.span(), label: "wanted here".to_owned() }];
    Diagnostic { code: "no-such-device", message, places, help }
}
