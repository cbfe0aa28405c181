//! Sizes as a box file writes them: a whole number and a binary unit, `512MiB`.
//!
//! There is one spelling for each unit. `512M` and `512MB` mean 512 × 2²⁰ to some and 512 × 10⁶ to others, and a bare
//! number means bytes to one and megabytes to the next. So these spellings are refused.

use core::fmt;

/// The units, largest first.
const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];

/// A number of bytes that is shown as the box file would have it: `512MiB`, and `1000 bytes` where no unit fits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Size(pub u64);

/// Why a text is not a size.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SizeError {
    /// It does not begin with a whole number.
    #[error("it does not begin with a whole number")]
    NoNumber,
    /// A number alone.
    #[error("it has no unit")]
    NoUnit,
    /// What follows the number is no unit.
    #[error("its unit is none of KiB, MiB, GiB, TiB")]
    UnknownUnit,
    /// It passes 2⁶⁴ bytes.
    #[error("it is more than 64 bits of address reach")]
    TooLarge,
}

impl Size {
    /// Reads a whole number and a unit, with or without spaces between them.
    ///
    /// # Errors
    /// If that is not what it is.
    pub fn parse(text: &str) -> Result<Self, SizeError> {
        let text = text.trim();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(SizeError::NoNumber);
        }
        let unit = unit.trim_start();
        if unit.is_empty() {
            return Err(SizeError::NoUnit);
        }
        let (_, shift) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or(SizeError::UnknownUnit)?;
        let number: u64 = number.parse().map_err(|_| SizeError::TooLarge)?;
        number.checked_mul(1 << shift).map(Self).ok_or(SizeError::TooLarge)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.into_iter().find(|(_, shift)| self.0 != 0 && self.0.trailing_zeros() >= *shift) {
            Some((unit, shift)) => write!(f, "{}{unit}", self.0 >> shift),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_unit_is_read() {
        assert_eq!(Size::parse("4KiB"), Ok(Size(4096)));
        assert_eq!(Size::parse(" 512 MiB "), Ok(Size(512 << 20)));
        assert_eq!(Size::parse("3GiB"), Ok(Size(3 << 30)));
        assert_eq!(Size::parse("1TiB"), Ok(Size(1 << 40)));
    }

    #[test]
    fn what_could_mean_two_things_is_refused() {
        assert_eq!(Size::parse("512"), Err(SizeError::NoUnit));
        assert_eq!(Size::parse("512M"), Err(SizeError::UnknownUnit));
        assert_eq!(Size::parse("512MB"), Err(SizeError::UnknownUnit));
        assert_eq!(Size::parse("1.5GiB"), Err(SizeError::UnknownUnit));
        assert_eq!(Size::parse("MiB"), Err(SizeError::NoNumber));
        assert_eq!(Size::parse("-1MiB"), Err(SizeError::NoNumber));
    }

    #[test]
    fn a_size_beyond_64_bits_is_refused() {
        assert_eq!(Size::parse("16777216TiB"), Err(SizeError::TooLarge));
        assert_eq!(Size::parse("99999999999999999999KiB"), Err(SizeError::TooLarge));
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_read_again(kib in 1..u64::MAX >> 10) {
            prop_assert_eq!(Size::parse(&Size(kib << 10).to_string()), Ok(Size(kib << 10)));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = Size::parse(&text);
        }
    }
}
