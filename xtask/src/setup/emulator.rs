//! `qemu/qemu-system-x86_64`: a newer QEMU, where the host's own is too old (`emulator::qemu::Version::SOUND`).
//!
//! It is Debian's, of bookworm-backports, unpacked and not installed. The shared libraries that it needs come with the
//! host's QEMU, which [`super::packages`] installs. Where it is not available, the host's own stays in use.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use emulator::qemu::{Attachment, Boot, Emulator, Firmware, MachineSpec, Version};
use serde_json::json;

use super::apt::{self, Apt, Suite};
use super::cache::BuildCache;
use super::packages;
use crate::process;
use crate::progress::{self, Step};

const LABEL: &str = "QEMU";
const FOLDER: &str = "qemu";
const RECIPE: &str = "recipe 1\n";
const SUITE: Suite = Suite::BookwormBackports;
const END_LIMIT: Duration = Duration::from_secs(30);

/// The packages of the programs, of what they load into machines, and of the BIOS, with the files that are kept.
const PARTS: [(&str, &str); 3] = [
    ("qemu-system-x86", "./usr/bin/qemu-system-x86_64"),
    ("qemu-system-data", "./usr/share/qemu/*"),
    ("seabios", "./usr/share/seabios/*"),
];

/// A script that starts the program beside it, from any folder. The boot code of network cards is the host's.
const WRAPPER: &str = r#"#!/bin/sh
here=$(dirname -- "$(readlink -f -- "$0")")
exec "$here/usr/bin/qemu-system-x86_64" \
    -L "$here/usr/share/qemu" -L "$here/usr/share/seabios" -L /usr/share/seabios -L /usr/lib/ipxe/qemu "$@"
"#;

/// Ensures that `sprig` finds a QEMU that is new enough, or prints a warning if there is none.
pub(super) fn make(cache: &BuildCache, apt: &mut Apt) -> Result<()> {
    let found = Emulator::find(None);
    if found.is_chosen_by_user() {
        progress::headline(LABEL, &format!("{}, named by SPRIG_QEMU", found.program().display()));
        return Ok(());
    }
    let host = Emulator::on_path().version().context("cannot ask this host's QEMU for its version")?;
    if host >= Version::SOUND {
        cache.remove(FOLDER)?;
        progress::ready(LABEL, &format!("{host} of this host"));
        return Ok(());
    }
    let unpacked = Emulator::in_folder(&cache.path(""));
    if cache.stamp(FOLDER).is_some_and(|stamp| stamp.starts_with(RECIPE))
        && let Ok(version) = try_out(&unpacked)
    {
        progress::ready(LABEL, &format!("{version}, unpacked"));
        return Ok(());
    }
    let step = Step::start(LABEL, &format!("this host's is {host}, looking for a newer one"));
    match unpack(cache, apt, &step).and_then(|()| try_out(&unpacked)) {
        Ok(version) => step.done(&format!("{version} from Debian's {}, unpacked; this host's is {host}", SUITE.name())),
        Err(error) => {
            cache.remove(FOLDER)?;
            let sound = Version::SOUND;
            step.done(&format!("{host} of this host stays; below {sound} it may crash kernels at boot: {error}"));
        }
    }
    Ok(())
}

fn unpack(cache: &BuildCache, apt: &mut Apt, step: &Step) -> Result<()> {
    let packages = PARTS.map(|(name, _)| apt.show(SUITE, name, step));
    let packages = packages.into_iter().collect::<Result<Vec<_>>>()?;
    let versions: Vec<String> = packages.iter().map(|part| format!("from {} {}\n", part.name, part.version)).collect();
    cache.make(FOLDER, &format!("{RECIPE}{}", versions.concat()), |folder| {
        for (package, (_, wanted)) in packages.iter().zip(PARTS) {
            let scratch = cache.scratch(FOLDER)?;
            let deb = apt.download(SUITE, package, scratch.path(), step)?;
            step.doing(&format!("unpacking {}", package.name));
            apt::unpack(&deb, folder, &[wanted])?;
        }
        let libraries = packages.iter().flat_map(|package| &package.depends).filter(|name| name.starts_with("lib"));
        ensure_libraries(&folder.join("usr/bin/qemu-system-x86_64"), libraries.map(String::as_str).collect())?;
        let wrapper = folder.join("qemu-system-x86_64");
        fs::write(&wrapper, WRAPPER)?;
        Ok(fs::set_permissions(wrapper, Permissions::from_mode(0o755))?)
    })
}

/// Installs the packages of missing libraries, if this user may.
fn ensure_libraries(program: &Path, packages: Vec<&str>) -> Result<()> {
    if missing_libraries(program)?.is_empty() {
        return Ok(());
    }
    packages::install_as_root(&packages)?;
    let missing = missing_libraries(program)?;
    ensure!(missing.is_empty(), "no package of this host holds {}", missing.join(", "));
    Ok(())
}

fn missing_libraries(program: &Path) -> Result<Vec<String>> {
    let list = process::output(Command::new("ldd").arg(program), process::QUICK)?;
    let missing = list.lines().filter_map(|line| line.split_once(" => not found"));
    Ok(missing.map(|(library, _)| library.trim().to_owned()).collect())
}

/// Checks it: starts a machine with it, and ends the machine before it has run.
fn try_out(emulator: &Emulator) -> Result<Version> {
    let version = emulator.version().context("it does not run")?;
    ensure!(version >= Version::SOUND, "what was found is {version}");
    let folder = tempfile::tempdir()?;
    let iso = folder.path().join("empty");
    File::create(&iso)?.set_len(1 << 20)?;
    let boot = Boot::Medium { firmware: Firmware::Bios, attachment: Attachment::Cd, iso };
    let defaults = MachineSpec::new(boot);
    let spec = MachineSpec { emulator: emulator.clone(), arguments: vec!["-S".to_owned()], ..defaults };
    let mut machine = spec.start()?;
    let Some(mut control) = machine.take_control() else { bail!("it cannot be controlled") };
    control.execute("quit", &json!({}))?;
    let end = machine.wait_for_end(END_LIMIT)?;
    ensure!(end.is_some_and(|status| status.success()), "it does not end as told: {}", machine.qemu_output());
    Ok(version)
}
