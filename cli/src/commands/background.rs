//! A run that goes on in the background once its box is up (`sprig run --until-up --keep`).
//!
//! The command starts itself again. The second process owns the machine, shares the terminal until every partition is in
//! user space, and then detaches from it. Its standard input is a socket to the first process: a byte on it means that
//! the box is up. An end of file without a byte means that the second process has failed, with its exit code.

use std::env;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags};
use rustix::stdio;

use super::note;

/// Starts the second process, and waits until its box is up or has failed.
pub(super) fn start() -> Result<ExitCode> {
    let (mut ours, theirs) = UnixStream::pair().context("cannot make a socket")?;
    let program = env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command.args(env::args_os().skip(1)).arg("--background-process").stdin(Stdio::from(OwnedFd::from(theirs)));
    let mut child = command.spawn().context("cannot start the background process")?;
    // The command holds the other end too.
    drop(command);
    if ours.read(&mut [0]).context("cannot hear from the background process")? == 1 {
        note(&format!("the box runs on in process {id}; end it with: kill {id}", id = child.id()));
        return Ok(ExitCode::SUCCESS);
    }
    let status = child.wait().context("cannot wait for the background process")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Tells the first process that the box is up, and detaches this one from the terminal.
pub(super) fn leave() -> Result<()> {
    let null = rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty()).context("cannot open /dev/null")?;
    rustix::process::setsid().context("cannot leave the terminal")?;
    stdio::dup2_stdout(&null).and_then(|()| stdio::dup2_stderr(&null)).context("cannot leave the terminal")?;
    rustix::io::write(stdio::stdin(), &[1]).context("cannot reach the process in the foreground")?;
    stdio::dup2_stdin(&null).context("cannot leave the terminal")
}
