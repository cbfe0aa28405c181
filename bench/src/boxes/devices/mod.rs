//! What partitions make of their devices, and beside each the same kernel alone on a machine with the same devices, as many
//! cores and as much memory.

mod alone;
mod device;
mod probe;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use bench_agent::stream;
use emulator::emulated::{Driver, EmulatedMachine};
use emulator::source::Source;
use emulator::user_network::Server;
use partitioner::pci::PciAddress;
use partitioner::plan::{PartitionPlan, Plan};
use partitioner::view::acpi::segment;

use self::alone::AloneMachine;
use self::device::{Device, OwnedDevice};
use self::probe::probes;
use super::instances::Instance;
use super::kept;
use super::run::Environment;
use super::spec::{BenchSpec, Subject};
use crate::rounds::Group;

/// The other ends of [TCP streams](stream), on this host.
struct Servers {
    sink: Server,
    source: Server,
}

/// The devices, and the instances that drive them.
pub(super) struct DeviceTestbed<'a> {
    spec: &'a BenchSpec,
    owned: Vec<OwnedDevice>,
    // Dropped in this order: the servers end when they have no clients.
    alone: Vec<AloneMachine>,
    ready: Vec<Device>,
    servers: Servers,
}

impl<'a> DeviceTestbed<'a> {
    pub(super) fn new(machine: &EmulatedMachine, plan: &Plan, spec: &'a BenchSpec) -> Result<Self> {
        let open = |serve| Server::open(serve).context("cannot serve the other side of network cards on this host");
        let servers = Servers { sink: open(stream::sink as fn(_) -> _)?, source: open(stream::source)? };
        Ok(DeviceTestbed { spec, owned: owned(machine, plan, spec), alone: Vec::new(), ready: Vec::new(), servers })
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.owned.iter().any(|device| device.is_measured)
    }

    /// Starts the machines on which the owners' kernels are alone. They boot meanwhile.
    pub(super) fn start_alone(
        &mut self,
        source: &Source,
        boot_image: &Path,
        environment: &Environment,
        remarks: &mut Vec<String>,
    ) {
        let of_partitions = self.owned.chunk_by(|one, next| one.partition == next.partition);
        for own in of_partitions.filter(|own| own.iter().any(|device| device.is_measured)) {
            let machine = AloneMachine::start(source, boot_image, environment, own);
            self.alone.extend(kept(machine, &own[0].place(Subject::Alone), remarks));
        }
    }

    /// Drives every device in every instance that has it. Those that are not ready are remarks.
    pub(super) fn drive(&mut self, instances: &[Instance], plan: &Plan, stop: &AtomicBool, remarks: &mut Vec<String>) {
        let is_wanted = self.spec.subjects.contains(&Subject::Partition);
        for device in self.owned.iter().filter(|device| is_wanted && device.is_measured) {
            let instance = instances.iter().find(|instance| instance.name == device.partition_name);
            // There is a remark of an instance that cannot be measured.
            let Some((instance, planned)) = instance.zip(plan.partitions.get(device.partition)) else { continue };
            let ready = in_partition(device, instance, planned);
            self.ready.extend(kept(ready, &device.place(Subject::Partition), remarks));
        }
        for machine in &self.alone {
            self.ready.extend(machine.drive(stop, remarks));
        }
    }

    /// The probes: each case measures a device in both places, one after the other.
    pub(super) fn groups(&self) -> Vec<Group> {
        let of_device = |device: &OwnedDevice| {
            let mut cases = [Vec::new(), Vec::new()];
            for ready in self.ready.iter().filter(|ready| ready.owned.address == device.address) {
                let probes = probes(ready, &self.servers, self.spec.duration);
                cases.iter_mut().zip(probes).for_each(|(group, probe)| group.push(probe));
            }
            cases
        };
        self.owned.iter().filter(|device| device.is_measured).flat_map(of_device).collect()
    }
}

/// Drives a device where its partition sees it.
fn in_partition(device: &OwnedDevice, instance: &Instance, planned: &PartitionPlan) -> Result<Device> {
    let address = device.address;
    let seen =
        PciAddress::new(segment(planned, address.segment()), address.bus(), address.device(), address.function());
    let seen = seen.with_context(|| format!("{address} is nowhere in {}", instance.name))?;
    device.drive(Subject::Partition, &instance.shell, seen)
}

/// The disks and network cards of `machine` that partitions own, in the order of the partitions.
fn owned(machine: &EmulatedMachine, plan: &Plan, spec: &BenchSpec) -> Vec<OwnedDevice> {
    let devices = machine.devices().zip(&machine.devices);
    let mut owned: Vec<OwnedDevice> = devices
        .filter_map(|((address, kind), device)| {
            let driver = Driver::of(kind)?;
            let owns = |partition: &PartitionPlan| partition.buses.iter().any(|buses| buses.contain(address));
            let (partition, planned) = plan.partitions.iter().enumerate().find(|(_, planned)| owns(planned))?;
            let (partition_name, device) = (planned.name.clone(), device.clone());
            let owned = OwnedDevice { partition, partition_name, address, device, driver, is_measured: false };
            Some(OwnedDevice { is_measured: spec.metrics.contains(&owned.metric()), ..owned })
        })
        .collect();
    owned.sort_by_key(|device| device.partition);
    owned
}
