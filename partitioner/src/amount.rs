//! Amounts for people to read: of memory, short, and rounded where they are not whole; and counts with their nouns.

use core::fmt;

const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A number of things, with the right noun: `1 core`, `4 cores`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Count(pub usize, pub &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, noun) = *self;
        write!(f, "{number} {noun}{}", if number == 1 { "" } else { "s" })
    }
}

/// Bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Amount(pub u64);

impl fmt::Display for Amount {
    /// In the largest unit in which it is whole, if that takes at most four digits, or else rounded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        let whole = |(_, size): &&(&str, u64)| bytes >= *size && bytes % size == 0 && bytes / size < 10_000;
        if let Some((unit, size)) = UNITS.iter().find(whole) {
            return write!(f, "{} {unit}", bytes / size);
        }
        match UNITS.iter().find(|(_, size)| bytes >= *size) {
            // In integers: an amount may be more than a float holds exactly.
            Some((unit, size)) => {
                let tenths = (u128::from(bytes) * 10 + u128::from(*size) / 2) / u128::from(*size);
                match tenths {
                    0..1000 => write!(f, "{}.{} {unit}", tenths / 10, tenths % 10),
                    _ => write!(f, "{} {unit}", (tenths + 5) / 10),
                }
            }
            None => write!(f, "{bytes} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn one_thing_has_no_plural() {
        assert_eq!([1, 0, 2].map(|number| Count(number, "core").to_string()), ["1 core", "0 cores", "2 cores"]);
    }

    #[test]
    fn amounts_are_shown_in_the_unit_that_fits() {
        let shown = [1 << 30, 1536 << 20, 32 << 10, 8_247_232, 7].map(|bytes| Amount(bytes).to_string());
        assert_eq!(shown, ["1 GiB", "1536 MiB", "32 KiB", "7.9 MiB", "7 bytes"]);
        assert_eq!(Amount((2 << 30) - 4096).to_string(), "2.0 GiB");
    }
}
