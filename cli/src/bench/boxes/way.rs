//! The ways on which frames go, and who leads them there: the owners of the cards, by a bridge.

use std::time::Duration;

use emulator::shell::Shell;

use crate::bench::end::{Card, End, Path};
use crate::bench::fault::Fault;
use crate::bench::model::Pair;
use crate::bench::site::{self, Instance};
use crate::bench::wish::Subject;

/// What owners call their card, and the end of the tunnel.
const CARD: &str = "eth0";
const TUNNEL: &str = "vx0";
/// The cards' own addresses (RFC 5737, for examples).
const ADDRESSES: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
/// A frame of the virtual Ethernet has 50 bytes more within the tunnel (RFC 7348).
const CARD_MTU: u32 = 1550;
/// DHCP is asked meanwhile, and nobody answers.
const COMMAND_LIMIT: Duration = Duration::from_secs(90);

/// Who takes part in one box.
pub(super) struct Site {
    owner: Instance,
    guest: Instance,
}

/// A way for frames.
pub(in crate::bench) struct Way {
    path: Path,
    /// What the bridge of each owner has beside the virtual Ethernet.
    port: Option<&'static str>,
    owners: [Shell; 2],
}

impl Site {
    /// Owner and guest, with all ways out of the box of that number prepared.
    pub(super) fn prepared([owner, guest]: [Instance; 2], number: usize) -> Result<Site, Fault> {
        if owner.shell.try_run("command -v sprig-gateway", COMMAND_LIMIT)?.status != 0 {
            return Err(Fault::Nobody(format!("{}: its initial file system has no sprig-gateway", owner.name)));
        }
        let (own, other) = (ADDRESSES[number], ADDRESSES[1 - number]);
        let commands = [
            format!("sprig-gateway bridge {CARD}"),
            format!("ip address add {own}/24 dev {CARD} && ip link set {CARD} mtu {CARD_MTU}"),
            format!("ip link add {TUNNEL} type vxlan id 83 local {own} remote {other} dstport 4789"),
            format!("ip link set {TUNNEL} mtu 1500 up"),
        ];
        for command in commands {
            owner.shell.run(&command, COMMAND_LIMIT)?;
        }
        for instance in [&owner, &guest] {
            site::serve(instance)?;
        }
        Ok(Site { owner, guest })
    }

    pub(super) fn instances(&self) -> [&Instance; 2] {
        [&self.owner, &self.guest]
    }
}

impl Way {
    /// All of them: within the first box, from card to card, and from guest to guest by each kind of bridge.
    pub(super) fn between(sites: &[Site; 2]) -> Result<Vec<Way>, Fault> {
        let [near, far] = sites;
        if near.guest.address == far.guest.address {
            let help = "give all partitions of one of them cmdline = \"sprig.network=1\"";
            return Err(Fault::Nobody(format!("both boxes have the address {}: {help}", near.guest.address)));
        }
        let owners = [&near.owner, &far.owner].map(|owner| owner.shell.clone());
        let way = |subject, from: End, to: End, port| {
            let pair = Some(Pair { from: from.name().to_owned(), to: to.name().to_owned() });
            Way { path: Path { subject, pair, from, to }, port, owners: owners.clone() }
        };
        let on_card = |site: &Site, address| {
            End::new(&site.owner.name, &site.owner.shell, "", Card::Other(CARD.to_owned()), address)
        };
        let (near_guest, far_guest) = (site::end_of(&near.guest), site::end_of(&far.guest));
        Ok(vec![
            way(Subject::Vni, near_guest.clone(), site::end_of(&near.owner), None),
            way(Subject::Cards, on_card(near, ADDRESSES[0]), on_card(far, ADDRESSES[1]), None),
            way(Subject::Bridge, near_guest.clone(), far_guest.clone(), Some(CARD)),
            way(Subject::Tunnel, near_guest, far_guest, Some(TUNNEL)),
        ])
    }

    /// Where it begins and ends.
    pub(in crate::bench) fn path(&self) -> &Path {
        &self.path
    }

    /// Has frames take it, until another way is led. A card that is a bridge's port answers to no address of its own.
    pub(in crate::bench) fn lead(&self) -> Result<(), Fault> {
        let port = self.port.map_or_else(String::new, |port| format!(" && ip link set {port} master br0"));
        for owner in &self.owners {
            owner.run(&format!("ip link set {CARD} nomaster && ip link set {TUNNEL} nomaster{port}"), COMMAND_LIMIT)?;
        }
        site::await_answer(&self.path.from, &self.path.to)
    }
}
