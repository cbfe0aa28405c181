//! The world beyond the box, by the network card of one partition.

mod beyond;
mod boxes;
