//! A bench of a box, from its boot to what was measured.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use emulator::emulated::EmulatedMachine;
use emulator::launch::{LaunchOptions, RunningBox, launch};
use emulator::source::Source;

use super::asked::Asked;
use super::circumstances::Circumstances;
use super::devices::{self, Devices};
use super::end::Path;
use super::fault::Fault;
use super::gauge;
use super::machines::Machines;
use super::model::Bench;
use super::rounds::{Question, Rounds};
use super::site::{self, Instance};
use super::targets;
use super::task::{Direction, Offload, Task, Wait};
use super::wish::{Extent, Subject, Wish};

/// A box that is to be measured.
pub struct Campaign<'a> {
    /// The box file with its images.
    pub source: &'a Source,
    /// What boots it.
    pub boot_image: PathBuf,
    /// On what it runs. Disks are not written to: the machine has copies.
    pub machine: EmulatedMachine,
    /// What is to be measured.
    pub wish: &'a Wish,
    /// Raised when somebody wants the end: what was measured until then is kept.
    pub stop: &'a AtomicBool,
    /// Told what is going on, line by line.
    pub tell: &'a dyn Fn(&str),
}

/// The lengths of frames, Ethernet header included.
const FRAMES: [u32; 7] = [64, 256, 1024, gauge::ORDINARY_FRAME, 4096, 16_384, 65_535];

/// The ordered pairs of partitions that are measured.
type Pairs = Vec<(String, String)>;

