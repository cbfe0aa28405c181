//! The contents of a frame.
//!
//! ```text
//! 0   checksum   u32   CRC-32 of all that follows
//! 4   stream     u32   the sender's process
//! 8   number     u32   counted from 0, the highest bit set if the sender wants an answer
//! 12  bytes that are computed from stream and number
//! ```

/// Ethernet, IPv4 and UDP headers.
pub(crate) const HEADERS: usize = 14 + 20 + 8;
/// The shortest frame: Ethernet's own minimum, which leaves room for what a frame holds.
pub(crate) const LEAST: usize = 64;
/// The longest: an IPv4 packet cannot be longer than 65,535 bytes.
pub(crate) const MOST: usize = 65_535 + 14;

const CHECKSUM_LEN: usize = 4;
const HEAD_LEN: usize = 12;
const ANSWER_WANTED: u32 = 1 << 31;

/// The identity of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Label {
    pub(crate) stream: u32,
    pub(crate) number: u32,
    pub(crate) answer_wanted: bool,
}

/// A frame's datagram; `frame_len` counts the headers too.
pub(crate) fn write(label: Label, frame_len: usize) -> Vec<u8> {
    let mut bytes = vec![0; CHECKSUM_LEN];
    bytes.extend(label.stream.to_le_bytes());
    let flag = if label.answer_wanted { ANSWER_WANTED } else { 0 };
    bytes.extend((label.number | flag).to_le_bytes());
    let mut state = label.stream.wrapping_mul(0x9e37_79b9) ^ label.number;
    while bytes.len() < frame_len - HEADERS {
        // Numerical Recipes' generator: the high bits are good enough to distinguish one byte from its neighbours.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.push((state >> 24) as u8);
    }
    let checksum = crc32fast::hash(&bytes[CHECKSUM_LEN..]);
    bytes[..CHECKSUM_LEN].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The label of a datagram. An error if the datagram is damaged.
pub(crate) fn read(bytes: &[u8]) -> Result<Label, String> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let (Some(checksum), Some(stream), Some(number)) = (word(0), word(4), word(8)) else {
        return Err(format!("a datagram of {} bytes is too short", bytes.len()));
    };
    let found = crc32fast::hash(&bytes[CHECKSUM_LEN..]);
    let label = Label { stream, number: number & !ANSWER_WANTED, answer_wanted: number & ANSWER_WANTED != 0 };
    if found != checksum {
        return Err(format!("{} bytes are damaged: {label:?}, CRC {found:#x} instead of {checksum:#x}", bytes.len()));
    }
    Ok(label)
}

const _: () = assert!(LEAST - HEADERS >= HEAD_LEN);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_its_label_and_a_damaged_one_is_an_error() {
        for len in [LEAST, 65, 1514, MOST] {
            let label = Label { stream: 3, number: 77, answer_wanted: true };
            let mut bytes = write(label, len);
            assert_eq!(bytes.len() + HEADERS, len);
            assert_eq!(read(&bytes), Ok(label));
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            assert!(read(&bytes).is_err());
        }
        assert!(read(&[0; 5]).is_err());
    }
}
