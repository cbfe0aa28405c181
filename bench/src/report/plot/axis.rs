//! From quantities to positions, and where ticks are.

use crate::labels;
use crate::quantity::Scale;

/// If the greatest is so many times the least, a linear axis would show the small ones as nought.
const WIDE: f64 = 30.0;
/// Quantities smaller than this part of the greatest lie at the end of the axis.
const WIDEST: f64 = 1e15;
/// No more ticks than this over more decades.
const MOST_DECADES: f64 = 8.0;
/// The width of a letter, and the gap between labels, in units of the view box.
const LETTER: f64 = 6.4;
const GAP: f64 = 8.0;
/// How far the label of the last tick may reach beyond the axis.
const OVERHANG: f64 = 26.0;

/// An axis: the quantities that it spans, their spacing, and its title.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Axis {
    spacing: Spacing,
    from: f64,
    to: f64,
    pub(super) ticks: Vec<Tick>,
    pub(super) title: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Spacing {
    Linear,
    Logarithmic,
    /// Of shares: 0, 90 %, 99 %, 99.9 % are equally far from one another.
    Nines,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
}

impl Axis {
    /// For quantities of `unit`: from nought if they are alike, else logarithmic.
    pub(super) fn quantities(unit: &str, quantities: impl IntoIterator<Item = f64>) -> Self {
        let (least, greatest) = positive_range(quantities);
        if greatest <= least * WIDE {
            return Self::from_nought(unit, greatest);
        }
        let scale = Scale::of(unit, greatest);
        let one = greatest / scale.units(greatest);
        let ticks = decades(scale.units(least), scale.units(greatest)).into_iter();
        let ticks = ticks.map(|at| Tick { at: at * one, label: short(at) }).collect();
        Self::logarithmic(least, greatest, ticks, format!("{}, logarithmic", scale.unit()))
    }

    /// From nought to at least `greatest`.
    pub(super) fn from_nought(unit: &str, greatest: f64) -> Self {
        let scale = Scale::of(unit, greatest);
        let one = greatest / scale.units(greatest);
        let step = round_step(scale.units(greatest) / 5.0);
        let steps = (scale.units(greatest) / step).ceil().max(1.0);
        // So few that a float counts them exactly.
        let tick = |number: u32| Tick { at: f64::from(number) * step * one, label: short(f64::from(number) * step) };
        let ticks = (0..=steps as u32).map(tick).collect();
        Self { spacing: Spacing::Linear, from: 0.0, to: steps * step * one, ticks, title: scale.unit().to_owned() }
    }

    /// For times from far apart, each tick with its unit.
    pub(super) fn times(quantities: impl IntoIterator<Item = f64>, title: &str) -> Self {
        let (least, greatest) = positive_range(quantities);
        let tick = |at: f64| {
            let scale = Scale::of("ns", at);
            Tick { at, label: format!("{} {}", short(scale.units(at)), scale.unit()) }
        };
        let ticks = decades(least, greatest).into_iter().map(tick).collect();
        Self::logarithmic(least, greatest, ticks, title.to_owned())
    }

    /// For the values of a parameter, each with its tick.
    pub(super) fn parameter(name: &str, values: &[f64]) -> Self {
        let (least, greatest) = range(values.iter().copied());
        let spacing = if least > 0.0 { Spacing::Logarithmic } else { Spacing::Linear };
        let tick = |value: &f64| Tick { at: *value, label: labels::tick(name, *value, greatest) };
        Self {
            spacing,
            from: least,
            to: greatest,
            ticks: values.iter().map(tick).collect(),
            title: labels::axis(name, greatest),
        }
    }

    /// For shares of `count`, with more room the nearer they come to all.
    pub(super) fn nines(count: u64, title: &str) -> Self {
        // More precision than a plot shows.
        let to = 1.0 - 0.5 / (count.max(10) as f64);
        let ticks = [("0", 0.0), ("50 %", 0.5), ("90 %", 0.9), ("99 %", 0.99), ("99.9 %", 0.999), ("99.99 %", 0.9999)];
        // Not so near to the end that labels would touch.
        let ticks = ticks.into_iter().filter(|(_, at)| 1.0 - at > 2.0 * (1.0 - to)).chain([("all", to)]);
        let ticks = ticks.map(|(label, at)| Tick { at, label: label.to_owned() }).collect();
        Self { spacing: Spacing::Nines, from: 0.0, to, ticks, title: title.to_owned() }
    }

