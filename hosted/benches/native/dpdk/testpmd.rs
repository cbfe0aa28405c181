//! One process of `dpdk-testpmd`: told what to do by its prompt, asked what it has counted by its telemetry.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::PAUSE;
use super::telemetry::Telemetry;
use crate::Failure;
use crate::cores::Core;

const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
/// Megabytes of a process, of 4 KiB pages; frames have buffers for a fraction of it.
const MEMORY: &str = "256";
const BUFFERS: &str = "--total-num-mbufs=16384";
/// How long a process may take to end by itself.
const END_LIMIT: Duration = Duration::from_secs(5);

/// A process.
pub(super) struct Testpmd {
    child: Child,
    prompt: ChildStdin,
    telemetry_path: PathBuf,
    telemetry: Option<Telemetry>,
    said: PathBuf,
}

impl Testpmd {
    /// From the tree of Debian's packages, with its own loader and libraries. Both its threads are on that core: the main
    /// one sleeps at its prompt.
    pub(super) fn start(
        tree: &Path,
        folder: &Path,
        name: &str,
        core: Core,
        plugins: &[&str],
        device: &str,
        mode: &str,
    ) -> Result<Self, Failure> {
        let said = folder.join(format!("{name}.log"));
        let log = File::create(&said).map_err(Failure::of("make a log for testpmd"))?;
        let mut command = Command::new(tree.join("usr/lib64/ld-linux-x86-64.so.2"));
        command.args(["--inhibit-cache", "--library-path"]).arg(tree.join(LIBRARIES));
        command.arg(tree.join("usr/bin/dpdk-testpmd"));
        command.args(["--lcores", &format!("0@{core},1@{core}"), "--no-pci", "--no-huge", "-m", MEMORY]);
        command.args(["--file-prefix", name]);
        for plugin in plugins {
            command.arg("-d").arg(find_plugin(tree, plugin)?);
        }
        command.args(["--vdev", device, "--", "-i", "--nb-cores=1", BUFFERS]).arg(format!("--forward-mode={mode}"));
        command.env("RUNTIME_DIRECTORY", folder);
        command.stdin(Stdio::piped()).stdout(log.try_clone().map_err(Failure::of("log testpmd"))?).stderr(log);
        let mut child = command.spawn().map_err(Failure::of("start dpdk-testpmd"))?;
        let prompt = child.stdin.take().ok_or_else(|| Failure::wrong("testpmd has no prompt"))?;
        let telemetry_path = folder.join("dpdk").join(name).join("dpdk_telemetry.v2");
        Ok(Self { child, prompt, telemetry_path, telemetry: None, said })
    }

    /// Its process.
    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Types a line.
    pub(super) fn say(&mut self, line: &str) -> Result<(), Failure> {
        writeln!(self.prompt, "{line}").map_err(Failure::of("tell testpmd what to do"))
    }

    /// Until its first port is there.
    pub(super) fn await_port(&mut self, limit: Duration) -> Result<(), Failure> {
        self.await_answer(limit, "testpmd to open its port", |telemetry| {
            let ports = telemetry.ask("/ethdev/list")?;
            Ok(ports.as_array().is_some_and(|ports| ports.contains(&Value::from(0))))
        })
    }

    /// Until its first port is joined.
    pub(super) fn await_link(&mut self, limit: Duration) -> Result<(), Failure> {
        self.await_answer(limit, "the link between two testpmds", |telemetry| {
            Ok(telemetry.ask("/ethdev/link_status,0")?["status"] == "UP")
        })
    }

    fn await_answer(
        &mut self,
        limit: Duration,
        what: &'static str,
        is_so: impl Fn(&mut Telemetry) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let begin = Instant::now();
        loop {
            if self.telemetry.is_none() {
                self.telemetry = Telemetry::connect(&self.telemetry_path);
            }
            if let Some(telemetry) = &mut self.telemetry
                && is_so(telemetry)?
            {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Failure::wrong(format!("dpdk-testpmd ended ({status}): {}", self.last_words())));
            }
            if begin.elapsed() > limit {
                return Err(Failure::wrong(format!("waited in vain for {what}; it said last: {}", self.last_words())));
            }
            thread::sleep(PAUSE);
        }
    }

    /// Frames that came in at its first port, ever.
    pub(super) fn received(&mut self) -> Result<u64, Failure> {
        self.counted("ipackets")
    }

    /// Frames that went out there.
    pub(super) fn sent(&mut self) -> Result<u64, Failure> {
        self.counted("opackets")
    }

    fn counted(&mut self, what: &str) -> Result<u64, Failure> {
        let telemetry = self.telemetry.as_mut().ok_or_else(|| Failure::wrong("testpmd was not asked yet"))?;
        let counters = telemetry.ask("/ethdev/stats,0")?;
        counters[what].as_u64().ok_or_else(|| Failure::wrong(format!("testpmd counts no {what}")))
    }

    fn last_words(&self) -> String {
        let said = fs::read_to_string(&self.said).unwrap_or_default();
        let error = said.lines().find(|line| line.contains("rror") || line.contains("annot"));
        error.or(said.lines().last()).unwrap_or("it said nothing").to_owned()
    }
}

impl Drop for Testpmd {
    fn drop(&mut self) {
        let told = self.say("stop").and_then(|()| self.say("quit"));
        let begin = Instant::now();
        while told.is_ok() && begin.elapsed() < END_LIMIT {
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
fn find_plugin(tree: &Path, name: &str) -> Result<PathBuf, Failure> {
    let folders = fs::read_dir(tree.join(LIBRARIES).join("dpdk")).map_err(Failure::of("find DPDK's plugins"))?;
    let prefix = format!("librte_{name}.so.");
    let files = folders.flatten().filter_map(|folder| fs::read_dir(folder.path()).ok()).flatten().flatten();
    let mut found = files.map(|file| file.path());
    let found = found.find(|path| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&prefix)));
    found.ok_or_else(|| Failure::wrong(format!("{} holds no plugin {name} of DPDK", tree.display())))
}
