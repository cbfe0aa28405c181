//! The loop of a session: events come in, the tracker follows the box, the display shows it, until the run ends.

use std::io::{self, Write};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::display::Display;
use super::end::{EndCause, Panic, RunEnd};
use super::events::{Event, Events};
use super::json::JsonEvents;
use super::keys::{Action, Keys};
use super::lines::Lines;
use super::screen::{Screen, View};
use super::terminal::RawTerminal;
use super::tracker::{TrackedPartition, Tracker, Update};
use crate::colours::Colours;
use crate::console::{Console, LogError};
use crate::launch::RunningBox;
use crate::qemu::MachineEnd;

/// After so long without output, an incomplete line is shown: it is a prompt.
const SILENCE: Duration = Duration::from_millis(300);
/// How long QEMU may take to end after its consoles have closed.
const END_LIMIT: Duration = Duration::from_secs(30);

/// What a session is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionOptions {
    /// What it writes to standard output.
    pub format: Format,
    /// The time after QEMU's start at which it ends.
    pub limit: Option<Duration>,
    /// What it does when every partition is in user space.
    pub when_up: WhenUp,
    /// What it does when standard output takes no more.
    pub when_output_closes: WhenOutputCloses,
}

impl SessionOptions {
    /// A session for a person, until somebody ends it.
    pub fn interactive(colours: Colours) -> Self {
        Self {
            format: Format::Screen(colours),
            limit: None,
            when_up: WhenUp::Continue,
            when_output_closes: WhenOutputCloses::End,
        }
    }
}

/// The format of a session's output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Consoles and notices, for people.
    Screen(Colours),
    /// Events, for programs.
    Json,
}

/// What a session does when every partition is in user space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhenUp {
    /// It goes on until somebody ends it.
    Continue,
    /// It ends.
    End,
    /// It ends, and the box goes on without it.
    LeaveRunning,
}

/// What a session does when standard output takes no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhenOutputCloses {
    /// It ends.
    End,
    /// It goes on: the logs have everything.
    Continue,
}

/// Shows a box that has just been started, until the run ends.
///
/// # Errors
/// If QEMU cannot be waited for.
pub fn run(running: &mut RunningBox, events: &Events, options: SessionOptions) -> io::Result<RunEnd> {
    let mut session = Session::new(running, options);
    events.listen_to(running.machine().consoles());
    session.announce();
    let (cause, _terminal) = session.attend(events, None);
    session.conclude(cause, running)
}

/// Goes on at a box whose partitions are all in user space, where somebody else has followed `events` so far. On a
/// terminal it opens the first console, on which a prompt waits.
///
/// # Errors
/// If QEMU cannot be waited for.
pub fn resume(running: &mut RunningBox, events: &Events, options: SessionOptions) -> io::Result<RunEnd> {
    let mut session = Session::new(running, options);
    session.tracker.assume_all_up();
    let (cause, _terminal) = session.attend(events, Some(0));
    session.conclude(cause, running)
}

struct Session {
    view: BoxView,
    display: Display,
    tracker: Tracker,
    options: SessionOptions,
    open_ports: usize,
    log_errors: Vec<LogError>,
}

/// The parts of a running box that a session reads.
struct BoxView {
    consoles: Vec<Console>,
    plan: partitioner::plan::Plan,
    started: Instant,
}

/// Why a step of the loop ends it: a cause, or the end of the machine.
enum Stop {
    Cause(EndCause),
    MachineEnded,
}

impl Session {
    fn new(running: &RunningBox, options: SessionOptions) -> Self {
        let consoles = running.machine().consoles().to_vec();
        let plan = running.plan().clone();
        let tracked = plan.partitions.iter().map(|planned| TrackedPartition {
            name: planned.name.clone(),
            port: planned.console.and_then(|port| running.port_number(port)),
            starts: planned.lifecycle.start,
        });
        let tracker = Tracker::new(tracked.collect(), consoles.len());
        let started = running.machine().started();
        let display = match options.format {
            Format::Screen(colours) => Display::Screen(Screen::new(
                plan.partitions.iter().map(|planned| planned.name.clone()).collect(),
                colours,
            )),
            Format::Json => Display::Json(JsonEvents::new(started)),
        };
        let open_ports = consoles.len();
        let view = BoxView { consoles, plan, started };
        Self { view, display, tracker, options, open_ports, log_errors: Vec::new() }
    }

