//! An endpoint with one peer, as both processes have it.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bench::probe::{Counter, Sample};
use hosted::bell::Bell;
use hosted::{Endpoint, Lane, LinkState, SendError, Span, WindowFile};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use shmem::segment::Source;
use shmem::{Shape, control_len};

use crate::control::{Control, Limit};
use crate::peer::{Peer, Waits};

const HERE: usize = 0;
const THERE: usize = 1;

/// Polls between two turns. An endpoint that polls learns late of its peer's death, and pays next to nothing for it.
const POLLS_PER_TURN: u32 = 1 << 12;
/// Pauses after a full ring, before the next attempt.
const PAUSES: u32 = 8;
/// How long a doorbell may be on its way: far longer than any is.
const DOORBELL_LIMIT: Duration = Duration::from_millis(50);
const SLEEP: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// A window for two endpoints, whose pools have that many bytes each.
pub(crate) fn window(pool_len: u64) -> Result<WindowFile> {
    window_of(2, pool_len)
}

/// A window of so many partitions, of which all but two stay absent.
fn window_of(partitions: usize, pool_len: u64) -> Result<WindowFile> {
    let shape = Shape::new(partitions, 1).context("cannot make a window")?;
    let len = control_len(shape) + partitions as u64 * pool_len;
    WindowFile::create(shape, len, "bench").context("cannot make a window")
}

/// Takes a sample of two sides that exchange frames. Each gets a port whose link is up, and both begin at the same time.
pub(crate) fn exchange(
    peer: &mut Peer,
    waits: Waits,
    (partitions, pool_len): (usize, u64),
    here: impl FnOnce(&mut Port, &mut Control) -> Result<Sample>,
    there: impl FnOnce(&mut Port, &mut Control) -> Result<()>,
) -> Result<Sample> {
    let window = window_of(partitions, pool_len)?;
    let here = |control: &mut Control| {
        let mut port = Port::up(&window, HERE)?;
        control.meet()?;
        // The port stays up until the peer has ended: it may still be sending.
        here(&mut port, control).map(|sample| (sample, port))
    };
    let there = |control: &mut Control| {
        let mut port = Port::up(&window, THERE)?;
        control.meet()?;
        there(&mut port, control).map(|()| port.lost_wakeups as f64)
    };
    let ((sample, port), lost_there) = peer.run(waits, there, here)?;
    Ok(sample.count("lost_wakeups", Counter::Sum(port.lost_wakeups as f64 + lost_there)))
}

pub(crate) struct Port {
    endpoint: Endpoint,
    lane: Lane,
    /// That to the peer, and those to partitions that are absent.
    lanes: Vec<Lane>,
    /// The lane of these that is looked at next.
    next: usize,
    window: WindowFile,
    polls: u32,
    /// Doorbells, whether they woke it or not.
    pub(crate) doorbells: u64,
    /// How often it slept although frames were there, and no doorbell rang.
    lost_wakeups: u64,
    pub(crate) sleeps: u64,
    pub(crate) frames: u64,
}

impl Port {
    /// Brings it up. The other process must do so at the same time.
    fn up(window: &WindowFile, own: usize) -> Result<Self> {
        let mut endpoint = Endpoint::open(window, own).context("cannot open an endpoint")?;
        let peer = HERE + THERE - own;
        let lane = endpoint.lane(peer, 0).context("a window for two has no lane")?;
        let mut limit = Limit::new("the link to come up");
        while endpoint.link(peer) != LinkState::Up {
            endpoint.turn();
            limit.check()?;
        }
        let (window, lanes) = (window.clone(), endpoint.lanes().collect());
        Ok(Self {
            endpoint,
            lane,
            lanes,
            next: 0,
            window,
            polls: 0,
            doorbells: 0,
            lost_wakeups: 0,
            sleeps: 0,
            frames: 0,
        })
    }

    /// Gives the endpoint time now and then. Call it at each poll.
    fn polled(&mut self) -> Result<()> {
        self.polls = self.polls.wrapping_add(1);
        if self.polls.is_multiple_of(POLLS_PER_TURN) { self.turn() } else { Ok(()) }
    }

    fn turn(&mut self) -> Result<()> {
        self.endpoint.turn();
        match self.endpoint.link(self.lane.peer()) {
            LinkState::Up => Ok(()),
            state => bail!("the link between the two processes is {state:?}"),
        }
    }

    /// Sends a frame. If there is no room, publishes what is on its way, pauses, and returns false.
    pub(crate) fn send(&mut self, frame: &[u8]) -> Result<bool> {
        let sent = self.try_send(frame)?;
        if !sent {
            self.endpoint.publish(self.lane);
            (0..PAUSES).for_each(|_| std::hint::spin_loop());
            self.polled()?;
        }
        Ok(sent)
    }

    #[inline]
    pub(crate) fn try_send(&mut self, frame: &[u8]) -> Result<bool> {
        took(self.endpoint.send(self.lane, frame, hosted::Offload::NONE))
    }

