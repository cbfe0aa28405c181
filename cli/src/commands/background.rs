//! A run that goes on in the background once its box is up (`sprig run --until-up --keep`).
//!
//! The command starts itself again. The second process owns the machine, shares the terminal until every partition is in
//! user space, and then detaches from it. Its standard input is a socket to the first process: a byte on it means that
//! the box is up. An end of file without a byte means that the second process has failed, with its exit code.

use std::env;
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use rustix::stdio;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::note;

/// How often to look whether a signal has come.
const LOOK: Duration = Duration::from_millis(100);

/// Starts the second process, and waits until its box is up or has failed.
pub(super) fn start() -> Result<ExitCode> {
    let (mut ours, theirs) = UnixStream::pair().context("cannot make a socket")?;
    let program = env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command.args(env::args_os().skip(1)).arg("--background-process").stdin(Stdio::from(OwnedFd::from(theirs)));
    let mut child = command.spawn().context("cannot start the background process")?;
    // The command holds the other end too.
    drop(command);
    if hears_that_it_is_up(&mut ours, &child)? {
        note(&format!("the box runs on in process {id}; end it with: kill {id}", id = child.id()));
        return Ok(ExitCode::SUCCESS);
    }
    let status = child.wait().context("cannot wait for the background process")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Waits for the byte; `false` at an end of file. A signal to this process goes on to the second one, which then ends.
fn hears_that_it_is_up(socket: &mut UnixStream, child: &Child) -> Result<bool> {
    let signalled = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&signalled)).context("cannot wait for signals")?;
    }
    socket.set_read_timeout(Some(LOOK)).context("cannot wait for the background process")?;
    loop {
        match socket.read(&mut [0]) {
            Ok(count) => return Ok(count == 1),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error).context("cannot hear from the background process"),
        }
        if signalled.swap(false, Ordering::Relaxed) {
            // If this fails, it has ended already.
            let _ = kill_process(Pid::from_child(child), Signal::TERM);
        }
    }
}

/// Has this second process end with the first one, until it leaves.
pub(super) fn end_with_parent() -> Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM)).context("cannot watch the process in the foreground")
}

/// Tells the first process that the box is up, and detaches this one from the terminal.
pub(super) fn leave() -> Result<()> {
    let null = rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty()).context("cannot open /dev/null")?;
    set_parent_process_death_signal(None).context("cannot leave the process in the foreground")?;
    rustix::process::setsid().context("cannot leave the terminal")?;
    stdio::dup2_stdout(&null).and_then(|()| stdio::dup2_stderr(&null)).context("cannot leave the terminal")?;
    rustix::io::write(stdio::stdin(), &[1]).context("cannot reach the process in the foreground")?;
    stdio::dup2_stdin(&null).context("cannot leave the terminal")
}
