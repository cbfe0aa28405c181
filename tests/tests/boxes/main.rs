//! Boxes booted in the emulator, each test a sentence about one. `cargo xtask test` makes what they need.

mod bare;
mod bench;
mod devices;
mod driver;
mod image;
mod kernels;
mod lives;
mod loaders;
mod machines;
mod network;
mod refusals;
mod splits;
mod systems;
