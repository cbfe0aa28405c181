//! Plots as inline SVG. Colours, dashes and letters come from the page's style sheet, so they follow the reader's choice of
//! light or dark. A plot is narrow enough that its letters stay readable on a telephone.

pub(super) mod axis;
pub(super) mod bars;
pub(super) mod canvas;
pub(super) mod curves;
pub(super) mod matrix;
pub(super) mod style;
