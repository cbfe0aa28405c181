//! Colours and letters.

use svg::node::element::Text;

pub(super) const BACKGROUND: &str = "#fcfcfa";
pub(super) const INK: &str = "#22262b";
pub(super) const FAINT: &str = "#6b727b";
pub(super) const OUTLINE: &str = "#c9cdd2";
pub(super) const PAPER: &str = "#ffffff";
pub(super) const FIRMWARE: &str = "#e4e6e9";
pub(super) const RESIDENT: &str = "#3c434b";
pub(super) const IMAGE: &str = "#aab4bf";
pub(super) const SHARED: &str = "url(#shared)";

/// The partitions' colours, in turn: apart from one another for the colour-blind too, and dark enough for white letters.
const PARTITIONS: [&str; 8] = ["#2f6fa7", "#c2621b", "#2e8b57", "#8a4f9e", "#b03a48", "#22808a", "#8a6d1f", "#5d6470"];

pub(super) const STYLE: &str = "
text { font-family: 'Inter', 'DejaVu Sans', 'Helvetica Neue', Arial, sans-serif; font-size: 13px }
.title { font-size: 28px; font-weight: 700 }
.subtitle { font-size: 14px }
.heading { font-size: 15px; font-weight: 700 }
.name { font-size: 16px; font-weight: 700 }
.strong { font-weight: 700 }
.address { font-family: 'DejaVu Sans Mono', 'SF Mono', Menlo, monospace; font-size: 11px }
.small { font-size: 11px }
";

/// The colour of the partition of this place in the box file.
pub(super) fn partition_colour(number: usize) -> &'static str {
    PARTITIONS[number % PARTITIONS.len()]
}

/// Words with the left end of their base line at (`x`, `y`).
pub(super) fn label(x: i64, y: i64, class: &str, colour: &str, words: &str) -> Text {
    Text::new(words).set("x", x).set("y", y).set("class", class).set("fill", colour)
}

/// Words cut to about `most` letters, so that they stay where there is room for them.
pub(super) fn cut(words: &str, most: usize) -> String {
    if words.chars().count() <= most {
        return words.to_owned();
    }
    words.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
