//! Waits until every instance on a machine has reported from user space, or until it is clear that one will not.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use emulator::launch::RunningBox;
use emulator::qemu::Machine;
use emulator::session::{Event, Events, Lines, LogLine};

use crate::report::{MARK, Report};

/// Limit from QEMU's start to the last report. A slow host needs a fifth of it to emulate four busy cores.
const LIMIT: Duration = Duration::from_secs(300);
/// How long the boot image may take to print all lines of its error.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// How long the consoles may take to close after the machine has ended.
const CLOSING: Duration = Duration::from_secs(30);
/// How many of a console's last lines an error repeats.
const LAST_LINES: usize = 12;
/// The last line of a kernel that panicked.
const PANIC: &str = "end Kernel panic";

/// An instance whose report is awaited.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Expected {
    /// The name in its report.
    pub(crate) name: String,
    /// The number of its console on the machine.
    pub(crate) port: usize,
}

/// An instance that has reached user space.
pub(crate) struct Arrived {
    pub(crate) report: Report,
    /// From QEMU's start until the report came.
    pub(crate) after: Duration,
}

/// A line of a console.
pub(crate) struct ConsoleLine<'a> {
    pub(crate) port: usize,
    pub(crate) line: &'a str,
    /// Since QEMU's start.
    pub(crate) after: Duration,
}

/// All partitions of a box.
pub(crate) fn expected(running: &RunningBox) -> Result<Vec<Expected>> {
    let partitions = running.plan().partitions.iter().map(|partition| {
        let port = partition.console.and_then(|port| running.port_number(port));
        let port = port.ok_or_else(|| anyhow!("{} has no console to report on", partition.name))?;
        Ok(Expected { name: partition.name.clone(), port })
    });
    partitions.collect()
}

/// Waits for the reports of all `expected`, and returns them in that order. Calls `on_line` for every line.
pub(crate) fn reports(
    machine: &Machine,
    events: &Events,
    expected: &[Expected],
    mut on_line: impl FnMut(&ConsoleLine<'_>),
) -> Result<Vec<Arrived>> {
    events.listen_to(machine.consoles());
    let mut watch = Watch::new(machine.consoles().len(), expected);
    let mut deadline = machine.started() + LIMIT;
    while !watch.is_complete() {
        match events.next_within(deadline.saturating_duration_since(Instant::now())) {
            Some(Event::Output(port, bytes)) => {
                let after = machine.started().elapsed();
                for line in watch.ports[port].lines.push(&bytes) {
                    on_line(&ConsoleLine { port, line: &line, after });
                    watch.record(port, &line, after)?;
                }
                if !watch.failure.is_empty() {
                    deadline = deadline.min(Instant::now() + LAST_WORDS);
                }
            }
            Some(Event::Keys(_) | Event::Change(_)) => {}
            Some(Event::Signal(_)) => bail!("ended by a signal"),
            Some(Event::Closed) => watch.close_one(&machine.qemu_output())?,
            None => return Err(watch.out_of_time()),
        }
    }
    Ok(watch.arrived.into_iter().flatten().collect())
}

/// Discards the remaining events of a machine that has just been dropped, so that the next machine finds none of them.
pub(crate) fn drain(events: &Events, consoles: usize) -> Result<()> {
    let mut open = consoles;
    while open > 0 {
        match events.next_within(CLOSING) {
            Some(Event::Closed) => open -= 1,
            Some(Event::Output(..) | Event::Keys(_) | Event::Change(_)) => {}
            Some(Event::Signal(_)) => bail!("ended by a signal"),
            None => bail!("{open} consoles did not close within {} s of the machine's end", CLOSING.as_secs()),
        }
    }
    Ok(())
}

/// The state of the waiting.
struct Watch<'a> {
    expected: &'a [Expected],
    /// One for each expected.
    arrived: Vec<Option<Arrived>>,
    ports: Vec<Port>,
    open_ports: usize,
    /// The boot image's error, line by line; empty if there is none.
    failure: Vec<String>,
}

#[derive(Default)]
struct Port {
    lines: Lines,
    last: VecDeque<String>,
}

impl<'a> Watch<'a> {
    fn new(ports: usize, expected: &'a [Expected]) -> Self {
        Watch {
            expected,
            arrived: expected.iter().map(|_| None).collect(),
            ports: (0..ports).map(|_| Port::default()).collect(),
            open_ports: ports,
            failure: Vec::new(),
        }
    }

    fn is_complete(&self) -> bool {
        self.arrived.iter().all(Option::is_some)
    }

    /// Takes a line into account. Fails if the line means that there will be no report.
    fn record(&mut self, port: usize, line: &str, after: Duration) -> Result<()> {
        self.ports[port].keep(line);
        if let Some(report) = Report::in_line(line) {
            return self.arrive(port, report?, after);
        }
        if line.contains(PANIC) {
            bail!("the kernel of {} panicked; {}", self.names_at(port), self.ports[port].last_lines());
        }
        if port == 0 { self.record_boot_step(line) } else { Ok(()) }
    }

    fn arrive(&mut self, port: usize, report: Report, after: Duration) -> Result<()> {
        let at = self.expected.iter().position(|expected| expected.port == port && expected.name == report.name);
        let Some(at) = at else {
            bail!("an instance named {:?} reported on the console of {}", report.name, self.names_at(port));
        };
        if self.arrived[at].is_some() {
            bail!("{} reported twice: it was started again", report.name);
        }
        self.arrived[at] = Some(Arrived { report, after });
        Ok(())
    }

