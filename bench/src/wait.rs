//! Waits that have a limit.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Looks whether `is_done`, with pauses between.
///
/// # Errors
/// Those of `is_done`; if it is not within `limit`, that `what` did not come.
pub fn wait_until(
    what: &str,
    limit: Duration,
    pause: Duration,
    mut is_done: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let start = Instant::now();
    while !is_done()? {
        if start.elapsed() > limit {
            bail!("waited {} s for {what}", limit.as_secs());
        }
        thread::sleep(pause);
    }
    Ok(())
}