    fn announce(&mut self) {
        let names: Vec<String> = self.tracker.partitions().map(|partition| partition.name.clone()).collect();
        if let Display::Json(events) = &mut self.display {
            events.started(&self.view.plan.box_name, &names);
        }
    }

    /// Takes the terminal, if there is one, and handles events until the run ends.
    fn attend(&mut self, events: &Events, first: Option<usize>) -> (Stop, Option<RawTerminal>) {
        let terminal = matches!(self.display, Display::Screen(_)).then(RawTerminal::take).flatten();
        if terminal.is_some() {
            events.listen_to_keys();
            self.display.help(&self.view.plan);
            if let Some(number) = first {
                self.show_partition(number);
            }
        }
        let mut keys = Keys::default();
        let end = self.options.limit.map(|limit| self.view.started + limit);
        loop {
            let wait = end.map_or(SILENCE, |end| SILENCE.min(end.saturating_duration_since(Instant::now())));
            if let Some(stop) = self.handle(events.receiver.recv_timeout(wait), &mut keys) {
                return (stop, terminal);
            }
            if self.display.is_output_lost() && self.options.when_output_closes == WhenOutputCloses::End {
                return (Stop::Cause(EndCause::OutputClosed), terminal);
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return (Stop::Cause(EndCause::TimeLimit), terminal);
            }
        }
    }

    fn handle(&mut self, event: Result<Event, RecvTimeoutError>, keys: &mut Keys) -> Option<Stop> {
        match event {
            Ok(Event::Output(port, bytes)) => {
                self.display.bytes(port, &bytes);
                self.note_log_error(port);
                let updates = self.tracker.output(port, &bytes);
                self.apply(updates)
            }
            Ok(Event::Closed) => self.close_one(),
            Ok(Event::Keys(bytes)) => keys.press(&bytes).into_iter().find_map(|action| self.act(action)),
            Ok(Event::Change(change)) => {
                self.display.changed(&change);
                None
            }
            Ok(Event::Signal(name)) => Some(Stop::Cause(EndCause::Signal(name))),
            // The events have a sender of their own, so the channel never disconnects.
            Err(RecvTimeoutError::Disconnected) => Some(Stop::MachineEnded),
            Err(RecvTimeoutError::Timeout) => {
                let updates = self.tracker.silence();
                self.apply(updates)
            }
        }
    }

    /// Shows what has changed. Of causes to end, the first counts.
    fn apply(&mut self, updates: Vec<Update>) -> Option<Stop> {
        let mut stop = None;
        for update in updates {
            let cause = self.apply_one(update);
            stop = stop.or(cause.map(Stop::Cause));
        }
        stop
    }

    fn apply_one(&mut self, update: Update) -> Option<EndCause> {
        let ends_when_up = self.options.when_up != WhenUp::Continue;
        match update {
            Update::Line(owner, line) => self.display.line(owner, &line),
            Update::FirstOutput(number) => {
                self.display.notice(&format!("{}: first output after {:.1} s", self.name(number), self.elapsed()));
            }
            Update::Up(number) => self.display.up(&self.name(number), self.elapsed()),
            Update::AllUp => {
                self.display.notice("every partition with a console is in user space");
                return ends_when_up.then_some(EndCause::AllUp);
            }
            Update::Panicked(number, reason) => {
                self.display.panicked(&self.name(number), &reason);
                let is_awaited = self.tracker.not_up().contains(&self.name(number));
                return (ends_when_up && is_awaited).then_some(EndCause::PanickedBeforeUp);
            }
            Update::BootFailed(lines) => return Some(EndCause::BootFailed(lines)),
        }
        None
    }

