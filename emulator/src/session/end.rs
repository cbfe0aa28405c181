//! How a run ends: the cause, whether that is a success, and the line that says so.
//!
//! The book's page `running.md` has the table of causes, exit codes and lines; a test holds it against this file. A run
//! is a success if its cause is orderly, every partition with a console was up, no kernel panicked, and every log file
//! is whole.

use crate::console::LogError;
use crate::qemu::MachineEnd;

/// Why a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EndCause {
    /// The user pressed Ctrl-C or Ctrl-A q.
    Quit,
    /// This signal came.
    Signal(&'static str),
    /// Standard output takes no more: the reader of a pipe has gone, or the disk is full.
    OutputClosed,
    /// The time limit passed.
    TimeLimit,
    /// Every partition is in user space, which the run was to wait for.
    AllUp,
    /// A partition panicked while the run waited for it to come up.
    PanickedBeforeUp,
    /// The boot image refused or failed; its lines.
    BootFailed(Vec<String>),
    /// The machine ended by itself.
    Machine(MachineEnd),
}

/// A partition whose kernel panicked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Panic {
    /// The partition's name.
    pub partition: String,
    /// The reason, as the kernel prints it.
    pub reason: String,
    /// The last lines of its console, indented.
    pub last_lines: String,
}

/// The end of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunEnd {
    /// Why it ended.
    pub cause: EndCause,
    /// The partitions with a console that had not been in user space.
    pub not_up: Vec<String>,
    /// The partitions whose kernels panicked.
    pub panics: Vec<Panic>,
    /// The log files that are incomplete.
    pub log_errors: Vec<LogError>,
    /// What QEMU itself has printed.
    pub qemu_output: String,
}

impl RunEnd {
    /// Whether the run was a success: exit code 0, else 1.
    pub fn is_success(&self) -> bool {
        let all_well = self.not_up.is_empty() && self.panics.is_empty() && self.log_errors.is_empty();
        all_well && self.cause.is_orderly()
    }

    /// The end in words: a line for the cause, and what else went wrong.
    pub fn describe(&self) -> String {
        let mut lines = vec![self.cause.describe()];
        if !self.not_up.is_empty() && !matches!(self.cause, EndCause::BootFailed(_)) {
            lines[0] += &format!("; not in user space: {}", self.not_up.join(", "));
        }
        if matches!(self.cause, EndCause::Machine(MachineEnd::Failed(_))) {
            lines.extend(self.qemu_output.trim_end().lines().map(|line| format!("  {line}")));
        }
        for Panic { partition, reason, last_lines } in &self.panics {
            lines.push(format!("  {partition}: kernel panic: {reason}; the last lines of its console:\n{last_lines}"));
        }
        lines.extend(self.log_errors.iter().map(|error| format!("  {error}")));
        lines.join("\n")
    }
}

impl EndCause {
    /// Whether an end for this cause is a success if all is well with the partitions.
    fn is_orderly(&self) -> bool {
        match self {
            Self::Quit
            | Self::Signal(_)
            | Self::OutputClosed
            | Self::TimeLimit
            | Self::AllUp
            | Self::Machine(MachineEnd::PoweredOff) => true,
            Self::PanickedBeforeUp
            | Self::BootFailed(_)
            | Self::Machine(
                MachineEnd::Reset | MachineEnd::Killed(_) | MachineEnd::Terminated | MachineEnd::Failed(_),
            ) => false,
        }
    }

    /// The stable name, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::Signal(_) => "signal",
            Self::OutputClosed => "output-closed",
            Self::TimeLimit => "time-limit",
            Self::AllUp => "all-up",
            Self::PanickedBeforeUp => "panicked",
            Self::BootFailed(_) => "boot-failed",
            Self::Machine(MachineEnd::PoweredOff) => "powered-off",
            Self::Machine(MachineEnd::Reset) => "reset",
            Self::Machine(MachineEnd::Killed(_)) => "killed",
            Self::Machine(MachineEnd::Terminated) => "terminated",
            Self::Machine(MachineEnd::Failed(_)) => "qemu-failed",
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Quit => "ended by the user".to_owned(),
            Self::Signal(name) => format!("ended by {name}"),
            Self::OutputClosed => "ended: standard output takes no more".to_owned(),
            Self::TimeLimit => "ended: the time is over".to_owned(),
            Self::AllUp => "every partition is in user space".to_owned(),
            Self::PanickedBeforeUp => "a kernel panicked before user space".to_owned(),
            Self::BootFailed(lines) => format!("the boot image stopped at {}", lines.join("\n  ")),
            Self::Machine(MachineEnd::PoweredOff) => "ended: the machine was powered off".to_owned(),
            Self::Machine(MachineEnd::Reset) => "the machine was reset by a kernel or a triple fault".to_owned(),
            Self::Machine(MachineEnd::Killed(signal)) => format!("QEMU was killed by signal {signal}"),
            Self::Machine(MachineEnd::Terminated) => "QEMU was ended from outside".to_owned(),
            Self::Machine(MachineEnd::Failed(status)) => format!("QEMU ended ({status})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn end(cause: EndCause) -> RunEnd {
        RunEnd { cause, not_up: Vec::new(), panics: Vec::new(), log_errors: Vec::new(), qemu_output: String::new() }
    }

