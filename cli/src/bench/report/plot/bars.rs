//! Medians beside one another, from nought, with the range of the samples as whiskers.

use maud::{Markup, html};

use super::axis::Axis;
use super::look::Look;
use super::{LONGEST_TITLE, Told, WIDTH, cut, drawing, px};
use crate::bench::quantity::Scale;

const LABELS: f64 = 136.0;
const LONGEST_LABEL: usize = 19;
const LONGEST_GROUP: usize = 62;
/// For the figure behind the longest bar.
const FIGURES: f64 = 64.0;
const ROW: f64 = 22.0;
const BAR: f64 = 13.0;
const AXIS: f64 = 42.0;

/// What belongs together.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Group {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

/// One who was asked.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) look: Look,
    pub(crate) median: f64,
    pub(crate) range: (f64, f64),
}

enum Row<'a> {
    Title(&'a str),
    Bar(&'a Bar),
}

impl Group {
    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let title = (!self.title.is_empty()).then_some(Row::Title(&self.title));
        title.into_iter().chain(self.bars.iter().map(Row::Bar))
    }
}

/// The plot of several groups on one axis.
pub(crate) fn bars(told: &Told, unit: &str, groups: &[Group]) -> Markup {
    let greatest = groups.iter().flat_map(|group| &group.bars).map(|bar| bar.range.1).filter(|end| end.is_finite());
    let greatest = greatest.fold(0.0, f64::max);
    let axis = Axis::from_nought(unit, if greatest > 0.0 { greatest } else { 1.0 });
    let scale = Scale::of(unit, greatest);
    let rows: Vec<Row> = groups.iter().flat_map(Group::rows).collect();
    let bottom = rows.len() as f64 * ROW + 6.0;
    let content = html! {
        (frame(&axis, bottom))
        @for (place, row) in rows.iter().enumerate() {
            @let top = place as f64 * ROW;
            @match row {
                Row::Title(title) => text.group.halo x="2" y=(px(top + 16.0)) { (cut(title, LONGEST_GROUP)) },
                Row::Bar(bar) => (bar.draw(&axis, &scale, top + ROW / 2.0)),
            }
        }
    };
    drawing(told, bottom + AXIS, &content)
}

fn x(axis: &Axis, quantity: f64) -> f64 {
    LABELS + axis.share(quantity) * (WIDTH - FIGURES - LABELS)
}

fn frame(axis: &Axis, bottom: f64) -> Markup {
    html! {
        @for tick in axis.ticks_within(WIDTH - FIGURES - LABELS) {
            @let x = px(x(axis, tick.at));
            line.grid x1=(x) x2=(x) y1="0" y2=(px(bottom)) {}
            text.tick.middle x=(x) y=(px(bottom + 14.0)) { (tick.words) }
        }
        text.name.middle x=(px(f64::midpoint(LABELS, WIDTH - FIGURES))) y=(px(bottom + 32.0)) { (cut(axis.title(), LONGEST_TITLE)) }
    }
}

impl Bar {
    fn draw(&self, axis: &Axis, scale: &Scale, middle: f64) -> Markup {
        let (start, end) = (x(axis, 0.0), x(axis, self.median));
        let (least, greatest) = (x(axis, self.range.0), x(axis, self.range.1));
        html! {
            g class=(self.look.class()) {
                title { (self.label) ": " (scale.show(self.median)) " (" (scale.range(self.range)) ")" }
                text.label.end x=(px(LABELS - 8.0)) y=(px(middle + 4.0)) { (cut(&self.label, LONGEST_LABEL)) }
                rect.bar x=(px(start)) y=(px(middle - BAR / 2.0)) width=(px(end - start)) height=(px(BAR)) {}
                path.whisker d=(whisker(least, greatest, middle)) {}
                text.figure.halo x=(px(greatest + 7.0)) y=(px(middle + 4.0)) { (scale.number(self.median)) }
            }
        }
    }
}

fn whisker(least: f64, greatest: f64, middle: f64) -> String {
    let [least, greatest, middle, top] = [least, greatest, middle, middle - 3.0].map(px);
    format!("M{least} {top}v6M{least} {middle}H{greatest}M{greatest} {top}v6")
}
