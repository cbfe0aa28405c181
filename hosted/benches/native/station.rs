//! An endpoint with one peer, as both processes have it: brought up, given its time, polled or slept on.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use hosted::{Endpoint, Lane, LinkState, SendError, WindowFile};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use shmem::{Shape, control_len};

use crate::Failure;
use crate::floor::{LIMIT, Limit};

/// The partition of the process that measures.
pub(crate) const HERE: usize = 0;
/// That of the other.
pub(crate) const THERE: usize = 1;

/// Polls between two turns: a polling endpoint hears of its peer's death late, and pays next to nothing for it.
const POLLS_PER_TURN: u32 = 1 << 12;
/// Looks at a full ring, each after a pause, before the next frame is tried.
const PAUSES: u32 = 8;
/// How long a ring may be on its way that woke nobody yet: far longer than any is.
const RING_ON_ITS_WAY: Duration = Duration::from_millis(50);

/// How one waits for frames.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub(crate) enum Waits {
    /// Looks again and again.
    Polling,
    /// Looks for so many microseconds, then sleeps until it is rung.
    Sleeping {
        /// How long it looks, 0 to sleep at once.
        after_us: u32,
    },
}

/// A window for two whose pools have that many bytes each.
pub(crate) fn window(pool_len: u64) -> Result<WindowFile, Failure> {
    let shape = Shape::new(2, 1).map_err(Failure::of("make a window"))?;
    WindowFile::create(shape, control_len(shape) + 2 * pool_len, "bench").map_err(Failure::of("make a window"))
}

/// One's own end.
pub(crate) struct Station {
    pub(crate) endpoint: Endpoint,
    pub(crate) lane: Lane,
    window: WindowFile,
    polls: u32,
    /// Doorbells that woke us or would have.
    pub(crate) rings: u64,
    /// Times that frames were there, we slept, and nobody rang.
    pub(crate) lost_wakeups: u64,
    /// Times that we slept.
    pub(crate) sleeps: u64,
    /// Frames received.
    pub(crate) frames: u64,
}

impl Station {
    /// Brings it up; its peer must do so at the same time.
    pub(crate) fn up(window: &WindowFile, me: usize) -> Result<Self, Failure> {
        let mut endpoint = Endpoint::open(window, me).map_err(Failure::of("open an endpoint"))?;
        let peer = HERE + THERE - me;
        let lane = endpoint.lane(peer, 0).ok_or_else(|| Failure::wrong("a window for two has no lane"))?;
        let mut limit = Limit::new(LIMIT, "the link to come up");
        while endpoint.link(peer) != LinkState::Up {
            endpoint.turn().map_err(Failure::of("give an endpoint time"))?;
            limit.check()?;
        }
        Ok(Self { endpoint, lane, window: window.clone(), polls: 0, rings: 0, lost_wakeups: 0, sleeps: 0, frames: 0 })
    }

    /// To be called at each poll: gives it time now and then.
    pub(crate) fn polled(&mut self) -> Result<(), Failure> {
        self.polls = self.polls.wrapping_add(1);
        if self.polls.is_multiple_of(POLLS_PER_TURN) { self.turn() } else { Ok(()) }
    }

    /// Gives it time, and makes sure that somebody is there.
    pub(crate) fn turn(&mut self) -> Result<(), Failure> {
        self.endpoint.turn().map_err(Failure::of("give an endpoint time"))?;
        match self.endpoint.link(self.lane.peer()) {
            LinkState::Up => Ok(()),
            state => Err(Failure::wrong(format!("the link between the two processes is {state:?}"))),
        }
    }

    /// Sends a frame; where there is no room, publishes what is on its way, and pauses. False: there is none yet.
    pub(crate) fn send(&mut self, frame: &[u8]) -> Result<bool, Failure> {
        let sent = self.try_send(frame)?;
        if !sent {
            self.endpoint.publish(self.lane);
            (0..PAUSES).for_each(|_| std::hint::spin_loop());
            self.polled()?;
        }
        Ok(sent)
    }

    /// Sends a frame, if there is room for it.
    #[inline]
    pub(crate) fn try_send(&mut self, frame: &[u8]) -> Result<bool, Failure> {
        match self.endpoint.send(self.lane, frame, hosted::Offload::NONE) {
            Ok(()) => Ok(true),
            Err(SendError::NoRoom) => Ok(false),
            Err(refusal) => Err(Failure::wrong(format!("a frame was refused: {refusal:?}"))),
        }
    }

