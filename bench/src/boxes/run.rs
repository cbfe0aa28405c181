//! A bench of a box, from its boot to what was measured.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};
use emulator::emulated::EmulatedMachine;
use emulator::launch::{LaunchOptions, RunningBox, launch};
use emulator::qemu::Accelerator;
use emulator::source::Source;

use super::devices::DeviceTestbed;
use super::instances::Instance;
use super::route::Route;
use super::spec::{BenchSpec, Extent, Subject};
use super::traffic::{cases, group};
use super::virtio::VirtioMachines;
use super::{BOOT_LIMIT, COPIES, kept};
use crate::host::HostWatch;
use crate::model::{Bench, Measurement, Setting};
use crate::rounds::{Group, Rounds};
use crate::targets::boxes::targets;

/// After so many failures a case is not measured any more.
const FAILURES: u32 = 2;

/// How boxes are measured.
pub struct BenchRun<'a> {
    /// The boot image.
    pub boot_image: PathBuf,
    /// What is to be measured.
    pub spec: &'a BenchSpec,
    /// True when the bench is to end. What was measured until then is kept.
    pub stop: &'a AtomicBool,
    /// Called with one line for each step.
    pub progress: &'a dyn Fn(&str),
}

impl BenchRun<'_> {
    /// Boots a box on that machine, which gets copies of its disks; measures, and ends it.
    ///
    /// # Errors
    /// If nothing at all could be measured. What could not be measured beside something else is a remark.
    pub fn one_box(&self, source: &Source, machine: &EmulatedMachine) -> Result<Bench> {
        let pairs = if self.spec.has_routes() { self.pairs(source)? } else { Vec::new() };
        let environment = Environment::begin();
        (self.progress)("booting the box");
        let running = self.launch(source, machine, &environment, &[COPIES])?;
        let environment = environment.of(&running);
        self.await_start(&running)?;
        let mut remarks = Vec::new();
        let machines = self.start_machines(source, environment.processor, &mut remarks);
        let mut devices = DeviceTestbed::new(machine, running.plan(), self.spec)?;
        let has_any = self.spec.has_routes() || !devices.is_empty();
        ensure!(has_any, "nothing can be measured: no partition has a disk or a network card to measure");
        if self.spec.subjects.contains(&Subject::Alone) && !devices.is_empty() {
            (self.progress)("booting the kernels that own devices, each alone on a machine");
            devices.start_alone(source, &self.boot_image, &environment, &mut remarks);
        }
        if self.spec.has_routes() && running.plan().partitions.len() < 2 {
            remarks.push("the box has one partition, so there is no pair to measure".to_owned());
        }
        // All: any of them may have the cores for a veth.
        let names = running.plan().partitions.iter().map(|partition| &*partition.name);
        let instances = self.instances(&running, names, "", &mut remarks)?;
        let routes = self.routes(machines.as_ref(), &pairs, &instances, &mut remarks);
        devices.drive(&instances, running.plan(), self.stop, &mut remarks);
        let groups = cases(self.spec.extent).into_iter().map(|case| group(case, &routes, self.spec));
        let measurements = self.measure(groups.chain(devices.groups()).collect(), &mut remarks);
        let title = format!("box \"{}\", {} rounds", running.plan().box_name, self.spec.rounds);
        drop((running, machines, devices));
        let mut bench = environment.conclude(&title, &instances, measurements, remarks)?;
        bench.targets = targets(&bench.measurements);
        Ok(bench)
    }

    pub(super) fn measure(&self, groups: Vec<Group>, remarks: &mut Vec<String>) -> Vec<Measurement> {
        let Self { spec, stop, progress, .. } = *self;
        Rounds { count: spec.rounds, failures: FAILURES, stop, progress }.run(groups, &mut (), remarks)
    }

    /// The pair of the spec, else every one, or the first if it is to be quick.
    fn pairs(&self, source: &Source) -> Result<Vec<(String, String)>> {
        let names = source.request().file.partitions.iter().map(|partition| partition.name.get_ref().clone());
        let names: Vec<String> = names.collect();
        if let Some((from, to)) = &self.spec.pair {
            let (is_pair, known) = (from != to && names.contains(from) && names.contains(to), names.join(", "));
            ensure!(is_pair, "there is no pair {from}:{to}: the box file has the partitions {known}");
            return Ok(vec![(from.clone(), to.clone())]);
        }
        let all = names.iter().flat_map(|from| names.iter().map(move |to| (from.clone(), to.clone())));
        let pairs = all.filter(|(from, to)| from != to);
        Ok(pairs.take(if self.spec.extent == Extent::Quick { 1 } else { usize::MAX }).collect())
    }

    fn start_machines(&self, source: &Source, processor: &str, remarks: &mut Vec<String>) -> Option<VirtioMachines> {
        if !self.spec.subjects.contains(&Subject::VirtioNet) {
            return None;
        }
        (self.progress)("booting two machines joined by virtio");
        kept(VirtioMachines::start(source, &self.boot_image, processor), &Subject::VirtioNet, remarks)
    }

    pub(super) fn launch(
        &self,
        source: &Source,
        machine: &EmulatedMachine,
        environment: &Environment,
        arguments: &[impl AsRef<str>],
    ) -> Result<RunningBox> {
        let processor = Some(environment.processor.to_owned());
        let options = LaunchOptions { processor, ..LaunchOptions::on(machine.clone()) };
        Ok(launch(source, &self.boot_image, options.arguments(arguments.iter().map(AsRef::as_ref)))?)
    }

    pub(super) fn await_start(&self, running: &RunningBox) -> Result<()> {
        let started = running.await_start(BOOT_LIMIT, self.stop);
        self.go_on()?;
        Ok(started?)
    }

    fn go_on(&self) -> Result<()> {
        ensure!(!self.stop.load(Ordering::Relaxed), "ended by a signal");
        Ok(())
    }

    /// Waits for the instances of these names, which get a prefix. Those that cannot be measured are remarks.
    pub(super) fn instances<'a>(
        &self,
        running: &RunningBox,
        names: impl IntoIterator<Item = &'a str>,
        prefix: &str,
        remarks: &mut Vec<String>,
    ) -> Result<Vec<Instance>> {
        let mut instances = Vec::new();
        for name in names {
            let found = Instance::find(running, name, self.stop);
            self.go_on()?;
            let Some(mut instance) = kept(found, &name, remarks) else { continue };
            instance.name.insert_str(0, prefix);
            (self.progress)(&format!("{} is up: {} on {} cores", instance.name, instance.kernel, instance.cores));
            instance.endpoint().serve()?;
            instances.push(instance);
        }
        Ok(instances)
    }

    /// All routes that can be measured. The others are remarks.
    fn routes(
        &self,
        machines: Option<&VirtioMachines>,
        pairs: &[(String, String)],
        instances: &[Instance],
        remarks: &mut Vec<String>,
    ) -> Vec<Route> {
        let route = machines.map(|machines| machines.route(self.stop));
        let mut routes: Vec<Route> =
            route.into_iter().filter_map(|route| kept(route, &Subject::VirtioNet, remarks)).collect();
        if !self.spec.has_routes() {
            return routes;
        }
        let find = |name: &str| instances.iter().find(|instance| instance.name == name);
        let sender = pairs.first().and_then(|(from, _)| find(from)).or(instances.first());
        routes.extend(sender.into_iter().flat_map(|sender| self.own_routes(sender, instances, remarks)));
        for (from, to) in pairs.iter().filter(|_| self.spec.subjects.contains(&Subject::Vni)) {
            let (Some(sender), Some(receiver)) = (find(from), find(to)) else { continue };
            routes.extend(kept(sender.route_to(receiver), &format!("{from}:{to}"), remarks));
        }
        routes
    }

    fn own_routes(&self, sender: &Instance, instances: &[Instance], remarks: &mut Vec<String>) -> Vec<Route> {
        let mut routes = Vec::new();
        if self.spec.subjects.contains(&Subject::Loopback) {
            routes.extend(kept(sender.loopback(), &Subject::Loopback, remarks));
        }
        if self.spec.subjects.contains(&Subject::Veth) {
            // Two cores are enough, and the emulator would have to run further ones too.
            let roomiest = instances.iter().max_by_key(|instance| instance.cores.min(2)).unwrap_or(sender);
            routes.extend(kept(roomiest.veth(), &Subject::Veth, remarks));
            if roomiest.cores < 2 {
                let name = &roomiest.name;
                remarks.push(format!("both ends of the veth are on one core: no partition has two, {name} has one"));
            }
        }
        routes
    }
}

