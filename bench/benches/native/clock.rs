//! How many of something there are in a second.

use std::time::{Duration, Instant};

use anyhow::Result;
use bench::probe::{Counter, Sample};

/// A flow runs for so long before it counts: then caches are warm, and both sides keep pace.
const WARM_UP: Duration = Duration::from_millis(20);
const BYTES_PER_LOOK: usize = 1 << 20;

/// Repeats `burst`, which returns how many of `bytes` each it was, for at least that time after the warm-up. Returns how many
/// there were in a second.
pub(crate) fn rate(duration: Duration, bytes: usize, mut burst: impl FnMut() -> Result<u64>) -> Result<f64> {
    count_for(WARM_UP, bytes, &mut burst)?;
    count_for(duration, bytes, &mut burst)
}

fn count_for(duration: Duration, bytes: usize, burst: &mut impl FnMut() -> Result<u64>) -> Result<f64> {
    let per_look = (BYTES_PER_LOOK / bytes).clamp(16, 1 << 14) as u64;
    let (start, mut count) = (Instant::now(), 0);
    loop {
        let look_at = count + per_look;
        while count < look_at {
            count += burst()?;
        }
        let elapsed = start.elapsed();
        if elapsed >= duration {
            return Ok(count as f64 / elapsed.as_secs_f64());
        }
    }
}

pub(crate) fn frames(rate: f64, bytes: usize) -> Sample {
    Sample::of(rate).count("bit/s", Counter::mean(rate * bytes as f64 * 8.0))
}
