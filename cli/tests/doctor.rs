//! `sprig doctor` on recorded machines: what it finds, and what it keeps to itself.

mod folder;

use std::fs;
use std::process::Command;

use folder::{Folder, boot_image, kernel_of};

const SECURE_BOOT: &str = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
const FLAGS: &str = "fpu lm constant_tsc nonstop_tsc arat";

/// A machine, as Linux shows it in files.
struct Machine(Folder);

impl Machine {
    /// Of which nothing is known.
    fn bare() -> Self {
        Self(Folder::new())
    }

    /// Which lacks nothing.
    fn good() -> Self {
        let machine = Self::bare();
        machine.put("etc/os-release", "NAME=Debian\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n");
        machine.put("proc/cpuinfo", processors(FLAGS, ["0x2b000590", "0x2b000590"]));
        machine.put("proc/meminfo", "MemTotal:       16000000 kB\nMemFree: 1 kB\n");
        machine.put("proc/sys/kernel/osrelease", "6.12.1-amd64\n");
        machine.put("proc/sys/kernel/kexec_load_disabled", "0\n");
        machine.put("boot/config-6.12.1-amd64", "CONFIG_KEXEC=y\n");
        machine.put("boot/vmlinuz-6.12.1-amd64", kernel_of("6.12.1-amd64"));
        machine.put("sys/firmware/acpi/tables/APIC", "APIC");
        machine.put("sys/firmware/acpi/tables/DMAR", dmar(1));
        machine.put(SECURE_BOOT, [6, 0, 0, 0, 0]);
        machine.put("sys/class/tty/ttyS0/port", "0x3F8\n");
        machine.put("sys/class/tty/ttyS0/type", "4\n");
        machine.put("sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
        machine.put("sys/devices/system/cpu/smt/active", "1\n");
        machine.put("usr/bin/apt-get", "");
        machine.put("usr/lib/sprig/sprig-boot.elf", boot_image(env!("CARGO_PKG_VERSION")));
        machine.put("usr/share/OVMF/OVMF_CODE_4M.fd", "");
        machine.put("usr/share/OVMF/OVMF_VARS_4M.fd", "");
        for tool in ["grub-mkrescue", "xorriso", "mformat"] {
            machine.put(&format!("usr/bin/{tool}"), "");
        }
        for platform in ["i386-pc", "x86_64-efi"] {
            machine.put(&format!("usr/lib/grub/{platform}/normal.mod"), "");
        }
        machine.with_emulator("10.0.2")
    }

    /// With a program that says it is QEMU of that version. It is written by another process: were it open for writing here
    /// while another test forks, it could not be executed.
    fn with_emulator(self, version: &str) -> Self {
        let script = format!(
            "mkdir -p usr/bin && f=usr/bin/qemu-system-x86_64 && \
            printf '#!/bin/sh\\necho QEMU emulator version {version}\\n' >$f && chmod +x $f"
        );
        assert!(Command::new("sh").args(["-c", &script]).current_dir(self.0.path()).status().unwrap().success());
        self
    }

    fn put(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.0.path().join(path)).unwrap();
    }

    fn report(&self) -> String {
        self.0.sprig(&["doctor", "--root", "."])
    }

    fn json(&self) -> serde_json::Value {
        let output = self.0.sprig(&["doctor", "--root", ".", "--json"]);
        serde_json::from_str(output.rsplit_once("[exit").unwrap().0).unwrap()
    }
}

fn processors(flags: &str, microcode: [&str; 2]) -> String {
    let one = |(number, revision)| {
        format!("processor\t: {number}\nmodel name\t: Made up\nmicrocode\t: {revision}\nflags\t\t: {flags}\n\n")
    };
    (0..).zip(microcode).map(one).collect()
}

/// The beginning of a DMAR with these flags.
fn dmar(flags: u8) -> Vec<u8> {
    [b"DMAR".as_slice(), &[0; 33], &[flags], &[0; 10]].concat()
}

#[test]
fn a_machine_that_lacks_nothing_is_ok() {
    let machine = Machine::good();
    insta::assert_snapshot!("good", machine.report());
    insta::assert_snapshot!("good-json", serde_json::to_string_pretty(&machine.json()).unwrap());
}

#[test]
fn a_machine_of_which_nothing_is_known_lacks_nearly_everything() {
    insta::assert_snapshot!("bare", Machine::bare().report());
}

