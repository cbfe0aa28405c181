//! A person before a running box: sees all consoles side by side or one of them, types into it, ends everything.

mod events;
mod keys;
mod lines;
mod progress;
mod screen;
mod terminal;

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use partitioner::plan::Plan;

pub use self::events::{Event, Events};
use self::keys::{Action, Keys};
pub use self::lines::Lines;
pub use self::progress::LogLine;
use self::progress::is_user_space;
use self::screen::{Screen, View};
use self::terminal::RawTerminal;
use crate::colours::Colours;
use crate::launch::RunningBox;

/// After so long without a word, a line that has not ended is shown all the same: it is a prompt.
const QUIET: Duration = Duration::from_millis(300);
/// How long the boot image may take to say all about its failure.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How a session ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Somebody wanted it to.
    Stopped,
    /// The machine ended by itself.
    MachineEnded,
    /// The boot image refused or failed; what it lines.
    Failed(Vec<String>),
    /// The time was over.
    TimeLimit {
        /// The partitions that had not reached user space by then.
        missing: Vec<String>,
    },
}

/// A session at a running box.
pub struct Session<'a> {
    running: &'a RunningBox,
    screen: Screen,
    ports: Vec<Port>,
    partitions: Vec<Partition>,
    /// Whether the boot image has spoken. Before, what comes from any port is the firmware's or the boot loader's.
    handed_off: bool,
    failure: Option<(Instant, Vec<String>)>,
    open_ports: usize,
}

/// What is known of a port.
struct Port {
    lines: Lines,
    /// Whose words come from it; nobody's: the boot image's.
    partition: Option<usize>,
}

/// What is known of a partition.
struct Partition {
    name: String,
    port: Option<usize>,
    has_output: bool,
    in_user_space: bool,
}

impl<'a> Session<'a> {
    /// A session at `running`, with nothing shown yet.
    pub fn new(running: &'a RunningBox, colours: Colours) -> Self {
        let consoles = running.machine().consoles();
        let partitions: Vec<Partition> =
            running.plan().partitions.iter().map(|p| partition(running, &p.name)).collect();
        let owner = |port| partitions.iter().position(|partition| port > 0 && partition.port == Some(port));
        let ports = (0..consoles.len()).map(|port| Port { lines: Lines::default(), partition: owner(port) }).collect();
        let names = partitions.iter().map(|partition| partition.name.clone()).collect();
        Self {
            running,
            screen: Screen::new(names, colours),
            ports,
            partitions,
            handed_off: false,
            failure: None,
            open_ports: consoles.len(),
        }
    }

    /// Shows the box until somebody or something ends the session, at the latest after `limit`.
    pub fn run(mut self, events: &Events, limit: Option<Duration>) -> Outcome {
        events.listen_to(self.running.machine().consoles());
        let _terminal = self.take_terminal(events);
        self.run_loop(events, limit)
    }

    /// Goes on at a box whose partitions are all in user space, where somebody else has followed `events` so far. With
    /// a terminal it opens the first console, on which a prompt waits.
    pub fn resume(mut self, events: &Events) -> Outcome {
        self.handed_off = true;
        self.ports[0].partition = self.partitions.iter().position(|partition| partition.port == Some(0));
        for partition in &mut self.partitions {
            (partition.has_output, partition.in_user_space) = (true, true);
        }
        let terminal = self.take_terminal(events);
        if terminal.is_some() {
            self.show_partition(0);
        }
        self.run_loop(events, None)
    }

    /// Makes every key an event and says what the keys do, if there is a terminal.
    fn take_terminal(&mut self, events: &Events) -> Option<RawTerminal> {
        let terminal = RawTerminal::take()?;
        events.listen_to_keys();
        self.screen.help(self.running.plan());
        Some(terminal)
    }

    fn run_loop(&mut self, events: &Events, limit: Option<Duration>) -> Outcome {
        let mut keys = Keys::default();
        let end = limit.map(|limit| self.running.machine().started() + limit);
        loop {
            let wait = end.map_or(QUIET, |end| QUIET.min(end.saturating_duration_since(Instant::now())));
            let outcome = match events.receiver.recv_timeout(wait) {
                Ok(Event::Output(port, bytes)) => self.handle_output(port, &bytes),
                Ok(Event::Closed) => self.close_one(),
                Ok(Event::Keys(bytes)) => keys.press(&bytes).into_iter().find_map(|action| self.act(action)),
                Ok(Event::Signal) | Err(RecvTimeoutError::Disconnected) => Some(Outcome::Stopped),
                Err(RecvTimeoutError::Timeout) => self.handle_silence(),
            };
            if let Some(outcome) = outcome {
                return outcome;
            }
            if self.screen.is_output_lost() {
                return Outcome::Stopped;
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return Outcome::TimeLimit { missing: self.missing() };
            }
        }
    }

    fn missing(&self) -> Vec<String> {
        self.partitions.iter().filter(|p| !p.in_user_space).map(|p| p.name.clone()).collect()
    }

