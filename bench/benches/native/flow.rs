//! Frames one way, as fast as they go: the peer sends in bursts, this process receives in bursts and counts.

use std::time::Duration;

use anyhow::Result;
use bench::model::Case;
use bench::probe::{Counter, Probe, Sample, probe};
use strum::IntoStaticStr;

use crate::clock;
use crate::control::Control;
use crate::peer::{Peer, Waits};
use crate::port::{self, Frames, Port};

/// Bytes of a frame that whoever does not copy it writes or reads: Ethernet, IPv4 and UDP, as DPDK's `txonly` writes them.
const HEADERS: usize = 42;

/// Who copies a frame between the window and private memory.
#[derive(Clone, Copy, PartialEq, Eq, IntoStaticStr, Debug)]
pub(crate) enum Copies {
    /// The sender and the receiver.
    #[strum(serialize = "vni")]
    Both,
    /// The sender. The receiver reads the headers where they lie.
    #[strum(serialize = "vni-lent")]
    Sender,
    /// The receiver. The sender writes the headers where they will lie, and nothing else.
    #[strum(serialize = "vni-in-place")]
    Receiver,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) copies: Copies,
    pub(crate) frame: usize,
    /// Frames between two publications, and the most that are given back at once.
    pub(crate) burst: usize,
    pub(crate) pool: u64,
    /// Of the window, if that is the parameter; all but two are absent.
    pub(crate) partitions: Option<usize>,
    pub(crate) waits: Waits,
    pub(crate) duration: Duration,
}

impl Flow {
    pub(crate) fn probe(self) -> Box<dyn Probe<Peer>> {
        let what = if self.partitions.is_some() { "frames_beside_absent" } else { "frames" };
        let case = Case::new(what, self.copies.into(), "frames/s")
            .with("frame_bytes", self.frame)
            .with("burst", self.burst)
            .with("footprint_bytes", self.footprint());
        let case = self.partitions.into_iter().fold(case, |case, partitions| case.with("partitions", partitions));
        let case = match self.waits {
            Waits::Polling => case.with("receiver", "polling"),
            Waits::Sleeping { after_us } => {
                case.with("receiver", "sleeping").with("polls_for_ns", f64::from(after_us) * 1e3)
            }
        };
        probe(case, move |peer: &mut Peer| self.sample(peer))
    }

    /// What the sender uses in turn: all of a pool whose lane is alone, else its share of one half.
    fn footprint(self) -> u64 {
        match self.partitions.unwrap_or(2) as u64 - 1 {
            1 => self.pool,
            lanes => self.pool / 2 / lanes,
        }
    }

    fn sample(self, peer: &mut Peer) -> Result<Sample> {
        let here = |port: &mut Port, control: &mut Control| {
            let mut frames = Frames::new(self.frame, self.burst);
            let rate = clock::rate(self.duration, self.frame, || self.receive_burst(port, &mut frames))?;
            control.stop();
            let doorbells = Counter::mean(port.doorbells as f64 / port.frames as f64);
            Ok(clock::frames(rate, self.frame).count("doorbells_per_frame", doorbells))
        };
        port::exchange(peer, self.waits, (self.partitions.unwrap_or(2), self.pool), here, |port, control| {
            self.send(port, control)
        })
    }

    /// Receives up to a burst, at least one frame, and gives it back.
    fn receive_burst(self, port: &mut Port, frames: &mut Frames) -> Result<u64> {
        let first = port.await_frame(self.waits, |port| self.receive_now(port, frames))?;
        debug_assert_eq!(first, self.frame);
        let mut count = 1;
        while count < self.burst as u64 && self.receive_now(port, frames).is_some() {
            count += 1;
        }
        port.release();
        Ok(count)
    }

    fn send(self, port: &mut Port, control: &Control) -> Result<()> {
        let mut frames = Frames::new(self.frame, self.burst);
        while !control.is_stopped() {
            let mut sent = 0;
            while sent < self.burst && self.try_send(port, frames.next())? {
                sent += 1;
            }
            port.publish()?;
        }
        Ok(())
    }

    #[inline]
    fn receive_now(self, port: &mut Port, frames: &mut Frames) -> Option<usize> {
        let into = frames.next();
        if self.copies == Copies::Sender { port.borrow_now(&mut into[..HEADERS]) } else { port.receive_now(into) }
    }

    #[inline]
    fn try_send(self, port: &mut Port, frame: &[u8]) -> Result<bool> {
        if self.copies == Copies::Receiver {
            port.try_fill(frame.len(), &frame[..HEADERS])
        } else {
            port.try_send(frame)
        }
    }
}
