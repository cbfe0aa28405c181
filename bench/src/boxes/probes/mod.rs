//! Probes of a route.

mod frames;
mod measured;
mod round_trip;
mod throughput;

pub(super) use self::frames::{ORDINARY_FRAME, frames};
pub(super) use self::round_trip::round_trip;
pub(super) use self::throughput::{tcp, udp};
