//! What a few samples say, without an assumption about how they are spread.

use std::fmt;

use serde::Serialize;

/// Median and range. All are NaN if there is no sample.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Summary {
    /// The middle sample, or the mean of the middle two.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
    /// How many there are.
    pub count: usize,
}

impl Summary {
    /// The summary of these samples.
    pub fn of(samples: impl IntoIterator<Item = f64>) -> Summary {
        let mut sorted: Vec<f64> = samples.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len();
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let median = if count.is_multiple_of(2) {
            f64::midpoint(at((count / 2).wrapping_sub(1)), at(count / 2))
        } else {
            at(count / 2)
        };
        // `min` and `max` pass over samples that are not numbers.
        let (least, most) = (sorted.iter().copied().reduce(f64::min), sorted.iter().copied().reduce(f64::max));
        Summary { median, least: least.unwrap_or(f64::NAN), most: most.unwrap_or(f64::NAN), count }
    }

    /// The same in another unit.
    pub fn times(self, factor: f64) -> Summary {
        let Summary { median, least, most, count } = self;
        Summary { median: median * factor, least: least * factor, most: most * factor, count }
    }

    /// The smallest and the largest sample.
    pub fn range(self) -> (f64, f64) {
        (self.least, self.most)
    }
}

impl fmt::Display for Summary {
    /// `6.51 (6.20 to 7.03)`, with as many digits after the point as the format says, else two.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let Summary { median, least, most, .. } = self;
        write!(f, "{median:.digits$} ({least:.digits$} to {most:.digits$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_middle_ones() {
        assert_eq!(Summary::of([3.0, 1.0, 9.0]), Summary { median: 3.0, least: 1.0, most: 9.0, count: 3 });
        assert_eq!(Summary::of([4.0, 1.0, 2.0, 9.0]), Summary { median: 3.0, least: 1.0, most: 9.0, count: 4 });
        assert_eq!(Summary::of([5.0]), Summary { median: 5.0, least: 5.0, most: 5.0, count: 1 });
        assert!(Summary::of([]).median.is_nan());
    }

    #[test]
    fn a_summary_is_shown_with_its_range() {
        let summary = Summary::of([1.0, 2.5, 4.0]);
        assert_eq!(summary.to_string(), "2.50 (1.00 to 4.00)");
        assert_eq!(format!("{:.1}", summary.times(100.0)), "250.0 (100.0 to 400.0)");
    }
}
