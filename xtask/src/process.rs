//! Child processes: each has a time limit, and an error names the command and repeats its last lines of output.

use std::fs;
use std::io::{Read, Seek};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Limit for commands that only look something up.
pub(crate) const QUICK: Duration = Duration::from_secs(120);

/// Pause between two polls of a running child.
const POLL: Duration = Duration::from_millis(50);

/// How many of a failed child's last lines are repeated.
const LAST_LINES: usize = 12;

/// What a child printed.
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs to the end with its output hidden, and gives its standard output.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<String> {
    output_watched(command, limit, || {})
}

/// Like [`output`], calling `watch` again and again while the child runs.
pub(crate) fn output_watched(command: &mut Command, limit: Duration, watch: impl FnMut()) -> Result<String> {
    run_watched(command, limit, watch).map(|output| output.stdout)
}

/// Runs to the end with its output hidden, and gives all of it.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<Output> {
    run_watched(command, limit, || {})
}

fn run_watched(command: &mut Command, limit: Duration, watch: impl FnMut()) -> Result<Output> {
    // Files, not pipes: a child can never block on them, and nobody has to drain two at once.
    let (mut out, mut err) = (scratch()?, scratch()?);
    command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(err.try_clone()?);
    let status = wait(command, limit, watch)?;
    let output = Output { stdout: read_back(&mut out)?, stderr: read_back(&mut err)? };
    if !status.success() {
        bail!("`{}` failed ({status})\n{}", describe(command), last_lines(&(output.stdout + &output.stderr)));
    }
    Ok(output)
}

/// Runs to the end with its output shown; an error only names the command and its exit status.
pub(crate) fn shown_run(command: &mut Command, limit: Duration) -> Result<()> {
    command.stdin(Stdio::null());
    let status = wait(command, limit, || {})?;
    if !status.success() {
        bail!("`{}` failed ({status})", describe(command));
    }
    Ok(())
}

fn wait(command: &mut Command, limit: Duration, mut watch: impl FnMut()) -> Result<ExitStatus> {
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot run `{}`", describe(command)))?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if started.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("`{}` was ended: not done within {} s", describe(command), limit.as_secs());
        }
        watch();
        thread::sleep(POLL);
    }
}

/// The command as one would type it, without quoting.
fn describe(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

/// The user that this process acts as; 0 is root, who may install packages and mount.
pub(crate) fn effective_user() -> Result<u32> {
    let status = fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let effective = ids.and_then(|ids| ids.split_whitespace().nth(1)?.parse().ok());
    effective.context("/proc/self/status names no user")
}

fn scratch() -> Result<std::fs::File> {
    tempfile::tempfile().context("cannot make a temporary file")
}

fn read_back(file: &mut std::fs::File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_repeats_what_the_child_printed() {
        let error = output(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]), QUICK).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("exit status: 3") && text.contains("out\nerr"), "{text}");
    }

    #[test]
    fn a_child_past_its_limit_is_ended() {
        let started = Instant::now();
        let error = output(Command::new("sleep").arg("60"), Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().contains("`sleep 60` was ended"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
