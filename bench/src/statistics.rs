//! What a few samples say, without an assumption about how they are spread.

/// Median and range. All are NaN if there is no sample.
#[derive(Clone, Copy, PartialEq, Debug)]
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

    /// The smallest and the largest sample.
    pub fn range(self) -> (f64, f64) {
        (self.least, self.most)
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
}
