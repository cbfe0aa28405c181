//! Round trips: of a cache line, and of a frame over two rings.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Result;
use bench::model::Case;
use bench::probe::{Probe, Sample, probe};
use bench::statistics::Summary;

use crate::control::{Control, Limit, Lines};
use crate::peer::{Peer, Waits};
use crate::port::{self, Port};

/// Bytes of the pools: one frame at a time is on its way.
const POOL: u64 = 2 << 20;
const WARM_UP: u64 = 64;

/// Round trips of a cache line: rows of so many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounces {
    pub(crate) lines: Lines,
    pub(crate) rows: u64,
    pub(crate) trips: u64,
}

/// Frames that are sent back, one at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Echoes {
    pub(crate) frame: usize,
    pub(crate) count: u64,
    pub(crate) waits: Waits,
}

impl Bounces {
    /// A cache line, as a contender: no hand-off can be faster.
    pub(crate) fn probe(lines: Lines) -> Box<dyn Probe<Peer>> {
        let subject = if lines == Lines::One { "limit" } else { "limit-one-writer" };
        let bounces = Bounces { lines, rows: 50, trips: 2000 };
        probe(Case::new("hand-off", subject, "ns"), move |peer: &mut Peer| Ok(Sample::of(bounces.median(peer)? / 2.0)))
    }

    /// The nanoseconds of a round trip, as the median of the rows' means.
    pub(crate) fn median(self, peer: &mut Peer) -> Result<f64> {
        let (rows, _) =
            peer.run(Waits::Polling, |control| self.bounce_back(control), |control| self.bounce(control))?;
        Ok(Summary::of(rows).median)
    }

    fn bounce(self, control: &mut Control) -> Result<Vec<f64>> {
        control.meet()?;
        let [ping, pong] = control.lines(self.lines);
        let (mut limit, mut number) = (Limit::new("the cache line to come back"), 0);
        let mut row = |trips: u64| -> Result<f64> {
            let start = Instant::now();
            for _ in 0..trips {
                ping.store(2 * number + 1, Ordering::Release);
                number += 1;
                while pong.load(Ordering::Acquire) != 2 * number {
                    limit.check()?;
                }
            }
            Ok(start.elapsed().as_nanos() as f64 / trips as f64)
        };
        row(WARM_UP)?;
        (0..self.rows).map(|_| row(self.trips)).collect()
    }

    fn bounce_back(self, control: &mut Control) -> Result<f64> {
        control.meet()?;
        let [ping, pong] = control.lines(self.lines);
        let mut limit = Limit::new("the cache line to come");
        for number in 0..WARM_UP + self.rows * self.trips {
            while ping.load(Ordering::Acquire) != 2 * number + 1 {
                limit.check()?;
            }
            pong.store(2 * number + 2, Ordering::Release);
        }
        Ok(0.0)
    }
}

impl Echoes {
    /// The endpoint, as a contender: one way if both sides poll, a round trip if they sleep.
    pub(crate) fn probe(self) -> Box<dyn Probe<Peer>> {
        let case = match self.waits {
            Waits::Polling => Case::new("hand-off", "vni", "ns").with("payload", "frame"),
            Waits::Sleeping { .. } => Case::new("round-trip", "vni", "ns").with("receiver", "sleeping"),
        };
        probe(case.with("frame_bytes", self.frame), move |peer: &mut Peer| {
            let ask = |port: &mut Port, control: &mut Control| self.ask(port, control);
            port::exchange(peer, self.waits, (2, POOL), ask, |port, control| self.answer(port, control))
        })
    }

    fn ask(self, port: &mut Port, control: &mut Control) -> Result<Sample> {
        let mut bytes = vec![1; self.frame];
        (0..WARM_UP).try_for_each(|_| self.trip(port, &mut bytes))?;
        let (start, mut last, mut times) = (Instant::now(), Duration::ZERO, Vec::new());
        for _ in 0..self.count {
            self.trip(port, &mut bytes)?;
            // Reading the clock takes as long as a part of a hand-off, so only long trips are timed one by one.
            if self.waits != Waits::Polling {
                let now = start.elapsed();
                times.push(now - last);
                last = now;
            }
        }
        let each = start.elapsed().as_nanos() as f64 / self.count as f64;
        control.meet()?;
        let value = if self.waits == Waits::Polling { each / 2.0 } else { each };
        Ok(Sample { distribution: times.into_iter().collect(), ..Sample::of(value) })
    }

    fn trip(self, port: &mut Port, frame: &mut [u8]) -> Result<()> {
        port.send_now(frame)?;
        // Give back the frame before while the answer is on its way: nobody waits for that.
        port.release();
        port.receive(frame, self.waits).map(drop)
    }

    fn answer(self, port: &mut Port, control: &mut Control) -> Result<()> {
        let mut bytes = vec![0; self.frame];
        for _ in 0..WARM_UP + self.count {
            port.receive(&mut bytes, self.waits)?;
            port.send_now(&bytes)?;
            port.release();
        }
        // The last frame is still on its way, and the link goes down with this endpoint.
        control.meet()
    }
}
