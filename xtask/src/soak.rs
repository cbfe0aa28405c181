//! `cargo xtask soak`: boxes that all tests try shortly, for as long as somebody wants.

use std::time::Duration;

use anyhow::Result;
use clap::Subcommand;

use crate::places::Places;
use crate::test;

/// For what a box needs besides.
const LEAST: Duration = Duration::from_secs(30 * 60);
/// The longest that a restart takes with all that is looked at afterwards.
const RESTART: Duration = Duration::from_secs(120);
/// What a hostile partition does, one thing after another.
const ACTS: u32 = 7;
/// Tells the tests how long each of their parts is to take.
const SECONDS: &str = "SPRIG_SOAK_SECONDS";

#[derive(Subcommand)]
pub(crate) enum Soak {
    /// Start partitions again and again, that end in ways and an order by chance, while two others talk
    Restart {
        /// How many restarts
        #[arg(long, default_value_t = 100)]
        times: u32,
    },
    /// A hostile partition's box, longer for each thing that it does
    Hostile {
        /// How long each
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Dumps of crashed kernels of all lines
    Dump,
}

/// Runs it, with what it prints.
pub(crate) fn run(places: &Places, soak: &Soak) -> Result<()> {
    match soak {
        Soak::Restart { times } => {
            let limit = LEAST + RESTART * *times;
            test::soak(places, "restart::every_way", ("SPRIG_SOAK_RESTARTS", &times.to_string()), limit)
        }
        Soak::Hostile { seconds } => {
            let limit = LEAST + Duration::from_secs((*seconds).into()) * ACTS;
            test::soak(places, "hostile::", (SECONDS, &seconds.to_string()), limit)
        }
        Soak::Dump => test::soak(places, "dump::", (SECONDS, "0"), LEAST),
    }
}
