//! A few measurements of one quantity, and what can be said of them without assuming how they are spread.

use std::fmt;

use serde::Serialize;

/// Median and range. Having one means that something was measured.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) count: usize,
}

impl Sample {
    /// Of these values; `None` of none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Sample> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => f64::midpoint(values[middle - 1], values[middle]),
            _ => values[middle],
        };
        Some(Sample { median, least, most, count: values.len() })
    }

    /// Shown with its numbers in another unit.
    pub(crate) fn times(self, factor: f64) -> Sample {
        let Sample { median, least, most, count } = self;
        Sample { median: median * factor, least: least * factor, most: most * factor, count }
    }
}

impl fmt::Display for Sample {
    /// `6.51 (6.20 to 7.03)`, with as many digits after the point as the format says, else two.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let Sample { median, least, most, .. } = self;
        write!(f, "{median:.digits$} ({least:.digits$} to {most:.digits$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_middle_ones() {
        assert_eq!(Sample::of([3.0, 1.0, 9.0]), Some(Sample { median: 3.0, least: 1.0, most: 9.0, count: 3 }));
        assert_eq!(Sample::of([4.0, 1.0, 2.0, 9.0]), Some(Sample { median: 3.0, least: 1.0, most: 9.0, count: 4 }));
        assert_eq!(Sample::of([5.0]), Some(Sample { median: 5.0, least: 5.0, most: 5.0, count: 1 }));
        assert_eq!(Sample::of([]), None);
    }

    #[test]
    fn a_sample_is_shown_with_its_range() {
        let sample = Sample::of([1.0, 2.5, 4.0]).unwrap();
        assert_eq!(sample.to_string(), "2.50 (1.00 to 4.00)");
        assert_eq!(format!("{:.1}", sample.times(100.0)), "250.0 (100.0 to 400.0)");
    }
}
