//! A shell at an instance's console, used by a program instead of a person: it runs commands and returns their output
//! and exit status.
//!
//! One command runs at a time; a *job* runs beside them. Every wait has a limit. A shell must be at its prompt before the
//! first command: [`Shell::settle`] makes sure of it.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use regex::bytes::Regex;

use crate::console::{Console, Pattern, WaitError};

/// The terminal turns this byte into an interrupt: Ctrl-C.
const INTERRUPT: u8 = 3;
/// How long a shell at its prompt may take to answer, on a busy host in emulation.
const NOTHING_LIMIT: Duration = Duration::from_secs(60);
/// Waiting for a job takes one command for each piece of this length, and each command has a limit of its own.
const JOB_STEP: Duration = Duration::from_secs(60);
/// How much longer than its command the console may take.
const CONSOLE_LIMIT: Duration = Duration::from_secs(30);

/// Numbers the commands, so that a late answer is not taken for that of another command.
static COMMANDS: AtomicU32 = AtomicU32::new(0);

/// A shell at a console's prompt.
#[derive(Clone)]
pub struct Shell {
    console: Console,
}

/// How a command ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Its output, without carriage returns and without the last line break.
    pub output: String,
    /// Its exit status.
    pub status: i32,
}

/// A command that runs at the console.
#[must_use = "nothing else can run at the console until it has ended"]
pub struct Running<'a> {
    shell: &'a Shell,
    number: u32,
}

/// Why a command has no result.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// The awaited output did not come.
    #[error(transparent)]
    Silent(#[from] WaitError),
    /// The console takes no input.
    #[error("console \"{console}\": cannot type: {error}")]
    Closed {
        /// The console's name.
        console: String,
        /// The operating system's error.
        error: io::Error,
    },
    /// The command failed.
    #[error("{console}: `{command}` failed with status {status}: {}", one_line(output))]
    Failed {
        /// The console's name.
        console: String,
        /// The command line.
        command: String,
        /// The exit status.
        status: i32,
        /// Its output.
        output: String,
    },
}

impl Shell {
    /// The shell at this console.
    pub fn new(console: Console) -> Self {
        Self { console }
    }

    /// The shell at this console, when it is at its prompt, unless `stop` becomes true before.
    ///
    /// # Errors
    /// If no prompt comes within `limit`, or the shell does not answer.
    pub fn at_prompt(console: &Console, limit: Duration, stop: &AtomicBool) -> Result<Self, ShellError> {
        // Some shells ask the terminal for the position of its cursor.
        console.wait_unless(stop, marked(r"# (?:\x1b\[6n)?$"), limit)?;
        let shell = Self::new(console.clone());
        shell.settle()?;
        Ok(shell)
    }

    /// The console at which it waits.
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// Interrupts whatever runs, and waits until the shell answers.
    ///
    /// # Errors
    /// If it does not within a minute.
    pub fn settle(&self) -> Result<(), ShellError> {
        self.type_in(&[INTERRUPT])?;
        self.run("true", NOTHING_LIMIT).map(drop)
    }

    /// Runs a command that must succeed, and returns its output.
    ///
    /// # Errors
    /// If it fails, or does not end within `limit`.
    pub fn run(&self, command: &str, limit: Duration) -> Result<String, ShellError> {
        let Ended { output, status } = self.try_run(command, limit)?;
        self.require_success(command, output, status)
    }

    /// Runs a command, and returns its output and its exit status.
    ///
    /// # Errors
    /// If it does not end within `limit`.
    pub fn try_run(&self, command: &str, limit: Duration) -> Result<Ended, ShellError> {
        self.begin(command)?.end(limit)
    }

    /// Starts a command without waiting for its end.
    ///
    /// # Errors
    /// If nothing can be typed.
    pub fn begin(&self, command: &str) -> Result<Running<'_>, ShellError> {
        let number = COMMANDS.fetch_add(1, Ordering::Relaxed);
        // The shell joins the halves of each mark, so that the echo of the typed line does not look like one.
        let line = format!("echo sprig-be''gin {number}; {command}; echo sprig-en''d {number} $?\n");
        self.type_in(line.as_bytes())?;
        Ok(Running { shell: self, number })
    }

    /// Starts a job, which runs beside the commands until [`Shell::finish`] has waited for its end.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(&self, job: &str, command: &str) -> Result<(), ShellError> {
        // Braces, because a semicolon follows, which may not stand behind an ampersand. The command runs in a process of
        // its own, so that the status is written even if the command exits.
        let run = format!("({command}); echo $? > /tmp/{job}.end");
        self.run(&format!("rm -f /tmp/{job}.*; {{ ({run}) > /tmp/{job}.out 2>&1 < /dev/null & }}"), NOTHING_LIMIT)?;
        Ok(())
    }

    /// Waits for a job that must succeed, and returns its output.
    ///
    /// # Errors
    /// If it fails, or does not end within `limit`.
    pub fn finish(&self, job: &str, limit: Duration) -> Result<String, ShellError> {
        let end = format!("/tmp/{job}.end");
        let mut left = limit;
        while left > JOB_STEP && !self.comes_true(&format!("[ -s {end} ]"), JOB_STEP)? {
            left -= JOB_STEP;
        }
        self.wait_until(&format!("[ -s {end} ]"), left.min(JOB_STEP), &format!("cat /tmp/{job}.out"))?;
        let output = self.run(&format!("cat /tmp/{job}.out"), NOTHING_LIMIT)?;
        let status = self.run(&format!("cat {end}"), NOTHING_LIMIT)?;
        self.require_success(job, output, status.parse().unwrap_or(-1))
    }

    /// Waits until `condition`, a shell command, succeeds.
    ///
    /// # Errors
    /// If it does not within `limit`; the error has what `show`, another command, prints then.
    pub fn wait_until(&self, condition: &str, limit: Duration, show: &str) -> Result<(), ShellError> {
        if self.comes_true(condition, limit)? {
            return Ok(());
        }
        let output = self.try_run(show, NOTHING_LIMIT)?.output;
        let command = format!("{condition}, not within {limit:?}");
        self.require_success(&command, output, 1).map(drop)
    }

    /// Whether `condition`, a shell command, succeeds within `limit`.
    fn comes_true(&self, condition: &str, limit: Duration) -> Result<bool, ShellError> {
        let tenths = limit.as_millis() / 100;
        // The loop itself always succeeds, so the count decides.
        let script = format!(
            "i=0; until {condition}; do i=$((i+1)); [ $i -le {tenths} ] || break; sleep 0.1; done; [ $i -le {tenths} ]"
        );
        // On a busy instance each tenth of a second takes longer.
        Ok(self.try_run(&script, limit * 2 + CONSOLE_LIMIT)?.status == 0)
    }

    fn type_in(&self, bytes: &[u8]) -> Result<(), ShellError> {
        self.console.send(bytes).map_err(|error| ShellError::Closed { console: self.console.name().to_owned(), error })
    }

    fn require_success(&self, command: &str, output: String, status: i32) -> Result<String, ShellError> {
        if status == 0 {
            return Ok(output);
        }
        let console = self.console.name().to_owned();
        Err(ShellError::Failed { console, command: command.to_owned(), status, output })
    }
}

