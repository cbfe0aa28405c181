//! Plots as inline SVG. Colours, dashes and letters come from the page's style sheet, so they follow the reader's choice of
//! light or dark. A plot is narrow enough that its letters stay readable on a telephone.
//!
//! | module | |
//! |---|---|
//! | [`axis`] | from quantities to positions, and where ticks are |
//! | [`canvas`] | the drawing, and the area between two axes |
//! | [`style`] | the colour, dash and marker of each subject |
//! | [`lines`] | medians over a parameter, with the range of the samples |
//! | [`bars`] | medians side by side, with the range of the samples |
//! | [`steps`] | cumulative distributions of round trips |
//! | [`matrix`] | from every partition to every other |

pub(super) mod axis;
pub(super) mod bars;
pub(super) mod canvas;
pub(super) mod lines;
pub(super) mod matrix;
pub(super) mod steps;
pub(super) mod style;
