//! What the command says, as a person without colours sees it: one snapshot for each way of saying something. The
//! refusals themselves have theirs in `partitioner`.

mod folder;

use std::fs;
use std::process::Command;

use folder::{Folder, PAIR};

fn with_box(text: &str) -> Folder {
    let folder = Folder::new();
    folder.write("box.toml", text.as_bytes());
    folder
}

#[test]
fn a_box_that_can_be_had_is_ok() {
    insta::assert_snapshot!(Folder::new().sprig(&["check", "box.toml"]));
}

#[test]
fn a_plan_is_a_table() {
    insta::assert_snapshot!(Folder::new().sprig(&["plan", "box.toml"]));
}

#[test]
fn a_plan_for_a_given_machine_shows_what_is_left() {
    insta::assert_snapshot!(Folder::new().sprig(&["plan", "box.toml", "--machine", "cpus=6,memory=6GiB"]));
}

#[test]
fn a_plan_can_be_read_by_programs() {
    let output = Folder::new().sprig(&["plan", "box.toml", "--json"]);
    let plan: serde_json::Value = serde_json::from_str(output.strip_suffix("[exit 0]").unwrap()).unwrap();
    assert_eq!(plan["box_name"], "pair");
    assert_eq!(plan["partitions"][1]["cores"][0]["number"], 3);
}

#[test]
fn a_picture_names_every_partition() {
    let folder = Folder::new();
    folder.sprig(&["plan", "box.toml", "--svg", "box.svg"]);
    let picture = fs::read_to_string(folder.path().join("box.svg")).unwrap();
    for words in ["<svg", "\nweb\n</text>", "\ndb\n</text>", "\n1 GiB\n</text>", "6.1.0-test from vmlinuz"] {
        assert!(picture.contains(words), "no {words} in {picture}");
    }
}

#[test]
fn a_plan_for_a_recorded_machine_needs_what_that_machine_has() {
    let folder = Folder::new();
    folder.write("small.json", SMALL_MACHINE.as_bytes());
    insta::assert_snapshot!(folder.sprig(&["plan", "box.toml", "--inventory", "small.json"]));
}

/// One core, no invariant time-stamp counter, little memory.
const SMALL_MACHINE: &str = r#"{
    "machine": "Small",
    "cores": [{ "apic_id": 0, "acpi_uid": 0, "node": 0 }],
    "memory": [
        { "range": { "start": 0, "end": 654336 }, "kind": "usable" },
        { "range": { "start": 1048576, "end": 268435456 }, "kind": "usable" }
    ],
    "tsc": { "khz": 2000000, "invariant": false },
    "physical_address_bits": 40
}"#;