    /// Each cause, whether it is a success when all is well, and its line.
    fn causes() -> Vec<(EndCause, bool, &'static str)> {
        let failed = ExitStatus::from_raw(1 << 8);
        vec![
            (EndCause::Quit, true, "ended by the user"),
            (EndCause::Signal("SIGTERM"), true, "ended by SIGTERM"),
            (EndCause::OutputClosed, true, "ended: standard output takes no more"),
            (EndCause::TimeLimit, true, "ended: the time is over"),
            (EndCause::AllUp, true, "every partition is in user space"),
            (EndCause::PanickedBeforeUp, false, "a kernel panicked before user space"),
            (EndCause::BootFailed(vec!["plan: no".to_owned()]), false, "the boot image stopped at plan: no"),
            (EndCause::Machine(MachineEnd::PoweredOff), true, "ended: the machine was powered off"),
            (EndCause::Machine(MachineEnd::Reset), false, "the machine was reset by a kernel or a triple fault"),
            (EndCause::Machine(MachineEnd::Killed(9)), false, "QEMU was killed by signal 9"),
            (EndCause::Machine(MachineEnd::Terminated), false, "QEMU was ended from outside"),
            (EndCause::Machine(MachineEnd::Failed(failed)), false, "QEMU ended (exit status: 1)"),
        ]
    }

    #[test]
    fn each_cause_has_its_verdict_and_its_line_when_all_are_up() {
        for (cause, is_success, line) in causes() {
            let end = end(cause);
            assert_eq!((end.is_success(), end.describe().as_str()), (is_success, line));
        }
    }

    #[test]
    fn no_cause_is_a_success_while_a_partition_is_not_up() {
        for (cause, _, line) in causes() {
            let names = !matches!(cause, EndCause::BootFailed(_));
            let end = RunEnd { not_up: vec!["a".to_owned(), "b".to_owned()], ..end(cause) };
            let expected = if names { format!("{line}; not in user space: a, b") } else { line.to_owned() };
            assert_eq!((end.is_success(), end.describe()), (false, expected));
        }
    }

    #[test]
    fn no_cause_is_a_success_after_a_panic_and_the_console_is_shown() {
        for (cause, _, line) in causes() {
            let panic = Panic { partition: "a".into(), reason: "VFS".into(), last_lines: "    [1.0] VFS".into() };
            let end = RunEnd { panics: vec![panic], ..end(cause) };
            let shown = "  a: kernel panic: VFS; the last lines of its console:\n    [1.0] VFS";
            assert_eq!((end.is_success(), end.describe()), (false, format!("{line}\n{shown}")));
        }
    }

    #[test]
    fn no_cause_is_a_success_with_a_log_cut_off() {
        for (cause, _, _) in causes() {
            let error = LogError { path: "logs/a.log".into(), reason: "No space left on device".into() };
            let end = RunEnd { log_errors: vec![error], ..end(cause) };
            assert!(!end.is_success());
            assert!(
                end.describe().ends_with("\n  cannot write the log logs/a.log: No space left on device; it ends here")
            );
        }
    }

    #[test]
    fn qemus_own_words_are_shown_where_it_failed() {
        let status = ExitStatus::from_raw(1 << 8);
        let end = RunEnd { qemu_output: "qemu: no\n".to_owned(), ..end(EndCause::Machine(MachineEnd::Failed(status))) };
        assert_eq!(end.describe(), "QEMU ended (exit status: 1)\n  qemu: no");
    }

    /// The rows of the table in the book: name, line, exit code if all were up, exit code else.
    fn rows() -> Vec<Vec<String>> {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/running.md");
        let text = std::fs::read_to_string(page).unwrap();
        let (_, table) = text.split_once("| cause | line | all were up | else |\n|---|---|---|---|\n").unwrap();
        let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        table.lines().take_while(|line| line.starts_with('|')).map(cells).collect()
    }

    #[test]
    fn the_book_has_every_cause_with_its_line_and_its_exit_codes() {
        let code = |end: &RunEnd| u8::from(!end.is_success()).to_string();
        let row = |(cause, _, _): (EndCause, bool, &str)| {
            let up = end(cause);
            let line = match up.cause {
                EndCause::BootFailed(_) => "the boot image stopped at ...".to_owned(),
                _ => up.describe(),
            };
            let down = RunEnd { not_up: vec!["a".to_owned()], ..up.clone() };
            vec![format!("`{}`", up.cause.name()), line, code(&up), code(&down)]
        };
        assert_eq!(rows(), causes().into_iter().map(row).collect::<Vec<_>>());
    }
}