    fn record_boot_step(&mut self, line: &str) -> Result<()> {
        match LogLine::read(line) {
            LogLine::Failed { what } => self.failure.push(what.to_owned()),
            LogLine::More(what) if !self.failure.is_empty() => self.failure.push(what.to_owned()),
            LogLine::Halted if !self.failure.is_empty() => return Err(self.failed()),
            _ => {}
        }
        Ok(())
    }

    fn close_one(&mut self, qemu_output: &str) -> Result<()> {
        self.open_ports = self.open_ports.saturating_sub(1);
        match (self.open_ports, self.failure.is_empty()) {
            (0, true) => bail!("the machine ended; {}{}", self.missing(), indented(qemu_output.lines())),
            (0, false) => Err(self.failed()),
            _ => Ok(()),
        }
    }

    fn failed(&self) -> anyhow::Error {
        anyhow!("the boot image stopped at {}", self.failure.join("\n    "))
    }

    fn out_of_time(&self) -> anyhow::Error {
        match self.failure.is_empty() {
            true => anyhow!("{} s passed; {}", LIMIT.as_secs(), self.missing()),
            false => self.failed(),
        }
    }

    /// Which reports are missing, with the last lines of those consoles.
    fn missing(&self) -> String {
        let missing = self.expected.iter().zip(&self.arrived).filter(|(_, arrived)| arrived.is_none());
        let missing = missing.map(|(Expected { name, port }, _)| {
            format!("no line \"{}\" came from {name}: {}", MARK.trim_end(), self.ports[*port].last_lines())
        });
        missing.collect::<Vec<_>>().join("\n")
    }

    fn names_at(&self, port: usize) -> String {
        let names = self.expected.iter().filter(|expected| expected.port == port).map(|expected| &expected.name);
        names.map(String::as_str).next().unwrap_or("nobody").to_owned()
    }
}

impl Port {
    fn keep(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
    }

    fn last_lines(&self) -> String {
        let partial = self.lines.partial();
        let partial = Some(partial.as_str()).filter(|partial| !partial.is_empty());
        match indented(self.last.iter().map(String::as_str).chain(partial)) {
            lines if lines.is_empty() => "its console printed nothing".to_owned(),
            lines => format!("the last lines on its console were{lines}"),
        }
    }
}

fn indented<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(|line| format!("\n    {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    fn expected(names: &[(&str, usize)]) -> Vec<Expected> {
        names.iter().map(|(name, port)| Expected { name: (*name).to_owned(), port: *port }).collect()
    }

    fn report(name: &str) -> String {
        format!(
            "{MARK}{{\"name\":\"{name}\",\"kernel_release\":\"6.12\",\"online_cpus\":2,\"memory_bytes\":1,\
             \"user_space_seconds\":1.5}}"
        )
    }

    #[test]
    fn all_reports_are_waited_for_in_whatever_order_they_come() {
        let expected = expected(&[("web", 1), ("db", 0)]);
        let mut watch = Watch::new(2, &expected);
        watch.record(0, "sprig     0.012 leave: own time 1 us", SOON).unwrap();
        watch.record(0, &report("db"), SOON).unwrap();
        assert!(!watch.is_complete());
        watch.record(1, &report("web"), SOON).unwrap();
        assert!(watch.is_complete());
    }

    #[test]
    fn a_report_on_the_wrong_console_and_a_second_one_are_errors() {
        let expected = expected(&[("web", 1), ("db", 2)]);
        let mut watch = Watch::new(3, &expected);
        let error = watch.record(2, &report("web"), SOON).unwrap_err().to_string();
        assert_eq!(error, "an instance named \"web\" reported on the console of db");
        watch.record(1, &report("web"), SOON).unwrap();
        assert!(watch.record(1, &report("web"), SOON).unwrap_err().to_string().contains("twice"));
    }

    #[test]
    fn the_error_of_the_boot_image_is_reported_whole() {
        let expected = expected(&[("web", 1)]);
        let mut watch = Watch::new(2, &expected);
        watch.record(0, "sprig     0.020 FAILED plan: error[few-cores]: too few cores", SOON).unwrap();
        watch.record(0, "sprig     0.020   help: take fewer", SOON).unwrap();
        let error = watch.record(0, "sprig     0.021 halted: nothing was started", SOON).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the boot image stopped at plan: error[few-cores]: too few cores\n    help: take fewer"
        );
    }

    #[test]
    fn the_missing_are_named_with_the_last_lines_of_their_consoles() {
        let expected = expected(&[("web", 1), ("db", 2)]);
        let mut watch = Watch::new(3, &expected);
        for number in 0..20 {
            watch.record(1, &format!("line {number}"), SOON).unwrap();
        }
        let error = watch.out_of_time().to_string();
        assert!(error.contains("no line \"sprig-report:\" came from web: the last lines"), "{error}");
        assert!(error.contains("line 19") && error.contains("line 8\n") && !error.contains("line 7\n"), "{error}");
        assert!(error.contains("from db: its console printed nothing"), "{error}");
    }

    #[test]
    fn a_panic_and_the_end_of_the_machine_end_the_waiting() {
        let expected = expected(&[("web", 1)]);
        let mut watch = Watch::new(2, &expected);
        let panic = "[    1.0] ---[ end Kernel panic - not syncing: no init ]---";
        assert!(watch.record(1, panic, SOON).unwrap_err().to_string().contains("the kernel of web panicked"));
        watch.close_one("").unwrap();
        let error = watch.close_one("qemu: out of memory").unwrap_err().to_string();
        assert!(error.starts_with("the machine ended;") && error.ends_with("\n    qemu: out of memory"), "{error}");
    }
}
