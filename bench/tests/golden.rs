//! Files from before the bench had a crate of its own are still read, and look the same.

use std::path::{Path, PathBuf};

use bench::file;
use bench::model::Target;
use bench::report::page;
use bench::table::table;
use bench::targets::{boxes, native};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(golden(name)).unwrap()
}

#[test]
fn tables_and_reports_of_older_files_are_the_same() {
    for kind in ["box", "native", "tap"] {
        let bench = file::read(&golden(&format!("{kind}.json"))).unwrap();
        assert!(table(&bench) == text(&format!("{kind}.txt")), "the table of {kind} differs");
        assert!(page(&bench) == text(&format!("{kind}.html")), "the report of {kind} differs");
    }
}

/// What is wanted may change, and so may which targets there are.
#[test]
fn the_same_measurements_are_found_for_targets_that_there_were() {
    let kinds = [("box", boxes::targets as fn(&_) -> Vec<Target>, 10), ("native", native::targets, 8)];
    for (kind, targets, common) in kinds {
        let bench = file::read(&golden(&format!("{kind}.json"))).unwrap();
        let now = targets(&bench.measurements);
        let both = now.iter().filter_map(|one| Some((one, bench.targets.iter().find(|then| then.what == one.what)?)));
        let both: Vec<_> = both.map(|(now, then)| assert_eq!(now.found, then.found, "{}", now.what)).collect();
        assert!(both.len() >= common, "{kind} has {} of the targets", both.len());
    }
}

#[test]
fn a_file_is_written_as_it_was_read() {
    for kind in ["box", "native"] {
        let folder = tempfile::tempdir().unwrap();
        let written = folder.path().join("new/bench.json");
        file::write(&written, &file::read(&golden(&format!("{kind}.json"))).unwrap()).unwrap();
        assert_eq!(std::fs::read_to_string(written).unwrap(), text(&format!("{kind}.json")));
    }
}
