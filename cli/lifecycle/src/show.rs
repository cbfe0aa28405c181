//! Shows rows once, or again and again.

use std::io::{self, IsTerminal};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::output::{self, Listener};
use crate::row::Row;
use crate::table;

/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// Clears a terminal.
const CLEAR: &str = "\x1b[2J";
/// Goes to the terminal's first line. What is there stays until it is written over, so nothing flickers.
const HOME: &str = "\x1b[H";
/// Ends a line, and clears what was behind its end.
const END_OF_LINE: &str = "\x1b[K\n";
/// Clears all lines below.
const CLEAR_BELOW: &str = "\x1b[J";

/// For whom rows are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// For people.
    Table,
    /// For programs: an object in one line.
    Json,
}

/// How often they are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Times {
    /// Once.
    Once,
    /// On a terminal each second, else whenever something has changed.
    Watch,
}

impl Form {
    /// For programs, or for people.
    pub fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Table }
    }

    /// These rows in this form.
    pub fn text(self, rows: &[Row]) -> String {
        match self {
            Self::Json => format!("{}\n", json!({ "partitions": rows })),
            Self::Table => table::table(rows),
        }
    }
}

impl Times {
    /// Once, or again and again.
    pub fn of(watch: bool) -> Self {
        if watch { Self::Watch } else { Self::Once }
    }
}

/// Shows what `look` sees.
///
/// # Errors
/// Those of `look`, and of standard output.
pub fn show<E: From<io::Error>>(
    form: Form,
    times: Times,
    mut look: impl FnMut() -> Result<Vec<Row>, E>,
) -> Result<(), E> {
    match (times, form) {
        (Times::Once, _) => Ok(output::print(&form.text(&look()?)).map(drop)?),
        (Times::Watch, Form::Table) if io::stdout().is_terminal() => redraw(look),
        (Times::Watch, _) => print_changes(form, look),
    }
}

fn print_changes<E: From<io::Error>>(form: Form, mut look: impl FnMut() -> Result<Vec<Row>, E>) -> Result<(), E> {
    let mut shown = Vec::new();
    loop {
        let rows = look()?;
        let lasting = rows.iter().map(Row::without_uptime).collect();
        if shown != lasting {
            let gap = if shown.is_empty() || form == Form::Json { "" } else { "\n" };
            if output::print(&format!("{gap}{}", form.text(&rows)))? == Listener::Gone {
                return Ok(());
            }
            shown = lasting;
        }
        thread::sleep(PAUSE);
    }
}

/// Draws the table on a terminal, each second over the one before.
fn redraw<E: From<io::Error>>(mut look: impl FnMut() -> Result<Vec<Row>, E>) -> Result<(), E> {
    output::print(CLEAR)?;
    while output::print(&screen(&table::table(&look()?)))? == Listener::There {
        thread::sleep(PAUSE);
    }
    Ok(())
}

fn screen(table: &str) -> String {
    format!("{HOME}{}{CLEAR_BELOW}", table.replace('\n', END_OF_LINE))
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
        assert_eq!(Form::Json.text(&[]), "{\"partitions\":[]}\n");
    }
}
