//! What an idle endpoint waits on: one file descriptor, an epoll set of its bell and of a timer for its next tick.
//!
//! Both stay readable until somebody does something about it: the bell until its ring is taken, the timer until it is
//! set anew for the tick after. A timer is set for one moment only. One that is set for every tick fires once and then
//! no more, unless it is read each time.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, clock_gettime, timerfd_create,
    timerfd_settime,
};
use vni::port::TICK_MS;

const TICK: u64 = TICK_MS as u64 * 1_000_000;
const SECOND: u64 = 1_000_000_000;

/// The epoll set.
pub(crate) struct WaitSet {
    epoll: OwnedFd,
    timer: OwnedFd,
    /// For when the timer is set; 0: it is not.
    set_for: u64,
}

impl WaitSet {
    pub(crate) fn new(bell: BorrowedFd<'_>) -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&set, bell, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
        epoll::add(&set, &timer, epoll::EventData::new_u64(1), epoll::EventFlags::IN)?;
        Ok(Self { epoll: set, timer, set_for: 0 })
    }

    /// Has the set be readable at the next tick, and not for those that are over.
    pub(crate) fn set_timer(&mut self, ticks: &Ticks) -> io::Result<()> {
        if self.set_for == ticks.next {
            return Ok(());
        }
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let next = Timespec { tv_sec: (ticks.next / SECOND) as _, tv_nsec: (ticks.next % SECOND) as _ };
        let once = Itimerspec { it_interval: never, it_value: next };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once)?;
        self.set_for = ticks.next;
        Ok(())
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
}

impl AsFd for WaitSet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

/// When the next tick is due, in nanoseconds of the monotonic clock, which is the timer's too.
pub(crate) struct Ticks {
    next: u64,
}

impl Ticks {
    /// The first is due one tick from now.
    pub(crate) fn begin() -> Self {
        Self { next: now() + TICK }
    }

    /// Whether a tick is due. Several missed ticks count as one, so that our own delay does not make peers look frozen.
    pub(crate) fn is_due(&mut self) -> bool {
        let Some(late) = now().checked_sub(self.next) else { return false };
        self.next += TICK * (late / TICK + 1);
        true
    }
}

fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * SECOND + now.tv_nsec as u64
}
