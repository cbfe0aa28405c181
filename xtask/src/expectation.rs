//! What each instance must report according to the plan.

use std::fmt;

use anyhow::{Context, Result};
use emulator::launch::RunningBox;
use emulator::source::Source;

use crate::report::Report;

/// What an instance must report if everything is as planned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Expectation {
    pub(crate) name: String,
    pub(crate) kernel_release: String,
    pub(crate) cores: usize,
    pub(crate) memory: u64,
}

/// Something in which a report differs from the plan.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Mismatch {
    name: String,
    what: &'static str,
    reported: String,
    expected: String,
}

impl Expectation {
    /// The expectations of all partitions, in the order of the box file.
    pub(crate) fn all(source: &Source, running: &RunningBox) -> Result<Vec<Expectation>> {
        let partitions = running.plan().partitions.iter().zip(&source.request().partitions);
        let expectations = partitions.map(|(partition, images)| {
            let version = images.bzimage.version.as_deref().unwrap_or_default();
            let release = version.split_whitespace().next();
            let release = release.with_context(|| format!("the kernel of {} has no version", partition.name))?;
            Ok(Expectation {
                name: partition.name.clone(),
                kernel_release: release.to_owned(),
                cores: partition.cores.len(),
                memory: partition.memory_len(),
            })
        });
        expectations.collect()
    }

    /// All differences between the report and the plan.
    pub(crate) fn mismatches(&self, report: &Report) -> Vec<Mismatch> {
        let reported_and_expected = [
            ("name", report.name.clone(), self.name.clone()),
            ("kernel release", report.kernel_release.clone(), self.kernel_release.clone()),
            ("cores online", report.online_cpus.to_string(), self.cores.to_string()),
            ("bytes of memory", report.memory_bytes.to_string(), self.memory.to_string()),
        ];
        let differing = reported_and_expected.into_iter().filter(|(_, reported, expected)| reported != expected);
        differing
            .map(|(what, reported, expected)| Mismatch { name: self.name.clone(), what, reported, expected })
            .collect()
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch { name, what, reported, expected } = self;
        write!(f, "{name} reports {what}: {reported}, planned: {expected}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mismatch_is_reported_with_both_numbers() {
        let expectation = Expectation { name: "web".into(), kernel_release: "6.12.1".into(), cores: 2, memory: 512 };
        let report = Report {
            name: "web".into(),
            kernel_release: "6.12.1".into(),
            online_cpus: 2,
            memory_bytes: 512,
            user_space_seconds: 3.21,
        };
        assert_eq!(expectation.mismatches(&report), []);
        let other = Report { online_cpus: 4, memory_bytes: 1, ..report };
        let mismatches: Vec<String> = expectation.mismatches(&other).iter().map(Mismatch::to_string).collect();
        assert_eq!(
            mismatches,
            ["web reports cores online: 4, planned: 2", "web reports bytes of memory: 1, planned: 512"]
        );
    }
}
