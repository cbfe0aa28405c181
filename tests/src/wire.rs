//! The packets that a card has sent, which QEMU's `filter-dump` writes to a pcap file (`man 5 pcap-savefile`). This
//! code verifies their checksums (RFC 1071) independently of any kernel.

use std::fs;
use std::path::Path;

const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
/// pcap's mark, in the byte order of the host.
const MAGIC: u32 = 0xa1b2_c3d4;
const ETHERNET_HEADER: usize = 14;
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV4_HEADER_MIN: usize = 20;
const FRAGMENT: u16 = 0x3fff;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// How many packets had a right checksum, and descriptions of the others.
#[derive(Default, Debug)]
pub struct Checked {
    /// TCP segments.
    pub tcp: usize,
    /// UDP datagrams.
    pub udp: usize,
    /// One line for each packet with a wrong checksum.
    pub wrong: Vec<String>,
}

/// Checks every IPv4 packet of TCP or UDP that has `source` as its sender.
///
/// # Panics
/// If the file is not a pcap file.
pub fn check(file: &Path, source: [u8; 4]) -> Checked {
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert_eq!(word(&bytes, 0), Some(MAGIC), "{} is a pcap file", file.display());
    let mut checked = Checked::default();
    let mut at = FILE_HEADER;
    // The last record may be incomplete, because QEMU is writing it.
    while let Some(len) = word(&bytes, at + 8) {
        let start = at + RECORD_HEADER;
        at = start + len as usize;
        let Some(frame) = bytes.get(start..at) else { break };
        if let Some(packet) = packet(frame, source) {
            checked.note(packet);
        }
    }
    checked
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// The whole IPv4 packet in a frame, without Ethernet's padding, if it is of `source`.
fn packet(frame: &[u8], source: [u8; 4]) -> Option<&[u8]> {
    let packet = frame.get(ETHERNET_HEADER..)?;
    let is_wanted = frame[12..14] == IPV4 && packet.get(12..16)? == source && half(packet, 6)? & FRAGMENT == 0;
    is_wanted.then(|| packet.get(..half(packet, 2)?.into())).flatten()
}

impl Checked {
    fn note(&mut self, packet: &[u8]) {
        let header = usize::from(packet[0] & 0xf) * 4;
        let (protocol, payload) = (packet[9], packet.get(header..).unwrap_or_default());
        if header < IPV4_HEADER_MIN || ![TCP, UDP].contains(&protocol) {
            return;
        }
        let sum = sum(&packet[12..20]) + sum(payload) + u64::from(protocol) + payload.len() as u64;
        // A datagram whose sum is zero has none (RFC 768): then the checksum was left out instead of completed.
        let has_none = protocol == UDP && half(payload, 6) == Some(0);
        let right = folded(sum) == 0xffff && folded(self::sum(&packet[..header])) == 0xffff && !has_none;
        match protocol {
            _ if !right => {
                self.wrong.push(format!("protocol {protocol}, {} bytes: {:02x?}", packet.len(), &packet[..header + 8]))
            }
            TCP => self.tcp += 1,
            _ => self.udp += 1,
        }
    }
}

fn sum(bytes: &[u8]) -> u64 {
    let word = |pair: &[u8]| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0));
    bytes.chunks(2).map(word).sum()
}

fn folded(mut sum: u64) -> u64 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}
