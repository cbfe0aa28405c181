//! The same frames through DPDK: two processes of `dpdk-testpmd`, on the same cores, joined by memif or by vhost-user and
//! virtio-user.
//!
//! Their frames too are copied from private buffers into shared ones and out again: memif by both sides, vhost-user by
//! the side that is no virtio driver, in the driver's own memory. The sender is `txonly`, which writes headers into
//! buffers that it has just taken from its pool; the receiver is `rxonly`, which does not look into them.

mod telemetry;
mod testpmd;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use self::testpmd::Testpmd;
use crate::Failure;
use crate::floor::LIMIT;
use crate::other::Other;
use crate::rounds::{Contender, Question, Sample};

/// It runs for so long before it counts.
const WARM_UP: Duration = Duration::from_millis(50);
/// How long a pair takes to come up at most.
const START_LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

/// How the two processes are joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Joined {
    /// By memif with rings of 2 to that power.
    Memif { ring_log2: u32 },
    /// virtio-user sends to vhost-user, through a packed ring.
    VhostUser,
}

impl Joined {
    fn subject(self) -> &'static str {
        match self {
            Self::Memif { .. } => "memif",
            Self::VhostUser => "vhost-user",
        }
    }

    fn plugins(self) -> &'static [&'static str] {
        match self {
            Self::Memif { .. } => &["bus_vdev", "mempool_ring", "net_memif"],
            Self::VhostUser => &["bus_vdev", "mempool_ring", "net_vhost", "net_virtio"],
        }
    }

    /// The devices of the receiver and those of the sender.
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

/// Two processes that are joined, made when they are first asked.
pub(crate) struct Pair {
    tree: PathBuf,
    joined: Joined,
    running: Option<Running>,
}

struct Running {
    // Dropped first: it connects to the other.
    sender: Testpmd,
    receiver: Testpmd,
    _folder: tempfile::TempDir,
}

impl Pair {
    /// Of the programs in `tree`.
    pub(crate) fn new(tree: &Path, joined: Joined) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self { tree: tree.to_owned(), joined, running: None }))
    }

    fn running(&mut self, other: &Other) -> Result<&mut Running, Failure> {
        if self.running.is_none() {
            // Now and then a vhost-user port does not come up; the next one does.
            let start = || Running::start(&self.tree, self.joined, other);
            self.running = Some(start().or_else(|_| start())?);
        }
        self.running.as_mut().ok_or_else(|| Failure::wrong("nothing runs"))
    }
}

impl Running {
    fn start(tree: &Path, joined: Joined, other: &Other) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(Failure::of("make a temporary folder"))?;
        let [to, from] = joined.devices(&folder.path().join("socket"));
        let start = |name, core, device: &str, mode| {
            other.cores.on_both(|| Testpmd::start(tree, folder.path(), name, core, joined.plugins(), device, mode))
        };
        // The one that listens first.
        let mut receiver = start("receiver", other.cores.here, &to, "rxonly")?;
        receiver.await_port(START_LIMIT)?;
        let mut sender = start("sender", other.cores.there, &from, "txonly")?;
        sender.await_port(START_LIMIT)?;
        sender.await_link(START_LIMIT)?;
        receiver.await_link(START_LIMIT)?;
        Ok(Self { sender, receiver, _folder: folder })
    }

    /// Frames per second that the receiver counts.
    fn rate(&mut self, frame: usize, burst: usize, lasts: Duration) -> Result<f64, Failure> {
        self.sender.say(&format!("set txpkts {frame}"))?;
        self.sender.say(&format!("set burst {burst}"))?;
        self.receiver.say(&format!("set burst {burst}"))?;
        let before = self.receiver.received()?;
        self.receiver.say("start")?;
        self.sender.say("start")?;
        let begin = Instant::now();
        while self.receiver.received()? == before {
            if begin.elapsed() > LIMIT {
                return Err(Failure::Waited("the first frame of testpmd"));
            }
            thread::sleep(PAUSE);
        }
        thread::sleep(WARM_UP);
        let (begin, first) = (Instant::now(), self.receiver.received()?);
        thread::sleep(lasts);
        let (took, last) = (begin.elapsed(), self.receiver.received()?);
        self.sender.say("stop")?;
        self.receiver.say("stop")?;
        self.await_still()?;
        Ok((last - first) as f64 / took.as_secs_f64())
    }

    /// Until nothing is counted any more.
    fn await_still(&mut self) -> Result<(), Failure> {
        let begin = Instant::now();
        let mut before = None;
        loop {
            let now = (self.sender.sent()?, self.receiver.received()?);
            if before.replace(now) == Some(now) {
                return Ok(());
            }
            if begin.elapsed() > LIMIT {
                return Err(Failure::Waited("testpmd to stop"));
            }
            thread::sleep(PAUSE);
        }
    }
}

/// The contender.
pub(crate) struct Dpdk {
    pair: Rc<RefCell<Pair>>,
    frame: usize,
    burst: usize,
    lasts: Duration,
    question: Question,
}

impl Dpdk {
    pub(crate) fn boxed(pair: &Rc<RefCell<Pair>>, frame: usize, burst: usize, lasts: Duration) -> Box<dyn Contender> {
        let joined = pair.borrow().joined;
        let question = Question::new("frames", joined.subject(), "frames/s")
            .number("frame_bytes", frame as f64)
            .number("burst", burst as f64);
        Box::new(Self { pair: Rc::clone(pair), frame, burst, lasts, question })
    }
}

impl Contender for Dpdk {
    fn question(&self) -> &Question {
        &self.question
    }

    fn busy(&self, _other: &Other) -> Vec<u32> {
        let pair = self.pair.borrow();
        pair.running.iter().flat_map(|running| [running.receiver.process(), running.sender.process()]).collect()
    }

    fn sample(&mut self, other: &mut Other) -> Result<Sample, Failure> {
        let mut pair = self.pair.borrow_mut();
        let rate = pair.running(other).and_then(|running| running.rate(self.frame, self.burst, self.lasts));
        if rate.is_err() {
            // Whatever state they are in, the next question finds others.
            pair.running = None;
        }
        let rate = rate?;
        Ok(Sample::of(rate).beside("bit/s", rate * self.frame as f64 * 8.0))
    }
}
