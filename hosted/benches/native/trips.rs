//! Round trips: of a cache line, thrown to and fro as a ball, and of a frame over two rings.

use std::process;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hosted::WindowFile;
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::distribution::Distribution;
use crate::floor::{Floor, LIMIT, Limit, Lines};
use crate::other::{Other, Task};
use crate::rounds::{Contender, Question, Sample};
use crate::station::{self, HERE, Station, THERE, Waits};

/// Of the pools, for frames that are alone on their way.
const POOL: u64 = 2 << 20;
/// Throws that only warm up.
const WARM_UP: u64 = 64;

/// How the ball is thrown: so many times in a row, so many rows.
#[derive(Clone, Copy, Serialize, Deserialize, Debug)]
pub(crate) struct Throwing {
    pub(crate) lines: Lines,
    pub(crate) rows: u64,
    pub(crate) trips: u64,
}

impl Throwing {
    fn all(self) -> u64 {
        WARM_UP + self.rows * self.trips
    }
}

/// Throws the ball; nanoseconds of a round trip, as the mean of each row.
pub(crate) fn throw(other: &mut Other, throwing: Throwing) -> Result<Vec<f64>, Failure> {
    other.floor.ball().store(0, Ordering::Relaxed);
    other.floor.back(throwing.lines).store(0, Ordering::Relaxed);
    let told = other.tell(&Task::Throw(throwing))?;
    other.floor.meet()?;
    let mut limit = Limit::new(LIMIT, "the ball to come back");
    let (ball, back) = (other.floor.ball(), other.floor.back(throwing.lines));
    let mut number = 0;
    let mut row = |trips: u64| -> Result<f64, Failure> {
        let begin = Instant::now();
        for _ in 0..trips {
            ball.store(2 * number + 1, Ordering::Release);
            number += 1;
            while back.load(Ordering::Acquire) != 2 * number {
                limit.check()?;
            }
        }
        Ok(begin.elapsed().as_nanos() as f64 / trips as f64)
    };
    row(WARM_UP)?;
    let rows = (0..throwing.rows).map(|_| row(throwing.trips)).collect();
    other.answer(told)?;
    rows
}

/// The other side.
pub(crate) fn throw_back(floor: &mut Floor, throwing: Throwing) -> Result<f64, Failure> {
    floor.meet()?;
    let mut limit = Limit::new(LIMIT, "the ball to come");
    let (ball, back) = (floor.ball(), floor.back(throwing.lines));
    for number in 0..throwing.all() {
        while ball.load(Ordering::Acquire) != 2 * number + 1 {
            limit.check()?;
        }
        back.store(2 * number + 2, Ordering::Release);
    }
    Ok(0.0)
}

/// The line itself, as a contender: what no hand-off can be faster than.
pub(crate) struct Ball {
    throwing: Throwing,
    question: Question,
}

impl Ball {
    pub(crate) fn boxed(lines: Lines) -> Box<dyn Contender> {
        let subject = match lines {
            Lines::One => "limit",
            Lines::OneWriterEach => "limit-one-writer",
        };
        let question = Question::new("hand-off", subject, "ns");
        Box::new(Self { throwing: Throwing { lines, rows: 50, trips: 2000 }, question })
    }
}

impl Contender for Ball {
    fn question(&self) -> &Question {
        &self.question
    }

    fn sample(&mut self, other: &mut Other) -> Result<Sample, Failure> {
        let mut rows = throw(other, self.throwing)?;
        rows.sort_by(f64::total_cmp);
        Ok(Sample::of(rows[rows.len() / 2] / 2.0))
    }
}

/// Frames that are sent back, one at a time.
#[derive(Clone, Copy, Serialize, Deserialize, Debug)]
pub(crate) struct Trips {
    pub(crate) frame: usize,
    pub(crate) count: u64,
    /// How both sides wait.
    pub(crate) waits: Waits,
}

/// The endpoint's contender, for both: one way if both poll, a round trip if they sleep.
pub(crate) struct Vni {
    trips: Trips,
    question: Question,
}

impl Vni {
    pub(crate) fn boxed(trips: Trips) -> Box<dyn Contender> {
        let question = match trips.waits {
            Waits::Polling => Question::new("hand-off", "vni", "ns").word("payload", "frame"),
            Waits::Sleeping { .. } => Question::new("round-trip", "vni", "ns").word("receiver", "sleeping"),
        };
        Box::new(Self { trips, question: question.number("frame_bytes", trips.frame as f64) })
    }

    fn trip(station: &mut Station, frame: &mut [u8], waits: Waits) -> Result<(), Failure> {
        station.send_now(frame)?;
        // What came before is given back while the answer is on its way: nobody waits for that.
        station.release();
        if station.receive(frame, waits, || false)?.is_none() {
            return Err(Failure::Waited("a frame to come back"));
        }
        Ok(())
    }
}

impl Contender for Vni {
    fn question(&self) -> &Question {
        &self.question
    }

    fn busy(&self, other: &Other) -> Vec<u32> {
        match self.trips.waits {
            Waits::Polling => vec![process::id(), other.process()],
            // Who sleeps waits a little whenever it wakes.
            Waits::Sleeping { .. } => Vec::new(),
        }
    }

    fn sample(&mut self, other: &mut Other) -> Result<Sample, Failure> {
        let Trips { frame, count, waits } = self.trips;
        let window = station::window(POOL)?;
        let told = other.tell_in(&window, |path| Task::Echo(path, self.trips))?;
        let mut station = Station::up(&window, HERE)?;
        other.floor.meet()?;
        let mut bytes = vec![1; frame];
        for _ in 0..WARM_UP {
            Self::trip(&mut station, &mut bytes, waits)?;
        }
        let mut distribution = Distribution::default();
        let begin = Instant::now();
        let mut last = Duration::ZERO;
        for _ in 0..count {
            Self::trip(&mut station, &mut bytes, waits)?;
            // Reading the clock takes as long as a part of a hand-off; only where a trip is long is each timed.
            if matches!(waits, Waits::Sleeping { .. }) {
                let now = begin.elapsed();
                distribution.count(now - last);
                last = now;
            }
        }
        let each = begin.elapsed().as_nanos() as f64 / count as f64;
        other.floor.meet()?;
        let theirs = other.answer(told)?;
        let sample = match waits {
            Waits::Polling => Sample::of(each / 2.0),
            Waits::Sleeping { .. } => Sample::of(each).distributed(distribution),
        };
        Ok(sample.beside("lost_wakeups", station.lost_wakeups as f64 + theirs))
    }
}

/// The other side; tells how many wake-ups it has lost.
pub(crate) fn echo(window: &WindowFile, floor: &mut Floor, trips: Trips) -> Result<f64, Failure> {
    let mut station = Station::up(window, THERE)?;
    floor.meet()?;
    let mut bytes = vec![0; trips.frame];
    for _ in 0..WARM_UP + trips.count {
        if station.receive(&mut bytes, trips.waits, || false)?.is_none() {
            return Err(Failure::Waited("a frame to send back"));
        }
        station.send_now(&bytes)?;
        station.release();
    }
    // The last frame is still on its way, and the link goes down with us.
    floor.meet()?;
    Ok(station.lost_wakeups as f64)
}
