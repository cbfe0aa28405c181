//! Command lines, refused and allowed.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::*;

/// What is refused of a line, as the table has it.
fn refused_of(line: &str) -> Vec<&'static str> {
    refused_in(line).into_iter().map(|(_, rule)| rule.word).collect()
}

#[test]
fn words_that_undo_what_a_kernel_is_shown_are_refused() {
    for (line, word) in [
        ("acpi=off", "acpi=off"),
        ("acpi=noirq", "acpi=noirq"),
        ("acpi=rsdt", "acpi=rsdt"),
        ("acpi_rsdp=0xf5a40", "acpi_rsdp="),
        ("quiet pci=noacpi", "pci=noacpi"),
        ("pci=lastbus=255", "pci=lastbus="),
        ("pci=conf1", "pci=conf1"),
        ("pci=nommconf", "pci=nommconf"),
        ("pci=nocrs", "pci=nocrs"),
        ("nolapic", "nolapic"),
        ("disableapic", "disableapic"),
        ("nolapic_timer", "nolapic_timer"),
        ("notsc", "notsc"),
        ("tsc=unstable", "tsc=unstable"),
        ("tsc_early_khz=1000000", "tsc_early_khz="),
        ("hpet=force", "hpet=force"),
        ("no_ipi_broadcast=0", "no_ipi_broadcast="),
        ("mem=64M", "mem="),
        ("memmap=exactmap", "memmap="),
        ("memmap=100M@1M", "memmap="),
        ("memmap=1G#4G", "memmap="),
        ("memmap=4G!12G", "memmap="),
        ("memmap=100M", "memmap="),
        ("memmap=1M%0x1000-2+1", "memmap="),
        ("initrdmem=0x40000000,1M", "initrdmem="),
        ("8250.nr_uarts=4", "8250.nr_uarts="),
        ("8250_core.nr_uarts=4", "8250_core.nr_uarts="),
        ("earlyprintk=serial,ttyS0,115200", "earlyprintk="),
        ("earlycon=uart8250,io,0x3f8", "earlycon="),
        ("console=uart8250,io,0x3f8,115200n8", "console=uart8250"),
        ("console=uart,mmio32,0xfe000000", "console=uart"),
        ("sprig.partition=db", "sprig.partition="),
    ] {
        assert_eq!(refused_of(line), [word], "{line}");
    }
}

#[test]
fn other_words_are_the_owners_business() {
    for line in [
        "",
        "quiet splash",
        "root=LABEL=debian ro panic=1 reboot=pci init=/bin/sh",
        "maxcpus=1 nr_cpus=1 nosmp noapic nox2apic",
        "tsc=nowatchdog tsc=reliable nohpet hpet=disable",
        "crashkernel=128M crashkernel=1G-:192M memhp_default_state=online",
        "console=ttyS0 console=ttyS0,115200n8 console=tty0 earlycon",
        "pci=off pci=noearly,realloc,norom acpi=force acpi=strict acpi_osi=Linux",
        "memmap=64K$0x20000000 memmap=1M$1G,0x1000$2G memory_corruption_check=0",
        "sprig.network=1 sprig.vni=off",
        "mempolicy=x memtest=1 mem.x=1 my_mem=64M xnotsc",
    ] {
        assert_eq!(refused_of(line), [""; 0], "{line}");
    }
}

#[test]
fn a_line_is_read_as_linux_reads_it() {
    for (line, expected) in [
        ("  a \t nolapic  b", &["nolapic"][..]),
        ("pci=realloc,noacpi", &["pci=noacpi"]),
        ("\"mem=64M\" pci=\"realloc,noacpi\"", &["mem=", "pci=noacpi"]),
        ("no-ipi-broadcast=0 tsc-early_khz=5", &["no_ipi_broadcast=", "tsc_early_khz="]),
        ("memmap=1M$1G,exactmap memmap=exactmap$1", &["memmap="]),
        ("mem=1G mem=2G", &["mem="]),
        ("nolapic=1 mem=", &["nolapic", "mem="]),
        ("dyndbg=\"file mem=1 +p\" motd=\"notsc\"", &[]),
        ("a=\"b c\" notsc", &["notsc"]),
        ("quiet -- mem=1 notsc", &[]),
        ("--x notsc -- mem", &["notsc"]),
        ("a\u{a0}notsc \u{e0}mem=5", &["notsc", "mem="]),
        ("PCI=noacpi ACPI=OFF", &[]),
    ] {
        assert_eq!(refused_of(line), expected, "{line}");
    }
}

#[test]
fn the_code_that_unpacks_the_kernel_knows_neither_quotes_nor_an_end() {
    assert_eq!(refused_of("-- acpi_rsdp=5 console=uart8250,io,0x3f8 nolapic"), ["acpi_rsdp=", "console=uart8250"]);
    assert_eq!(refused_of("x=\"a earlyprintk=ttyS0 b\""), ["earlyprintk="]);
}

#[test]
fn what_is_refused_is_shown_as_it_was_written() {
    let written: Vec<_> = refused_in("quiet pci=a,\"b,noacpi\" \"notsc\"").into_iter().map(|(word, _)| word).collect();
    assert_eq!(written, ["\"notsc\""]);
    let written: Vec<_> = refused_in("pci=realloc,noacpi").into_iter().map(|(word, _)| word).collect();
    assert_eq!(written, ["pci=realloc,noacpi"]);
}

#[test]
fn each_word_of_the_table_is_refused_and_stands_there_once() {
    let words: BTreeSet<_> = REFUSED.iter().map(|rule| rule.word).collect();
    assert_eq!(words.len(), REFUSED.len());
    for rule in REFUSED {
        let line = if rule.word.ends_with('=') { format!("{}1", rule.word) } else { String::from(rule.word) };
        assert_eq!(refused_of(&line), [rule.word]);
    }
}

#[test]
fn the_reference_lists_what_the_table_has() {
    let page = include_str!("../../../../docs/src/configuration.md");
    let section = page.split("### Words that are refused").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows = section.expect("the section").lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: Vec<_> = rows.filter_map(|row| row.strip_suffix(" |")?.split_once("` | ")).collect();
    let expected: Vec<_> = REFUSED.iter().map(|rule| (rule.word, rule.effect)).collect();
    assert_eq!(listed, expected);
}
