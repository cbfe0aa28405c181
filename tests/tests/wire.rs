//! `tests::wire` with packets that are known to be right, and the same packets with one error.

use std::fs;

use tests::wire::{Checked, check};

/// pcap's magic number, and the length of its header.
const MAGIC: u32 = 0xa1b2_c3d4;
const FILE_HEADER: usize = 24;
const ETHERNET_HEADER: usize = 14;

/// A datagram "hi" from 10.0.2.15:1024 to 10.0.2.2:53, with sums worked out by hand.
fn datagram() -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([0x08, 0x00]);
    frame.extend([0x45, 0, 0, 30, 0, 1, 0x40, 0, 64, 17, 0x22, 0xbe, 10, 0, 2, 15, 10, 0, 2, 2]);
    frame.extend([4, 0, 0, 53, 0, 10, 0x7b, 0x2b, b'h', b'i']);
    frame.resize(60, 0);
    frame
}

fn checked(frame: &[u8]) -> Checked {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut bytes = MAGIC.to_ne_bytes().to_vec();
    bytes.resize(FILE_HEADER + 8, 0);
    for _ in 0..2 {
        bytes.extend((frame.len() as u32).to_ne_bytes());
    }
    bytes.extend(frame);
    fs::write(file.path(), bytes).expect("a pcap file");
    check(file.path(), [10, 0, 2, 15])
}

#[test]
fn a_checksum_that_is_not_completed_is_found() {
    let mut frame = datagram();
    assert_eq!(checked(&frame).udp, 1, "{:?}", checked(&frame));
    frame[ETHERNET_HEADER + 26] ^= 1;
    assert_eq!((checked(&frame).udp, checked(&frame).wrong.len()), (0, 1));
    frame[ETHERNET_HEADER + 26..ETHERNET_HEADER + 28].fill(0);
    assert_eq!(checked(&frame).wrong.len(), 1);
}

#[test]
fn what_others_have_sent_is_not_looked_at() {
    let mut frame = datagram();
    frame[ETHERNET_HEADER + 15] = 16;
    assert_eq!((checked(&frame).udp, checked(&frame).wrong.len()), (0, 0));
}
