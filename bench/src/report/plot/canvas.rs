//! The drawing of a plot, and the area between two axes.

use emulator::columns::cut;
use maud::{Markup, html};

use super::axis::Axis;
use super::style::Series;

/// The width of all plots, in the units of their view box.
pub(super) const WIDTH: f64 = 440.0;
/// The height of those with two axes.
const HEIGHT: f64 = 270.0;
pub(super) const LONGEST_TITLE: usize = 52;

/// The height and the content of a drawing.
pub(in crate::report) type Plot = (f64, Markup);

/// The plot with what a screen reader says of it; `id` is unique on the page.
pub(in crate::report) fn drawing(id: &str, title: &str, description: &str, (height, content): Plot) -> Markup {
    let (title_id, description_id) = (format!("{id}-title"), format!("{id}-desc"));
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-labelledby=(format!("{title_id} {description_id}")) {
            title id=(title_id) { (title) }
            desc id=(description_id) { (description) }
            (content)
        }
    }
}

pub(super) fn polyline(corners: impl Iterator<Item = (f64, f64)>) -> Markup {
    let corners = corners.map(|(x, y)| format!("{},{}", px(x), px(y)));
    html! { polyline.median points=(corners.collect::<Vec<_>>().join(" ")) {} }
}

pub(super) struct Area<'a> {
    pub(super) left: f64,
    top: f64,
    pub(super) right: f64,
    bottom: f64,
    pub(super) across: &'a Axis,
    up: &'a Axis,
}

impl<'a> Area<'a> {
    pub(super) fn new(across: &'a Axis, up: &'a Axis) -> Self {
        Self { left: 50.0, top: 24.0, right: WIDTH - 18.0, bottom: HEIGHT - 40.0, across, up }
    }

    /// A plot of several subjects. The first is ours: it lies above the others.
    pub(super) fn plot<T>(&self, all: &[Series<T>], draw: impl Fn(&Series<T>) -> Markup) -> Plot {
        let content = html! {
            (self.frame())
            @for one in all.iter().rev() { g class=(one.style.class()) { (draw(one)) } }
        };
        (HEIGHT, content)
    }

    pub(super) fn x(&self, quantity: f64) -> f64 {
        self.left + self.across.share(quantity) * (self.right - self.left)
    }

    pub(super) fn y(&self, quantity: f64) -> f64 {
        self.bottom - self.up.share(quantity) * (self.bottom - self.top)
    }

    pub(super) fn frame(&self) -> Markup {
        let middle = f64::midpoint(self.left, self.right);
        html! {
            @for tick in &self.up.ticks {
                @let y = self.y(tick.at);
                line.grid x1=(px(self.left)) x2=(px(self.right)) y1=(px(y)) y2=(px(y)) {}
                text.tick.end x=(px(self.left - 6.0)) y=(px(y + 4.0)) { (tick.label) }
            }
            line.axis x1=(px(self.left)) x2=(px(self.right)) y1=(px(self.bottom)) y2=(px(self.bottom)) {}
            @for tick in &self.across.ticks {
                @let x = px(self.x(tick.at));
                line.axis x1=(x) x2=(x) y1=(px(self.bottom)) y2=(px(self.bottom + 4.0)) {}
            }
            @for tick in self.across.ticks_within(self.right - self.left) {
                text.tick.middle x=(px(self.x(tick.at))) y=(px(self.bottom + 17.0)) { (tick.label) }
            }
            text.name.middle x=(px(middle)) y=(px(self.bottom + 35.0)) { (cut(&self.across.title, LONGEST_TITLE)) }
            text.name x="2" y="12" { (cut(&self.up.title, LONGEST_TITLE)) }
        }
    }
}

/// A position, to a tenth: nobody sees more.
pub(super) fn px(position: f64) -> String {
    let position = format!("{position:.1}");
    position.strip_suffix(".0").map_or(position.clone(), str::to_owned)
}
