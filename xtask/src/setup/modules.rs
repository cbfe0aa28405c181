//! `kernels/<line>/modules`: the few modules of a stock kernel that boxes need beside the driver of the virtual
//! Ethernet, compressed or not, as Debian has them. `order` lists them, each after those that it needs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// Modules that tests use on a network card (VLANs, bonds, bridges, further addresses, virtual cards, raw load), the card of
/// an ordinary emulated machine, with which the virtual Ethernet is compared, drivers of devices that partitions own
/// (NVMe and SATA disks, a network card, USB), and the means to reach a card from other partitions (nftables with
/// address translation, tunnels), and that put frames into a queue by rules.
const WANTED: [&str; 22] = [
    "8021q",
    "act_skbedit",
    "ahci",
    "bonding",
    "bridge",
    "cls_matchall",
    "dummy",
    "e1000e",
    "macvlan",
    "nft_chain_nat",
    "nft_ct",
    "nft_masq",
    "nvme",
    "pktgen",
    "sch_ingress",
    "sd_mod",
    "tun",
    "usb_storage",
    "veth",
    "virtio_net",
    "vxlan",
    "xhci_pci",
];
/// Modules that connection tracking and the ordinary card need, and that some kernels have in their image.
const WANTED_IF_NOT_BUILT_IN: [&str; 2] = ["crc32c_generic", "virtio_pci"];

/// The files of a kernel's package that hold them and what they need.
pub(super) const PATTERNS: [&str; 13] = [
    "./*/kernel/block/*",
    "./*/kernel/crypto/*",
    "./*/kernel/net/*",
    "./*/kernel/drivers/ata/*",
    "./*/kernel/drivers/net/*",
    "./*/kernel/drivers/nvme/*",
    "./*/kernel/drivers/pps/*",
    "./*/kernel/drivers/ptp/*",
    "./*/kernel/drivers/scsi/*",
    "./*/kernel/drivers/usb/*",
    "./*/kernel/drivers/virtio/*",
    "./*/kernel/drivers/hid/*",
    "./*/kernel/lib/*",
];

/// Copies the wanted modules, and all that they need, from those that were unpacked below `unpacked`.
pub(super) fn keep(unpacked: &Path, busybox: &Path, folder: &Path) -> Result<()> {
    let mut kept = Kept { found: BTreeMap::new(), busybox, folder, order: Vec::new() };
    find(unpacked, &mut kept.found)?;
    fs::create_dir(folder)?;
    for name in WANTED {
        kept.keep(name)?;
    }
    for name in WANTED_IF_NOT_BUILT_IN {
        if kept.found.contains_key(name) {
            kept.keep(name)?;
        }
    }
    Ok(fs::write(folder.join("order"), kept.order.join("\n") + "\n")?)
}

struct Kept<'a> {
    /// The files, by the names of their modules.
    found: BTreeMap<String, PathBuf>,
    busybox: &'a Path,
    folder: &'a Path,
    /// The names of the modules copied so far.
    order: Vec<String>,
}

impl Kept<'_> {
    fn keep(&mut self, name: &str) -> Result<()> {
        if self.order.iter().any(|kept| kept == name) {
            return Ok(());
        }
        let path = self.found.get(name).with_context(|| format!("the kernel's package holds no module {name}"))?;
        let path = path.clone();
        let bytes = plain(&path, self.busybox)?;
        for needed in needs(&bytes).with_context(|| format!("{} does not list what it needs", path.display()))? {
            self.keep(&needed)?;
        }
        let ending = if path.extension().is_some_and(|ending| ending == "xz") { "ko.xz" } else { "ko" };
        fs::copy(&path, self.folder.join(format!("{name}.{ending}")))?;
        self.order.push(name.to_owned());
        Ok(())
    }
}

/// Collects every module below `folder`.
fn find(folder: &Path, found: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match name.split_once(".ko") {
            _ if path.is_dir() => find(&path, found)?,
            Some((name, _)) => drop(found.insert(name.replace('-', "_"), path)),
            None => {}
        }
    }
    Ok(())
}

/// The module's uncompressed bytes. Newer packages hold modules compressed; the compressed file stays.
fn plain(path: &Path, busybox: &Path) -> Result<Vec<u8>> {
    let bytes = match path.extension().and_then(|ending| ending.to_str()) {
        Some("ko") => fs::read(path),
        Some("xz") => {
            process::output(Command::new(busybox).args(["unxz", "-k"]).arg(path), process::QUICK)?;
            fs::read(path.with_extension(""))
        }
        _ => bail!("{} is compressed in an unknown way", path.display()),
    };
    bytes.with_context(|| format!("cannot read {}", path.display()))
}

/// The names after `depends=` in the section `.modinfo`, which every module has.
fn needs(module: &[u8]) -> Option<Vec<String>> {
    const FIELD: &[u8] = b"\0depends=";
    let start = module.windows(FIELD.len()).position(|window| window == FIELD)? + FIELD.len();
    let end = start + module[start..].iter().position(|byte| *byte == 0)?;
    let names = std::str::from_utf8(&module[start..end]).ok()?.split(',').filter(|name| !name.is_empty());
    Some(names.map(|name| name.replace('-', "_")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(folder: &Path, path: &str, depends: &str) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("\x7fELF\0license=GPL\0depends={depends}\0name=x\0")).unwrap();
    }

    #[test]
    fn each_module_comes_behind_what_it_needs() {
        let scratch = tempfile::tempdir().unwrap();
        let unpacked = scratch.path().join("unpacked");
        for name in WANTED {
            module(&unpacked, &format!("net/{name}.ko"), if name == "8021q" { "mrp,garp-x" } else { "" });
        }
        for name in WANTED_IF_NOT_BUILT_IN {
            module(&unpacked, &format!("drivers/{name}.ko"), "");
        }
        module(&unpacked, "net/802/garp-x.ko", "llc");
        module(&unpacked, "net/802/mrp.ko", "");
        module(&unpacked, "net/llc/llc.ko", "");
        module(&unpacked, "net/unwanted.ko", "");
        let folder = scratch.path().join("modules");
        keep(&unpacked, Path::new("busybox"), &folder).unwrap();
        let order = fs::read_to_string(folder.join("order")).unwrap();
        // 8021q comes first, after what it needs; the others need nothing.
        let expected = [&["mrp", "llc", "garp_x"], &WANTED[..], &WANTED_IF_NOT_BUILT_IN].concat();
        assert_eq!(order.lines().collect::<Vec<_>>(), expected);
        assert!(folder.join("garp_x.ko").exists() && !folder.join("unwanted.ko").exists());
    }

    #[test]
    fn what_is_missing_is_named() {
        let scratch = tempfile::tempdir().unwrap();
        module(scratch.path(), "net/8021q.ko", "garp");
        let error = keep(scratch.path(), Path::new("busybox"), &scratch.path().join("modules")).unwrap_err();
        assert_eq!(error.to_string(), "the kernel's package holds no module garp");
        assert_eq!(needs(b"\x7fELF"), None);
    }
}
