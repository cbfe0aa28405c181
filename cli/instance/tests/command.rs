//! The command as a program: what it prints where there is no box, and its exit codes.

use std::process::{Command, Output};

fn sprig(line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sprig-instance"));
    command.args(line.split_whitespace()).output().expect("the program runs")
}

fn printed(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn help_names_every_verb_and_the_program_by_its_name_in_instances() {
    let help = sprig("--help");
    let text = printed(&help.stdout);
    assert_eq!(help.status.code(), Some(0));
    assert!(text.contains("Usage: sprig <COMMAND>"), "{text}");
    for verb in ["status", "start", "stop", "restart", "log", "console", "dump"] {
        assert!(text.contains(&format!("\n  {verb} ")), "{text}");
        let usage = printed(&sprig(&format!("{verb} --help")).stdout);
        assert!(usage.contains(&format!("Usage: sprig {verb} ")), "{usage}");
    }
}

#[test]
fn wrong_usage_is_told_from_failure_by_the_exit_code() {
    for line in
        ["", "halt db", "stop", "stop db --timeout 5", "log", "log --memory db", "status db", "dump db", "console"]
    {
        let refused = sprig(line);
        assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0), "{line:?}");
    }
}

#[test]
fn where_there_is_no_box_every_verb_says_so_in_one_line() {
    let reason = "error: this kernel was not started by Sprig: there is no /sys/bus/platform/devices/SPRG0001:00";
    for line in [
        "status",
        "status --json --watch",
        "start db",
        "stop db --wait",
        "restart db",
        "log db",
        "console db",
        "dump db -o -",
    ] {
        let failed = sprig(line);
        assert_eq!((failed.status.code(), failed.stdout.len()), (Some(1), 0), "{line:?}");
        let text = printed(&failed.stderr);
        assert!(text.starts_with(reason) && text.lines().count() == 1, "{line:?}: {text}");
    }
}
