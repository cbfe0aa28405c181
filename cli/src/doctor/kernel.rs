//! The Linux that runs on the machine: whether it would hand the machine over. Sprig does not ask it to: a box starts from
//! the medium of `sprig image`. So nothing here is a warning.

use super::{Finding, Host, Purpose};

pub(super) fn findings(host: &Host) -> Vec<Finding> {
    vec![lockdown(host), kexec(host)]
}

fn finding(id: &'static str, found: impl Into<String>) -> Finding {
    Finding::new(id, Purpose::RealMachine, found)
}

/// The mode in force stands in brackets: `none [integrity] confidentiality`.
fn lockdown(host: &Host) -> Finding {
    let id = "lockdown";
    let modes = host.text("sys/kernel/security/lockdown").unwrap_or_default();
    match modes.split_once('[').and_then(|(_, rest)| rest.split_once(']')) {
        None | Some(("none", _)) => finding(id, "none"),
        Some((mode, _)) => finding(id, format!("{mode}: this Linux starts no unsigned kernel by kexec")),
    }
}

fn kexec(host: &Host) -> Finding {
    let id = "kexec";
    if host.text("proc/sys/kernel/kexec_load_disabled").as_deref() == Some("1") {
        return finding(id, "switched off until the next start (kernel.kexec_load_disabled = 1)");
    }
    let release = host.text("proc/sys/kernel/osrelease").unwrap_or_default();
    match host.text(&format!("boot/config-{release}")) {
        Some(config) if config.lines().any(|line| line == "CONFIG_KEXEC=y") => {
            finding(id, "this Linux can start another kernel (CONFIG_KEXEC)")
        }
        Some(_) => finding(id, "this Linux cannot start another kernel: it is built without CONFIG_KEXEC"),
        // The file is there if the core of kexec is built in, of which CONFIG_KEXEC is one user.
        None if host.has("sys/kernel/kexec_loaded") => finding(id, "this Linux has kexec"),
        None => finding(id, "this Linux shows no kexec"),
    }
}