    /// From the tick below the least to the greatest, or the tick just above it.
    fn logarithmic(least: f64, greatest: f64, ticks: Vec<Tick>, title: String) -> Self {
        let from = ticks.first().map_or(least, |tick| tick.at.min(least));
        let to = ticks.last().map_or(greatest, |tick| tick.at.max(greatest));
        Self { spacing: Spacing::Logarithmic, from, to, ticks, title }
    }

    /// The position of a quantity along the axis, from 0 to 1. What lies beyond is at the end.
    pub(super) fn share(&self, quantity: f64) -> f64 {
        if quantity.is_nan() {
            return 0.0;
        }
        let place = |quantity: f64| match self.spacing {
            Spacing::Linear => quantity,
            Spacing::Logarithmic => quantity.max(self.from).log10(),
            Spacing::Nines => -(1.0 - quantity.min(self.to)).log10(),
        };
        let (from, to) = (place(self.from), place(self.to));
        // All quantities are alike: in the middle.
        if to <= from { 0.5 } else { ((place(quantity) - from) / (to - from)).clamp(0.0, 1.0) }
    }

    /// The ticks whose labels fit into this room without touching each other.
    pub(super) fn ticks_within(&self, room: f64) -> Vec<&Tick> {
        let mut free = f64::NEG_INFINITY;
        let fits = |tick: &&Tick| {
            let middle = self.share(tick.at) * room;
            let half = tick.label.chars().count() as f64 * LETTER / 2.0;
            let fits = middle - half >= free && middle + half <= room + OVERHANG;
            if fits {
                free = middle + half + GAP;
            }
            fits
        };
        self.ticks.iter().filter(fits).collect()
    }
}

fn range(quantities: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let quantities = quantities.into_iter().filter(|quantity| quantity.is_finite());
    quantities.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, greatest), quantity| {
        (least.min(quantity), greatest.max(quantity))
    })
}

/// The range of the positive quantities, as far as a plot can tell them apart; from 1 to 1 if there is none.
fn positive_range(quantities: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let (least, greatest) = range(quantities.into_iter().filter(|quantity| *quantity > 0.0));
    if least > greatest { (1.0, 1.0) } else { (least.max(greatest / WIDEST), greatest) }
}

fn round_step(step: f64) -> f64 {
    let decade = 10_f64.powf(step.log10().floor());
    let rounds = [1.0, 2.0, 2.5, 5.0, 10.0].map(|round| round * decade);
    rounds.into_iter().find(|round| *round >= step * 0.999).unwrap_or(10.0 * decade)
}

/// Powers of ten from below `least` to above `greatest`; between them 2 and 5 if there are few.
fn decades(least: f64, greatest: f64) -> Vec<f64> {
    let (first, last) = (least.log10().floor(), greatest.log10().ceil());
    let steps: &[f64] = if last - first <= 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let stride = ((last - first) / MOST_DECADES).ceil().max(1.0) as usize;
    let decades = (first as i32..=last as i32).step_by(stride).map(|decade| 10_f64.powi(decade));
    let ticks: Vec<f64> = decades.flat_map(|decade| steps.iter().map(move |step| step * decade)).collect();
    let below = ticks.iter().rposition(|tick| *tick <= least * 1.001).unwrap_or_default();
    let above = ticks.iter().position(|tick| *tick >= greatest * 0.999).unwrap_or(ticks.len() - 1);
    ticks[below..=above].to_vec()
}

/// A round number, without the error of a multiplication.
fn short(number: f64) -> String {
    if number != 0.0 && !(1e-5..1e7).contains(&number) {
        return format!("{number:.1e}");
    }
    ((number * 1e6).round() / 1e6).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_that_would_touch_are_left_out() {
        let axis = Axis::parameter("frame_bytes", &[1500.0, 1514.0, 65_535.0]);
        let shown: Vec<&str> = axis.ticks_within(300.0).into_iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(shown, ["1500", "65535"]);
    }

    #[test]
    fn nothing_to_show_has_an_axis_all_the_same() {
        for quantities in [vec![], vec![0.0], vec![f64::NAN, f64::INFINITY], vec![-1.0]] {
            let axis = Axis::quantities("ns", quantities);
            assert!(axis.ticks.iter().all(|tick| tick.at.is_finite()) && axis.share(0.5).is_finite(), "{axis:?}");
        }
        assert_eq!(Axis::parameter("burst", &[4.0]).share(4.0), 0.5);
    }
}
