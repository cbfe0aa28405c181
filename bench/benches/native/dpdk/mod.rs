//! DPDK's memif and vhost-user, by [`testpmd`].

mod pair;
mod telemetry;
mod testpmd;

pub(crate) use self::pair::{Connection, Pair, contender};