/// QEMU emulates `rep movsb` byte by byte, which no processor does. So kernels must not hear that it is fast.
const EMULATED_PROCESSOR: &str = "max,-erms,-fsrm";

/// The environment of a bench, from the start of the first machine to the end of the last.
pub(super) struct Environment {
    pub(super) accelerator: Accelerator,
    /// What QEMU emulates, as its `-cpu` takes it.
    pub(super) processor: &'static str,
    watch: Option<HostWatch>,
}

impl Environment {
    /// The environment on this host, which is watched from now on.
    pub(super) fn begin() -> Environment {
        let accelerator = Accelerator::best();
        // KVM runs kernels on the host's own processor.
        let processor = if accelerator == Accelerator::Kvm { "host" } else { EMULATED_PROCESSOR };
        Environment { accelerator, processor, watch: HostWatch::begin().ok() }
    }

    /// With the accelerator that the box has.
    pub(super) fn of(mut self, running: &RunningBox) -> Environment {
        self.accelerator = running.accelerator();
        self
    }

    /// The bench of these measurements. All machines must have ended: only then they count as ours.
    pub(super) fn conclude(
        self,
        title: &str,
        instances: &[Instance],
        measurements: Vec<Measurement>,
        remarks: Vec<String>,
    ) -> Result<Bench> {
        ensure!(!measurements.is_empty(), "nothing can be measured: {}", remarks.join("; "));
        let conditions =
            [("processor", format!("-cpu {}", self.processor)), ("accelerator", self.accelerator.to_string())];
        let title = format!("{title} by {}", self.accelerator);
        let mut bench = Bench::new(Setting::Box, title, conditions, measurements, remarks);
        if self.accelerator != Accelerator::Kvm {
            let why = "QEMU emulates rep movsb byte by byte, so it is not offered to any kernel of the comparison";
            bench.conditions.insert("erms".to_owned(), why.to_owned());
        }
        bench.conditions.extend(instances.iter().map(|Instance { name, kernel, cores, .. }| {
            (format!("instance {name}"), format!("Linux {kernel}, cores: {cores}"))
        }));
        if let Some(host) = self.watch.and_then(|watch| watch.end().ok()) {
            bench.record(host);
        }
        Ok(bench)
    }
}
