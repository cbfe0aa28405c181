//! Plots as inline SVG. Colours, dashes and letters come from the page's style sheet, so that they follow the reader's
//! choice of light or dark; a figure is narrow enough that its letters stay readable on a telephone.
//!
//! | module | |
//! |---|---|
//! | [`axis`] | from quantities to places, and where ticks stand |
//! | [`look`] | who is drawn in which colour, dash and marker |
//! | [`lines`] | medians over a parameter, with the range of the samples |
//! | [`bars`] | medians beside one another, with the range of the samples |
//! | [`steps`] | how many round trips took no longer than that |
//! | [`matrix`] | from every partition to every other |

pub(super) mod axis;
pub(super) mod bars;
pub(super) mod lines;
pub(super) mod look;
pub(super) mod matrix;
pub(super) mod steps;

use maud::{Markup, html};

use self::axis::Axis;

/// All plots are so wide, in the units of their view box.
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 270.0;
/// What an axis is called, in letters.
const LONGEST_TITLE: usize = 52;

/// What a reader who does not see it is told.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Told<'a> {
    /// Unique on the page.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) description: &'a str,
}

fn drawing(told: &Told, height: f64, content: &Markup) -> Markup {
    let (title, description) = (format!("{}-title", told.id), format!("{}-desc", told.id));
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-labelledby=(format!("{title} {description}")) {
            title id=(title) { (told.title) }
            desc id=(description) { (told.description) }
            (content)
        }
    }
}

/// Where quantities are drawn, between two axes.
struct Area<'a> {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    across: &'a Axis,
    up: &'a Axis,
}

impl<'a> Area<'a> {
    fn new(across: &'a Axis, up: &'a Axis) -> Self {
        Self { left: 50.0, top: 24.0, right: WIDTH - 18.0, bottom: HEIGHT - 40.0, across, up }
    }

    fn x(&self, quantity: f64) -> f64 {
        self.left + self.across.share(quantity) * (self.right - self.left)
    }

    fn y(&self, quantity: f64) -> f64 {
        self.bottom - self.up.share(quantity) * (self.bottom - self.top)
    }

    /// Grid, ticks and what the axes are called.
    fn frame(&self) -> Markup {
        let middle = f64::midpoint(self.left, self.right);
        html! {
            @for tick in self.up.ticks() {
                @let y = self.y(tick.at);
                line.grid x1=(px(self.left)) x2=(px(self.right)) y1=(px(y)) y2=(px(y)) {}
                text.tick.end x=(px(self.left - 6.0)) y=(px(y + 4.0)) { (tick.words) }
            }
            line.axis x1=(px(self.left)) x2=(px(self.right)) y1=(px(self.bottom)) y2=(px(self.bottom)) {}
            @for tick in self.across.ticks() {
                @let x = px(self.x(tick.at));
                line.axis x1=(x) x2=(x) y1=(px(self.bottom)) y2=(px(self.bottom + 4.0)) {}
            }
            @for tick in self.across.ticks_within(self.right - self.left) {
                text.tick.middle x=(px(self.x(tick.at))) y=(px(self.bottom + 17.0)) { (tick.words) }
            }
            text.name.middle x=(px(middle)) y=(px(self.bottom + 35.0)) { (cut(self.across.title(), LONGEST_TITLE)) }
            text.name x="2" y="12" { (cut(self.up.title(), LONGEST_TITLE)) }
        }
    }
}

/// A place, to a tenth: more is not seen.
fn px(place: f64) -> String {
    let place = format!("{place:.1}");
    place.strip_suffix(".0").map_or(place.clone(), str::to_owned)
}

/// Words cut to `most` letters, so that they stay where there is room for them.
fn cut(words: &str, most: usize) -> String {
    if words.chars().count() <= most {
        return words.to_owned();
    }
    words.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
