//! What a session shows: its screen for people, or events for programs.

use partitioner::plan::Plan;

use super::end::RunEnd;
use super::events::Change;
use super::json::JsonEvents;
use super::screen::{Screen, View};

/// Where a session's output goes.
pub(super) enum Display {
    /// Consoles and notices.
    Screen(Screen),
    /// Events as JSON lines.
    Json(JsonEvents),
}

impl Display {
    /// A line of a partition, or of the boot image.
    pub(super) fn line(&mut self, partition: Option<usize>, line: &str) {
        if let Self::Screen(screen) = self {
            screen.line(partition, line);
        }
    }

    /// Bytes of a port.
    pub(super) fn bytes(&mut self, port: usize, bytes: &[u8]) {
        if let Self::Screen(screen) = self {
            screen.pass_through(port, bytes);
        }
    }

    /// A notice for people.
    pub(super) fn notice(&mut self, text: &str) {
        if let Self::Screen(screen) = self {
            screen.notice(text);
        }
    }

    /// A partition is in user space, after so many seconds.
    pub(super) fn up(&mut self, partition: &str, seconds: f64) {
        match self {
            Self::Screen(screen) => screen.notice(&format!("{partition}: user space after {seconds:.1} s")),
            Self::Json(events) => events.up(partition),
        }
    }

    /// The kernel of a partition panicked.
    pub(super) fn panicked(&mut self, partition: &str, reason: &str) {
        match self {
            Self::Screen(screen) => screen.notice(&format!("{partition}: kernel panic: {reason}")),
            Self::Json(events) => events.panicked(partition, reason),
        }
    }

    /// A partition has changed, as somebody sees who looks from outside.
    pub(super) fn changed(&mut self, change: &Change) {
        match (self, &change.notice) {
            (Self::Screen(screen), Some(notice)) => screen.notice(notice),
            (Self::Screen(_), None) => {}
            (Self::Json(events), _) => events.changed(&change.fields),
        }
    }

    /// The run has ended. People read the end from the command.
    pub(super) fn ended(&mut self, end: &RunEnd) {
        if let Self::Json(events) = self {
            events.ended(end);
        }
    }

    /// The session ends, and the box goes on.
    pub(super) fn left_running(&mut self, end: &RunEnd) {
        if let Self::Json(events) = self {
            events.left_running(end);
        }
    }

    /// Whether output is lost.
    pub(super) fn is_output_lost(&self) -> bool {
        match self {
            Self::Screen(screen) => screen.is_output_lost(),
            Self::Json(events) => events.is_output_lost(),
        }
    }

    /// Shows what the keys do.
    pub(super) fn help(&mut self, plan: &Plan) {
        if let Self::Screen(screen) = self {
            screen.help(plan);
        }
    }

    /// Changes the view; `history` are the earlier lines of that console.
    pub(super) fn show(&mut self, view: View, history: &[String]) {
        if let Self::Screen(screen) = self {
            screen.show(view, history);
        }
    }

    /// The view.
    pub(super) fn view(&self) -> View {
        match self {
            Self::Screen(screen) => screen.shown(),
            Self::Json(_) => View::All,
        }
    }
}
