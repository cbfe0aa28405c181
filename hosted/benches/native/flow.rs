//! Frames one way as fast as they go: the other sends in bursts, we receive in bursts and count.

use std::process;
use std::time::Duration;

use hosted::WindowFile;
use serde::{Deserialize, Serialize};

use crate::floor::{Floor, Stop};
use crate::other::{Other, Task};
use crate::rounds::{Contender, Question, Sample};
use crate::station::{self, Frames, HERE, Station, THERE, Waits};
use crate::{Failure, clock};

/// What is sent.
#[derive(Clone, Copy, Serialize, Deserialize, Debug)]
pub(crate) struct Flow {
    /// Bytes of a frame.
    pub(crate) frame: usize,
    /// Frames between two publications, and most that are given back at once.
    pub(crate) burst: usize,
    /// Bytes of the sender's pool.
    pub(crate) pool: u64,
    /// How the receiver waits.
    pub(crate) waits: Waits,
    /// How long is counted.
    pub(crate) lasts: Duration,
}

impl Flow {
    fn question(&self) -> Question {
        let question = Question::new("frames", "vni", "frames/s")
            .number("frame_bytes", self.frame as f64)
            .number("burst", self.burst as f64)
            .number("footprint_bytes", self.pool as f64);
        match self.waits {
            Waits::Polling => question.word("receiver", "polling"),
            Waits::Sleeping { after_us } => {
                question.word("receiver", "sleeping").number("polls_for_ns", f64::from(after_us) * 1e3)
            }
        }
    }
}

/// The endpoint's contender.
pub(crate) struct Vni {
    flow: Flow,
    question: Question,
}

impl Vni {
    pub(crate) fn boxed(flow: Flow) -> Box<dyn Contender> {
        Box::new(Self { flow, question: flow.question() })
    }
}

impl Contender for Vni {
    fn question(&self) -> &Question {
        &self.question
    }

    fn busy(&self, other: &Other) -> Vec<u32> {
        match self.flow.waits {
            Waits::Polling => vec![process::id(), other.process()],
            // Who sleeps waits a little whenever it wakes.
            Waits::Sleeping { .. } => Vec::new(),
        }
    }

    fn sample(&mut self, other: &mut Other) -> Result<Sample, Failure> {
        let flow = self.flow;
        other.floor.set_stop(Stop::NotYet);
        let window = station::window(flow.pool)?;
        let told = other.tell_in(&window, |path| Task::Send(path, flow))?;
        let mut station = Station::up(&window, HERE)?;
        other.floor.meet()?;
        let mut frames = Frames::new(flow.frame, flow.burst);
        let mut burst = || receive_burst(&mut station, &mut frames, flow);
        clock::count_for(clock::WARM_UP, flow.frame, &mut burst)?;
        let rate = clock::count_for(flow.lasts, flow.frame, &mut burst)?;
        other.floor.set_stop(Stop::Now);
        other.answer(told)?;
        Ok(Sample::of(rate.per_second())
            .beside("bit/s", rate.per_second() * flow.frame as f64 * 8.0)
            .beside("doorbells_per_frame", station.rings as f64 / station.frames as f64)
            .beside("lost_wakeups", station.lost_wakeups as f64))
    }
}

/// Receives up to a burst of what is there, at least one frame, and gives it back.
fn receive_burst(station: &mut Station, frames: &mut Frames, flow: Flow) -> Result<u64, Failure> {
    let Some(first) = station.receive(frames.next(), flow.waits, || false)? else { return Ok(0) };
    debug_assert_eq!(first, flow.frame);
    let mut count = 1;
    while count < flow.burst as u64 && station.try_receive(frames.next()) {
        count += 1;
    }
    station.release();
    Ok(count)
}

/// The other side: sends until it is enough.
pub(crate) fn send(window: &WindowFile, floor: &mut Floor, flow: Flow) -> Result<f64, Failure> {
    let mut station = Station::up(window, THERE)?;
    floor.meet()?;
    let mut frames = Frames::new(flow.frame, flow.burst);
    while !floor.is_over() {
        let mut sent = 0;
        while sent < flow.burst && station.try_send(frames.next())? {
            sent += 1;
        }
        station.publish()?;
    }
    Ok(0.0)
}
