//! Frames one way, as fast as they go: the peer sends in bursts, this process receives in bursts and counts.

use std::time::Duration;

use anyhow::Result;
use bench::model::Case;
use bench::probe::{Counter, Probe, Sample, probe};

use crate::clock;
use crate::control::Control;
use crate::peer::{Peer, Waits};
use crate::port::{self, Frames, Port};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) frame: usize,
    /// Frames between two publications, and the most that are given back at once.
    pub(crate) burst: usize,
    pub(crate) pool: u64,
    pub(crate) waits: Waits,
    pub(crate) duration: Duration,
}

impl Flow {
    pub(crate) fn probe(self) -> Box<dyn Probe<Peer>> {
        let case = Case::new("frames", "vni", "frames/s")
            .with("frame_bytes", self.frame)
            .with("burst", self.burst)
            .with("footprint_bytes", self.pool);
        let case = match self.waits {
            Waits::Polling => case.with("receiver", "polling"),
            Waits::Sleeping { after_us } => {
                case.with("receiver", "sleeping").with("polls_for_ns", f64::from(after_us) * 1e3)
            }
        };
        probe(case, move |peer: &mut Peer| self.sample(peer))
    }

    fn sample(self, peer: &mut Peer) -> Result<Sample> {
        let here = |port: &mut Port, control: &mut Control| {
            let mut frames = Frames::new(self.frame, self.burst);
            let rate = clock::rate(self.duration, self.frame, || self.receive_burst(port, &mut frames))?;
            control.stop();
            let doorbells = Counter::mean(port.doorbells as f64 / port.frames as f64);
            Ok(clock::frames(rate, self.frame).count("doorbells_per_frame", doorbells))
        };
        port::exchange(peer, self.waits, self.pool, here, |port, control| self.send(port, control))
    }

    /// Receives up to a burst, at least one frame, and gives it back.
    fn receive_burst(self, port: &mut Port, frames: &mut Frames) -> Result<u64> {
        let first = port.receive(frames.next(), self.waits)?;
        debug_assert_eq!(first, self.frame);
        let mut count = 1;
        while count < self.burst as u64 && port.try_receive(frames.next()) {
            count += 1;
        }
        port.release();
        Ok(count)
    }

    fn send(self, port: &mut Port, control: &Control) -> Result<()> {
        let mut frames = Frames::new(self.frame, self.burst);
        while !control.is_stopped() {
            let mut sent = 0;
            while sent < self.burst && port.try_send(frames.next())? {
                sent += 1;
            }
            port.publish()?;
        }
        Ok(())
    }
}
