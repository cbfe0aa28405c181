//! `sprig status`: how all partitions of the box are.
//!
//! | module | |
//! |---|---|
//! | [`row`] | what is said of each partition: a pure function of what the driver shows |
//! | [`links`] | the states of the links to the others |
//! | [`table`] | the rows for people |

mod links;
mod row;
mod table;

use std::io::{self, IsTerminal};
use std::thread;
use std::time::Duration;

use serde_json::json;

use self::links::Links;
use self::row::{Row, rows};
use crate::driver::{Access, Driver, DriverError};
use crate::output::{self, Listener};
use crate::partitions::{Partitions, PartitionsError};
use crate::snapshot::PageError;

/// Pause between two looks with `--watch`.
const PAUSE: Duration = Duration::from_secs(1);
/// Clears a terminal.
const CLEAR: &str = "\x1b[2J";
/// Goes to the terminal's first line. What is there stays until it is written over, so nothing flickers.
const HOME: &str = "\x1b[H";
/// Ends a line, and clears what was behind its end.
const END_OF_LINE: &str = "\x1b[K\n";
/// Clears all lines below.
const CLEAR_BELOW: &str = "\x1b[J";

/// Show how all partitions are
///
/// Shows a line for each partition of the box, by its own account: planned, starting, running, stalled (its kernel hangs),
/// panicked, halted, powered off, rebooting, stopping, stopped or failed. `uptime` is how long it has been so, `restarts`
/// how often it was started again, and `link` the state of the virtual Ethernet to it.
#[derive(clap::Args, Debug)]
pub(crate) struct Status {
    /// Print an object of JSON instead of a table: {"partitions": [...]}, in one line
    #[arg(long)]
    json: bool,
    /// Show it again every second, until Ctrl-C; where the output is no terminal, or with --json, whenever something has
    /// changed
    #[arg(long, short)]
    watch: bool,
}

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StatusError {
    /// The partitions are not known.
    #[error(transparent)]
    Partitions(#[from] PartitionsError),
    /// The driver is not reached.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The control page is not one that this program knows.
    #[error(transparent)]
    Page(#[from] PageError),
    /// Standard output cannot be written to.
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

impl Status {
    /// Shows it.
    pub(crate) fn run(&self) -> Result<(), StatusError> {
        let partitions = Partitions::read()?;
        let driver = Driver::open(Access::Look, partitions.all().len())?;
        let look = || Ok::<_, StatusError>(rows(&partitions, &driver.snapshot()?, &Links::read()));
        match (self.watch, self.json) {
            (false, _) => print(&self.text(&look()?)).map(drop),
            (true, false) if io::stdout().is_terminal() => redraw(look),
            (true, _) => self.print_changes(look),
        }
    }

    fn text(&self, rows: &[Row]) -> String {
        match self.json {
            true => format!("{}\n", json!({ "partitions": rows })),
            false => table::table(rows),
        }
    }

    fn print_changes(&self, look: impl Fn() -> Result<Vec<Row>, StatusError>) -> Result<(), StatusError> {
        let mut shown = Vec::new();
        loop {
            let rows = look()?;
            let lasting = rows.iter().map(Row::without_uptime).collect();
            if shown != lasting {
                let gap = if shown.is_empty() || self.json { "" } else { "\n" };
                if print(&format!("{gap}{}", self.text(&rows)))? == Listener::Gone {
                    return Ok(());
                }
                shown = lasting;
            }
            thread::sleep(PAUSE);
        }
    }
}

/// Draws the table on a terminal, each second over the one before.
fn redraw(look: impl Fn() -> Result<Vec<Row>, StatusError>) -> Result<(), StatusError> {
    print(CLEAR)?;
    while print(&screen(&table::table(&look()?)))? == Listener::There {
        thread::sleep(PAUSE);
    }
    Ok(())
}

fn screen(table: &str) -> String {
    format!("{HOME}{}{CLEAR_BELOW}", table.replace('\n', END_OF_LINE))
}

fn print(text: &str) -> Result<Listener, StatusError> {
    output::print(text).map_err(StatusError::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_drawn_over_the_one_before() {
        assert_eq!(screen("a\nb\n"), "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
    }

    #[test]
    fn json_is_one_line_with_an_object() {
        assert_eq!(Status { json: true, watch: false }.text(&[]), "{\"partitions\":[]}\n");
    }
}
