//! Releases of kernels, in the order in which people see them: `6.9` before `6.12`, `6.13-rc1` before `6.13`.

use std::cmp::{Ordering, Reverse};

/// What a release is compared by: its version, and then how plain its flavour is. Of `6.1.0-41-amd64` and
/// `6.1.0-41-rt-amd64`, the first is what most people want.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let key = |release| {
        let (version, flavour) = split(release);
        (version, Reverse(flavour.len()), flavour.to_owned())
    };
    key(one).cmp(&key(other))
}

/// A part of a version. The order of the variants is that of releases.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Part {
    /// `rc`: before the version without it.
    Candidate,
    /// Nothing more.
    End,
    Number(u64),
}

/// The version, and what follows from the first letter on that is not of `rc`.
fn split(release: &str) -> (Vec<Part>, &str) {
    let (mut parts, mut rest) = (Vec::new(), release);
    loop {
        rest = rest.trim_start_matches(|letter: char| !letter.is_ascii_alphanumeric());
        let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        match (digits, rest.strip_prefix("rc")) {
            (0, Some(after)) => {
                parts.push(Part::Candidate);
                rest = after;
            }
            (0, None) => break,
            _ => {
                parts.push(Part::Number(rest[..digits].parse().unwrap_or(u64::MAX)));
                rest = &rest[digits..];
            }
        }
    }
    parts.push(Part::End);
    (parts, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_is_more_and_plainer_is_more() {
        let ascending = [
            "5.10.0-8-amd64",
            "6.1.0-9-amd64",
            "6.1.0-41-rt-amd64",
            "6.1.0-41-amd64",
            "6.11.4-301.fc41.x86_64",
            "6.12.118+deb13-amd64",
            "6.13~rc7-amd64",
            "6.13-rc8",
            "6.13",
            "6.13.1-arch1-1",
            "7.2.0",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
        assert_eq!(compare("6.1", "6.1"), Ordering::Equal);
    }
}
