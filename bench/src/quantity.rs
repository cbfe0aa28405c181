//! Quantities for people to read: three digits, in the unit that makes them short.
//!
//! All quantities of a row, a column or an axis share one [`Scale`], so that they can be compared.

use partitioner::amount::Amount;

use crate::statistics::Summary;

/// The unit of ratios.
pub const RATIO: &str = "ratio";
const RATIO_SIGN: &str = "×";

/// From here on, bytes are shown in KiB and MiB. Frame sizes are smaller.
pub const LARGE_BYTES: f64 = 100_000.0;

const RATES: [(&str, f64); 5] = [("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3), ("", 1.0)];
const TIMES: [(&str, f64); 4] = [("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1.0)];

/// The unit in which quantities are shown, and its size in the measured unit.
#[derive(Clone, PartialEq, Debug)]
pub struct Scale {
    one: f64,
    unit: String,
}

impl Scale {
    /// For quantities of `unit` up to `greatest`.
    pub fn of(unit: &str, greatest: f64) -> Self {
        let fitting = |scales: &[(&'static str, f64)]| {
            let fits = scales.iter().find(|(_, one)| greatest.abs() >= *one);
            fits.or(scales.last()).copied().unwrap_or_default()
        };
        let (one, unit) = match unit {
            RATIO => (1.0, RATIO_SIGN.to_owned()),
            "share" => (0.01, "%".to_owned()),
            "ns" => {
                let (unit, one) = fitting(&TIMES);
                (one, unit.to_owned())
            }
            rate if rate.ends_with("/s") => {
                let (prefix, one) = fitting(&RATES);
                (one, format!("{prefix}{rate}"))
            }
            other => (1.0, other.to_owned()),
        };
        Self { one, unit }
    }

    /// The unit.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// How many of the unit `quantity` is.
    pub fn units(&self, quantity: f64) -> f64 {
        quantity / self.one
    }

    /// The quantity without its unit. Counts stay whole.
    pub fn number(&self, quantity: f64) -> String {
        let is_counted = self.one == 1.0 && self.unit != RATIO_SIGN && quantity.fract() == 0.0 && quantity.abs() < 1e9;
        if is_counted { quantity.to_string() } else { digits(self.units(quantity)) }
    }

    /// The quantity with its unit.
    pub fn show(&self, quantity: f64) -> String {
        match self.unit.as_str() {
            "" => self.number(quantity),
            RATIO_SIGN => format!("{}{RATIO_SIGN}", self.number(quantity)),
            unit => format!("{} {unit}", self.number(quantity)),
        }
    }

    /// The median with its unit, and the range.
    pub fn describe(&self, summary: Summary) -> String {
        format!("{} ({})", self.show(summary.median), self.range(summary.range()))
    }

    /// From one quantity to another, without the unit.
    pub fn range(&self, (least, greatest): (f64, f64)) -> String {
        format!("{} – {}", self.number(least), self.number(greatest))
    }
}

/// One quantity in the unit that fits it.
pub fn show(unit: &str, quantity: f64) -> String {
    Scale::of(unit, quantity).show(quantity)
}

/// A number of bytes, exact if it is that of a frame.
pub fn bytes(bytes: f64) -> String {
    // Whole and small: sizes of frames and of caches.
    if bytes >= LARGE_BYTES { Amount(bytes as u64).to_string() } else { format!("{bytes} bytes") }
}

/// Three significant digits; all digits of what is larger.
pub fn digits(number: f64) -> String {
    if !number.is_finite() {
        return "–".to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    let magnitude = number.abs().log10().floor();
    if !(-6.0..9.0).contains(&magnitude) {
        return format!("{number:.1e}");
    }
    let decimals = (2.0 - magnitude).clamp(0.0, 8.0) as usize;
    let digits = format!("{number:.decimals$}");
    // Trailing zeros align columns. Behind leading zeros they only widen them.
    if magnitude < -1.0 { digits.trim_end_matches('0').to_owned() } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_shown_in_the_unit_that_fits() {
        assert_eq!(show("bit/s", 4_712_345_678.0), "4.71 Gbit/s");
        assert_eq!(show("frames/s", 12_345_678.0), "12.3 Mframes/s");
        assert_eq!(show("frames/s", 512.4), "512 frames/s");
        assert_eq!(show("ns", 87.25), "87.2 ns");
        assert_eq!(show("ns", 30_500.0), "30.5 µs");
        assert_eq!(show("ratio", 1.3), "1.30×");
        assert_eq!(show("share", 0.975), "97.5 %");
        assert_eq!(show("doorbells/frame", 0.000_31), "0.00031 doorbells/frame");
        assert_eq!(show("frames", 12.0), "12 frames");
    }

    #[test]
    fn what_is_not_a_number_is_a_dash() {
        assert_eq!([f64::NAN, f64::INFINITY].map(digits), ["–", "–"]);
        assert_eq!([3e-9, 1e300].map(digits), ["3.0e-9", "1.0e300"]);
    }
}
