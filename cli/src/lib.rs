//! What the `sprig` command does, as a library.
//!
//! [`arguments`] has the command line, of which `cargo xtask package` also makes man pages; [`commands`] holds one module
//! for each subcommand and nothing that other crates use;
//! [`instance`] hands over to the command of instances.

pub mod arguments;
pub mod commands;
mod doctor;
mod init;
pub mod instance;
mod live;
mod picture;
mod processor;
mod recorded;
mod render;
pub mod table;
