//! Sizes on the command line and in tables, written as in the box file.

use std::fmt;
use std::str::FromStr;

/// Units from the largest down.
const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Size(pub u64);

/// Words that are no size.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is no size: write a number and a unit, as in 512MiB or 4GiB")]
pub struct SizeError(String);

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let error = || SizeError(text.to_owned());
        let split =
            |(unit, bytes): &(&str, u64)| Some((text.strip_suffix(unit)?.trim_end().parse::<u64>().ok()?, *bytes));
        let (number, unit) = UNITS.iter().find_map(split).ok_or_else(error)?;
        number.checked_mul(unit).filter(|bytes| *bytes > 0).map(Self).ok_or_else(error)
    }
}

impl fmt::Display for Size {
    /// In the largest unit in which it is a whole number, or else has one decimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        if let Some((unit, size)) = UNITS.iter().find(|(_, size)| bytes >= *size && bytes % size == 0) {
            return f.pad(&format!("{} {unit}", bytes / size));
        }
        match UNITS.iter().find(|(_, size)| bytes >= *size) {
            // Rounded to nearest in integers: sizes go beyond what a float holds exactly.
            Some((unit, size)) => {
                let tenths = (u128::from(bytes) * 10 + u128::from(*size) / 2) / u128::from(*size);
                f.pad(&format!("{}.{} {unit}", tenths / 10, tenths % 10))
            }
            None => f.pad(&format!("{bytes} bytes")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_in_the_box_file() {
        assert_eq!("512MiB".parse(), Ok(Size(512 << 20)));
        assert_eq!("4 GiB".parse(), Ok(Size(4 << 30)));
        for wrong in ["", "4", "4G", "0MiB", "-1MiB", "99999999999TiB", "MiB"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_shown_in_the_unit_that_fits() {
        let shown = [1 << 30, 1536 << 20, 32 << 10, 8_247_232, 7].map(|bytes| Size(bytes).to_string());
        assert_eq!(shown, ["1 GiB", "1536 MiB", "32 KiB", "7.9 MiB", "7 bytes"]);
    }
}
