//! What single lines on the consoles mean: a step of the boot image, a kernel's panic, user space.

use std::time::Duration;

/// A line on the log port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LogLine<'a> {
    /// A step is done.
    Step {
        /// Its stable name.
        step: &'a str,
    },
    /// A step failed: nothing is going to be started.
    Failed {
        /// The line from the step's name on.
        what: &'a str,
    },
    /// The boot image has halted after a failure.
    Halted,
    /// A further line of the failure.
    More(&'a str),
    /// Not a line of the boot image.
    Other,
}

impl<'a> LogLine<'a> {
    /// Reads a line: `sprig     0.012 inventory: 4 cores, 1 node`.
    pub fn read(line: &'a str) -> Self {
        let Some((time, rest)) = line.strip_prefix("sprig ").and_then(|rest| rest.trim_start().split_once(' ')) else {
            return Self::Other;
        };
        if time.parse::<f64>().is_err() {
            return Self::Other;
        }
        if rest.starts_with(' ') {
            return Self::More(rest.trim());
        }
        if let Some(what) = rest.strip_prefix("FAILED ") {
            return Self::Failed { what };
        }
        match rest.split_once(':') {
            Some(("halted", _)) => Self::Halted,
            Some((step, _)) => Self::Step { step },
            None => Self::More(rest.trim()),
        }
    }
}

/// The boot image's own time and its wait for turns, of its last line: `sprig ... leave: own time 390090 us, waited for
/// turns 1844497 us; ...`.
pub fn own_times(line: &str) -> Option<[Duration; 2]> {
    let (own, rest) = line.split_once(" leave: own time ")?.1.split_once(" us, waited for turns ")?;
    let (waited, _) = rest.split_once(" us")?;
    Some([Duration::from_micros(own.parse().ok()?), Duration::from_micros(waited.parse().ok()?)])
}

/// The reason in a kernel's first line about its panic.
pub(super) fn panic_reason(line: &str) -> Option<&str> {
    let (before, reason) = line.split_once("Kernel panic - not syncing: ")?;
    (!before.contains("end ")).then(|| reason.trim())
}

/// Whether a line, or the beginning of one, comes from user space: the report of the demo's init, or a prompt.
pub(super) fn is_user_space(line: &str) -> bool {
    line.contains("sprig-report: {")
        || ["login: ", "# ", "$ "].iter().any(|prompt| line.ends_with(prompt) && !line.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_failures_of_the_boot_image_are_distinguished() {
        assert_eq!(LogLine::read("sprig     0.012 inventory: 4 cores, 1 node"), LogLine::Step { step: "inventory" });
        let failed = "sprig     0.020 FAILED plan: error[core-does-not-exist]: the machine has no core 9";
        assert_eq!(
            LogLine::read(failed),
            LogLine::Failed { what: "plan: error[core-does-not-exist]: the machine has no core 9" }
        );
        assert_eq!(LogLine::read("sprig     0.020   help: use less"), LogLine::More("help: use less"));
        assert_eq!(LogLine::read("sprig     0.021 halted: nothing was started"), LogLine::Halted);
    }

    #[test]
    fn a_kernels_lines_are_nobodys_step() {
        for line in ["", "sprig", "sprig is here: yes", "[    0.1] Linux version 6.1: x", "SeaBIOS (version 1.16)"] {
            assert_eq!(LogLine::read(line), LogLine::Other, "{line}");
        }
    }

    #[test]
    fn the_boot_images_times_are_in_its_last_line() {
        let line = "sprig     2.234 leave: own time 390090 us, waited for turns 1844497 us; the boot processor parks";
        assert_eq!(own_times(line), Some([390_090, 1_844_497].map(Duration::from_micros)));
        assert_eq!(own_times("sprig     2.234 leave: own time soon"), None);
        assert_eq!(own_times("[    1.0] own time 1 us, waited for turns 2 us"), None);
    }

    #[test]
    fn only_user_space_prompts_or_reports() {
        assert!(is_user_space("sprig-report: {\"name\":\"web\"}"));
        assert!(is_user_space("web# "));
        assert!(is_user_space("debian login: "));
        assert!(!is_user_space("[    1.0] Run /init as init process"));
        assert!(!is_user_space("[    1.0] item # "));
    }
}
