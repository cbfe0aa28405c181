//! The environment of a bench of boxes: the emulated processor, and the load of the host.

use anyhow::{Result, ensure};
use emulator::launch::RunningBox;
use emulator::qemu::Accelerator;

use super::instances::Instance;
use crate::host::HostWatch;
use crate::model::{Bench, Measurement, Setting};

/// QEMU emulates `rep movsb` byte by byte, which no processor does. So kernels must not hear that it is fast.
const EMULATED_PROCESSOR: &str = "max,-erms,-fsrm";

/// From the start of the first machine to the end of the last.
pub(super) struct Environment {
    pub(super) accelerator: Accelerator,
    /// What QEMU emulates, as its `-cpu` takes it.
    pub(super) processor: &'static str,
    watch: Option<HostWatch>,
}

impl Environment {
    /// The environment on this host, which is watched from now on.
    pub(super) fn begin() -> Environment {
        let accelerator = Accelerator::best();
        // KVM runs kernels on the host's own processor.
        let processor = if accelerator == Accelerator::Kvm { "host" } else { EMULATED_PROCESSOR };
        Environment { accelerator, processor, watch: HostWatch::begin().ok() }
    }

    /// With the accelerator that the box has.
    pub(super) fn of(mut self, running: &RunningBox) -> Environment {
        self.accelerator = running.accelerator();
        self
    }

    /// The bench of these measurements. All machines must have ended: only then they count as ours.
    pub(super) fn conclude(
        self,
        title: &str,
        instances: &[Instance],
        measurements: Vec<Measurement>,
        remarks: Vec<String>,
    ) -> Result<Bench> {
        ensure!(!measurements.is_empty(), "nothing can be measured: {}", remarks.join("; "));
        let conditions =
            [("processor", format!("-cpu {}", self.processor)), ("accelerator", self.accelerator.to_string())];
        let mut bench = Bench::new(Setting::Box, format!("{title} by {}", self.accelerator), conditions, remarks);
        if self.accelerator != Accelerator::Kvm {
            let why = "QEMU emulates rep movsb byte by byte, so it is not offered to any kernel of the comparison";
            bench.conditions.insert("erms".to_owned(), why.to_owned());
        }
        bench.conditions.extend(instances.iter().map(|Instance { name, kernel, cores, .. }| {
            (format!("instance {name}"), format!("Linux {kernel}, cores: {cores}"))
        }));
        bench.measurements = measurements;
        if let Some(host) = self.watch.and_then(|watch| watch.end().ok()) {
            bench.record(host);
        }
        Ok(bench)
    }
}
