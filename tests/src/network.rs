//! The virtual Ethernet, seen from an instance's console.

use std::time::Duration;

use regex::Regex;

use crate::instance::Instance;
use crate::scene::Booted;

/// The virtual card.
pub const CARD: &str = "vni0";
/// The port on which the test program listens.
pub const FRAMES_PORT: u16 = 7000;

/// What no kernel may print because of what a peer does, whatever it does.
const WARNINGS: &str = r"WARNING:|BUG:|Oops|Call Trace|general protection|INFO: task|soft lockup|nobody cared";
/// The same where no peer breaks rules. One that does can have an instance rung at a wrong place of its own.
const COMPLAINTS: &str = "No irq handler";

/// How long links may take to come up, in tenths of a second.
const LINKS_LIMIT: u32 = 600;

impl Instance<'_> {
    /// Its IPv4 address, as the demo's user space sets it.
    pub fn address(&self) -> String {
        format!("10.83.0.{}", self.plan.index.0 + 1)
    }

    /// What `sprig-network` printed on its console about its network.
    ///
    /// # Panics
    /// If it printed nothing.
    pub fn network_status(&self) -> String {
        let line = Regex::new(r"sprig-network: ([^\r\n]*?) *\r?\n").expect("a regular expression");
        let text = self.console.text();
        let status = line.captures(&text).map(|found| found[1].to_owned());
        status.unwrap_or_else(|| panic!("{}: it printed nothing about its network:\n{text}", self.plan.name))
    }

    /// Waits until `condition`, a shell command, succeeds.
    ///
    /// # Panics
    /// If it does not within `limit`. The message has the output of the command `show`.
    pub fn wait_until(&self, condition: &str, limit: Duration, show: &str) {
        let waited = self.shell().wait_until(condition, limit, show);
        waited.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Waits until its link to so many others is in `state`.
    ///
    /// # Panics
    /// If it does not get there.
    pub fn await_links(&self, count: usize, state: &str) {
        let links = format!("/sys/class/net/{CARD}/vni/links");
        let condition = format!("[ $(grep -c ' {state}$' {links}) = {count} ]");
        self.wait_until(&condition, Duration::from_millis(u64::from(LINKS_LIMIT) * 100), &format!("cat {links}"));
    }

    /// A counter of its card, as `ethtool -S` shows it.
    pub fn counter(&self, name: &str) -> u64 {
        self.number(&format!("ethtool -S {CARD} | awk '$1 == \"{name}:\" {{print $2}}'"))
    }

    /// Asserts that its kernel has printed no warning.
    pub fn assert_calm(&self) {
        self.assert_prints_none_of(WARNINGS);
    }

    fn assert_prints_none_of(&self, messages: &str) {
        let (found, _) = self.try_run(&format!("dmesg | grep -E '{messages}'"));
        assert_eq!(found, "", "{}: its kernel complains", self.plan.name);
    }

    /// Asserts that its kernel has printed no warning, and that no doorbell was lost.
    pub fn assert_undisturbed(&self) {
        self.assert_calm();
        self.assert_prints_none_of(COMPLAINTS);
        assert_eq!(self.counter("lost_wakeups"), 0, "{}: doorbells were lost", self.plan.name);
    }

    /// Starts a command; [`Instance::finish`] waits for it.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(&self, job: &str, command: &str) {
        self.shell().start(job, command).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Waits for a command that was started, and returns its output.
    ///
    /// # Panics
    /// If it does not end in time, or fails.
    pub fn finish(&self, job: &str, limit: Duration) -> String {
        self.shell().finish(job, limit).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Booted {
    /// Waits until every instance has a link to every other.
    pub fn await_links(&self) {
        let instances = self.instances();
        for instance in &instances {
            instance.await_links(instances.len() - 1, "up");
        }
    }
}