impl Running<'_> {
    /// Waits for its end.
    ///
    /// # Errors
    /// If it does not come within `limit`.
    pub fn end(self, limit: Duration) -> Result<Ended, ShellError> {
        let Self { shell, number } = self;
        shell.console.wait_for(marked(&format!("sprig-begin {number}\r\n")), limit)?;
        let found = shell.console.wait_for(marked(&format!("(?s)^(.*?)sprig-end {number} (\\d+)\r?\n")), limit)?;
        let output = found.groups[0].replace('\r', "").trim_end().to_owned();
        Ok(Ended { output, status: found.groups[1].parse().unwrap_or(-1) })
    }
}

fn marked(pattern: &str) -> Pattern {
    // Of fixed words, and a number at most.
    Pattern::Regex(Regex::new(pattern).expect("a regular expression"))
}

fn one_line(output: &str) -> String {
    let lines: Vec<&str> = output.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { "it printed nothing".to_owned() } else { lines.join("; ") }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// A shell whose other end, `play`, answers each typed line.
    fn shell(mut play: impl FnMut(&str) -> String + Send + 'static) -> Shell {
        let (ours, theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            let mut typed = BufReader::new(theirs.try_clone().unwrap());
            let mut line = String::new();
            while typed.read_line(&mut line).unwrap_or(0) > 0 {
                let answer = play(line.trim());
                (&theirs).write_all(answer.as_bytes()).unwrap();
                line.clear();
            }
        });
        Shell::new(Console::attach("web", ours.try_clone().unwrap(), ours, None).unwrap())
    }

    fn number(line: &str) -> &str {
        line.split_once("be''gin ").unwrap().1.split_once(';').unwrap().0
    }

    /// Echoes the line as a terminal does, then prints `output` between the marks.
    fn answered(line: &str, output: &str, status: i32) -> String {
        let number = number(line);
        format!("# {line}\r\nsprig-begin {number}\r\n{output}sprig-end {number} {status}\r\n# ")
    }

    #[test]
    fn a_command_tells_what_it_printed_and_how_it_ended() {
        let shell = shell(|line| answered(line, "one\r\ntwo\r\n", i32::from(line.contains("false"))));
        assert_eq!(shell.run("words", SOON).unwrap(), "one\ntwo");
        let error = shell.run("false", SOON).unwrap_err();
        assert_eq!(error.to_string(), "web: `false` failed with status 1: one; two");
    }

    #[test]
    fn a_condition_that_stays_false_is_reported_with_what_is_there_instead() {
        let shell = shell(|line| {
            let ran = std::process::Command::new("sh").args(["-c", line]).output().unwrap();
            String::from_utf8(ran.stdout).unwrap().replace('\n', "\r\n")
        });
        shell.wait_until("true", SOON, "echo nothing").unwrap();
        let error = shell.wait_until("false", Duration::from_millis(200), "echo something else").unwrap_err();
        assert_eq!(error.to_string(), "web: `false, not within 200ms` failed with status 1: something else");
    }

    #[test]
    fn a_late_answer_is_not_that_of_the_next_command() {
        let mut before = None;
        let shell = shell(move |line| {
            let own = answered(line, "new", 0);
            match before.replace(line.to_owned()) {
                None => String::new(),
                Some(line) => answered(&line, "old", 0) + &own,
            }
        });
        assert!(shell.run("first", Duration::from_millis(50)).is_err());
        assert_eq!(shell.run("second", SOON).unwrap(), "new");
    }

    #[test]
    fn what_does_not_answer_is_not_waited_for_forever() {
        let shell = shell(|_| String::new());
        let error = shell.run("nothing", Duration::from_millis(20)).unwrap_err();
        assert!(matches!(error, ShellError::Silent(_)), "{error}");
    }
}
