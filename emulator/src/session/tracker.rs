//! What becomes of a box, read from the output of its consoles. Nothing here touches a machine or a screen.

use std::time::{Duration, Instant};

use super::console_lines::{LogLine, is_user_space, panic_reason};
use super::lines::Lines;

/// How long the boot image may take to report its failure whole.
const FAILURE_LIMIT: Duration = Duration::from_secs(3);

/// A partition and the place of its console among the machine's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TrackedPartition {
    /// The partition's name.
    pub(super) name: String,
    /// Its port; `None` if it has no console.
    pub(super) port: Option<usize>,
    /// Whether it starts with the box.
    pub(super) starts: bool,
}

impl TrackedPartition {
    /// Whether anybody could see it come up.
    fn is_awaited(&self) -> bool {
        self.starts && self.port.is_some()
    }
}

/// A change in a box, in the order in which the consoles show it. Partitions are numbered as in the box file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Update {
    /// A line of a partition, or of the boot image.
    Line(Option<usize>, String),
    /// The first output of a partition.
    FirstOutput(usize),
    /// A partition is in user space.
    Up(usize),
    /// Every partition with a console is in user space.
    AllUp,
    /// The kernel of a partition panicked, for this reason.
    Panicked(usize, String),
    /// The boot image refused or failed; its lines.
    BootFailed(Vec<String>),
}

/// The state of a box.
pub(super) struct Tracker {
    partitions: Vec<Partition>,
    ports: Vec<Port>,
    /// Whether the boot image has printed a line. Before, the output of every port comes from firmware or boot loader.
    handed_off: bool,
    failure: Option<BootFailure>,
}

struct Partition {
    tracked: TrackedPartition,
    has_output: bool,
    is_up: bool,
    panic: Option<String>,
}

struct Port {
    lines: Lines,
    /// The partition that writes to it; `None`: the boot image.
    owner: Option<usize>,
}

struct BootFailure {
    since: Instant,
    lines: Vec<String>,
}

impl Tracker {
    /// A box that has just been started. Port 0 is the boot image's until it leaves.
    pub(super) fn new(partitions: Vec<TrackedPartition>, ports: usize) -> Self {
        let owner = |port| partitions.iter().position(|partition| port > 0 && partition.port == Some(port));
        let ports = (0..ports).map(|port| Port { lines: Lines::default(), owner: owner(port) }).collect();
        let state = |tracked| Partition { tracked, has_output: false, is_up: false, panic: None };
        Self { partitions: partitions.into_iter().map(state).collect(), ports, handed_off: false, failure: None }
    }

    /// Takes all partitions for up, where somebody else has followed them so far.
    pub(super) fn assume_all_up(&mut self) {
        self.handed_off = true;
        self.ports[0].owner = self.owner_after_boot(0);
        for partition in &mut self.partitions {
            (partition.has_output, partition.is_up) = (true, true);
        }
    }

    /// Takes output of a port into account.
    pub(super) fn output(&mut self, port: usize, bytes: &[u8]) -> Vec<Update> {
        let mut updates = Vec::new();
        if let Some(owner) = self.ports[port].owner {
            if !self.handed_off {
                return updates;
            }
            self.note_first_output(owner, &mut updates);
        }
        for line in self.ports[port].lines.push(bytes) {
            let owner = self.ports[port].owner;
            updates.push(Update::Line(owner, line.clone()));
            match owner {
                Some(owner) => {
                    self.note_panic(owner, &line, &mut updates);
                    self.note_user_space(owner, &line, &mut updates);
                }
                None => self.note_boot_line(port, &line, &mut updates),
            }
        }
        if let Some(owner) = self.ports[port].owner {
            let partial = self.ports[port].lines.partial();
            self.note_user_space(owner, &partial, &mut updates);
        }
        updates
    }

    /// Takes it into account that no console has printed anything for a moment: an incomplete line is then a prompt.
    pub(super) fn silence(&mut self) -> Vec<Update> {
        let partial = |port: &mut Port| Some(Update::Line(port.owner, port.lines.take_partial()?));
        let mut updates: Vec<Update> = self.ports.iter_mut().filter_map(partial).collect();
        if self.failure.as_ref().is_some_and(|failure| failure.since.elapsed() > FAILURE_LIMIT) {
            updates.extend(self.take_failure().map(Update::BootFailed));
        }
        updates
    }

    /// The lines of a failure of the boot image that has not been reported yet.
    pub(super) fn take_failure(&mut self) -> Option<Vec<String>> {
        self.failure.take().map(|failure| failure.lines)
    }