    fn handle_output(&mut self, port: usize, bytes: &[u8]) -> Option<Outcome> {
        self.screen.pass_through(port, bytes);
        if let Some(partition) = self.ports[port].partition {
            if !self.handed_off {
                return None;
            }
            self.note_first_output(partition);
        }
        for line in self.ports[port].lines.push(bytes) {
            let owner = self.ports[port].partition;
            self.screen.line(owner, &line);
            match owner {
                Some(partition) => self.watch(partition, &line),
                None => self.read_boot_log(port, &line),
            }
            if self.failure.is_some() && LogLine::read(&line) == LogLine::Halted {
                return self.failure.take().map(|(_, lines)| Outcome::Failed(lines));
            }
        }
        let partial = self.ports[port].lines.partial();
        if let Some(partition) = self.ports[port].partition {
            self.watch(partition, &partial);
        }
        None
    }

    /// Reads a line of the boot image.
    fn read_boot_log(&mut self, port: usize, line: &str) {
        let read = LogLine::read(line);
        self.handed_off |= read != LogLine::Other;
        match (read, &mut self.failure) {
            (LogLine::Failed { what }, None) => self.failure = Some((Instant::now(), vec![what.to_owned()])),
            (LogLine::Failed { what } | LogLine::More(what), Some((_, lines))) => lines.push(what.to_owned()),
            // From here on the port is that of the partition which the boot processor enters, if it has no other.
            (LogLine::Step { step: "leave" }, _) => {
                self.ports[port].partition = self.partitions.iter().position(|partition| partition.port == Some(port));
            }
            _ => {}
        }
    }

    fn note_first_output(&mut self, partition: usize) {
        if !std::mem::replace(&mut self.partitions[partition].has_output, true) {
            let notice = format!("{}: first words after {}", self.partitions[partition].name, self.elapsed());
            self.screen.notice(&notice);
        }
    }

    fn watch(&mut self, partition: usize, line: &str) {
        if self.partitions[partition].in_user_space || !is_user_space(line) {
            return;
        }
        self.partitions[partition].in_user_space = true;
        self.screen.notice(&format!("{}: user space after {}", self.partitions[partition].name, self.elapsed()));
        let with_console = self.partitions.iter().filter(|partition| partition.port.is_some());
        let (count, up) = with_console.fold((0, 0), |(count, up), p| (count + 1, up + usize::from(p.in_user_space)));
        if count == up {
            self.screen.notice(&format!("all {count} partitions with a console are in user space"));
        }
    }

    fn elapsed(&self) -> String {
        format!("{:.1} s", self.running.machine().started().elapsed().as_secs_f64())
    }

    /// Nothing happened for a moment.
    fn handle_silence(&mut self) -> Option<Outcome> {
        for port in &mut self.ports {
            if let Some(partial) = port.lines.take_partial() {
                self.screen.line(port.partition, &partial);
            }
        }
        let over = self.failure.as_ref().is_some_and(|(since, _)| since.elapsed() > LAST_WORDS);
        if over { self.failure.take().map(|(_, lines)| Outcome::Failed(lines)) } else { None }
    }

    fn close_one(&mut self) -> Option<Outcome> {
        self.open_ports = self.open_ports.saturating_sub(1);
        (self.open_ports == 0).then(|| match self.failure.take() {
            Some((_, lines)) => Outcome::Failed(lines),
            None => Outcome::MachineEnded,
        })
    }

    fn act(&mut self, action: Action) -> Option<Outcome> {
        match action {
            Action::Quit => return Some(Outcome::Stopped),
            Action::Help => self.screen.help(self.running.plan()),
            Action::ShowAll => self.screen.show(View::All, &[]),
            Action::ShowLog => self.show(0, "the boot image"),
            Action::Show(number) => self.show_partition(number - 1),
            Action::ShowNext => self.show_partition(self.after_the_shown()),
            Action::Type(bytes) => self.type_in(&bytes),
        }
        None
    }

    fn after_the_shown(&self) -> usize {
        let shown = match self.screen.shown() {
            View::All => None,
            View::One(port) => self.partitions.iter().position(|partition| partition.port == Some(port)),
        };
        shown.map_or(0, |shown| (shown + 1) % self.partitions.len())
    }

    fn show_partition(&mut self, number: usize) {
        match self.partitions.get(number) {
            Some(Partition { name, port: Some(port), .. }) => self.show(*port, &name.clone()),
            Some(Partition { name, port: None, .. }) => self.screen.notice(&format!("{name} has no console")),
            None => self.screen.notice(&format!("there is no partition {}", number + 1)),
        }
    }

    fn show(&mut self, port: usize, name: &str) {
        // Without escapes: some ask the terminal a question, whose answer would be typed into the console.
        let mut lines = Lines::default();
        let mut history = lines.push(self.running.machine().consoles()[port].text().as_bytes());
        history.push(lines.partial());
        self.screen.notice(&format!("console of {name}; Ctrl-A 0 shows all"));
        self.screen.show(View::One(port), &history);
    }

    fn type_in(&mut self, bytes: &[u8]) {
        match self.screen.shown() {
            // A machine that is gone is told by its consoles.
            View::One(port) => drop(self.running.machine().consoles()[port].send(bytes)),
            View::All => self.screen.notice("Ctrl-A 1 to 9 opens a console to type into, Ctrl-A ? helps"),
        }
    }
}

fn partition(running: &RunningBox, name: &str) -> Partition {
    let plan: &Plan = running.plan();
    let port = plan.partitions.iter().find(|partition| partition.name == name).and_then(|partition| partition.console);
    let port = port.and_then(|port| running.port_number(port));
    Partition { name: name.to_owned(), port, has_output: false, in_user_space: false }
}