    fn note_log_error(&mut self, port: usize) {
        let Some(error) = self.view.consoles[port].log_error() else { return };
        if !self.log_errors.contains(&error) {
            self.display.notice(&format!("warning: {error}"));
            if matches!(self.display, Display::Json(_)) {
                // Whoever does not read it finds it in the last event.
                let _ = writeln!(io::stderr(), "warning: {error}");
            }
            self.log_errors.push(error);
        }
    }

    fn close_one(&mut self) -> Option<Stop> {
        self.open_ports = self.open_ports.saturating_sub(1);
        (self.open_ports == 0).then_some(Stop::MachineEnded)
    }

    /// The end of the run, once its cause is known.
    fn conclude(mut self, stop: Stop, running: &mut RunningBox) -> io::Result<RunEnd> {
        let cause = match (stop, self.tracker.take_failure()) {
            (Stop::Cause(cause), _) => cause,
            (Stop::MachineEnded, Some(lines)) => EndCause::BootFailed(lines),
            (Stop::MachineEnded, None) => EndCause::Machine(machine_end(running)?),
        };
        let consoles = &self.view.consoles;
        let panics = self.tracker.panicked().map(|(partition, reason)| Panic {
            partition: partition.name.clone(),
            reason: reason.to_owned(),
            last_lines: partition.port.map_or_else(String::new, |port| consoles[port].last_lines()),
        });
        let end = RunEnd {
            cause,
            not_up: self.tracker.not_up(),
            panics: panics.collect(),
            log_errors: self.log_errors,
            qemu_output: running.machine().qemu_output(),
        };
        let is_left = self.options.when_up == WhenUp::LeaveRunning && end.cause == EndCause::AllUp;
        if is_left {
            self.display.left_running(&end)
        } else {
            self.display.ended(&end)
        }
        Ok(end)
    }

    fn name(&self, number: usize) -> String {
        self.view.plan.partitions[number].name.clone()
    }

    fn elapsed(&self) -> f64 {
        self.view.started.elapsed().as_secs_f64()
    }

    fn act(&mut self, action: Action) -> Option<Stop> {
        match action {
            Action::Quit => return Some(Stop::Cause(EndCause::Quit)),
            Action::Help => self.display.help(&self.view.plan),
            Action::ShowAll => self.display.show(View::All, &[]),
            Action::ShowLog => self.show(0, "the boot image"),
            Action::Show(number) => self.show_partition(number - 1),
            Action::ShowNext => self.show_partition(self.next_partition()),
            Action::Type(bytes) => self.type_in(&bytes),
        }
        None
    }

    fn next_partition(&self) -> usize {
        let shown = match self.display.view() {
            View::All => None,
            View::One(port) => self.tracker.partitions().position(|partition| partition.port == Some(port)),
        };
        shown.map_or(0, |shown| (shown + 1) % self.view.plan.partitions.len())
    }

    fn show_partition(&mut self, number: usize) {
        let partition = self.tracker.partitions().nth(number).cloned();
        match partition {
            Some(TrackedPartition { name, port: Some(port), .. }) => self.show(port, &name),
            Some(TrackedPartition { name, port: None, .. }) => self.display.notice(&format!("{name} has no console")),
            None => self.display.notice(&format!("there is no partition {}", number + 1)),
        }
    }

    fn show(&mut self, port: usize, name: &str) {
        // Without escape sequences: some ask the terminal a question, and its answer would be typed into the console.
        let mut lines = Lines::default();
        let mut history = lines.push(self.view.consoles[port].text().as_bytes());
        history.push(lines.partial());
        self.display.notice(&format!("console of {name}; Ctrl-A 0 shows all"));
        self.display.show(View::One(port), &history);
    }

    fn type_in(&mut self, bytes: &[u8]) {
        match self.display.view() {
            // If the machine has ended, its consoles report it.
            View::One(port) => drop(self.view.consoles[port].send(bytes)),
            View::All => self.display.notice("Ctrl-A 1 to 9 opens a console to type into, Ctrl-A ? helps"),
        }
    }
}

fn machine_end(running: &mut RunningBox) -> io::Result<MachineEnd> {
    let end = running.machine_mut().wait_for_machine_end(END_LIMIT)?;
    end.ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, "QEMU has closed its consoles and does not end"))
}
