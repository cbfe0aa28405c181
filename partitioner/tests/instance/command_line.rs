//! The kernel command line, word for word.

use crate::fixture::{DB, FAR, WEB, plan};
use partitioner::diagnostic::Diagnostic;
use partitioner::view::command_line;

#[test]
fn ours_come_first_and_the_owners_words_are_kept() {
    let plan = plan();
    let lines = [WEB, DB, FAR].map(|nth| command_line(&plan, &plan.partitions[nth]).unwrap());
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_command_line_that_linux_would_cut_is_refused() {
    let mut plan = plan();
    let room = 2047 - command_line(&plan, &plan.partitions[FAR]).unwrap().len() - 1;
    plan.partitions[FAR].owner_cmdline = "x".repeat(room);
    assert_eq!(command_line(&plan, &plan.partitions[FAR]).unwrap().len(), 2047);

    plan.partitions[FAR].owner_cmdline.push_str("yz");
    let error = command_line(&plan, &plan.partitions[FAR]).unwrap_err();
    insta::assert_snapshot!(Diagnostic::from(&error).plain("box.toml", ""), @r#"
    error[command-line-too-long]: the command line of "far" takes 2049 bytes, but Linux reads at most 2047
      help: shorten `cmdline` by 2 bytes
    "#);
}
