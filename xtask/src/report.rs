//! The report that an instance makes from user space (`examples/initrd/init`).

use anyhow::{Context, Result, ensure};
use emulator::columns;
use partitioner::amount::Amount;
use serde::{Deserialize, Serialize};

/// What stands before a report on a console.
pub(crate) const MARK: &str = "sprig-report: ";

/// The report of an instance. Having one means that its numbers are possible for a running kernel.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    /// The partition's name, from the kernel's command line.
    pub(crate) name: String,
    /// `uname -r`.
    pub(crate) kernel_release: String,
    pub(crate) online_cpus: u32,
    /// Bytes that the kernel knows as memory above 1 MiB.
    pub(crate) memory_bytes: u64,
    /// The kernel's clock when its first process began, in seconds.
    pub(crate) user_space_seconds: f64,
}

impl Report {
    /// Reads the report in a line of a console, if there is one.
    pub(crate) fn in_line(line: &str) -> Option<Result<Report>> {
        let (_, text) = line.split_once(MARK)?;
        Some(Report::parse(text.trim()).with_context(|| format!("this is not a report: {text:?}")))
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

/// The reports as a table.
pub(crate) fn table(reports: &[Report]) -> String {
    let head = ["partition", "kernel release", "cores", "memory", "user space after"].map(str::to_owned).to_vec();
    let rows = reports.iter().map(|report| {
        vec![
            report.name.clone(),
            report.kernel_release.clone(),
            report.online_cpus.to_string(),
            Amount(report.memory_bytes).to_string(),
            format!("{:.2} s", report.user_space_seconds),
        ]
    });
    columns::table(&[head].into_iter().chain(rows).collect::<Vec<_>>(), usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "sprig-report: {\"name\":\"web\",\"kernel_release\":\"6.12.1-amd64\",\"online_cpus\":2,\
                        \"memory_bytes\":536870912,\"user_space_seconds\":3.21}";

    fn report() -> Report {
        Report::in_line(LINE).unwrap().unwrap()
    }

    #[test]
    fn a_report_is_found_in_its_line_and_written_as_it_was_read() {
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
            assert!(error.contains("this is not a report: "), "{error}");
        }
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
}
