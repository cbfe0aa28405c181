//! What an idle endpoint waits on: one file descriptor, an epoll set of its doorbell and of a timer for its ticks.
//!
//! Both are watched for edges, so that neither has to be read: epoll reports each event once, to the next caller that
//! waits on the set.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};
use vni::port::TICK_MS;

const TICK: Duration = Duration::from_millis(TICK_MS as u64);

/// The epoll set.
pub(crate) struct WaitSet {
    epoll: OwnedFd,
    /// A member of the set for as long as it is open.
    _timer: OwnedFd,
}

impl WaitSet {
    pub(crate) fn new(doorbell: BorrowedFd<'_>) -> io::Result<Self> {
        let every = Timespec { tv_sec: 0, tv_nsec: TICK.as_nanos() as _ };
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let ticks = Itimerspec { it_interval: every, it_value: every };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &ticks)?;
        let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let edges = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&set, doorbell, epoll::EventData::new_u64(0), edges)?;
        epoll::add(&set, &timer, epoll::EventData::new_u64(1), edges)?;
        Ok(Self { epoll: set, _timer: timer })
    }

    /// Waits until the set is readable, or `limit` is over.
    pub(crate) fn wait(&self, limit: Duration) -> io::Result<()> {
        let limit = Timespec { tv_sec: limit.as_secs() as _, tv_nsec: limit.subsec_nanos().into() };
        let mut set = [PollFd::new(&self.epoll, PollFlags::IN)];
        match poll(&mut set, Some(&limit)) {
            Err(rustix::io::Errno::INTR) => Ok(()),
            other => other.map(drop).map_err(Into::into),
        }
    }

    /// Takes all events of the set.
    pub(crate) fn drain(&self) -> io::Result<()> {
        let mut events = [epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) }; 2];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        match epoll::wait(&self.epoll, &mut events, Some(&now)) {
            Err(rustix::io::Errno::INTR) => Ok(()),
            other => other.map(drop).map_err(Into::into),
        }
    }
}

impl AsFd for WaitSet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

/// When the next tick is due.
pub(crate) struct Ticks(Instant);

impl Ticks {
    /// The first is due one tick from now. Make it before the timer: then each event of the timer finds a tick due.
    pub(crate) fn begin() -> Self {
        Self(Instant::now() + TICK)
    }

    /// Whether a tick is due. Several missed ticks count as one, so that our own delay does not make peers look frozen.
    pub(crate) fn is_due(&mut self) -> bool {
        let Some(late) = Instant::now().checked_duration_since(self.0) else { return false };
        let missed = (late.as_nanos() / TICK.as_nanos()) as u32;
        self.0 += TICK * missed.saturating_add(1);
        true
    }
}
