//! The book's table of a machine's verbs is that of the code.

use crate::files::{read, root};

/// The functions that a trait declares.
fn verbs_of_machine() -> Vec<String> {
    let source = read(&root().join("partitioner/src/machine.rs"));
    let (_, body) = source.split_once("pub trait Machine {").expect("the trait");
    let verbs = body.lines().filter_map(|line| line.strip_prefix("    fn ")?.split_once('('));
    verbs.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_verb_of_a_machine_is_in_the_book_in_the_order_of_the_code() {
    let page = read(&root().join("docs/src/architecture.md"));
    let (_, table) = page.split_once("| verb | what it does |\n|---|---|\n").expect("the table of verbs");
    let rows = table.lines().map_while(|line| line.strip_prefix("| `")?.split_once('`'));
    let documented: Vec<_> = rows.map(|(verb, _)| verb).collect();
    assert_eq!(documented, verbs_of_machine());
}
