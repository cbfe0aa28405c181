use std::fs;
use std::path::Path;

use emulator::emulated::{EmulatedDevice, EmulatedMachine};
use partitioner::config::BoxFile;
use partitioner::inventory::Inventory;
use partitioner::size::Size;

use super::kernels;
use super::proposal::{NAMES, Proposal};

fn proposal(machine: Option<&Inventory>) -> Proposal<'_> {
    Proposal {
        name: "pair",
        partitions: 2,
        cpus: 2,
        memory: Size(1 << 30),
        kernel: "/boot/vmlinuz-6.12.1-amd64",
        initrd: Some("/boot/initrd.img-6.12.1-amd64"),
        machine,
    }
}

#[test]
fn the_comments_list_the_devices_that_a_machine_can_give() {
    let devices = vec![EmulatedDevice::Usb, EmulatedDevice::Nvme("disk.img".into())];
    let machine = EmulatedMachine { cpus: 4, memory: 4 << 30, serial_ports: 3, devices };
    let machine = Inventory { machine: "Made up".to_owned(), ..machine.inventory() };
    insta::assert_snapshot!(proposal(Some(&machine)).text());
}

#[test]
fn what_is_proposed_is_a_box_file_whatever_the_paths_are() {
    for (kernel, initrd) in [("a \"quoted\" \\ path", Some("ü")), ("vmlinuz", None)] {
        let text = Proposal { partitions: NAMES.len(), kernel, initrd, ..proposal(None) }.text();
        let file = BoxFile::parse(&text).unwrap();
        assert_eq!(file.partitions.len(), NAMES.len());
        for entry in &file.partitions {
            assert_eq!(entry.kernel.get_ref(), kernel);
            assert_eq!(entry.initrd.as_ref().map(|path| path.get_ref().as_str()), initrd);
        }
    }
}

#[test]
fn every_key_in_the_comments_is_one_of_a_box_file() {
    let text = proposal(None).text();
    let uncommented: Vec<_> =
        text.lines().map(|line| line.strip_prefix("# ").filter(|it| is_entry(it)).unwrap_or(line)).collect();
    let file = BoxFile::parse(&uncommented.join("\n")).unwrap();
    assert_eq!(file.partitions[0].devices.len(), 1);
    assert_eq!(file.partitions[0].cmdline.get_ref(), "quiet");
}

fn is_entry(line: &str) -> bool {
    line.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

#[test]
fn each_kernel_comes_with_the_initial_file_system_of_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| folder.path().join(name);
    let pairs = [
        ("vmlinuz-6.12.1-amd64", "initrd.img-6.12.1-amd64"),
        ("vmlinuz-6.11.4-301.fc41.x86_64", "initramfs-6.11.4-301.fc41.x86_64.img"),
        ("vmlinuz-linux", "initramfs-linux.img"),
        ("vmlinuz-6.4.0-default", "initrd-6.4.0-default"),
    ];
    for (_, initrd) in pairs {
        fs::write(name(initrd), "").unwrap();
    }
    for (kernel, initrd) in pairs {
        assert_eq!(kernels::initrd_of(&name(kernel)), Some(name(initrd)));
    }
    assert_eq!(kernels::initrd_of(&name("vmlinuz-5.10.0-8-amd64")), None);
    assert_eq!(kernels::initrd_of(Path::new("bzImage")), None);
}
