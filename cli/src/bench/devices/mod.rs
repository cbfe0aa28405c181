//! What partitions make of their devices, and beside each the same kernel alone on a machine with the same devices, as many
//! cores and as much memory.
//!
//! | module | |
//! |---|---|
//! | [`alone`] | the machines on which a kernel is alone |
//! | [`driven`] | a device and the instance that drives it |
//! | [`errand`] | what is asked of it |
//! | [`outside`] | the servers beyond a network card |
//!
//! Both machines have copies of the images that go with them, so that a bench changes none.

mod alone;
mod driven;
mod errand;
mod outside;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use partitioner::pci::PciAddress;
use partitioner::plan::{PartitionPlan, Plan};

use self::alone::Alone;

pub(super) use self::driven::Driven;
use self::driven::Kind;
pub(super) use self::errand::Errand;
pub(super) use self::outside::Outside;
use super::asked::Asked;
use super::circumstances::Circumstances;
use super::fault::Fault;
use super::rounds::Question;
use super::site::Instance;
use super::wish::{Subject, Wish};
use emulator::emulated::{EmulatedDevice, EmulatedMachine};
use emulator::source::Source;

/// QEMU's word for a copy, as which each image is opened.
pub(super) const COPIES: &str = "-snapshot";

/// A disk or a network card of the machine that a partition owns.
#[derive(Clone)]
pub(super) struct Owned {
    /// The partition's place in the box file.
    partition: usize,
    partition_name: String,
    /// On the whole machine.
    address: PciAddress,
    device: EmulatedDevice,
    kind: Kind,
    /// Whether it is to be measured. A kernel that is alone has the others too.
    is_wished: bool,
}

impl Owned {
    /// For people and for `bench.json`: `nvme at 0000:01:00.0`.
    fn told(&self) -> String {
        format!("{} at {}", self.kind.name(), self.address)
    }

    fn remark(&self, subject: Subject, fault: &Fault) -> String {
        let (subject, partition) = (subject.name(), &self.partition_name);
        format!("{subject} is left out for {} of {partition}: {fault}", self.told())
    }
}

/// The devices of a box, and whoever drives those that are to be measured.
pub(super) struct Devices {
    owned: Vec<Owned>,
    subjects: Vec<Subject>,
    // Dropped in this order: the servers end when nobody is left to serve.
    alone: Vec<Alone>,
    driven: Vec<Driven>,
    outside: Outside,
}

impl Devices {
    /// Those of `machine`; none of a box that has none.
    pub(super) fn of(machine: &EmulatedMachine, plan: &Plan, wish: &Wish) -> Result<Devices, Fault> {
        let outside = Outside::open().map_err(Fault::Outside)?;
        let owned = owned(machine, plan, wish);
        Ok(Devices { owned, subjects: wish.subjects.clone(), alone: Vec::new(), driven: Vec::new(), outside })
    }

    /// Whether any is to be measured.
    pub(super) fn has_some(&self) -> bool {
        self.owned.iter().any(|device| device.is_wished)
    }

    /// Starts the machines on which the owners' kernels are alone. They come up while somebody else does something.
    pub(super) fn start_alone(
        &mut self,
        source: &Source,
        boot_image: &Path,
        circumstances: &Circumstances,
        remarks: &mut Vec<String>,
    ) {
        let of_partitions = self.owned.chunk_by(|one, next| one.partition == next.partition);
        for own in of_partitions.filter(|own| own.iter().any(|device| device.is_wished)) {
            match Alone::start(source, boot_image, circumstances, own) {
                Ok(machine) => self.alone.push(machine),
                Err(fault) => remarks.push(own[0].remark(Subject::Alone, &fault)),
            }
        }
    }

    /// Has every device driven by every instance that has it, ready to be measured; what is not, is told of.
    pub(super) fn drive(&mut self, instances: &[Instance], plan: &Plan, stop: &AtomicBool, remarks: &mut Vec<String>) {
        let is_asked = self.subjects.contains(&Subject::Partition);
        for device in self.owned.iter().filter(|device| is_asked && device.is_wished) {
            let instance = instances.iter().find(|instance| instance.name == device.partition_name);
            // Whoever cannot be measured at all has been told of.
            let Some((instance, planned)) = instance.zip(plan.partitions.get(device.partition)) else { continue };
            match Driven::in_partition(device, instance, planned) {
                Ok(ready) => self.driven.push(ready),
                Err(fault) => remarks.push(device.remark(Subject::Partition, &fault)),
            }
        }
        for machine in &self.alone {
            machine.drive(stop, &mut self.driven, remarks);
        }
    }

    /// What is asked, question by question: each is asked of a device in both places, one behind the other.
    pub(super) fn groups(&self) -> Vec<Vec<Question<'_>>> {
        let of_device = |device: &Owned| {
            let places: Vec<&Driven> = self.driven.iter().filter(|driven| driven.is(device)).collect();
            let asked = Errand::ALL.into_iter().filter(|errand| errand.what() == device.kind.what());
            let group = |errand| {
                let questions = places.iter().map(|driven| Question::new(Asked::Device(errand, driven, &self.outside)));
                questions.collect()
            };
            asked.map(group).collect::<Vec<Vec<_>>>()
        };
        self.owned.iter().filter(|device| device.is_wished).flat_map(of_device).collect()
    }
}

/// The devices of `machine` that could be measured, those of one partition one behind the other.
fn owned(machine: &EmulatedMachine, plan: &Plan, wish: &Wish) -> Vec<Owned> {
    let places = (1..).zip(&machine.devices);
    let devices = places.filter_map(|(bus, device)| Some((PciAddress::new(0, bus, 0, 0)?, device, Kind::of(device)?)));
    let owned = devices.filter_map(|(address, device, kind)| {
        let owns = |partition: &PartitionPlan| partition.buses.iter().any(|buses| buses.contain(address));
        let (partition, planned) = plan.partitions.iter().enumerate().find(|(_, planned)| owns(planned))?;
        let (device, is_wished) = (device.clone(), wish.what.contains(&kind.what()));
        Some(Owned { partition, partition_name: planned.name.clone(), address, device, kind, is_wished })
    });
    let mut owned: Vec<Owned> = owned.collect();
    owned.sort_by_key(|device| device.partition);
    owned
}
