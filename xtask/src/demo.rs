//! `cargo xtask demo`: boots two stock kernels side by side on a fresh machine. Each reports what it sees, and one logs
//! in to the other.
//!
//! | module | |
//! |---|---|
//! | [`view`] | what a person sees while the kernels boot |
//! | [`ssh`] | one instance logs in to another |
//! | [`crate::watch`] | waiting for their reports |
//! | [`crate::report`] | what each instance reports |
//! | [`crate::expectation`] | what each must report, by the plan |
//! | [`crate::login`] | the login from one into the other |

pub(crate) mod ssh;
mod view;

use std::fs;
use std::io::{self, stdout};
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use emulator::colours::Colours;
use emulator::launch::{LaunchOptions, Medium, RunningBox, launch};
use emulator::qemu::{Accelerator, Attachment, Firmware};
use emulator::session::{self, Events, SessionOptions};
use emulator::source::Source;
use serde::Serialize;

use self::view::View;
use crate::box_file;
use crate::build;
use crate::expectation::Expectation;
use crate::initrd::Image;
use crate::login::Login;
use crate::places::Places;
use crate::report::{self, Report};
use crate::setup::{self, Item, KernelLine};
use crate::watch;

#[derive(Args)]
pub(crate) struct Options {
    /// Stay on the consoles when all are up, as `sprig run` does; Ctrl-C ends everything
    #[arg(long)]
    keep: bool,
    /// How to boot: QEMU loads the boot image itself (pvh), or GRUB does from a CD, by SeaBIOS or by UEFI
    #[arg(long, value_enum, default_value_t)]
    firmware: Start,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
enum Start {
    #[default]
    Pvh,
    Bios,
    Uefi,
}

impl Start {
    /// What set-up has to make in addition.
    fn further_items(self) -> &'static [Item] {
        match self {
            Start::Pvh => &[],
            Start::Bios => &[Item::ImageTools],
            Start::Uefi => &[Item::ImageTools, Item::TestTools],
        }
    }

    fn medium(self) -> Medium {
        let firmware = match self {
            Start::Pvh => return Medium::Pvh,
            Start::Bios => Firmware::Bios,
            Start::Uefi => Firmware::Uefi,
        };
        Medium::Iso { firmware, attachment: Attachment::Cd, image: None }
    }
}

/// The reports of all partitions of a box, as `report.json` has them.
#[derive(Serialize)]
struct BoxReport<'a> {
    #[serde(rename = "box")]
    box_name: &'a str,
    /// In the order of the box file.
    partitions: &'a [Report],
    /// How the first logged in to the second, if there is a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    ssh: Option<&'a Login>,
}

/// Runs the demo. It succeeds only if every instance has reported what was planned, and the login worked.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let folder = places.target.join("demo");
    let report = folder.join("report.json");
    // First of all, so that a failure does not leave an older success behind.
    remove(&report)?;
    setup::ensure_for_boxes(places, KernelLine::default(), options.firmware.further_items())?;
    build::run(places, &build::Options::for_line(KernelLine::default()))?;

    let events = Events::new()?;
    let source = Source::read(&box_file::pair(places, KernelLine::default(), Image::Full, &folder)?)?;
    let how =
        LaunchOptions { medium: options.firmware.medium(), logs: Some(folder.clone()), ..LaunchOptions::default() };
    let mut running = launch(&source, &places.boot_image(), how)?;
    let reports = boot(&running, &events)
        .with_context(|| format!("the demo failed; all consoles are logged in {}", folder.display()))?;
    let login = ssh::log_in(&running, &events).with_context(|| {
        format!("the login from one instance into the other failed; all consoles are logged in {}", folder.display())
    })?;
    write(&report, &BoxReport { box_name: &running.plan().box_name, partitions: &reports, ssh: login.as_ref() })?;
    println!("\n{}", report::table(&reports));
    if let Some(login) = &login {
        println!("{}", login.transcript());
    }
    println!("as each instance reports from inside; also in {}", report.display());
    println!("all consoles are logged in {}", folder.display());
    let expectations = Expectation::all(&source, &running)?;
    check(&expectations, &reports)?;
    login.map_or(Ok(()), |login| login.check(&expectations))?;
    if options.keep { stay(&mut running, &events) } else { Ok(()) }
}

/// Waits until all partitions are up, and shows their progress.
fn boot(running: &RunningBox, events: &Events) -> Result<Vec<Report>> {
    let expected = watch::expected(running)?;
    let cores: usize = running.plan().partitions.iter().map(|partition| partition.cores.len()).sum();
    let mut view = View::open(&expected, &format!("an emulated machine of {cores} cores, by {}", Accelerator::best()));
    let arrived = watch::reports(running.machine(), events, &expected, |line| view.show(line))?;
    view.close(&format!("{} kernels side by side", arrived.len()));
    Ok(arrived.into_iter().map(|arrived| arrived.report).collect())
}

fn check(expectations: &[Expectation], reports: &[Report]) -> Result<()> {
    let pairs = expectations.iter().zip(reports);
    let mismatches: Vec<String> =
        pairs.flat_map(|(expectation, report)| expectation.mismatches(report)).map(|one| one.to_string()).collect();
    if expectations.len() != reports.len() {
        bail!("{} partitions were planned, {} reported", expectations.len(), reports.len());
    }
    if !mismatches.is_empty() {
        bail!("the instances are not as planned: {}", mismatches.join("; "));
    }
    Ok(())
}

fn write(path: &Path, report: &BoxReport<'_>) -> Result<()> {
    let text = serde_json::to_string_pretty(report)?;
    fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn stay(running: &mut RunningBox, events: &Events) -> Result<()> {
    println!("staying on the consoles; Ctrl-C ends everything\n");
    let options = SessionOptions::interactive(Colours::wanted(&stdout()));
    let end = session::resume(running, events, options)?;
    if end.is_success() {
        println!("\n{}", end.describe());
        return Ok(());
    }
    bail!("{}", end.describe())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports() -> Vec<Report> {
        let report = |name: &str| Report {
            name: name.to_owned(),
            kernel_release: "6.12".to_owned(),
            online_cpus: 2,
            memory_bytes: 512 << 20,
            user_space_seconds: 1.5,
        };
        vec![report("web"), report("db")]
    }

    fn expectations() -> Vec<Expectation> {
        let expectation = |name: &str| Expectation {
            name: name.to_owned(),
            kernel_release: "6.12".to_owned(),
            cores: 2,
            memory: 512 << 20,
        };
        vec![expectation("web"), expectation("db")]
    }

    #[test]
    fn success_needs_every_partition_to_be_as_planned() {
        check(&expectations(), &reports()).unwrap();
        let mut reports = reports();
        reports[1].online_cpus = 1;
        let error = check(&expectations(), &reports).unwrap_err().to_string();
        assert_eq!(error, "the instances are not as planned: db reports cores online: 1, planned: 2");
        reports.pop();
        assert!(check(&expectations(), &reports).is_err());
    }

    #[test]
    fn a_stale_report_is_removed_and_none_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        write(&path, &BoxReport { box_name: "pair", partitions: &reports(), ssh: None }).unwrap();
        let read: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(read["partitions"][1]["name"], "db");
        assert!(read.get("ssh").is_none());
        remove(&path).unwrap();
        assert!(!path.exists());
        remove(&path).unwrap();
    }

    #[test]
    fn the_report_of_a_box_has_the_names_that_others_read() {
        let reports = reports();
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
