//! What `sprig image` needs to make the medium from which the machine itself boots.

use emulator::iso;

use super::{Finding, Host, Purpose};

pub(super) fn findings(host: &Host) -> Vec<Finding> {
    vec![image_tools(host)]
}

fn image_tools(host: &Host) -> Finding {
    let finding = |found: &str| Finding::new("image-tools", Purpose::RealMachine, found);
    let missing = iso::missing(host.root(), &host.program_folders());
    if missing.is_empty() {
        return finding("all that `sprig image` needs");
    }
    let what: Vec<_> = missing.iter().map(|needed| needed.what).collect();
    let packages: Vec<_> = missing.iter().map(|needed| needed.package).collect();
    finding(&format!("for `sprig image`: no {}", what.join(", no "))).warned(host.install(&packages.join(" ")))
}
