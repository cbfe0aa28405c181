//! The known word that a misspelt one may mean.

use alloc::vec::Vec;

/// More changed letters than this, and it is another word.
const MAX_DISTANCE: usize = 2;
/// Known words are much shorter than this; longer ones are not compared.
const MAX_LEN: usize = 64;

/// The known word that is nearest to `word`, if any is near.
pub(super) fn nearest(word: &str, known: &[&'static str]) -> Option<&'static str> {
    if word.len() > MAX_LEN {
        return None;
    }
    let nearest = known.iter().map(|candidate| (distance(word.as_bytes(), candidate.as_bytes()), *candidate)).min()?;
    (nearest.0 <= MAX_DISTANCE && nearest.0 < word.len()).then_some(nearest.1)
}

/// How many letters must be put in, taken out or changed to make one word of the other (Levenshtein).
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["name", "cpus", "memory", "kernel", "initrd", "cmdline"];

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        assert_eq!(nearest("memroy", KNOWN), Some("memory"));
        assert_eq!(nearest("cpu", KNOWN), Some("cpus"));
        assert_eq!(nearest("cmd_line", KNOWN), Some("cmdline"));
    }

    #[test]
    fn another_word_is_not_bent_into_a_known_one() {
        assert_eq!(nearest("devices", KNOWN), None);
        assert_eq!(nearest("x", KNOWN), None);
    }
}
