//! Network namespaces of this host, between which `sprig-tap` is tested and measured. They take root, and `ip` of iproute2.

use std::ffi::OsStr;
use std::io;
use std::process::{Child, Command};

/// Runs `ip`, and returns what it printed.
///
/// # Errors
/// If there is none, or what it complained about.
pub fn ip(arguments: &str) -> io::Result<String> {
    let output = Command::new("ip").args(arguments.split_whitespace()).output()?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_end().to_owned();
    if output.status.success() {
        return Ok(text(output.stdout));
    }
    Err(io::Error::other(format!("`ip {arguments}`: {}", text(output.stderr))))
}

/// A network namespace, removed when this is dropped.
pub struct Namespace(String);

impl Namespace {
    /// Makes one with a loopback.
    ///
    /// # Errors
    /// What `ip` complains about.
    pub fn new(name: String) -> io::Result<Self> {
        ip(&format!("netns add {name}"))?;
        let made = Self(name);
        made.ip("link set lo up").map(|_| made)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Runs `ip` for what is in it.
    ///
    /// # Errors
    /// What `ip` complains about.
    pub fn ip(&self, arguments: &str) -> io::Result<String> {
        ip(&format!("-n {} {arguments}", self.0))
    }

    /// What `ip` shows of an interface, if it is there.
    pub fn interface(&self, name: &str) -> Option<String> {
        self.ip(&format!("-o link show {name}")).ok()
    }

    /// A program that runs in it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0]).arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&format!("netns delete {}", self.0));
    }
}

/// A process that is killed when this is dropped.
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
