//! Two boxes, each on an emulated machine of its own, whose network cards are joined by a wire: what partitions without a
//! card reach of the other box, beside the cards alone.
//!
//! In each box one partition owns a card, the *owner*; the first of the others is the *guest*.

use anyhow::{Context, Result, bail, ensure};
use emulator::emulated::{EmulatedDevice, EmulatedMachine, Wire};
use emulator::launch::RunningBox;
use emulator::source::Source;
use partitioner::pci::PciAddress;

use super::commands::{COMMAND_LIMIT, Commands};
use super::instances::Instance;
use super::route::{Endpoint, Route};
use super::run::{BenchRun, Environment};
use super::spec::Subject;
use super::traffic::{Scope, cases, group};
use crate::model::{Bench, Pair};

/// The owners' names of their card, and of the end of the tunnel.
const CARD: &str = "eth0";
const TUNNEL: &str = "vx0";
/// The cards' own addresses (RFC 5737, for examples).
const ADDRESSES: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
/// A frame of the virtual Ethernet has 50 more bytes in the tunnel (RFC 7348).
const CARD_MTU: u32 = 1550;

struct WiredMachine {
    machine: EmulatedMachine,
    card: PciAddress,
}

impl BenchRun<'_> {
    /// Boots two boxes, measures, and ends them. The spec names no pair.
    ///
    /// # Errors
    /// If they cannot be joined, or nothing could be measured.
    pub fn two_boxes(&self, sources: [&Source; 2]) -> Result<Bench> {
        let [one, other] = sources.map(|source| source.request().file.name.get_ref());
        // The names make the addresses of their cards.
        ensure!(one != other, "both boxes are called {one:?}, give one of them another name");
        let wire = Wire::new().context("cannot make a folder for a wire")?;
        let wired = [WiredMachine::new(sources[0], &wire, 0)?, WiredMachine::new(sources[1], &wire, 1)?];
        let environment = Environment::begin();
        (self.progress)("booting two boxes joined by their cards");
        let start = |number: usize| {
            let arguments = Wire::arguments(number);
            self.launch(sources[number], &wired[number].machine, &environment, &arguments)
        };
        let running = [start(0)?, start(1)?];
        let environment = environment.of(&running[0]);
        // Owner and guest of each, in this order.
        let mut instances = self.owner_and_guest(&running[0], wired[0].card)?;
        instances.extend(self.owner_and_guest(&running[1], wired[1].card)?);
        prepare(&instances[0], 0)?;
        prepare(&instances[2], 1)?;
        let routes = routes(&instances)?;
        let cases = cases(self.spec.extent).into_iter().filter(|(scope, _)| *scope == Scope::AllPairs);
        let groups = cases.map(|case| group(case, &routes, self.spec)).collect();
        let mut remarks = Vec::new();
        let measurements = self.measure(groups, &mut remarks);
        drop(running);
        let title = format!("boxes {one:?} and {other:?}, {} rounds", self.spec.rounds);
        environment.conclude(&title, &instances, measurements, remarks)
    }

    /// Owner and guest of a box, when they are up.
    fn owner_and_guest(&self, running: &RunningBox, card: PciAddress) -> Result<Vec<Instance>> {
        self.await_start(running)?;
        let plan = running.plan();
        let owner = plan.partitions.iter().find(|one| one.buses.iter().any(|buses| buses.contain(card)));
        let owner =
            owner.with_context(|| format!("in the box {:?} no partition owns the network card", plan.box_name))?;
        let guest = plan.partitions.iter().find(|one| one.index != owner.index);
        let guest = guest.with_context(|| format!("the box {:?} has no partition without a card", plan.box_name))?;
        let (names, mut remarks) = ([&*owner.name, &*guest.name], Vec::new());
        let found = self.instances(running, names, &format!("{}/", plan.box_name), &mut remarks)?;
        ensure!(remarks.is_empty(), "in the box {:?} {}", plan.box_name, remarks.join("; "));
        Ok(found)
    }
}

impl WiredMachine {
    /// The machine that a box needs, at that end of the wire.
    fn new(source: &Source, wire: &Wire, end: usize) -> Result<WiredMachine> {
        let mut machine = EmulatedMachine::needed_by(source.request());
        let addresses: Vec<PciAddress> = machine.devices().map(|(address, _)| address).collect();
        let mut cards = addresses.into_iter().zip(&mut machine.devices).filter_map(|(address, device)| match device {
            EmulatedDevice::VirtioNet(back_end) => Some((address, back_end)),
            _ => None,
        });
        let name = source.request().file.name.get_ref();
        let none = || format!("in the box {name:?} nobody has devices = [\"class:network\"]");
        let (card, back_end) = cards.next().with_context(none)?;
        *back_end = wire.back_end(end);
        Ok(WiredMachine { card, machine })
    }
}

/// Prepares all routes out of the box of that number.
fn prepare(Instance { name, shell, .. }: &Instance, number: usize) -> Result<()> {
    let has_gateway = shell.try_run("command -v sprig-gateway", COMMAND_LIMIT)?.status == 0;
    ensure!(has_gateway, "{name}: its initial file system has no sprig-gateway");
    let (own, other) = (ADDRESSES[number], ADDRESSES[1 - number]);
    let commands = [
        // It asks for DHCP, and nobody answers.
        format!("sprig-gateway bridge {CARD}"),
        format!("ip address add {own}/24 dev {CARD} && ip link set {CARD} mtu {CARD_MTU}"),
        format!("ip link add {TUNNEL} type vxlan id 83 local {own} remote {other} dstport 4789"),
        format!("ip link set {TUNNEL} mtu 1500 up"),
    ];
    Ok(commands.iter().try_for_each(|command| shell.run(command, COMMAND_LIMIT).map(drop))?)
}

/// Within the first box, from card to card, and from guest to guest by each kind of bridge.
fn routes(instances: &[Instance]) -> Result<Vec<Route>> {
    let [near_owner, near_guest, far_owner, far_guest] = instances else {
        bail!("there are not two instances in each box");
    };
    let (address, help) = (&near_guest.address, "give all partitions of one of them cmdline = \"sprig.network=1\"");
    ensure!(*address != far_guest.address, "both boxes have the address {address}: {help}");
    let route = |subject, from: Endpoint, to: Endpoint, port: Option<&str>| {
        let pair = Pair { from: from.commands.name.clone(), to: to.commands.name.clone() };
        // A card that is the port of a bridge has no address of its own.
        let port = port.map_or_else(String::new, |port| format!(" && ip link set {port} master br0"));
        let command = format!("ip link set {CARD} nomaster && ip link set {TUNNEL} nomaster{port}");
        let shells = vec![near_owner.shell.clone(), far_owner.shell.clone()];
        Route { steering: Some((shells, command)), ..Route::new(subject, Some(pair), from, to) }
    };
    let on_card =
        |owner: &Instance, address| Endpoint::new(Commands::new(&owner.name, &owner.shell, ""), CARD, address);
    let guests = |subject, port| route(subject, near_guest.endpoint(), far_guest.endpoint(), Some(port));
    Ok(vec![
        route(Subject::Vni, near_guest.endpoint(), near_owner.endpoint(), None),
        route(Subject::Cards, on_card(near_owner, ADDRESSES[0]), on_card(far_owner, ADDRESSES[1]), None),
        guests(Subject::Bridge, CARD),
        guests(Subject::Tunnel, TUNNEL),
    ])
}
