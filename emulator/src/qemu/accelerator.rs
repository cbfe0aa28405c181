//! Whether the host's processor can run the machine's kernels itself.

use std::fmt;
use std::fs::{self, OpenOptions};

/// How QEMU runs the machine's processors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accelerator {
    /// By translating their instructions, one host thread for each.
    Tcg,
    /// The same, all of them in turn on one host thread: slower, but sound while addresses of devices change.
    TcgInTurns,
    /// On the host's own processor.
    Kvm,
}

impl Accelerator {
    /// KVM where it works. A machine may have `/dev/kvm` and yet be unable to run a stock kernel, so the processor must
    /// also say that it can virtualize.
    pub fn best() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let opens = || OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok();
        if can_virtualize(&cpuinfo) && opens() { Self::Kvm } else { Self::Tcg }
    }

    /// The accelerator for a machine on which several kernels bring up devices: while one kernel moves the addresses of
    /// its devices, QEMU's threads lose interrupts of the others.
    pub(crate) fn for_devices(self) -> Self {
        match self {
            Self::Tcg | Self::TcgInTurns => Self::TcgInTurns,
            Self::Kvm => Self::Kvm,
        }
    }

    /// The value of QEMU's `-accel`.
    pub fn argument(self) -> &'static str {
        match self {
            Self::Tcg => "tcg,thread=multi",
            Self::TcgInTurns => "tcg,thread=single",
            Self::Kvm => "kvm",
        }
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcg => "software emulation",
            Self::TcgInTurns => "software emulation on one host thread",
            Self::Kvm => "KVM",
        })
    }
}

fn can_virtualize(cpuinfo: &str) -> bool {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    flags.split_whitespace().any(|flag| flag == "vmx" || flag == "svm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_decides_not_the_device_node() {
        assert!(can_virtualize("processor : 0\nflags\t\t: fpu vmx sse\n"));
        assert!(can_virtualize("flags : svm\n"));
        assert!(!can_virtualize("flags : fpu vmxoff\nvmx flags : ept\n"));
        assert!(!can_virtualize(""));
    }
}
