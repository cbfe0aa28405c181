//! Benches with made-up figures, for tests.

use crate::model::Bench;

/// A box of three partitions, of which one went down meanwhile.
pub(crate) fn made_up_box() -> Bench {
    serde_json::from_str(include_str!("../tests/made-up-box.json")).unwrap()
}

/// The rings and their rivals.
pub(crate) fn made_up_native() -> Bench {
    serde_json::from_str(include_str!("../tests/made-up-native.json")).unwrap()
}
