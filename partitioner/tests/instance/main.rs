//! What an instance sees, held against other people's parsers, and what is done to a machine so that it sees it.

mod acpi_foreign;
mod another_kernel;
mod apply_transcript;
mod command_line;
mod fixture;
mod zero_page;
