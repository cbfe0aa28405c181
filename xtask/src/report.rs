//! What an instance says of itself from user space (`examples/initrd/init`), and whether that is what it was promised.

use std::fmt;

use anyhow::{Context, Result, ensure};
use emulator::launch::RunningBox;
use emulator::source::Source;
use partitioner::amount::Amount;
use serde::{Deserialize, Serialize};

use crate::demo::ssh::Login;

/// What stands before a report on a console.
pub(crate) const MARK: &str = "sprig-report: ";

/// What an instance says. Having one means that the numbers are such as a running kernel can have.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    /// The partition's name, from the kernel's command line.
    pub(crate) name: String,
    /// `uname -r`.
    pub(crate) kernel_release: String,
    pub(crate) online_cpus: u32,
    /// All that the kernel knows as memory above 1 MiB.
    pub(crate) memory_bytes: u64,
    /// The kernel's own clock when its first process began.
    pub(crate) user_space_seconds: f64,
}

impl Report {
    /// Reads the report that a line of a console carries, if it carries one.
    pub(crate) fn in_line(line: &str) -> Option<Result<Report>> {
        let (_, text) = line.split_once(MARK)?;
        Some(Report::parse(text.trim()).with_context(|| format!("this is no report: {text:?}")))
    }

    fn parse(text: &str) -> Result<Report> {
        let report: Report = serde_json::from_str(text)?;
        ensure!(!report.kernel_release.is_empty(), "it names no kernel");
        ensure!(report.online_cpus > 0, "no core is online");
        ensure!(report.memory_bytes > 0, "there is no memory");
        ensure!(report.user_space_seconds > 0.0, "no time has passed");
        Ok(report)
    }
}

/// The reports of all partitions of a box, as `report.json` has them.
#[derive(Serialize)]
pub(crate) struct BoxReport<'a> {
    #[serde(rename = "box")]
    pub(crate) box_name: &'a str,
    /// In the order of the box file.
    pub(crate) partitions: &'a [Report],
    /// How the first logged in to the second, if there is a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ssh: Option<&'a Login>,
}

/// What the plan promises a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Promise {
    pub(crate) name: String,
    pub(crate) kernel_release: String,
    pub(crate) cores: usize,
    pub(crate) memory: u64,
}

/// Something that an instance says otherwise than it was promised.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Disagreement {
    name: String,
    what: &'static str,
    told: String,
    promised: String,
}

impl Promise {
    /// What each partition of a box is promised, in the order of the box file.
    pub(crate) fn all(source: &Source, running: &RunningBox) -> Result<Vec<Promise>> {
        let partitions = running.plan().partitions.iter().zip(&source.request().partitions);
        let promises = partitions.map(|(partition, images)| {
            let version = images.bzimage.version.as_deref().unwrap_or_default();
            let release = version.split_whitespace().next();
            let release = release.with_context(|| format!("the kernel of {} tells no version", partition.name))?;
            Ok(Promise {
                name: partition.name.clone(),
                kernel_release: release.to_owned(),
                cores: partition.cores.len(),
                memory: partition.memory_len(),
            })
        });
        promises.collect()
    }

    /// Everything in which the report differs.
    pub(crate) fn disagreements(&self, report: &Report) -> Vec<Disagreement> {
        let told_and_promised = [
            ("name", report.name.clone(), self.name.clone()),
            ("kernel release", report.kernel_release.clone(), self.kernel_release.clone()),
            ("cores online", report.online_cpus.to_string(), self.cores.to_string()),
            ("bytes of memory", report.memory_bytes.to_string(), self.memory.to_string()),
        ];
        let differing = told_and_promised.into_iter().filter(|(_, told, promised)| told != promised);
        differing.map(|(what, told, promised)| Disagreement { name: self.name.clone(), what, told, promised }).collect()
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Disagreement { name, what, told, promised } = self;
        write!(f, "{name} tells of {what}: {told}, planned: {promised}")
    }
}

