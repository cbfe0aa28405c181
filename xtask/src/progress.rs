//! Progress on the terminal: one line for each thing that is made, and a moving line while it is being made.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a spinner moves.
const TICK: Duration = Duration::from_millis(120);

/// One thing being made. The moving line is shown on a terminal only; the closing line always.
pub(crate) struct Step {
    label: String,
    started: Instant,
    bar: ProgressBar,
}

impl Step {
    /// Opens the moving line.
    pub(crate) fn start(label: &str, doing: &str) -> Step {
        let bar = ProgressBar::new_spinner().with_prefix(label.to_owned()).with_style(spinner());
        bar.enable_steady_tick(TICK);
        let step = Step { label: label.to_owned(), started: Instant::now(), bar };
        step.doing(doing);
        step
    }

    /// Sets the text of the moving line.
    pub(crate) fn doing(&self, doing: &str) {
        self.bar.set_style(spinner());
        self.bar.set_message(doing.to_owned());
    }

    /// Turns the moving line into a bar for a download of `total` bytes; [`Step::fetched`] moves it.
    pub(crate) fn fetching(&self, doing: &str, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(0);
        self.bar.set_style(download());
        self.bar.set_message(doing.to_owned());
    }

    /// Sets how many bytes have been downloaded.
    pub(crate) fn fetched(&self, bytes: u64) {
        self.bar.set_position(bytes);
    }

    /// Prints a line above the moving one.
    pub(crate) fn print(&self, label: &str, what: &str) {
        self.bar.suspend(|| headline(label, what));
    }

    /// Removes the moving line and prints nothing.
    pub(crate) fn dropped(self) {
        self.bar.finish_and_clear();
    }

    /// Replaces the moving line by a closing line with the result and the time.
    pub(crate) fn done(self, result: &str) {
        self.bar.finish_and_clear();
        eprintln!("{:<13} {result} ({:.1} s)", self.label, self.started.elapsed().as_secs_f64());
    }
}

/// Prints that a thing was there already.
pub(crate) fn ready(label: &str, what: &str) {
    eprintln!("{label:<13} {what}, as it was");
}

/// Prints a line before a command that shows its own output, or a notice.
pub(crate) fn headline(label: &str, what: &str) {
    eprintln!("{label:<13} {what}");
}

/// What was not done, for want of something here.
static LEFT_OUT: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Says that something is not done, now and once more in [`closing_lines`].
pub(crate) fn left_out(what: &str) {
    headline("LEFT OUT", what);
    LEFT_OUT.lock().unwrap_or_else(PoisonError::into_inner).push(what.to_owned());
}

/// Says as the last thing what was not done, so that nobody takes it for done.
pub(crate) fn closing_lines() {
    for what in LEFT_OUT.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        headline("LEFT OUT", &format!("{what}: NOT TESTED HERE"));
    }
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:<13} {spinner} {wide_msg} {elapsed:>4}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn download() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:<13} [{bar:24}] {bytes}/{total_bytes} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
