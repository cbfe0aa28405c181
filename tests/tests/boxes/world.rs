//! The outside world, through the network card of one partition.

mod beyond;
mod boxes;