/// The reports as a table for people.
pub(crate) fn table(reports: &[Report]) -> String {
    let head = ["partition", "kernel release", "cores", "memory", "user space after"].map(str::to_owned);
    let rows = reports.iter().map(|report| {
        [
            report.name.clone(),
            report.kernel_release.clone(),
            report.online_cpus.to_string(),
            Amount(report.memory_bytes).to_string(),
            format!("{:.2} s", report.user_space_seconds),
        ]
    });
    let rows: Vec<[String; 5]> = [head].into_iter().chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("  {}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "sprig-report: {\"name\":\"web\",\"kernel_release\":\"6.12.1-amd64\",\"online_cpus\":2,\
                        \"memory_bytes\":536870912,\"user_space_seconds\":3.21}";

    fn report() -> Report {
        Report::in_line(LINE).unwrap().unwrap()
    }

    fn promise() -> Promise {
        Promise { name: "web".into(), kernel_release: "6.12.1-amd64".into(), cores: 2, memory: 512 << 20 }
    }

    #[test]
    fn a_report_is_found_in_its_line_and_written_as_it_was_told() {
        let after_a_prompt = Report::in_line(&format!("[    1.0] words {LINE}\r")).unwrap().unwrap();
        assert_eq!(after_a_prompt, report());
        assert_eq!(serde_json::to_string(&report()).unwrap(), LINE.strip_prefix(MARK).unwrap());
        assert!(Report::in_line("[    1.0] Run /init as init process").is_none());
    }

    #[test]
    fn half_a_report_and_a_senseless_one_are_refused() {
        for (from, to) in [
            ("3.21}", ""),
            ("\"online_cpus\":2", "\"online_cpus\":0"),
            ("\"online_cpus\":2", "\"online_cpus\":-1"),
            ("536870912", "0"),
            ("3.21", "0.0"),
            ("6.12.1-amd64", ""),
            ("3.21", "3.21,\"more\":1"),
        ] {
            let line = LINE.replace(from, to);
            assert_ne!(line, LINE);
            let error = format!("{:#}", Report::in_line(&line).unwrap().unwrap_err());
            assert!(error.contains("this is no report: "), "{error}");
        }
    }

    #[test]
    fn every_disagreement_is_told_with_both_numbers() {
        assert_eq!(promise().disagreements(&report()), []);
        let other = Report { online_cpus: 4, memory_bytes: 1, ..report() };
        let told: Vec<String> = promise().disagreements(&other).iter().map(Disagreement::to_string).collect();
        assert_eq!(
            told,
            ["web tells of cores online: 4, planned: 2", "web tells of bytes of memory: 1, planned: 536870912"]
        );
    }

    #[test]
    fn the_table_has_its_columns_below_one_another() {
        let short = Report { name: "a-longer-name".into(), kernel_release: "7.2".into(), ..report() };
        assert_eq!(
            table(&[report(), short]),
            "  partition      kernel release  cores  memory   user space after\n  \
             web            6.12.1-amd64    2      512 MiB  3.21 s\n  \
             a-longer-name  7.2             2      512 MiB  3.21 s\n"
        );
    }

    #[test]
    fn the_report_of_a_box_has_the_names_that_others_read() {
        let reports = [report()];
        let login = Login {
            from: "web".into(),
            to: "db".into(),
            command: "ssh db uname -nr".into(),
            output: "db 6.12".into(),
            exit_status: 0,
        };
        let report = BoxReport { box_name: "pair", partitions: &reports, ssh: Some(&login) };
        let json = serde_json::to_value(report).unwrap();
        assert_eq!(json["box"], "pair");
        assert_eq!(json["partitions"][0]["memory_bytes"], 536_870_912);
        let ssh = serde_json::json!({
            "from": "web", "to": "db", "command": "ssh db uname -nr", "output": "db 6.12", "exit_status": 0,
        });
        assert_eq!(json["ssh"], ssh);
    }
}
