//! The contents of a frame after its Ethernet header:
//!
//! ```text
//! 0   checksum  u32   over the four words that follow
//! 4   stream    u32   the sender's process
//! 8   number    u32   counted from 0; in a credit: all frames below it have been taken
//! 12  window    u32   how many frames may be on the way; the highest bit marks the last frame
//! 16  length    u32   of the frame, Ethernet header included
//! 20  bytes made from stream and number, up to the length
//! ```

use anyhow::{Context, Result};

/// Ethernet: destination, source, type.
pub(crate) const ETHERNET_LEN: usize = 14;
/// What precedes the bytes made from the number.
pub(crate) const HEAD_LEN: usize = ETHERNET_LEN + LABEL_LEN;
/// The shortest frame: Ethernet's own minimum, without its checksum.
pub(crate) const LEAST: usize = 60;
pub(crate) const MOST: usize = 65_549;

/// The types of frames that carry bytes, and of those that give credit. IEEE keeps both for local use.
pub(crate) const FLOOD: u16 = 0x88b5;
pub(crate) const CREDIT: u16 = 0x88b6;

const LABEL_LEN: usize = 20;
const LAST: u32 = 1 << 31;
/// How many different runs of bytes there are, and the distance from one to the next. It has no divisor in common with a
/// word, so a shifted frame differs.
const RUNS: usize = 61;
const RUN_STEP: usize = 7;

pub(crate) type Mac = [u8; 6];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Label {
    pub(crate) stream: u32,
    pub(crate) number: u32,
    pub(crate) window: u32,
    pub(crate) is_last: bool,
    pub(crate) len: usize,
}

/// The bytes from which all frames are cut.
pub(crate) struct Pattern(Vec<u8>);

impl Label {
    pub(crate) fn head(self, to: Mac, from: Mac, kind: u16) -> [u8; HEAD_LEN] {
        let mut head = [0; HEAD_LEN];
        head[..6].copy_from_slice(&to);
        head[6..12].copy_from_slice(&from);
        head[12..ETHERNET_LEN].copy_from_slice(&kind.to_be_bytes());
        head[ETHERNET_LEN..].copy_from_slice(&self.bytes());
        head
    }

    /// The first bytes of the content.
    pub(crate) fn bytes(self) -> [u8; LABEL_LEN] {
        let flag = if self.is_last { LAST } else { 0 };
        let words = [self.stream, self.number, self.window | flag, self.len as u32];
        let mut bytes = [0; LABEL_LEN];
        for (place, word) in bytes.chunks_exact_mut(4).zip([checksum(words)].into_iter().chain(words)) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The label of that content, if its checksum is right.
    pub(crate) fn read(content: &[u8]) -> Option<Label> {
        let word = |at: usize| Some(u32::from_le_bytes(content.get(at..at + 4)?.try_into().ok()?));
        let words = [word(4)?, word(8)?, word(12)?, word(16)?];
        let [stream, number, window, len] = words;
        (word(0)? == checksum(words)).then_some(Label {
            stream,
            number,
            window: window & !LAST,
            is_last: window & LAST != 0,
            len: len as usize,
        })
    }
}

/// Changes with any single word.
fn checksum(words: [u32; 4]) -> u32 {
    words.into_iter().fold(0x9e37_79b9, |sum, word| (sum ^ word).wrapping_mul(0x85eb_ca6b).rotate_left(13))
}

impl Pattern {
    pub(crate) fn new() -> Pattern {
        let mut bytes = vec![0; MOST + RUNS * RUN_STEP];
        fastrand::Rng::with_seed(1).fill(&mut bytes);
        Pattern(bytes)
    }

    /// The bytes behind a label.
    pub(crate) fn of(&self, Label { stream, number, len, .. }: Label) -> &[u8] {
        let start = stream.wrapping_add(number) as usize % RUNS * RUN_STEP;
        &self.0[start..start + len - HEAD_LEN]
    }

    /// The label of that content, if it is as it was sent.
    pub(crate) fn check(&self, content: &[u8]) -> Option<Label> {
        let label = Label::read(content).filter(|label| (HEAD_LEN..=MOST).contains(&label.len))?;
        // A short frame arrives with Ethernet's padding.
        let bytes = content.get(LABEL_LEN..label.len - ETHERNET_LEN)?;
        (bytes == self.of(label)).then_some(label)
    }
}

pub(crate) fn mac(text: &str) -> Result<Mac> {
    let bytes: Option<Vec<u8>> = text.split(':').map(|word| u8::from_str_radix(word, 16).ok()).collect();
    bytes.and_then(|bytes| bytes.try_into().ok()).with_context(|| format!("{text:?} is no address of a card"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = [2, 0, 0, 0, 0, 1];

    #[test]
    fn every_changed_byte_is_seen() {
        let pattern = Pattern::new();
        let label = Label { stream: 7, number: 123_456, window: 64, is_last: true, len: 100 };
        let frame = [label.head(MAC, MAC, FLOOD).as_slice(), pattern.of(label)].concat();
        let content = &frame[ETHERNET_LEN..];
        assert_eq!((frame.len(), pattern.check(content)), (100, Some(label)));
        for at in 0..content.len() {
            let mut damaged = content.to_vec();
            damaged[at] ^= 0x10;
            assert_eq!(pattern.check(&damaged), None, "byte {at}");
        }
        assert_eq!(pattern.check(&content[..content.len() - 1]), None);
        assert_eq!(Label::read(&[0; 64]), None);
    }

    #[test]
    fn neighbours_hold_different_bytes() {
        let (pattern, label) = (Pattern::new(), Label { stream: 7, number: 1, window: 0, is_last: false, len: MOST });
        for other in [Label { number: 2, ..label }, Label { stream: 8, ..label }] {
            assert_ne!(pattern.of(label), pattern.of(other));
        }
        assert_eq!(pattern.of(Label { number: 60, ..label }).len(), MOST - HEAD_LEN);
    }

    #[test]
    fn an_address_is_six_bytes() {
        assert_eq!(mac("02:00:00:00:00:01").unwrap(), MAC);
        assert!(mac("02:00:00").is_err() && mac("x").is_err());
    }
}
