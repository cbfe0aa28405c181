//! What the `sprig` command does, as a library.
//!
//! [`commands`] holds one module for each subcommand and nothing that other crates use.

pub mod commands;
mod doctor;
mod init;
mod live;
mod picture;
mod processor;
mod recorded;
mod render;
pub mod table;