    /// Sends a frame by itself, at once.
    pub(crate) fn send_now(&mut self, frame: &[u8]) -> Result<(), Failure> {
        while !self.send(frame)? {}
        self.endpoint.publish(self.lane);
        Ok(())
    }

    /// Waits for a frame, and copies it into `into`; gives back its length. None: `over` says that it is enough.
    pub(crate) fn receive(
        &mut self,
        into: &mut [u8],
        waits: Waits,
        over: impl Fn() -> bool,
    ) -> Result<Option<usize>, Failure> {
        let mut since = None;
        let mut limit = Limit::new(LIMIT, "a frame");
        loop {
            if let Some(received) = self.endpoint.receive(self.lane, into) {
                self.frames += 1;
                return Ok(Some(received.len));
            }
            if over() {
                return Ok(None);
            }
            self.polled()?;
            limit.check()?;
            let Waits::Sleeping { after_us } = waits else { continue };
            let since = *since.get_or_insert_with(Instant::now);
            if after_us == 0 || since.elapsed() >= Duration::from_micros(after_us.into()) {
                self.endpoint.release(self.lane);
                self.sleep()?;
            }
        }
    }

    /// Copies a frame into `into`, if one is there.
    pub(crate) fn try_receive(&mut self, into: &mut [u8]) -> bool {
        let came = self.endpoint.receive(self.lane, into).is_some();
        self.frames += u64::from(came);
        came
    }

    /// Gives back what was received.
    pub(crate) fn release(&mut self) {
        self.endpoint.release(self.lane);
    }

    /// Publishes what was sent.
    pub(crate) fn publish(&mut self) -> Result<(), Failure> {
        self.endpoint.publish(self.lane);
        self.polled()
    }

    /// Sleeps until rung, or until the next tick; counts what woke it.
    pub(crate) fn sleep(&mut self) -> Result<(), Failure> {
        if !self.endpoint.arm() {
            return self.turn();
        }
        self.sleeps += 1;
        self.wait_on_fd(Duration::from_secs(1))?;
        let rings = self.take_rings();
        self.turn()?;
        // Asleep with something to do, and nobody has rung: if the ring is not just on its way, it was lost.
        if rings == 0 && self.endpoint.arm() {
            return self.turn();
        }
        if rings == 0 {
            let late = Instant::now();
            while self.take_rings() == 0 {
                if late.elapsed() > RING_ON_ITS_WAY {
                    self.lost_wakeups += 1;
                    break;
                }
            }
        }
        self.turn()
    }

    /// Sleeps until there may be room in the ring; true if there is.
    pub(crate) fn sleep_for_room(&mut self) -> Result<(), Failure> {
        self.endpoint.publish(self.lane);
        if !self.endpoint.await_room(self.lane) {
            self.sleeps += 1;
            self.wait_on_fd(Duration::from_secs(1))?;
            self.take_rings();
        }
        self.turn()
    }

    fn wait_on_fd(&self, limit: Duration) -> Result<(), Failure> {
        let limit = Timespec { tv_sec: limit.as_secs() as _, tv_nsec: limit.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&self.endpoint.as_fd(), PollFlags::IN)], Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(why) => Err(Failure::of("sleep on an endpoint")(why)),
        }
    }

    /// Doorbells since the last time.
    pub(crate) fn take_rings(&mut self) -> u64 {
        let mut count = [0; 8];
        let Some(doorbell) = self.window.doorbells().nth(self.endpoint.index()) else { return 0 };
        let rings = match rustix::io::read(doorbell, &mut count) {
            Ok(8) => u64::from_ne_bytes(count),
            _ => 0,
        };
        self.rings += rings;
        rings
    }
}

/// Private memory that holds one frame after the other, used in turn: as many as a burst has, but little enough to stay
/// in a core's own cache.
pub(crate) struct Frames {
    bytes: Vec<u8>,
    frame: usize,
    next: usize,
}

impl Frames {
    /// Most bytes.
    const MOST: usize = 256 << 10;

    /// For bursts of frames of that length.
    pub(crate) fn new(frame: usize, burst: usize) -> Self {
        let count = burst.min(Self::MOST / frame).max(1);
        // Whole lines, so that each begins one, as they do everywhere.
        let stride = frame.next_multiple_of(64);
        Self { bytes: (0..count * stride).map(|at| at as u8 | 1).collect(), frame, next: 0 }
    }

    /// The next.
    pub(crate) fn next(&mut self) -> &mut [u8] {
        let at = self.next;
        let stride = self.frame.next_multiple_of(64);
        self.next = if at + 2 * stride > self.bytes.len() { 0 } else { at + stride };
        &mut self.bytes[at..at + self.frame]
    }
}
