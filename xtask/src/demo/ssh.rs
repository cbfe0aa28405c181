//! The proof that the instances talk: the first partition of the box file logs in to the second, and asks who it is.
//!
//! It is typed on the first one's console, as a person would. What comes of it is told apart from kernel messages and
//! from the echo of what is typed by marks that the typed line itself does not contain.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use emulator::console::{Console, Found, Pattern, WaitEnd};
use emulator::launch::RunningBox;
use emulator::session::{Event, Events};
use regex::bytes::Regex;

use crate::login::Login;
use crate::progress::Step;

/// What `sprig-network` (`examples/network`) prints before its result, and how the result begins if there is no network.
const NETWORK: &str = "sprig-network: ";
const NONE: &str = "none, ";
/// From the report to the network. An emulated core on a busy host starts an SSH server in a few seconds.
const NETWORK_LIMIT: Duration = Duration::from_secs(90);
const PROMPT_LIMIT: Duration = Duration::from_secs(30);
/// For the whole login: the links come up, keys are exchanged.
const LOGIN_LIMIT: Duration = Duration::from_secs(120);
/// How often to look whether a signal has come.
const LOOK: Duration = Duration::from_millis(200);

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
        output: command_output(&end.before),
        exit_status: end.groups[0].parse()?,
        command,
    };
    step.done(&format!("{from} logged in to {to}"));
    Ok(Some(login))
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

/// What the command printed, out of everything on the console.
fn command_output(console: &str) -> String {
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

    #[test]
    fn the_output_of_the_command_is_told_apart_from_kernel_messages_and_the_echo() {
        let typed = typed("printf 'db 6.12\\n\\nmore'; exit 3");
        let output = Command::new("sh").args(["-c", &typed]).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let (before, status) = printed.split_once("sprig-exit ").unwrap();
        let console = format!("web# {typed}\r\n[    9.1] a kernel's words\r\n{before}");
        assert_eq!((command_output(&console).as_str(), status), ("db 6.12\n\nmore", "3\n"));
        assert!(!typed.contains("sprig-exit") && !typed.contains("sprig-said"));
        let torn = "[    9.1] no line break sprig-said: db 6.12\r\n";
        assert_eq!(command_output(torn), "db 6.12");
    }
}
