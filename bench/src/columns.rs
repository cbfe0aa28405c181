//! Columns as wide as a terminal. Those that do not fit go below, each time with the first column again.

/// The assumed width of a terminal.
pub const WIDTH: usize = 120;

const INDENT: &str = "  ";
const GAP: usize = 2;
/// A first column wider than this is cut, so that another fits beside it.
const WIDEST_LEAD: usize = 44;

/// The alignment of a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A column: its head of one line or more, and a cell for each row.
#[derive(Clone, Debug)]
pub struct Column {
    head: Vec<String>,
    align: Align,
    cells: Vec<String>,
}

impl Column {
    /// With a head of several lines.
    pub fn new(head: &str, align: Align, cells: impl IntoIterator<Item = String>) -> Self {
        let head = head.split('\n').map(str::to_owned).collect();
        Self { head, align, cells: cells.into_iter().collect() }
    }

    fn width(&self) -> usize {
        self.head.iter().chain(&self.cells).map(|cell| cell.chars().count()).max().unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.cells.iter().all(String::is_empty)
    }

    fn cut(mut self) -> Self {
        for cell in self.cells.iter_mut().filter(|cell| cell.chars().count() > WIDEST_LEAD) {
            *cell = cell.chars().take(WIDEST_LEAD - 1).chain(['…']).collect();
        }
        self
    }

    /// A line of the head, whose last line is the lowest, or of the cells.
    fn line(&self, line: usize, head: usize) -> &str {
        let cell = match line.checked_sub(head) {
            Some(row) => self.cells.get(row),
            None => (line + self.head.len()).checked_sub(head).and_then(|line| self.head.get(line)),
        };
        cell.map_or("", String::as_str)
    }
}

/// The columns side by side behind `lead`, without empty ones.
pub fn layout(lead: Column, columns: impl IntoIterator<Item = Column>) -> String {
    let lead = lead.cut();
    let mut blocks: Vec<Vec<Column>> = Vec::new();
    let mut taken = WIDTH;
    for column in columns.into_iter().filter(|column| !column.is_empty()) {
        let width = GAP + column.width();
        match blocks.last_mut() {
            Some(block) if taken + width <= WIDTH => {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn column(head: &str, align: Align, cells: [&str; 2]) -> Column {
        Column::new(head, align, cells.map(str::to_owned))
    }

    #[test]
    fn columns_that_do_not_fit_go_below_with_the_first_column_again() {
        let long = "x".repeat(50);
        let lead = column("who", Align::Left, ["vni", &long]);
        let cells = [("a", [long.as_str(), "1"]), ("b", [&long, ""])];
        let drawn = layout(lead, cells.map(|(head, cells)| column(head, Align::Right, cells)));
        assert!(drawn.lines().all(|line| line.chars().count() <= WIDTH), "{drawn}");
        assert_eq!(drawn.lines().filter(|line| line.trim_start().starts_with("who")).count(), 2, "{drawn}");
        assert_eq!(drawn.matches(&format!("{}…", "x".repeat(WIDEST_LEAD - 1))).count(), 1, "{drawn}");
    }
}
