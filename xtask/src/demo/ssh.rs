//! The login of one instance into the other: the first partition of the box file runs a command in the second by SSH.
//!
//! The command is typed on the first one's console, as a person would do it. Marks, which the typed line itself does
//! not contain, distinguish its output from kernel messages and from the echo.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use emulator::console::{Console, Found, Pattern, WaitEnd};
use emulator::launch::RunningBox;
use emulator::session::{Event, Events};
use regex::bytes::Regex;

use crate::login::Login;
use crate::progress::Step;

/// What `sprig-network` (`examples/network`) prints before its result, and how the result begins if there is no
/// network.
const NETWORK: &str = "sprig-network: ";
const NONE: &str = "none, ";
/// Limit from the report until the network is up. An emulated core on a busy host starts an SSH server in a few
/// seconds.
const NETWORK_LIMIT: Duration = Duration::from_secs(90);
const PROMPT_LIMIT: Duration = Duration::from_secs(30);
/// Limit for the whole login, including links that come up and the exchange of keys.
const LOGIN_LIMIT: Duration = Duration::from_secs(120);
/// Pause between two checks for a signal.
const LOOK: Duration = Duration::from_millis(200);

/// Logs in from the first instance to the second as soon as both have their network. A box with one partition has no
/// login.
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

/// A shell line that runs `command`, marks every line of its output, and prints its status. The shell joins the halves
/// of the marks.
fn typed(command: &str) -> String {
    format!(
        "output=$({command} 2>&1 < /dev/null); status=$?; \
         echo \"$output\" | sed 's/^/sprig-out''put: /'; echo sprig-ex''it $status"
    )
}

/// What the command printed, out of everything on the console.
fn command_output(console: &str) -> String {
    let lines = console.lines().filter_map(|line| Some(line.split_once("sprig-output: ")?.1.trim_end_matches('\r')));
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
            if matches!(event, Event::Signal(_)) {
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
    fn the_output_of_the_command_is_distinguished_from_kernel_messages_and_the_echo() {
        let typed = typed("printf 'db 6.12\\n\\nmore'; exit 3");
        let output = Command::new("sh").args(["-c", &typed]).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let (before, status) = printed.split_once("sprig-exit ").unwrap();
        let console = format!("web# {typed}\r\n[    9.1] a kernel's words\r\n{before}");
        assert_eq!((command_output(&console).as_str(), status), ("db 6.12\n\nmore", "3\n"));
        assert!(!typed.contains("sprig-exit") && !typed.contains("sprig-output"));
        let torn = "[    9.1] no line break sprig-output: db 6.12\r\n";
        assert_eq!(command_output(torn), "db 6.12");
    }
}
