//! Boxes booted in the emulator, each test a sentence about one. `cargo xtask test` makes what they need.

mod bare;
mod bench;
mod death;
mod devices;
mod driver;
mod dump;
mod first_steps;
mod host;
mod hostile;
mod image;
mod kernel_log;
mod kernels;
mod kexec;
mod lives;
mod loaders;
mod machines;
mod network;
mod parked;
mod plugged;
mod portless;
mod refusals;
mod restart;
mod run;
mod splits;
mod systems;
mod world;
