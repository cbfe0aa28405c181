//! Two boxes, each on an emulated machine of its own, whose network cards are joined by a wire: what partitions that own no
//! card reach of the other box, against the cards alone.
//!
//! In each box one partition owns a card, the *owner*; the first of the others is the *guest*. [`Way`]s lead between them.

mod way;

use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::AtomicBool;

use partitioner::pci::PciAddress;

use self::way::Site;

pub(super) use self::way::Way;
use super::asked::Asked;
use super::circumstances::Circumstances;
use super::fault::Fault;
use super::machines;
use super::model::Bench;
use super::rounds::{Question, Rounds};
use super::site;
use super::task::{Direction, Offload, Task, Wait};
use super::wish::Wish;
use emulator::emulated::{EmulatedDevice, EmulatedMachine};
use emulator::launch::{LaunchOptions, RunningBox, launch};
use emulator::source::Source;

/// What is asked of every way.
const TASKS: [Task; 3] =
    [Task::Tcp(Offload::On, Direction::OneWay), Task::Udp(Direction::OneWay), Task::RoundTrip(Wait::Sleeping)];

/// Two boxes that are to be measured.
pub struct TwoBoxes<'a> {
    /// The box files with their images.
    pub sources: [&'a Source; 2],
    /// What boots them.
    pub boot_image: PathBuf,
    /// What is to be measured. It names no pair.
    pub wish: &'a Wish,
    /// Raised when somebody wants the end: what was measured until then is kept.
    pub stop: &'a AtomicBool,
    /// Told what is going on, line by line.
    pub tell: &'a dyn Fn(&str),
}

/// A machine with a card that is to lead to the other machine.
struct Wired {
    machine: EmulatedMachine,
    card: PciAddress,
}

impl TwoBoxes<'_> {
    /// Boots both, measures, and ends them.
    ///
    /// # Errors
    /// If they cannot be joined, or nothing could be measured.
    pub fn run(&self) -> Result<Bench, Fault> {
        let [one, other] = self.sources.map(|source| source.request().file.name.get_ref());
        if one == other {
            // Of the names the addresses of their cards are made.
            return Err(Fault::Nobody(format!("both boxes are called {one:?}, give one of them another name")));
        }
        let folder = machines::wire_folder()?;
        let wired =
            [Wired::of(self.sources[0], folder.path(), [1, 2])?, Wired::of(self.sources[1], folder.path(), [2, 1])?];
        let circumstances = Circumstances::begin();
        (self.tell)("booting two boxes joined by their cards");
        let running = [self.start(0, &wired, &circumstances)?, self.start(1, &wired, &circumstances)?];
        let circumstances = circumstances.of(&running[0]);
        let sites = [self.site(0, &wired, &running)?, self.site(1, &wired, &running)?];
        let ways = Way::between(&sites)?;
        let asked = |task: Task| {
            let ways = ways.iter().filter(|way| self.wish.has(task.what(), way.path().subject));
            ways.map(|way| Question::new(Asked::Way(task, way))).collect()
        };
        let rounds = Rounds {
            count: self.wish.rounds,
            sample: self.wish.sample,
            stop: self.stop,
            tell: self.tell,
            remarks: Vec::new(),
        };
        let found = rounds.ask(TASKS.into_iter().map(asked).collect());
        drop(running);
        let title = format!("boxes {one:?} and {other:?}, {} rounds", self.wish.rounds);
        circumstances.conclude(&title, sites.iter().flat_map(Site::instances), found, |_| Vec::new())
    }

    fn start(&self, number: usize, wired: &[Wired; 2], circumstances: &Circumstances) -> Result<RunningBox, Fault> {
        // QEMU gives the first card of every machine the same address.
        let mac = format!("virtio-net-pci.mac=52:54:00:00:00:{:02x}", number + 1);
        let processor = Some(circumstances.processor.to_owned());
        let options = LaunchOptions { processor, ..LaunchOptions::on(wired[number].machine.clone()) };
        Ok(launch(self.sources[number], &self.boot_image, options.arguments(["-global", &mac]))?)
    }

    /// Owner and guest of a box, when they are up.
    fn site(&self, number: usize, wired: &[Wired; 2], running: &[RunningBox; 2]) -> Result<Site, Fault> {
        let (card, running) = (wired[number].card, &running[number]);
        site::await_start(running, self.stop)?;
        let plan = running.plan();
        let nobody = |what: &str| Fault::Nobody(format!("in the box {:?} {what}", plan.box_name));
        let owner = plan.partitions.iter().find(|one| one.buses.iter().any(|buses| buses.contain(card)));
        let owner = owner.ok_or_else(|| nobody("no partition owns the network card"))?;
        let guest = plan.partitions.iter().find(|one| one.index != owner.index);
        let guest = guest.ok_or_else(|| nobody("every partition owns the network card"))?;
        let mut remarks = Vec::new();
        let names = [owner.name.clone(), guest.name.clone()];
        let mut instances = site::instances(running, &names, self.stop, &mut remarks)?;
        for instance in &mut instances {
            instance.name = format!("{}/{}", plan.box_name, instance.name);
            (self.tell)(&format!("{} is up: {} on {} cores", instance.name, instance.kernel, instance.cores));
        }
        let instances = instances.try_into().map_err(|_| nobody(&remarks.join("; ")))?;
        Site::prepared(instances, number)
    }
}

impl Wired {
    /// The machine that a box needs; of both ends of the wire, in that folder, its own comes first.
    fn of(source: &Source, folder: &FilePath, ends: [u8; 2]) -> Result<Wired, Fault> {
        let mut machine = EmulatedMachine::needed_by(source.request());
        let cards = (1..).zip(&mut machine.devices);
        let mut cards = cards.filter_map(|(bus, device)| match device {
            EmulatedDevice::VirtioNet(back_end) => Some((PciAddress::new(0, bus, 0, 0)?, back_end)),
            _ => None,
        });
        let name = source.request().file.name.get_ref();
        let none = || Fault::Nobody(format!("in the box {name:?} nobody has devices = [\"class:network\"]"));
        let (card, back_end) = cards.next().ok_or_else(none)?;
        let [own, other] = ends.map(|end| folder.join(format!("wire{end}")));
        let (own, other) = (own.display(), other.display());
        *back_end = format!("dgram,local.type=unix,local.path={own},remote.type=unix,remote.path={other}");
        Ok(Wired { card, machine })
    }
}
