//! Rows with their columns below one another, as wide as the terminal.

use std::fmt::Write as _;
use std::io::{IsTerminal, stdout};

use rustix::termios::tcgetwinsize;

const INDENT: &str = "  ";
const GAP: usize = 2;

/// The width that a table may have: the terminal's, or any if standard output is none.
pub(crate) fn width() -> usize {
    let size = stdout().is_terminal().then(|| tcgetwinsize(stdout()).ok()).flatten();
    size.map_or(usize::MAX, |size| usize::from(size.ws_col)).max(1)
}

/// The rows, two spaces between columns. Columns that do not fit go below, each time with the first column again.
pub(crate) fn columns(rows: &[Vec<String>], most: usize) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or_default()).collect();
    let groups = groups(&widths, most);
    let texts = groups.iter().map(|group| lines(rows, &widths, group));
    texts.collect::<Vec<_>>().join("\n")
}

/// Which columns stand side by side. Each group begins with the first column.
fn groups(widths: &[usize], most: usize) -> Vec<Vec<usize>> {
    let lead = INDENT.len() + widths.first().copied().unwrap_or_default();
    let (mut groups, mut taken) = (vec![vec![0]], lead);
    for (column, width) in widths.iter().enumerate().skip(1) {
        taken = taken.saturating_add(GAP + width);
        let last = groups.len() - 1;
        if taken > most && groups[last].len() > 1 {
            groups.push(vec![0, column]);
            taken = lead + GAP + width;
        } else {
            groups[last].push(column);
        }
    }
    groups
}

fn lines(rows: &[Vec<String>], widths: &[usize], group: &[usize]) -> String {
    let mut text = String::new();
    for row in rows {
        let cell = |column: &usize| row.get(*column).map(|cell| format!("{cell:<width$}", width = widths[*column]));
        let cells: Vec<String> = group.iter().filter_map(cell).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{INDENT}{}", cells.join(&" ".repeat(GAP)).trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_do_not_fit_go_below_with_the_first_again() {
        let rows = [["name", "cores", "memory"], ["web", "0-1", "512 MiB"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(columns(&rows, usize::MAX), "  name  cores  memory\n  web   0-1    512 MiB\n");
        let narrow = "  name  cores\n  web   0-1\n\n  name  memory\n  web   512 MiB\n";
        assert_eq!(columns(&rows, 20), narrow);
        assert_eq!(columns(&rows, 1), narrow, "the first column never stands alone");
    }
}