#[test]
fn partitions_on_threads_of_one_physical_core_are_warned_of() {
    let folder = with_box(&PAIR.replacen("cpus = 2", "cpus = \"0,2,4\"", 1));
    let core = |id: u32| format!(r#"{{ "apic_id": {id}, "acpi_uid": {id}, "node": 0 }}"#);
    let cores = (0..8).map(core).collect::<Vec<_>>().join(", ");
    let machine = SMALL_MACHINE
        .replace(r#"{ "apic_id": 0, "acpi_uid": 0, "node": 0 }"#, &cores)
        .replace("268435456", "8589934592")
        .replace("\"tsc\"", "\"smt_shift\": 1, \"tsc\"")
        .replace("false", "true");
    folder.write("threads.json", machine.as_bytes());
    insta::assert_snapshot!("threads-check", folder.sprig(&["check", "box.toml", "--inventory", "threads.json"]));
    insta::assert_snapshot!("threads-plan", folder.sprig(&["plan", "box.toml", "--inventory", "threads.json"]));
}

#[test]
fn what_is_no_inventory_is_said_to_be_none() {
    let folder = Folder::new();
    folder.write("wrong.json", b"{}");
    insta::assert_snapshot!(folder.sprig(&["plan", "box.toml", "--inventory", "wrong.json"]));
}

#[test]
fn a_conflict_shows_both_lines() {
    let text = PAIR.replace("cpus = 2", "cpus = \"2-3\"");
    insta::assert_snapshot!(with_box(&text).sprig(&["check", "box.toml"]));
}

#[test]
fn every_mistake_in_the_text_is_told_with_its_line() {
    let text = PAIR.replace("cpus = 2", "cores = 2").replace("1GiB", "1GB");
    insta::assert_snapshot!(with_box(&text).sprig(&["check", "box.toml"]));
}

#[test]
fn a_mistake_in_toml_itself_shows_the_line() {
    insta::assert_snapshot!(with_box("[box]\nname = \"pair\n").sprig(&["check", "box.toml"]));
}

#[test]
fn images_that_are_missing_or_no_kernels_are_told_at_the_lines_that_name_them() {
    let folder = Folder::new();
    folder.write("vmlinuz", b"#!/bin/sh\n");
    fs::remove_file(folder.path().join("web.img")).unwrap();
    insta::assert_snapshot!(folder.sprig(&["check", "box.toml"]));
}

#[test]
fn a_box_file_that_is_not_there_is_named() {
    insta::assert_snapshot!(Folder::new().sprig(&["check", "other.toml"]));
}

#[test]
fn a_refused_box_is_neither_run_nor_made_into_an_image() {
    let folder = with_box(&PAIR.replace("\"1GiB\"", "\"0MiB\""));
    let run = folder.sprig(&["run", "box.toml"]);
    assert!(run.contains("error[") && run.ends_with("[exit 1]"), "{run}");
    assert_eq!(folder.sprig(&["image", "box.toml", "-o", "box.iso"]), run);
    assert!(!folder.path().join("box.iso").exists() && !folder.path().join("sprig-logs").exists());
}

#[test]
fn a_boot_image_that_is_not_there_is_asked_for() {
    insta::assert_snapshot!(Folder::new().sprig(&["run", "box.toml", "--boot-image", "nowhere.elf"]));
}

#[test]
fn a_medium_of_another_box_file_is_refused_before_anything_starts() {
    let folder = Folder::new();
    let image = folder.sprig(&["image", "box.toml", "-o", "box.iso", "--boot-image", "boot.elf"]);
    assert!(image.ends_with("[exit 0]"), "{image}");
    folder.write("box.toml", PAIR.replace("1GiB", "2GiB").as_bytes());
    let arguments = ["run", "box.toml", "--image", "box.iso", "--boot-image", "boot.elf"];
    insta::assert_snapshot!(folder.sprig(&arguments));
}

#[test]
fn wrong_usage_is_another_exit_code() {
    assert!(Folder::new().sprig(&["chekc"]).ends_with("[exit 2]"));
    assert!(Folder::new().sprig(&["plan", "box.toml", "--machine", "cpus=0"]).ends_with("[exit 2]"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = Folder::new();
    let commands = [
        ["check", "box.toml"].as_slice(),
        &["plan", "box.toml"],
        &["plan", "box.toml", "--json"],
        &["completions", "bash"],
    ];
    for arguments in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_sprig"));
        let output = command.args(arguments).current_dir(folder.path()).stdout(writer).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn what_a_box_is_made_from_is_not_overwritten() {
    let folder = Folder::new();
    for input in ["box.toml", "./vmlinuz", "web.img"] {
        for arguments in [["image", "box.toml", "-o", input], ["plan", "box.toml", "--svg", input]] {
            let output = folder.sprig(&arguments);
            assert!(output.contains("the command reads this very file") && output.ends_with("[exit 1]"), "{output}");
        }
    }
    assert!(folder.sprig(&["check", "box.toml"]).starts_with("ok: "));
}

#[test]
fn a_box_file_that_is_not_text_is_told_by_its_line() {
    let folder = Folder::new();
    folder.write("box.toml", b"[box]\nname = \"caf\xe9\"\n");
    insta::assert_snapshot!(folder.sprig(&["check", "box.toml"]), @r#"
    error: cannot read the box file box.toml: line 2 is not UTF-8 text
      help: save it as UTF-8 in your editor
    [exit 1]
    "#);
}

#[test]
fn a_medium_and_none_cannot_be_booted_both() {
    let folder = Folder::new();
    insta::assert_snapshot!(folder.sprig(&["run", "box.toml", "--firmware", "pvh", "--usb"]), @r#"
    error: with `--firmware pvh` nothing is booted from a medium: omit --image and --usb
    [exit 2]
    "#);
}

/// A bench that nobody ran.
const MADE_UP: &str = include_str!("../../bench/tests/made-up-box.json");

#[test]
fn a_report_is_made_of_benches() {
    let folder = Folder::new();
    folder.write("one.json", MADE_UP.as_bytes());
    folder.write("other.json", include_bytes!("../../bench/tests/made-up-native.json"));
    let output = folder.sprig(&["report", "one.json", "other.json", "-o", "page.html"]);
    assert_eq!(output, "wrote page.html\n[exit 0]");
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("a box of web, db and log"), "{page}");
    assert!(page.contains("the ring between two processes"), "{page}");
}

#[test]
fn what_is_no_bench_is_said_to_be_none() {
    let folder = Folder::new();
    folder.write("bench.json", MADE_UP.as_bytes());
    folder.write("text.json", b"no JSON at all");
    folder.write("plan.json", b"{\"box_name\": \"pair\"}");
    folder.write("later.json", MADE_UP.replace("\"schema\": 1", "\"schema\": 2").as_bytes());
    folder.write("half.json", &MADE_UP.as_bytes()[..MADE_UP.len() / 2]);
    let mut bench: serde_json::Value = serde_json::from_str(MADE_UP).unwrap();
    bench["measurements"][2]["samples"] = serde_json::json!([]);
    folder.write("empty.json", bench.to_string().as_bytes());
    let files = ["none.json", "text.json", "plan.json", "later.json", "half.json", "empty.json"];
    let output = files.map(|file| folder.sprig(&["report", "bench.json", file, "-o", "page.html"]));
    insta::assert_snapshot!(output.join("\n"));
    assert!(!folder.path().join("page.html").exists(), "a page is made of what is no bench");
}

#[test]
fn a_page_overwrites_no_bench() {
    let folder = Folder::new();
    folder.write("bench.json", MADE_UP.as_bytes());
    insta::assert_snapshot!(folder.sprig(&["report", "bench.json", "-o", "bench.json"]));
    assert_eq!(fs::read_to_string(folder.path().join("bench.json")).unwrap(), MADE_UP);
}

#[test]
fn completions_know_every_subcommand() {
    let folder = Folder::new();
    let help = folder.sprig(&["--help"]);
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let names: Vec<_> = list.lines().map_while(|line| line.strip_prefix("  ")?.split_whitespace().next()).collect();
    assert!(names.contains(&"init") && names.contains(&"completions"), "{help}");
    for shell in ["bash", "zsh", "fish"] {
        let script = folder.sprig(&["completions", shell]);
        for name in &names {
            assert!(script.contains(name), "{shell}: {name}");
        }
        assert!(script.ends_with("[exit 0]"), "{script}");
    }
    assert!(folder.sprig(&["completions", "tcsh"]).ends_with("[exit 2]"));
}

/// Bash itself: a word that is begun, and what it may become.
#[test]
fn bash_completes_a_subcommand() {
    let folder = Folder::new();
    let script = folder.sprig(&["completions", "bash"]);
    folder.write("sprig.bash", script.strip_suffix("[exit 0]").unwrap().as_bytes());
    let complete =
        "source ./sprig.bash; COMP_WORDS=(sprig ini); COMP_CWORD=1; _sprig sprig ini sprig; echo \"${COMPREPLY[*]}\"";
    let output = Command::new("bash").args(["-c", complete]).current_dir(folder.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "init\n", "{output:?}");
}
