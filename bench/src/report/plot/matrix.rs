//! From every partition to every other: the more, the stronger the colour.

use emulator::columns::cut;
use maud::{Markup, html};

use super::canvas::{Plot, WIDTH, px};
use crate::model::Pair;
use crate::quantity::Scale;
use crate::statistics::Summary;

const LABELS: f64 = 96.0;
const LONGEST_NAME: usize = 13;
const LONGEST_UNIT: usize = 24;
const TOP: f64 = 46.0;
const WIDEST: f64 = 84.0;
const HIGHEST: f64 = 44.0;
/// Narrower cells have no room for figures.
const NARROWEST: f64 = 34.0;
/// How strong the colour of the least and of the greatest is: letters stay readable on both.
const STRENGTH: (f64, f64) = (0.06, 0.5);

pub(in crate::report) struct Cell<'a> {
    pub(in crate::report) pair: &'a Pair,
    pub(in crate::report) summary: Summary,
}

pub(in crate::report) fn matrix(unit: &str, cells: &[Cell]) -> Plot {
    let mut names: Vec<&str> = Vec::new();
    for name in cells.iter().flat_map(|cell| [&cell.pair.from, &cell.pair.to]) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let grid = Grid::new(&names, unit, cells);
    let bottom = TOP + names.len() as f64 * grid.height;
    (bottom + 26.0, html! { (grid.frame(bottom)) @for cell in cells { (grid.draw(cell)) } })
}

struct Grid<'a> {
    names: &'a [&'a str],
    width: f64,
    height: f64,
    scale: Scale,
    least: f64,
    greatest: f64,
}

impl<'a> Grid<'a> {
    fn new(names: &'a [&'a str], unit: &str, cells: &[Cell]) -> Self {
        let medians = || cells.iter().map(|cell| cell.summary.median);
        let width = ((WIDTH - LABELS - 4.0) / names.len() as f64).min(WIDEST);
        let (least, greatest) = (medians().fold(f64::INFINITY, f64::min), medians().fold(0.0, f64::max));
        Self { names, width, height: width.min(HIGHEST), scale: Scale::of(unit, greatest), least, greatest }
    }

    fn place(&self, name: &str) -> f64 {
        self.names.iter().position(|known| *known == name).unwrap_or_default() as f64
    }

    fn frame(&self, bottom: f64) -> Markup {
        let letters = (self.width / 6.4) as usize;
        let middle = LABELS + self.names.len() as f64 * self.width / 2.0;
        html! {
            text.name.end x=(px(LABELS - 8.0)) y=(px(TOP - 8.0)) { "from" }
            text.name.middle x=(px(middle)) y="12" { "to" }
            @for (number, name) in self.names.iter().enumerate() {
                @let (x, y) = (LABELS + number as f64 * self.width, TOP + number as f64 * self.height);
                text.label.end x=(px(LABELS - 8.0)) y=(px(y + self.height / 2.0 + 4.0)) { (cut(name, LONGEST_NAME)) }
                text.label.middle x=(px(x + self.width / 2.0)) y=(px(TOP - 8.0)) { (cut(name, letters)) }
                rect.nobody x=(px(x + 1.0)) y=(px(y + 1.0))
                    width=(px(self.width - 2.0)) height=(px(self.height - 2.0)) {}
            }
            text.name x=(px(LABELS)) y=(px(bottom + 18.0)) {
                (self.scale.range((self.least, self.greatest))) " " (cut(self.scale.unit(), LONGEST_UNIT))
            }
        }
    }

    fn draw(&self, cell: &Cell) -> Markup {
        let (x, y) = (LABELS + self.place(&cell.pair.to) * self.width, TOP + self.place(&cell.pair.from) * self.height);
        let share = if self.greatest > self.least {
            (cell.summary.median - self.least) / (self.greatest - self.least)
        } else {
            1.0
        };
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        let strength = STRENGTH.0 + share * (STRENGTH.1 - STRENGTH.0);
        html! {
            g {
                title {
                    (cell.pair.from) " → " (cell.pair.to) ": " (self.scale.describe(cell.summary))
                }
                rect.cell x=(px(x + 1.0)) y=(px(y + 1.0)) width=(px(self.width - 2.0)) height=(px(self.height - 2.0))
                    fill-opacity=(format!("{strength:.2}")) {}
                @if self.width >= NARROWEST {
                    text.figure.middle x=(px(x + self.width / 2.0)) y=(px(y + self.height / 2.0 + 4.0)) {
                        (self.scale.number(cell.summary.median))
                    }
                }
            }
        }
    }
}