    /// Sends a frame of `len` bytes that begins with `head`, and is otherwise whatever lies in the window.
    #[inline]
    pub(crate) fn try_fill(&mut self, len: usize, head: &[u8]) -> Result<bool> {
        let mut head = Source::from(head);
        let fill = |span: Span<'_>| {
            let (now, later) = head.split_at(span.len());
            span.copy_from(now);
            head = later;
        };
        took(self.endpoint.send_in_place(self.lane, len, hosted::Offload::NONE, fill))
    }

    pub(crate) fn send_now(&mut self, frame: &[u8]) -> Result<()> {
        while !self.send(frame)? {}
        self.endpoint.publish(self.lane);
        Ok(())
    }

    /// Waits for a frame, and copies it into `into`. Returns its length.
    pub(crate) fn receive(&mut self, into: &mut [u8], waits: Waits) -> Result<usize> {
        self.await_frame(waits, |port| port.receive_now(into))
    }

    /// Waits until `receive` has received a frame.
    #[inline]
    pub(crate) fn await_frame<T>(
        &mut self,
        waits: Waits,
        mut receive: impl FnMut(&mut Self) -> Option<T>,
    ) -> Result<T> {
        let mut since = None;
        let mut limit = Limit::new("a frame");
        loop {
            if let Some(received) = receive(self) {
                return Ok(received);
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

    /// Copies a frame that has come into `into`, by whichever lane. Returns its length.
    #[inline]
    pub(crate) fn receive_now(&mut self, into: &mut [u8]) -> Option<usize> {
        for _ in 0..self.lanes.len() {
            if let Some(received) = self.endpoint.receive(self.lanes[self.next], into) {
                self.frames += 1;
                return Some(received.len);
            }
            self.look_further();
        }
        None
    }

    #[inline]
    fn look_further(&mut self) {
        self.next = if self.next + 1 == self.lanes.len() { 0 } else { self.next + 1 };
    }

    /// Borrows a frame that has come, reads its first bytes into `head`, and gives it back.
    #[inline]
    pub(crate) fn borrow_now(&mut self, head: &mut [u8]) -> Option<usize> {
        let frame = self.endpoint.receive_lent(self.lane)?;
        self.frames += 1;
        frame.copy_to(head);
        Some(frame.len())
    }

    /// Gives back what was received. The next frame is looked for in all lanes.
    pub(crate) fn release(&mut self) {
        self.endpoint.release(self.lane);
        self.look_further();
    }

    pub(crate) fn publish(&mut self) -> Result<()> {
        self.endpoint.publish(self.lane);
        self.polled()
    }

    /// Sleeps until the doorbell rings, or until the next tick.
    fn sleep(&mut self) -> Result<()> {
        if !self.endpoint.arm() {
            return self.turn();
        }
        let doorbells = self.wait_for_doorbell()?;
        self.turn()?;
        // It slept although there was something to do, and no doorbell rang. Is that on its way, or lost?
        if doorbells == 0 && self.endpoint.arm() {
            return self.turn();
        }
        let late = Instant::now();
        while doorbells == 0 && self.take_doorbells() == 0 {
            if late.elapsed() > DOORBELL_LIMIT {
                self.lost_wakeups += 1;
                break;
            }
        }
        self.turn()
    }

    /// Sleeps until there may be room in the ring.
    pub(crate) fn sleep_for_room(&mut self) -> Result<()> {
        self.endpoint.publish(self.lane);
        if !self.endpoint.await_room(self.lane) && self.endpoint.arm() {
            self.wait_for_doorbell()?;
        }
        self.turn()
    }

    fn wait_for_doorbell(&mut self) -> Result<u64> {
        self.sleeps += 1;
        match poll(&mut [PollFd::new(&self.endpoint.as_fd(), PollFlags::IN)], Some(&SLEEP)) {
            Ok(_) | Err(Errno::INTR) => Ok(self.take_doorbells()),
            Err(error) => Err(error).context("cannot sleep on an endpoint"),
        }
    }

    /// Whether a doorbell has rung since the last call, as a number.
    fn take_doorbells(&mut self) -> u64 {
        let rung = self.window.bell(self.endpoint.index()).is_some_and(Bell::take);
        let doorbells = u64::from(rung);
        self.doorbells += doorbells;
        doorbells
    }
}

/// Whether a frame was taken, or there is no room.
#[inline]
fn took(sent: Result<(), SendError>) -> Result<bool> {
    match sent {
        Ok(()) => Ok(true),
        Err(SendError::NoRoom) => Ok(false),
        Err(error) => bail!("a frame was refused: {error:?}"),
    }
}

/// Private memory for frames, used in turn: as many as a burst has, but little enough to stay in a core's own cache.
pub(crate) struct Frames {
    bytes: Vec<u8>,
    frame: usize,
    next: usize,
}

impl Frames {
    const MOST_BYTES: usize = 256 << 10;

    pub(crate) fn new(frame: usize, burst: usize) -> Self {
        let count = burst.min(Self::MOST_BYTES / frame).max(1);
        // Whole lines, so that each frame begins one, as frames do everywhere.
        let stride = frame.next_multiple_of(64);
        Self { bytes: (0..count * stride).map(|at| at as u8 | 1).collect(), frame, next: 0 }
    }

    pub(crate) fn next(&mut self) -> &mut [u8] {
        let at = self.next;
        let stride = self.frame.next_multiple_of(64);
        self.next = if at + 2 * stride > self.bytes.len() { 0 } else { at + stride };
        &mut self.bytes[at..at + self.frame]
    }
}
