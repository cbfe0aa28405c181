//! The proof that the instances talk: the first partition of the box file logs in to the second, and asks who it is.
//!
//! It is typed on the first one's console, as a person would. What comes of it is told apart from kernel messages and
//! from the echo of what is typed by marks, which the typed line itself does not contain.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use emulator::console::{Console, Found, Pattern, WaitEnd};
use emulator::launch::RunningBox;
use emulator::session::{Event, Events};
use regex::bytes::Regex;
use serde::Serialize;

use crate::progress::Step;
use crate::report::Promise;

/// What `sprig-network` (`examples/network`) says before what has come of it, and how that begins if nothing has.
const NETWORK: &str = "sprig-network: ";
const NONE: &str = "none, ";
/// From a report to the network. An emulated core on a busy host starts an SSH server in a few seconds.
const NETWORK_LIMIT: Duration = Duration::from_secs(90);
const PROMPT_LIMIT: Duration = Duration::from_secs(30);
/// For the whole login: the links come up, keys are exchanged.
const LOGIN_LIMIT: Duration = Duration::from_secs(120);
/// How often to look whether somebody asks for the end.
const LOOK: Duration = Duration::from_millis(200);

/// A command that one instance ran on another. Having one means that it ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Login {
    /// Name of the partition whose instance logged in.
    pub(crate) from: String,
    /// Name of the partition whose instance it logged in to.
    pub(crate) to: String,
    /// As typed.
    pub(crate) command: String,
    /// What it printed, errors too, without the last line break.
    pub(crate) output: String,
    pub(crate) exit_status: i32,
}

/// Has the first instance log in to the second, once both have their network. Of a box with one partition: nothing.
pub(super) fn log_in(running: &RunningBox, events: &Events) -> Result<Option<Login>> {
    let [from, to, ..] = running.plan().partitions.as_slice() else { return Ok(None) };
    let (from, to) = (from.name.as_str(), to.name.as_str());
    let step = Step::start("ssh", "");
    for name in [from, to] {
        step.doing(&format!("waiting for the network of {name}"));
        await_network(name, console(running, name)?, events)?;
    }
    let command = format!("ssh {to} uname -nr");
    step.doing(&format!("{from}: {command}"));
    let console = console(running, from)?;
    wait_for(console, events, &regex(&format!("{from}# ")), PROMPT_LIMIT)?;
    console.send_line(&typed(&command)).map_err(|error| anyhow!("cannot type on the console of {from}: {error}"))?;
    let end = wait_for(console, events, &regex(r"sprig-exit (\d+)\r?\n"), LOGIN_LIMIT)?;
    let login = Login {
        from: from.to_owned(),
        to: to.to_owned(),
        output: said(&end.before),
        exit_status: end.groups[0].parse()?,
        command,
    };
    step.done(&format!("{from} has asked {to}"));
    Ok(Some(login))
}

impl Login {
    /// As it looks on the console.
    pub(super) fn transcript(&self) -> String {
        format!("{}# {}\n{}\n", self.from, self.command, self.output)
    }

    /// The one that answered must be the one that was meant.
    pub(super) fn check(&self, promises: &[Promise]) -> Result<()> {
        let Login { from, to, command, output, exit_status } = self;
        if *exit_status != 0 {
            bail!("`{command}` on {from} failed with status {exit_status}: {output}");
        }
        let expected = promises.iter().find(|promise| promise.name == *to);
        let expected = expected.map(|promise| format!("{to} {}", promise.kernel_release)).unwrap_or_default();
        if *output != expected {
            bail!("`{command}` on {from} printed {output:?}, expected: {expected:?}");
        }
        Ok(())
    }
}

fn console<'a>(running: &'a RunningBox, name: &str) -> Result<&'a Console> {
    running.console(name).ok_or_else(|| anyhow!("{name} has no console to type on"))
}

fn await_network(name: &str, console: &Console, events: &Events) -> Result<()> {
    let found = wait_for(console, events, &regex(&format!(r"{NETWORK}([^\r\n]*)\r?\n")), NETWORK_LIMIT)?;
    match found.groups[0].strip_prefix(NONE) {
        Some(reason) => bail!("{name} has no network, {reason}"),
        None => Ok(()),
    }
}

/// A line that runs `command`, marks every line that it prints, and tells its status. The shell puts the marks together.
fn typed(command: &str) -> String {
    format!(
        "said=$({command} 2>&1 < /dev/null); status=$?; \
         echo \"$said\" | sed 's/^/sprig-sa''id: /'; echo sprig-ex''it $status"
    )
}

/// Of all that came on the console, what the command printed.
fn said(console: &str) -> String {
    let lines = console.lines().filter_map(|line| Some(line.split_once("sprig-said: ")?.1.trim_end_matches('\r')));
    lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

fn regex(pattern: &str) -> Pattern {
    Pattern::Regex(Regex::new(pattern).expect("a regular expression"))
}

/// Like [`Console::wait_for`], but a signal ends it.
fn wait_for(console: &Console, events: &Events, pattern: &Pattern, limit: Duration) -> Result<Found> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match console.wait_for(pattern.clone(), left.min(LOOK)) {
            Ok(found) => return Ok(found),
            Err(error) if error.why == WaitEnd::Closed || left.is_zero() => return Err(error.into()),
            Err(_) => {}
        }
        while let Some(event) = events.next_within(Duration::ZERO) {
            if matches!(event, Event::Signalled) {
                bail!("ended by a signal");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn login(output: &str, exit_status: i32) -> Login {
        let command = "ssh db uname -nr".into();
        Login { from: "web".into(), to: "db".into(), command, output: output.into(), exit_status }
    }

    fn promises() -> [Promise; 2] {
        ["web", "db"].map(|name| Promise { name: name.into(), kernel_release: "6.12".into(), cores: 1, memory: 1 })
    }

    #[test]
    fn what_the_command_says_is_told_apart_from_kernel_messages_and_the_echo() {
        let typed = typed("printf 'db 6.12\\n\\nmore'; exit 3");
        let output = Command::new("sh").args(["-c", &typed]).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let (before, status) = printed.split_once("sprig-exit ").unwrap();
        let console = format!("web# {typed}\r\n[    9.1] a kernel's words\r\n{before}");
        assert_eq!((said(&console).as_str(), status), ("db 6.12\n\nmore", "3\n"));
        assert!(!typed.contains("sprig-exit") && !typed.contains("sprig-said"));
        let torn = "[    9.1] no line break sprig-said: db 6.12\r\n";
        assert_eq!(said(torn), "db 6.12");
    }

    #[test]
    fn only_the_answer_of_the_one_that_was_meant_counts() {
        login("db 6.12", 0).check(&promises()).unwrap();
        let wrong = login("web 6.12", 0).check(&promises()).unwrap_err().to_string();
        assert_eq!(wrong, "`ssh db uname -nr` on web printed \"web 6.12\", expected: \"db 6.12\"");
        let failed = login("ssh: connect to host db port 22: No route to host", 255).check(&promises()).unwrap_err();
        assert!(failed.to_string().contains("failed with status 255: ssh: connect"), "{failed}");
    }
}
