//! How many of something come in how much time.

use std::time::{Duration, Instant};

use crate::Failure;

/// So much runs before it counts: caches are warm then, and both sides in their stride.
pub(crate) const WARM_UP: Duration = Duration::from_millis(20);
/// Bytes between two looks at the clock.
const BYTES_PER_LOOK: usize = 1 << 20;

/// So many in that time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) count: u64,
    pub(crate) took: Duration,
}

impl Rate {
    pub(crate) fn per_second(self) -> f64 {
        self.count as f64 / self.took.as_secs_f64()
    }
}

/// Repeats `burst`, which tells how many of `bytes` each it was, for at least that time.
pub(crate) fn count_for(
    lasts: Duration,
    bytes: usize,
    mut burst: impl FnMut() -> Result<u64, Failure>,
) -> Result<Rate, Failure> {
    let per_look = (BYTES_PER_LOOK / bytes).clamp(16, 1 << 14) as u64;
    let begin = Instant::now();
    let mut count = 0;
    loop {
        let look_at = count + per_look;
        while count < look_at {
            count += burst()?;
        }
        let took = begin.elapsed();
        if took >= lasts {
            return Ok(Rate { count, took });
        }
    }
}
