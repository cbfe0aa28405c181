//! Columns of text, no wider than a terminal. Those that do not fit go below, each time with the first column again.

const INDENT: &str = "  ";
const GAP: usize = 2;

/// The alignment of a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A column: a head of any number of lines, and a cell for each row.
#[derive(Clone, Debug)]
pub struct Column {
    head: Vec<String>,
    align: Align,
    cells: Vec<String>,
}

impl Column {
    /// Without a head.
    pub fn new(align: Align, cells: impl IntoIterator<Item = String>) -> Self {
        Self { head: Vec::new(), align, cells: cells.into_iter().collect() }
    }

    /// With a head, whose last line is next to the cells.
    #[must_use]
    pub fn headed(self, head: &str) -> Self {
        Self { head: head.split('\n').map(str::to_owned).collect(), ..self }
    }

    /// Whether no row has anything in it.
    pub fn is_empty(&self) -> bool {
        self.cells.iter().all(String::is_empty)
    }

    fn width(&self) -> usize {
        self.head.iter().chain(&self.cells).map(|cell| cell.chars().count()).max().unwrap_or_default()
    }

    /// A line of the head, which has so many lines in the block, or of the cells.
    fn line(&self, line: usize, head: usize) -> &str {
        let cell = match line.checked_sub(head) {
            Some(row) => self.cells.get(row),
            None => (line + self.head.len()).checked_sub(head).and_then(|line| self.head.get(line)),
        };
        cell.map_or("", String::as_str)
    }
}

/// The columns side by side behind `lead`, in as many blocks as it takes for none to be wider than `most`.
pub fn blocks(lead: &Column, columns: impl IntoIterator<Item = Column>, most: usize) -> Vec<String> {
    let (mut blocks, mut taken): (Vec<Vec<Column>>, usize) = (Vec::new(), 0);
    for column in columns {
        let width = GAP + column.width();
        match blocks.last_mut() {
            Some(block) if taken.saturating_add(width) <= most => {
                taken += width;
                block.push(column);
            }
            _ => {
                taken = INDENT.len() + lead.width() + width;
                blocks.push(vec![lead.clone(), column]);
            }
        }
    }
    blocks.iter().map(|block| lines(block)).collect()
}

/// Rows of words with their columns below one another; blocks have an empty line between them.
pub fn table(rows: &[Vec<String>], most: usize) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let column = |number| Column::new(Align::Left, rows.iter().map(|row| cell(row, number)));
    blocks(&column(0), (1..count).map(column), most).join("\n")
}

fn lines(columns: &[Column]) -> String {
    let head = columns.iter().map(|column| column.head.len()).max().unwrap_or_default();
    let rows = columns.iter().map(|column| column.cells.len()).max().unwrap_or_default();
    // A row without cells here has been shown above.
    let is_shown =
        |line: &usize| *line < head || columns[1..].iter().any(|column| !column.line(*line, head).is_empty());
    let line = |line: usize| {
        let cells = columns.iter().map(|column| {
            let (cell, width) = (column.line(line, head), column.width());
            match column.align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            }
        });
        let line = cells.collect::<Vec<_>>().join(&" ".repeat(GAP));
        format!("{INDENT}{}\n", line.trim_end())
    };
    (0..head + rows).filter(is_shown).map(line).collect()
}

/// At most so many letters of a text.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_do_not_fit_go_below_with_the_first_again() {
        let rows = [["name", "cores", "memory"], ["web", "0-1", "512 MiB"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows, usize::MAX), "  name  cores  memory\n  web   0-1    512 MiB\n");
        let narrow = "  name  cores\n  web   0-1\n\n  name  memory\n  web   512 MiB\n";
        assert_eq!(table(&rows, 20), narrow);
        assert_eq!(table(&rows, 1), narrow, "the first column never stands alone");
    }

    #[test]
    fn heads_stand_on_their_cells_and_numbers_are_flush() {
        let column = |align, cells: [&str; 2]| Column::new(align, cells.map(str::to_owned));
        let columns = [("frames\nper s", ["1", "10"]), ("lost", ["", "2"])]
            .map(|(head, cells)| column(Align::Right, cells).headed(head));
        let drawn = blocks(&column(Align::Left, ["vni", "veth"]), columns, 30).concat();
        assert_eq!(drawn, "        frames\n         per s  lost\n  vni        1\n  veth      10     2\n");
        assert_eq!([cut("interface", 5), cut("vni0", 5)], ["inte…", "vni0"]);
    }
}
