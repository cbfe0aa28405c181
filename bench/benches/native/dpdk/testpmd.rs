//! One process of `dpdk-testpmd`: it gets commands at its prompt, and reports counters by its telemetry.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bench::wait::wait_until;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send, socket_with,
};
use serde_json::Value;

use crate::control::LIMIT;

const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
/// Megabytes of a process, in pages of 4 KiB. The buffers of frames take a fraction.
const MEMORY: &str = "256";
const BUFFERS: &str = "--total-num-mbufs=16384";
const LONGEST_ANSWER: usize = 64 << 10;
const END_LIMIT: Duration = Duration::from_secs(5);
pub(super) const PAUSE: Duration = Duration::from_millis(5);

pub(super) struct Testpmd {
    child: Child,
    prompt: ChildStdin,
    telemetry_path: PathBuf,
    telemetry: Option<Telemetry>,
    log: PathBuf,
}

impl Testpmd {
    /// Starts it with the loader and the libraries of an unpacked tree of Debian's packages. Its log and its sockets lie in
    /// `folder`. Both its threads run on `core`: the main one sleeps at its prompt. The mode, `rxonly` or `txonly`, is its
    /// name too.
    pub(super) fn start(
        tree: &Path,
        folder: &Path,
        core: usize,
        plugins: &[&str],
        device: &str,
        mode: &str,
    ) -> Result<Self> {
        let log = folder.join(format!("{mode}.log"));
        let output = File::create(&log).context("cannot make a log for testpmd")?;
        let mut command = Command::new(tree.join("usr/lib64/ld-linux-x86-64.so.2"));
        command.args(["--inhibit-cache", "--library-path"]).arg(tree.join(LIBRARIES));
        command.arg(tree.join("usr/bin/dpdk-testpmd"));
        command.args(["--lcores", &format!("0@{core},1@{core}"), "--no-pci", "--no-huge", "-m", MEMORY]);
        command.args(["--file-prefix", mode]);
        for plugin in plugins {
            command.arg("-d").arg(find_plugin(tree, plugin)?);
        }
        command.args(["--vdev", device, "--", "-i", "--nb-cores=1", BUFFERS]).arg(format!("--forward-mode={mode}"));
        command.env("RUNTIME_DIRECTORY", folder);
        command.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output);
        let mut child = command.spawn().context("cannot start dpdk-testpmd")?;
        let prompt = child.stdin.take().context("testpmd has no prompt")?;
        let telemetry_path = folder.join("dpdk").join(mode).join("dpdk_telemetry.v2");
        Ok(Self { child, prompt, telemetry_path, telemetry: None, log })
    }

    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn command(&mut self, line: &str) -> Result<()> {
        writeln!(self.prompt, "{line}").context("cannot type at testpmd's prompt")
    }

    pub(super) fn await_port(&mut self) -> Result<()> {
        self.await_answer("testpmd to open its port", |telemetry| {
            let ports = telemetry.ask("/ethdev/list")?;
            Ok(ports.as_array().is_some_and(|ports| ports.contains(&Value::from(0))))
        })
    }

    pub(super) fn await_link(&mut self) -> Result<()> {
        self.await_answer("the link between two testpmds", |telemetry| {
            Ok(telemetry.ask("/ethdev/link_status,0")?["status"] == "UP")
        })
    }

    fn await_answer(&mut self, what: &str, is_so: impl Fn(&mut Telemetry) -> Result<bool>) -> Result<()> {
        let answered = wait_until(what, LIMIT, PAUSE, || {
            if let Ok(Some(status)) = self.child.try_wait() {
                bail!("dpdk-testpmd ended ({status})");
            }
            if self.telemetry.is_none() {
                self.telemetry = Telemetry::connect(&self.telemetry_path);
            }
            self.telemetry.as_mut().map_or(Ok(false), &is_so)
        });
        answered.with_context(|| format!("testpmd said last: {}", self.last_words()))
    }

    /// A counter of its first port: `ipackets`, `opackets`.
    pub(super) fn counter(&mut self, name: &str) -> Result<u64> {
        let telemetry = self.telemetry.as_mut().context("testpmd has no telemetry yet")?;
        telemetry.ask("/ethdev/stats,0")?[name].as_u64().with_context(|| format!("testpmd counts no {name}"))
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let error = log.lines().find(|line| line.contains("rror") || line.contains("annot"));
        error.or(log.lines().last()).unwrap_or("it said nothing").to_owned()
    }
}

impl Drop for Testpmd {
    fn drop(&mut self) {
        let asked = self.command("stop").and_then(|()| self.command("quit"));
        let start = Instant::now();
        while asked.is_ok() && start.elapsed() < END_LIMIT {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(PAUSE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The file of a plugin, whatever its version.
fn find_plugin(tree: &Path, name: &str) -> Result<PathBuf> {
    let folders = fs::read_dir(tree.join(LIBRARIES).join("dpdk")).context("cannot find DPDK's plugins")?;
    let prefix = format!("librte_{name}.so.");
    let files = folders.flatten().filter_map(|folder| fs::read_dir(folder.path()).ok()).flatten().flatten();
    let mut found = files.map(|file| file.path());
    let found = found.find(|path| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&prefix)));
    found.with_context(|| format!("{} holds no plugin {name} of DPDK", tree.display()))
}

/// The telemetry of a DPDK process: JSON over a Unix socket (DPDK's "How to Use Telemetry"). Unlike the prompt it does not
/// disturb the thread that forwards.
struct Telemetry(OwnedFd);

impl Telemetry {
    /// `None` if the process is not there yet.
    fn connect(path: &Path) -> Option<Self> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).ok()?;
        connect(&socket, &SocketAddrUnix::new(path).ok()?).ok()?;
        set_socket_timeout(&socket, Timeout::Recv, Some(LIMIT)).ok()?;
        let telemetry = Self(socket);
        // It introduces itself first.
        telemetry.hear().ok()?;
        Some(telemetry)
    }

    /// The answer to a request. It has the request's own name, without parameters.
    fn ask(&mut self, request: &str) -> Result<Value> {
        send(&self.0, request.as_bytes(), SendFlags::NOSIGNAL).context("cannot ask DPDK's telemetry")?;
        let mut answer = self.hear()?;
        let name = request.split(',').next().unwrap_or_default();
        Ok(answer[name].take())
    }

    fn hear(&self) -> Result<Value> {
        let mut answer = vec![0; LONGEST_ANSWER];
        let (len, _) = recv(&self.0, &mut answer, RecvFlags::empty()).context("cannot hear DPDK's telemetry")?;
        serde_json::from_slice(&answer[..len]).context("cannot read DPDK's telemetry")
    }
}
