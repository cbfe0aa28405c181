//! The lines of stock kernels that tests mix.

use clap::ValueEnum;

use super::suite::Suite;

/// A line of kernels, by its version.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
pub(crate) enum KernelLine {
    #[value(name = "6.1")]
    V6_1,
    /// The kernel of Debian's stable release, which the examples boot.
    #[default]
    #[value(name = "6.12")]
    V6_12,
    #[value(name = "7.2")]
    V7_2,
}

impl KernelLine {
    /// The name of its folder.
    pub(crate) fn name(self) -> &'static str {
        match self {
            KernelLine::V6_1 => "6.1",
            KernelLine::V6_12 => "6.12",
            KernelLine::V7_2 => "7.2",
        }
    }

    /// The suite that has it.
    pub(super) fn suite(self) -> Suite {
        match self {
            KernelLine::V6_1 => Suite::Bookworm,
            KernelLine::V6_12 => Suite::Trixie,
            KernelLine::V7_2 => Suite::TrixieBackports,
        }
    }
}
