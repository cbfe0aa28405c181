//! What a person sees while something is made: one short line for each thing, and a moving one while it takes time.

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

    /// Says what is being done now.
    pub(crate) fn doing(&self, doing: &str) {
        self.bar.set_style(spinner());
        self.bar.set_message(doing.to_owned());
    }

    /// Says that `total` bytes are being fetched; [`Step::fetched`] moves the bar.
    pub(crate) fn fetching(&self, doing: &str, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(0);
        self.bar.set_style(download());
        self.bar.set_message(doing.to_owned());
    }

    /// How many bytes are there by now.
    pub(crate) fn fetched(&self, bytes: u64) {
        self.bar.set_position(bytes);
    }

    /// A line that stays, above the moving one.
    pub(crate) fn tell(&self, label: &str, what: &str) {
        self.bar.suspend(|| headline(label, what));
    }

    /// Closes without a word.
    pub(crate) fn dropped(self) {
        self.bar.finish_and_clear();
    }

    /// Closes with a line that stays.
    pub(crate) fn done(self, result: &str) {
        self.bar.finish_and_clear();
        eprintln!("{:<13} {result} ({:.1} s)", self.label, self.started.elapsed().as_secs_f64());
    }
}

/// A line for what was there already.
pub(crate) fn ready(label: &str, what: &str) {
    eprintln!("{label:<13} {what}, as it was");
}

/// A line before something that prints for itself.
pub(crate) fn headline(label: &str, what: &str) {
    eprintln!("{label:<13} {what}");
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:<13} {spinner} {wide_msg} {elapsed:>4}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn download() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:<13} [{bar:24}] {bytes}/{total_bytes} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
