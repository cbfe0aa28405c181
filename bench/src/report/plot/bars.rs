//! Medians side by side, from nought, with the range of the samples as whiskers.

use emulator::columns::cut;
use maud::{Markup, html};

use super::axis::Axis;
use super::canvas::{LONGEST_TITLE, Plot, WIDTH, px};
use super::style::Style;
use crate::quantity::Scale;
use crate::statistics::Summary;

const LABELS: f64 = 136.0;
const LONGEST_LABEL: usize = 19;
const LONGEST_GROUP: usize = 62;
/// For the figure behind the longest bar.
const FIGURES: f64 = 64.0;
const ROW: f64 = 22.0;
const BAR: f64 = 13.0;
const AXIS: f64 = 42.0;

#[derive(Clone)]
pub(in crate::report) enum Row {
    /// The title of the bars that follow.
    Title(String),
    Bar(String, Style, Summary),
}

pub(in crate::report) fn bars(unit: &str, rows: &[Row]) -> Plot {
    let most = |row: &Row| if let Row::Bar(.., summary) = row { summary.most } else { 0.0 };
    let greatest = rows.iter().map(most).filter(|most| most.is_finite()).fold(0.0, f64::max);
    let axis = Axis::from_nought(unit, if greatest > 0.0 { greatest } else { 1.0 });
    let scale = Scale::of(unit, greatest);
    let bottom = rows.len() as f64 * ROW + 6.0;
    let content = html! {
        (frame(&axis, bottom))
        @for (place, row) in rows.iter().enumerate() {
            @let top = place as f64 * ROW;
            @match row {
                Row::Title(title) => text.group.halo x="2" y=(px(top + 16.0)) { (cut(title, LONGEST_GROUP)) },
                Row::Bar(label, style, summary) => {
                    g class=(style.class()) { (bar(label, *summary, &axis, &scale, top + ROW / 2.0)) }
                },
            }
        }
    };
    (bottom + AXIS, content)
}

fn x(axis: &Axis, quantity: f64) -> f64 {
    LABELS + axis.share(quantity) * (WIDTH - FIGURES - LABELS)
}

fn frame(axis: &Axis, bottom: f64) -> Markup {
    let middle = px(f64::midpoint(LABELS, WIDTH - FIGURES));
    html! {
        @for tick in axis.ticks_within(WIDTH - FIGURES - LABELS) {
            @let x = px(x(axis, tick.at));
            line.grid x1=(x) x2=(x) y1="0" y2=(px(bottom)) {}
            text.tick.middle x=(x) y=(px(bottom + 14.0)) { (tick.label) }
        }
        text.name.middle x=(middle) y=(px(bottom + 32.0)) { (cut(&axis.title, LONGEST_TITLE)) }
    }
}

fn bar(label: &str, summary: Summary, axis: &Axis, scale: &Scale, middle: f64) -> Markup {
    let [start, end, least, most] = [0.0, summary.median, summary.least, summary.most].map(|value| x(axis, value));
    html! {
        title { (label) ": " (scale.describe(summary)) }
        text.label.end x=(px(LABELS - 8.0)) y=(px(middle + 4.0)) { (cut(label, LONGEST_LABEL)) }
        rect.bar x=(px(start)) y=(px(middle - BAR / 2.0)) width=(px(end - start)) height=(px(BAR)) {}
        path.whisker d=(whisker(least, most, middle)) {}
        text.figure.halo x=(px(most + 7.0)) y=(px(middle + 4.0)) { (scale.number(summary.median)) }
    }
}

fn whisker(least: f64, most: f64, middle: f64) -> String {
    let [least, most, middle, top] = [least, most, middle, middle - 3.0].map(px);
    format!("M{least} {top}v6M{least} {middle}H{most}M{most} {top}v6")
}
