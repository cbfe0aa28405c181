//! The same frames through DPDK: two processes of `dpdk-testpmd`, on the same cores, connected by memif or by vhost-user and
//! virtio-user.
//!
//! Their frames too are copied from private buffers into shared ones and out again: memif copies on both sides, vhost-user
//! on the side that is no virtio driver, in the driver's own memory. The sender is `txonly`, which writes headers into
//! buffers from its pool. The receiver is `rxonly`, which does not look into them.

mod testpmd;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bench::model::Case;
use bench::probe::{Probe, probe};
use bench::wait::wait_until;
use strum::IntoStaticStr;

use self::testpmd::{PAUSE, Testpmd};
use crate::clock;
use crate::control::LIMIT;
use crate::peer::Peer;

const WARM_UP: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, PartialEq, Eq, Debug, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Connection {
    /// By memif with rings of 2 to that power.
    Memif { ring_log2: u32 },
    /// virtio-user sends to vhost-user, through a packed ring.
    VhostUser,
}

/// Two connected processes, which start with the first sample.
pub(crate) struct Pair {
    tree: PathBuf,
    connection: Connection,
    running: Option<Running>,
}

struct Running {
    // Dropped first: it connects to the other.
    sender: Testpmd,
    receiver: Testpmd,
    _folder: tempfile::TempDir,
}

impl Connection {
    fn plugins(self) -> &'static [&'static str] {
        match self {
            Self::Memif { .. } => &["bus_vdev", "mempool_ring", "net_memif"],
            Self::VhostUser => &["bus_vdev", "mempool_ring", "net_vhost", "net_virtio"],
        }
    }

    /// The devices of the receiver and of the sender.
    fn devices(self, socket: &Path) -> [String; 2] {
        let socket = socket.display();
        match self {
            Self::Memif { ring_log2 } => ["server", "client"].map(|role| {
                format!("net_memif0,role={role},socket={socket},socket-abstract=no,rsize={ring_log2},bsize=2048")
            }),
            Self::VhostUser => [
                format!("net_vhost0,iface={socket},queues=1"),
                format!("net_virtio_user0,path={socket},queues=1,packed_vq=1,in_order=1,mrg_rxbuf=0"),
            ],
        }
    }
}

impl Pair {
    pub(crate) fn new(tree: &Path, connection: Connection) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self { tree: tree.to_owned(), connection, running: None }))
    }

    fn running(&mut self, peer: &Peer) -> Result<&mut Running> {
        if self.running.is_none() {
            // Now and then a vhost-user port does not come up. The next one does.
            let start = || Running::start(&self.tree, self.connection, peer);
            self.running = Some(start().or_else(|_| start())?);
        }
        self.running.as_mut().context("testpmd does not run")
    }
}

impl Running {
    fn start(tree: &Path, connection: Connection, peer: &Peer) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let [to, from] = connection.devices(&folder.path().join("socket"));
        let start = |core, device: &str, mode| {
            let start = || Testpmd::start(tree, folder.path(), core, connection.plugins(), device, mode);
            let mut testpmd = peer.cores.on_both(start)?;
            testpmd.await_port().map(|()| testpmd)
        };
        // The one that listens first.
        let mut receiver = start(peer.cores.here, &to, "rxonly")?;
        let mut sender = start(peer.cores.there, &from, "txonly")?;
        sender.await_link()?;
        receiver.await_link()?;
        Ok(Self { sender, receiver, _folder: folder })
    }

    /// Frames per second that the receiver counts.
    fn rate(&mut self, frame: usize, burst: usize, duration: Duration) -> Result<f64> {
        self.sender.command(&format!("set txpkts {frame}"))?;
        self.sender.command(&format!("set burst {burst}"))?;
        self.receiver.command(&format!("set burst {burst}"))?;
        let before = self.received()?;
        self.receiver.command("start")?;
        self.sender.command("start")?;
        wait_until("the first frame of testpmd", LIMIT, PAUSE, || Ok(self.received()? != before))?;
        thread::sleep(WARM_UP);
        let (start, first) = (Instant::now(), self.received()?);
        thread::sleep(duration);
        let (elapsed, last) = (start.elapsed(), self.received()?);
        self.sender.command("stop")?;
        self.receiver.command("stop")?;
        // Until the counters stay as they are.
        let mut before = None;
        wait_until("testpmd to stop", LIMIT, PAUSE, || {
            let now = (self.sender.counter("opackets")?, self.received()?);
            Ok(before.replace(now) == Some(now))
        })?;
        Ok((last - first) as f64 / elapsed.as_secs_f64())
    }

    fn received(&mut self) -> Result<u64> {
        self.receiver.counter("ipackets")
    }
}

/// Frames of that length in bursts through a pair, as a contender.
pub(crate) fn contender(
    pair: &Rc<RefCell<Pair>>,
    frame: usize,
    burst: usize,
    duration: Duration,
) -> Box<dyn Probe<Peer>> {
    let case = Case::new("frames", pair.borrow().connection.into(), "frames/s");
    let pair = Rc::clone(pair);
    probe(case.with("frame_bytes", frame).with("burst", burst), move |peer: &mut Peer| {
        let mut pair = pair.borrow_mut();
        let rate = pair.running(peer).and_then(|running| {
            let processes = [running.receiver.process(), running.sender.process()];
            peer.watched(&processes, |_| running.rate(frame, burst, duration))
        });
        if rate.is_err() {
            // Whatever state they are in, the next sample gets others.
            pair.running = None;
        }
        Ok(clock::frames(rate?, frame))
    })
}