#[test]
fn everything_that_is_in_the_way_has_the_line_that_mends_it() {
    let machine = Machine::good().with_emulator("7.2.22");
    machine.put("proc/cpuinfo", processors("fpu lm", ["0x1", "0x2"]));
    machine.put("proc/meminfo", "MemTotal: 400000 kB\n");
    machine.put("boot/config-6.12.1-amd64", "# CONFIG_KEXEC is not set\n");
    machine.put("sys/firmware/acpi/tables/DMAR", dmar(1 | 1 << 2));
    machine.put(SECURE_BOOT, [6, 0, 0, 0, 1]);
    machine.put("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
    machine.put("usr/lib/sprig/sprig-boot.elf", boot_image("0.0.9"));
    for gone in ["boot/vmlinuz-6.12.1-amd64", "sys/class/tty/ttyS0/port", "usr/bin/xorriso"] {
        machine.remove(gone);
    }
    machine.remove("usr/share/OVMF/OVMF_CODE_4M.fd");
    insta::assert_snapshot!("troubled", machine.report());
}

/// Of one finding at a time: what the machine has, and the state and a part of the words that follow.
#[test]
fn each_finding_follows_from_its_own_file() {
    let cases: [(&str, &[u8], &str, &str); 8] = [
        ("proc/sys/kernel/kexec_load_disabled", b"1\n", "kexec", "ok switched off"),
        ("usr/lib/sprig/sprig-boot.elf", b"#!/bin/sh\n", "boot-image", "missing the file in its place is none"),
        ("usr/bin/qemu-system-x86_64", b"no program", "qemu", "missing QEMU is there and does not say"),
        ("sys/firmware/acpi/tables/DMAR", b"DMAR", "iommu", "ok VT-d: no obstacle"),
        ("sys/devices/system/cpu/smt/active", b"0\n", "smt", "ok off"),
        (SECURE_BOOT, b"", "secure-boot", "warn UEFI that does not say"),
        ("proc/cpuinfo", b"processor: 0\nmodel name: QEMU TCG CPU\nflags: lm\n", "invariant-tsc", "ok it ticks"),
        ("proc/cpuinfo", b"processor: 0\nflags: lm\n", "cores", "missing 1 core"),
    ];
    for (path, bytes, id, expected) in cases {
        let machine = Machine::good();
        machine.put(path, bytes);
        let report = machine.json();
        let findings = report["findings"].as_array().unwrap();
        let finding = findings.iter().find(|finding| finding["id"] == id).unwrap();
        let said = format!("{} {}", finding["state"].as_str().unwrap(), finding["found"].as_str().unwrap());
        assert!(said.starts_with(expected), "{path}: {said}");
        assert_eq!(finding["state"] == "ok", finding["help"].is_null(), "{path}: {finding}");
    }
}

#[test]
fn only_what_an_emulated_box_needs_decides_the_exit_code() {
    let machine = Machine::good();
    machine.put(SECURE_BOOT, [6, 0, 0, 0, 1]);
    let report = machine.report();
    assert!(report.contains("This machine itself can run one: no") && report.ends_with("[exit 0]"), "{report}");
    machine.remove("usr/lib/sprig/sprig-boot.elf");
    assert!(machine.report().ends_with("[exit 1]"));
}

#[test]
fn what_is_personal_is_in_no_report() {
    const PERSONAL: &str = "3f9a-personal";
    let machine = Machine::good();
    let places = [
        "etc/hostname",
        "etc/machine-id",
        "etc/passwd",
        "proc/cmdline",
        "proc/version",
        "proc/sys/kernel/hostname",
        "sys/class/dmi/id/product_serial",
        "sys/class/dmi/id/board_serial",
        "sys/class/net/eth0/address",
        "sys/devices/system/cpu/microcode/version",
    ];
    for place in places {
        machine.put(place, PERSONAL);
    }
    let user = machine.0.path().display().to_string();
    let report = machine.0.command(&["doctor", "--root", &user]).env("USER", PERSONAL).env("HOME", PERSONAL).output();
    let report = String::from_utf8(report.unwrap().stdout).unwrap();
    assert!(report.starts_with("sprig "), "{report}");
    for text in [report, machine.json().to_string()] {
        assert!(!text.contains(PERSONAL) && !text.contains(&user), "{text}");
    }
}

#[test]
fn the_machine_at_hand_can_be_examined() {
    let report = Folder::new().sprig(&["doctor", "--json"]);
    let report: serde_json::Value = serde_json::from_str(report.rsplit_once("[exit").unwrap().0).unwrap();
    assert_eq!(report["schema"], 1);
    assert!(report["findings"].as_array().unwrap().len() > 10, "{report}");
}

#[test]
fn a_variable_that_names_nothing_is_named_itself() {
    let folder = Folder::new();
    for (variable, id) in [("SPRIG_QEMU", "qemu"), ("SPRIG_BOOT_IMAGE", "boot-image")] {
        for value in ["/nonexistent/file", "/"] {
            let output = folder.command(&["doctor", "--json"]).env(variable, value).output().unwrap();
            let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let finding = report["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == id).unwrap();
            assert_eq!(finding["state"], "missing", "{variable}={value}");
            assert!(finding["found"].as_str().unwrap().starts_with(variable), "{finding}");
            assert!(finding["help"].as_str().unwrap().starts_with("unset it"), "{finding}");
        }
    }
}

#[test]
fn the_book_explains_every_finding_and_no_other() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/doctor.md")).unwrap();
    let tables = page.split("| finding |").skip(1);
    let rows =
        tables.flat_map(|table| table.lines().skip(2).map_while(|line| line.strip_prefix("| `")?.split_once('`')));
    let explained: Vec<_> = rows.map(|(id, _)| id.to_owned()).collect();
    let report = Machine::good().json();
    let found: Vec<_> = report["findings"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(explained, found);
}
