//! Under which circumstances a bench of boxes is run: the processor that is emulated, and what others do on the host
//! meanwhile.

use std::collections::BTreeMap;

use emulator::launch::RunningBox;
use emulator::qemu::Accelerator;

use super::fault::Fault;
use super::host::{Host, Watched};
use super::model::{Bench, Measurement, SCHEMA, Setting, Target};
use super::site::Instance;

/// The emulated processor: QEMU emulates `rep movsb` byte by byte, which no processor does, so kernels are not to be told
/// that it is fast.
const EMULATED_PROCESSOR: &str = "max,-erms,-fsrm";

/// From the first machine that is started to the last that has ended.
pub(super) struct Circumstances {
    pub(super) accelerator: Accelerator,
    /// What QEMU is to emulate, as its `-cpu` takes it.
    pub(super) processor: &'static str,
    host: Option<Watched>,
}

impl Circumstances {
    /// Those of this host; it is watched from now on.
    pub(super) fn begin() -> Circumstances {
        let accelerator = Accelerator::best();
        let processor = match accelerator {
            Accelerator::Tcg | Accelerator::TcgInTurns => EMULATED_PROCESSOR,
            // The host's own, where that runs the kernels itself.
            Accelerator::Kvm => "host",
        };
        Circumstances { accelerator, processor, host: Watched::begin().ok() }
    }

    /// As the box really runs.
    pub(super) fn of(mut self, running: &RunningBox) -> Circumstances {
        self.accelerator = running.accelerator();
        self
    }

    /// The bench of what was measured. All machines must have ended: what was ours on the host counts only then.
    pub(super) fn conclude<'a>(
        self,
        title: &str,
        instances: impl IntoIterator<Item = &'a Instance>,
        (measurements, mut remarks): (Vec<Measurement>, Vec<String>),
        targets: impl FnOnce(&[Measurement]) -> Vec<Target>,
    ) -> Result<Bench, Fault> {
        let conditions = self.conditions(instances);
        let host = self.host.and_then(|host| host.end().ok());
        if host.is_some_and(Host::is_disturbed) {
            remarks.push("the host was disturbed: others were at work, do not trust these figures".to_owned());
        }
        if measurements.is_empty() {
            return Err(Fault::Nobody(remarks.join("; ")));
        }
        let host = host.map(|host| ("host".to_owned(), host.to_string().replace("\n ", ";")));
        Ok(Bench {
            schema: SCHEMA,
            setting: Setting::Box,
            title: format!("{title} by {}", self.accelerator),
            conditions: conditions.into_iter().chain(host).collect(),
            targets: targets(&measurements),
            measurements,
            remarks,
        })
    }

    fn conditions<'a>(&self, instances: impl IntoIterator<Item = &'a Instance>) -> BTreeMap<String, String> {
        let mut conditions = BTreeMap::from([
            ("processor".to_owned(), format!("-cpu {}", self.processor)),
            ("accelerator".to_owned(), self.accelerator.to_string()),
        ]);
        if self.accelerator != Accelerator::Kvm {
            let why = "QEMU emulates rep movsb byte by byte, so it is not offered to any kernel of the comparison";
            conditions.insert("erms".to_owned(), why.to_owned());
        }
        for instance in instances {
            let told = format!("Linux {}, cores: {}", instance.kernel, instance.cores);
            conditions.insert(format!("instance {}", instance.name), told);
        }
        conditions
    }
}
