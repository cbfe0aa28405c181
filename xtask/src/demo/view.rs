//! What the demo shows while the kernels boot: the steps of the boot image, and a few stages of each partition instead
//! of thousands of kernel lines.

use std::time::Duration;

use crate::progress::Step;
use crate::report::Report;
use crate::watch::{ConsoleLine, Expected};

/// Most characters of a boot step that are shown; the log file has all of it.
const WIDEST: usize = 100;

/// The view. [`View::close`] ends it with a line; if it is dropped instead, it removes the moving line.
pub(crate) struct View<'a> {
    partitions: &'a [Expected],
    /// The partitions that are not up yet.
    awaited: Vec<&'a str>,
    step: Step,
}

impl<'a> View<'a> {
    /// Opens the view above one moving line.
    pub(crate) fn open(partitions: &'a [Expected], machine: &str) -> View<'a> {
        let awaited: Vec<&str> = partitions.iter().map(|partition| partition.name.as_str()).collect();
        let step = Step::start("boot", &waiting_for(&awaited));
        step.print("boot", machine);
        View { partitions, awaited, step }
    }

    /// Shows a line if it is a boot step or a stage.
    pub(crate) fn show(&mut self, line: &ConsoleLine<'_>) {
        if line.port == 0
            && let Some(step) = boot_step(line.line)
        {
            return match is_one_of_many(&step) {
                true => self.step.doing(&step),
                false => self.print("sprig", &step, line.after),
            };
        }
        let owner = self.partitions.iter().find(|partition| partition.port == line.port);
        if let (Some(owner), Some(stage)) = (owner, stage(line.line)) {
            if Report::in_line(line.line).is_some() {
                self.awaited.retain(|name| *name != owner.name);
            }
            self.print(&owner.name, &stage, line.after);
        }
    }

    /// Ends the view with a line that shows the result.
    pub(crate) fn close(self, result: &str) {
        self.step.done(result);
    }

    fn print(&self, who: &str, what: &str, after: Duration) {
        self.step.print(who, &format!("{:5.1} s  {what}", after.as_secs_f64()));
        if !self.awaited.is_empty() {
            self.step.doing(&waiting_for(&self.awaited));
        }
    }
}

fn waiting_for(names: &[&str]) -> String {
    format!("waiting for {}", names.join(" and "))
}

/// The step in a line of the boot image, without the time in that line; cut if it is long.
fn boot_step(line: &str) -> Option<String> {
    let (time, text) = line.strip_prefix("sprig ")?.trim_start().split_once(' ')?;
    time.parse::<f64>().ok()?;
    let cut = text.char_indices().nth(WIDEST);
    Some(cut.map_or_else(|| text.to_owned(), |(end, _)| format!("{} ...", &text[..end])))
}

/// Whether the step logs dozens of such lines.
fn is_one_of_many(step: &str) -> bool {
    step.starts_with("inventory: memory ") || step.starts_with("apply: ")
}

/// The stage that a kernel's line shows, if it shows one.
fn stage(line: &str) -> Option<String> {
    if let Some(Ok(report)) = Report::in_line(line) {
        return Some(format!("in user space, {:.2} s after its own start", report.user_space_seconds));
    }
    if let Some((_, version)) = line.split_once("] Linux version ") {
        return Some(format!("Linux {} begins", version.split(' ').next().unwrap_or_default()));
    }
    if let Some((_, brought_up)) = line.split_once("] smp: Brought up ") {
        return Some(format!("brought up {}", brought_up.trim_end()));
    }
    let stages = [
        ("] smp: Bringing up secondary CPUs", "wakes its other cores"),
        ("] Trying to unpack rootfs image", "unpacks its initial RAM disk"),
        ("] Run /init as init process", "starts its first process"),
        ("] Kernel panic", "PANIC"),
    ];
    stages.into_iter().find(|(words, _)| line.contains(words)).map(|(_, stage)| stage.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernels_flood_becomes_a_few_stages() {
        let stages = [
            "[    0.000000] Linux version 6.12.1-amd64 (debian-kernel@lists.debian.org) #1 SMP",
            "[    0.000000] BIOS-e820: [mem 0x0000000000010000-0x0000000000017fff] usable",
            "[    0.300000] smp: Bringing up secondary CPUs ...",
            "[    0.400000] smp: Brought up 1 node, 2 CPUs",
            "[    1.000000] Run /init as init process",
        ]
        .map(|line| stage(line).unwrap_or_default());
        assert_eq!(
            stages,
            [
                "Linux 6.12.1-amd64 begins",
                "",
                "wakes its other cores",
                "brought up 1 node, 2 CPUs",
                "starts its first process"
            ]
        );
    }

    #[test]
    fn the_boot_images_steps_lose_their_own_time_and_long_ones_their_end() {
        assert_eq!(boot_step("sprig     0.012 inventory: 4 cores").as_deref(), Some("inventory: 4 cores"));
        assert!(is_one_of_many("inventory: memory 0x0-0x1 Usable") && !is_one_of_many("inventory: 4 cores"));
        assert_eq!(boot_step("SeaBIOS (version 1.16)"), None);
        let long = boot_step(&format!("sprig     0.012 plan: {}", "é".repeat(200))).unwrap();
        assert!(long.ends_with(" ...") && long.chars().count() == WIDEST + 4, "{long}");
    }
}