impl Campaign<'_> {
    /// Boots the box, measures, and ends it.
    ///
    /// # Errors
    /// If nothing could be measured at all. What could not be measured beside something else is a remark.
    pub fn run(&self) -> Result<Bench, Fault> {
        let pairs = if self.wish.has_paths() { self.pairs()? } else { Pairs::new() };
        let circumstances = Circumstances::begin();
        let processor = circumstances.processor;
        let options =
            LaunchOptions { processor: Some(processor.to_owned()), ..LaunchOptions::on(self.machine.clone()) };
        (self.tell)("booting the box");
        let running = launch(self.source, &self.boot_image, options.arguments([devices::COPIES]))?;
        let circumstances = circumstances.of(&running);
        site::await_start(&running, self.stop)?;
        let mut remarks = Vec::new();
        let machines = self.machines(processor, &mut remarks);
        let mut devices = Devices::of(&self.machine, running.plan(), self.wish)?;
        if !self.wish.has_paths() && !devices.has_some() {
            return Err(Fault::Nobody("no partition has a disk or a network card that could be asked".to_owned()));
        }
        self.start_alone(&mut devices, &circumstances, &mut remarks);
        let instances = self.instances(&running, &mut remarks)?;
        let mut paths = self.virtio(machines.as_ref(), &mut remarks);
        let mut groups = self.groups(&pairs, &instances, &mut paths, &mut remarks)?;
        devices.drive(&instances, running.plan(), self.stop, &mut remarks);
        groups.extend(devices.groups());
        let rounds =
            Rounds { count: self.wish.rounds, sample: self.wish.sample, stop: self.stop, tell: self.tell, remarks };
        let found = rounds.ask(groups);
        let title = format!("box \"{}\", {} rounds", running.plan().box_name, self.wish.rounds);
        drop((running, machines, devices));
        circumstances.conclude(&title, &instances, found, targets::of)
    }

    /// The pair that is wished for, else every one, or the first if it is to be quick.
    fn pairs(&self) -> Result<Pairs, Fault> {
        let names: Vec<&str> =
            self.source.request().file.partitions.iter().map(|partition| partition.name.get_ref().as_str()).collect();
        if let Some((from, to)) = &self.wish.pair {
            if from == to || ![from, to].iter().all(|name| names.contains(&name.as_str())) {
                return Err(Fault::NoPair { from: from.clone(), to: to.clone(), known: names.join(", ") });
            }
            return Ok(vec![(from.clone(), to.clone())]);
        }
        let others = |from| names.iter().filter(move |to| **to != from).map(move |to| (from, *to));
        let pairs = names.iter().flat_map(|from| others(*from)).map(|(from, to)| (from.to_owned(), to.to_owned()));
        Ok(match self.wish.extent {
            Extent::Full => pairs.collect(),
            Extent::Quick => pairs.take(1).collect(),
        })
    }

    /// The machines beside the box, if they are wished for.
    fn machines(&self, processor: &str, remarks: &mut Vec<String>) -> Option<Machines> {
        if !self.wish.subjects.contains(&Subject::VirtioNet) {
            return None;
        }
        (self.tell)("booting two machines joined by virtio");
        match Machines::start(self.source, &self.boot_image, processor) {
            Ok(machines) => Some(machines),
            Err(fault) => {
                remarks.push(format!("{} is left out: {fault}", Subject::VirtioNet.name()));
                None
            }
        }
    }

    /// The path between the machines beside the box, when they are up.
    fn virtio(&self, machines: Option<&Machines>, remarks: &mut Vec<String>) -> Vec<Path> {
        let path = machines.map(|machines| machines.path(self.stop));
        match path {
            Some(Ok(path)) => return vec![path],
            Some(Err(fault)) => remarks.push(format!("{} is left out: {fault}", Subject::VirtioNet.name())),
            None => {}
        }
        Vec::new()
    }

    /// The machines on which the owners of devices are alone, if they are wished for.
    fn start_alone(&self, devices: &mut Devices, circumstances: &Circumstances, remarks: &mut Vec<String>) {
        if self.wish.subjects.contains(&Subject::Alone) && devices.has_some() {
            (self.tell)("booting the kernels that own devices, each alone on a machine");
            devices.start_alone(self.source, &self.boot_image, circumstances, remarks);
        }
    }

    /// Every instance: any of them may have the cores for a veth.
    fn instances(&self, running: &RunningBox, remarks: &mut Vec<String>) -> Result<Vec<Instance>, Fault> {
        if self.wish.has_paths() && running.plan().partitions.len() < 2 {
            remarks.push("the box has one partition, so there is no pair to measure".to_owned());
        }
        let names: Vec<String> = running.plan().partitions.iter().map(|partition| partition.name.clone()).collect();
        let instances = site::instances(running, &names, self.stop, remarks)?;
        for instance in &instances {
            (self.tell)(&format!("{} is up: {} on {} cores", instance.name, instance.kernel, instance.cores));
            site::serve(instance)?;
        }
        Ok(instances)
    }

    /// What is asked of paths, question by question. The first pair is asked everything, and others what a matrix shows.
    fn groups<'a>(
        &self,
        pairs: &Pairs,
        instances: &[Instance],
        paths: &'a mut Vec<Path>,
        remarks: &mut Vec<String>,
    ) -> Result<Vec<Vec<Question<'a>>>, Fault> {
        if !self.wish.has_paths() {
            return Ok(Vec::new());
        }
        self.add_own_paths(pairs, instances, paths, remarks)?;
        let mut first_pair = None;
        for (from, to) in pairs.iter().filter(|_| self.wish.subjects.contains(&Subject::Vni)) {
            let find = |name: &str| instances.iter().find(|instance| instance.name == name);
            let (Some(from), Some(to)) = (find(from), find(to)) else { continue };
            match site::vni(from, to) {
                Ok(path) => {
                    first_pair.get_or_insert(paths.len());
                    paths.push(path);
                }
                Err(fault) => remarks.push(format!("{}:{} is left out: {fault}", from.name, to.name)),
            }
        }
        let asked = |task: &Task, number: usize, path: &Path| {
            let is_further = path.pair.is_some() && first_pair != Some(number);
            self.wish.has(task.what(), path.subject) && task.suits(path.subject) && (!is_further || task.is_of_matrix())
        };
        let paths: &'a [Path] = paths;
        let group = |task: Task| {
            let mut numbered: Vec<_> =
                paths.iter().enumerate().filter(|(number, path)| asked(&task, *number, path)).collect();
            numbered.sort_by_key(|(_, path)| path.subject);
            numbered.into_iter().map(|(_, path)| Question::new(Asked::Path(task, path))).collect::<Vec<_>>()
        };
        Ok(self.tasks().into_iter().map(group).collect())
    }

    /// The paths within one instance.
    fn add_own_paths(
        &self,
        pairs: &Pairs,
        instances: &[Instance],
        paths: &mut Vec<Path>,
        remarks: &mut Vec<String>,
    ) -> Result<(), Fault> {
        let sender = pairs.first().and_then(|(from, _)| instances.iter().find(|instance| instance.name == *from));
        let Some(sender) = sender.or(instances.first()) else { return Ok(()) };
        // Two cores are enough for it, and further ones would be further work for the emulator.
        let roomiest = instances.iter().max_by_key(|instance| instance.cores.min(2)).unwrap_or(sender);
        let own = [(Subject::Loopback, sender), (Subject::Veth, roomiest)];
        for (subject, instance) in own.into_iter().filter(|(subject, _)| self.wish.subjects.contains(subject)) {
            let path = if subject == Subject::Veth { site::veth(instance) } else { site::loopback(instance) };
            match path {
                Ok(path) => paths.push(path),
                Err(fault) => remarks.push(format!("{} is left out: {fault}", subject.name())),
            }
        }
        if self.wish.subjects.contains(&Subject::Veth) && roomiest.cores < 2 {
            remarks.push(format!(
                "both ends of the veth are on one core: no partition has two, {} has one",
                roomiest.name
            ));
        }
        Ok(())
    }

    fn tasks(&self) -> Vec<Task> {
        let mut tasks = vec![
            Task::Tcp(Offload::On, Direction::OneWay),
            Task::Tcp(Offload::Off, Direction::OneWay),
            Task::Udp(Direction::OneWay),
            Task::RoundTrip(Wait::Sleeping),
            Task::RoundTrip(Wait::Polling),
        ];
        let sizes: &[u32] = match self.wish.extent {
            Extent::Full => &FRAMES,
            Extent::Quick => &[gauge::ORDINARY_FRAME],
        };
        tasks.extend(sizes.iter().map(|bytes| Task::Frames(*bytes, Direction::OneWay)));
        if self.wish.extent == Extent::Full {
            tasks.extend([
                Task::Tcp(Offload::On, Direction::BothWays),
                Task::Tcp(Offload::Off, Direction::BothWays),
                Task::Udp(Direction::BothWays),
                Task::Frames(gauge::ORDINARY_FRAME, Direction::BothWays),
            ]);
        }
        tasks
    }
}
