//! Benches that nobody ran: numbers made up for tests, as they would be read from files.

use super::model::Bench;

/// Three partitions, with one gone half-way.
pub(crate) fn a_box() -> Bench {
    serde_json::from_str(include_str!("../../tests/fixtures/made-up-box.json")).unwrap()
}

/// The ring against its rivals.
pub(crate) fn native() -> Bench {
    serde_json::from_str(include_str!("../../tests/fixtures/made-up-native.json")).unwrap()
}