    /// The partitions.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &TrackedPartition> {
        self.partitions.iter().map(|partition| &partition.tracked)
    }

    /// The names of those partitions that should have been in user space, and have not.
    pub(super) fn not_up(&self) -> Vec<String> {
        let down = self.partitions.iter().filter(|partition| partition.tracked.is_awaited() && !partition.is_up);
        down.map(|partition| partition.tracked.name.clone()).collect()
    }

    /// The partitions whose kernels panicked, each with the reason.
    pub(super) fn panicked(&self) -> impl Iterator<Item = (&TrackedPartition, &str)> {
        self.partitions.iter().filter_map(|partition| Some((&partition.tracked, partition.panic.as_deref()?)))
    }

    fn note_first_output(&mut self, owner: usize, updates: &mut Vec<Update>) {
        if !std::mem::replace(&mut self.partitions[owner].has_output, true) {
            updates.push(Update::FirstOutput(owner));
        }
    }

    /// Takes a whole line: the reason of a panic stands at its end.
    fn note_panic(&mut self, owner: usize, line: &str, updates: &mut Vec<Update>) {
        let partition = &mut self.partitions[owner];
        if let (None, Some(reason)) = (&partition.panic, panic_reason(line)) {
            partition.panic = Some(reason.to_owned());
            updates.push(Update::Panicked(owner, reason.to_owned()));
        }
    }

    /// Takes a line, or the beginning of one: a prompt has no end.
    fn note_user_space(&mut self, owner: usize, line: &str, updates: &mut Vec<Update>) {
        let partition = &mut self.partitions[owner];
        if partition.is_up || !is_user_space(line) {
            return;
        }
        partition.is_up = true;
        updates.push(Update::Up(owner));
        if self.not_up().is_empty() {
            updates.push(Update::AllUp);
        }
    }

    fn note_boot_line(&mut self, port: usize, line: &str, updates: &mut Vec<Update>) {
        let read = LogLine::read(line);
        self.handed_off |= read != LogLine::Other;
        match (read, &mut self.failure) {
            (LogLine::Failed { what }, None) => {
                self.failure = Some(BootFailure { since: Instant::now(), lines: vec![what.to_owned()] });
            }
            (LogLine::Failed { what } | LogLine::More(what), Some(failure)) => failure.lines.push(what.to_owned()),
            (LogLine::Halted, Some(_)) => updates.extend(self.take_failure().map(Update::BootFailed)),
            (LogLine::Step { step: "leave" }, _) => self.ports[port].owner = self.owner_after_boot(port),
            _ => {}
        }
    }

    /// The boot image's port goes to the partition that the boot processor enters, if that has no other.
    fn owner_after_boot(&self, port: usize) -> Option<usize> {
        self.partitions.iter().position(|partition| partition.tracked.port == Some(port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: &[u8] = b"sprig     0.100 plan: web\n";
    const PANIC: &[u8] = b"[    1.794263] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n\
                           [    1.8] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs ]---\r\n";

    fn pair() -> Tracker {
        let partition =
            |(name, port): (&str, usize)| TrackedPartition { name: name.to_owned(), port: Some(port), starts: true };
        Tracker::new([("web", 1), ("db", 2)].map(partition).to_vec(), 3)
    }

    fn without_lines(updates: Vec<Update>) -> Vec<Update> {
        updates.into_iter().filter(|update| !matches!(update, Update::Line(..))).collect()
    }

    #[test]
    fn partitions_come_up_one_after_the_other() {
        let mut tracker = pair();
        assert_eq!(tracker.output(1, b"SeaBIOS\n"), [], "before the boot image, a port is the firmware's");
        tracker.output(0, BOOT);
        assert_eq!(without_lines(tracker.output(1, b"web login: ")), [Update::FirstOutput(0), Update::Up(0)]);
        assert_eq!(tracker.not_up(), ["db"]);
        assert_eq!(without_lines(tracker.output(2, b"# ")), [Update::FirstOutput(1), Update::Up(1), Update::AllUp]);
        assert!(tracker.not_up().is_empty());
    }

    #[test]
    fn a_panic_is_reported_once_with_its_reason() {
        let mut tracker = pair();
        tracker.output(0, BOOT);
        let reason = "VFS: Unable to mount root fs";
        let expected = [Update::FirstOutput(0), Update::Panicked(0, reason.to_owned())];
        // The line comes in two pieces.
        let (first, rest) = PANIC.split_at(60);
        let updates = [tracker.output(1, first), tracker.output(1, rest)].concat();
        assert_eq!(without_lines(updates), expected);
        let panicked: Vec<_> =
            tracker.panicked().map(|(partition, reason)| (partition.name.as_str(), reason)).collect();
        assert_eq!(panicked, [("web", reason)]);
    }

    #[test]
    fn a_failure_of_the_boot_image_is_reported_whole() {
        let mut tracker = pair();
        tracker.output(0, b"sprig     0.020 FAILED plan: error[few-cores]: too few cores\n");
        tracker.output(0, b"sprig     0.020   help: use less\n");
        let lines = ["plan: error[few-cores]: too few cores", "help: use less"].map(str::to_owned).to_vec();
        let updates = tracker.output(0, b"sprig     0.021 halted: nothing was started\n");
        assert_eq!(without_lines(updates), [Update::BootFailed(lines)]);
    }

    #[test]
    fn the_first_port_goes_to_the_partition_that_the_boot_processor_enters() {
        let partition = TrackedPartition { name: "web".to_owned(), port: Some(0), starts: true };
        let mut tracker = Tracker::new(vec![partition], 1);
        tracker.output(0, b"sprig     0.4 leave: own time 1 us\n");
        assert_eq!(without_lines(tracker.output(0, b"# ")), [Update::FirstOutput(0), Update::Up(0), Update::AllUp]);
    }

    #[test]
    fn a_partition_without_a_console_and_one_that_does_not_start_are_not_waited_for() {
        let partitions = [("web", Some(1), true), ("db", None, true), ("later", Some(2), false)];
        let partition = |(name, port, starts): (&str, _, _)| TrackedPartition { name: name.to_owned(), port, starts };
        let mut tracker = Tracker::new(partitions.map(partition).to_vec(), 3);
        tracker.output(0, BOOT);
        tracker.output(1, b"# ");
        assert!(tracker.not_up().is_empty());
    }
}
