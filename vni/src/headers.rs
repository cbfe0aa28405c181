//! Checks a frame's offload metadata (checksum, segmentation) against the headers that they describe: [`fit`].
//!
//! A kernel that reads "cut this into TCP segments" does so. So what a peer says is compared with the headers as
//! they were copied: whether there is such a protocol at all, where its header starts, and whether the checksum goes
//! where that protocol has it. What the kernel's own parsers check anyway (lengths within IP, options) is left to them.

use crate::descriptor::{Offload, Segmentation};

/// Bytes of a frame that are enough to see where its headers end: Ethernet with two tags, and IPv6 with some of its
/// extension headers, or IPv4 with all of its options.
pub const HEAD_LEN: usize = 192;

const ETHERNET_LEN: usize = 14;
const TAG_LEN: usize = 4;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const TAGS: [u16; 2] = [0x8100, 0x88a8];
const TCP: u8 = 6;
const UDP: u8 = 17;
/// Hop-by-hop, routing and destination options (RFC 8200, section 4).
const EXTENSIONS: [u8; 3] = [0, 43, 60];
const TCP_CHECKSUM: u16 = 16;
const UDP_CHECKSUM: u16 = 6;
const TCP_LEN: usize = 20;
const UDP_LEN: usize = 8;

/// Where a frame's transport header is, and which it is.
struct Transport {
    network: u16,
    protocol: u8,
    start: usize,
}

/// Whether the metadata can be true of a frame of `frame_len` bytes that starts with `head`.
pub fn fit(offload: Offload, head: &[u8], frame_len: usize) -> bool {
    match offload.flags {
        0 => offload == Offload::NONE,
        Offload::NEEDS_CHECKSUM => {
            let start = usize::from(offload.checksum_start);
            let field = start + usize::from(offload.checksum_offset);
            let inside = start >= ETHERNET_LEN && field + 2 <= frame_len;
            inside && (offload.segmentation == 0 && offload.segment_size == 0 || can_be_cut(offload, head, frame_len))
        }
        _ => false,
    }
}

fn can_be_cut(offload: Offload, head: &[u8], frame_len: usize) -> bool {
    let Some(transport) = transport(head) else { return false };
    let kind = match offload.segmentation & !Offload::ECN {
        kind if kind == Segmentation::TcpV4 as u8 => (transport.network == IPV4 && transport.protocol == TCP, TCP_LEN),
        kind if kind == Segmentation::TcpV6 as u8 => (transport.network == IPV6 && transport.protocol == TCP, TCP_LEN),
        kind if kind == Segmentation::Udp as u8 => {
            (transport.protocol == UDP && offload.segmentation & Offload::ECN == 0, UDP_LEN)
        }
        _ => (false, 0),
    };
    let (is_consistent, header_len) = kind;
    let checksum_at = if transport.protocol == TCP { TCP_CHECKSUM } else { UDP_CHECKSUM };
    is_consistent
        && offload.segment_size > 0
        && usize::from(offload.checksum_start) == transport.start
        && offload.checksum_offset == checksum_at
        && transport.start + header_len < frame_len
}

fn transport(head: &[u8]) -> Option<Transport> {
    let mut start = ETHERNET_LEN;
    let mut network = u16_at(head, start - 2)?;
    for _ in 0..2 {
        if TAGS.contains(&network) {
            start += TAG_LEN;
            network = u16_at(head, start - 2)?;
        }
    }
    match network {
        IPV4 => ipv4(head, start),
        IPV6 => ipv6(head, start),
        _ => None,
    }
}

/// RFC 791, section 3.1.
fn ipv4(head: &[u8], start: usize) -> Option<Transport> {
    let first = *head.get(start)?;
    let header_len = usize::from(first & 0x0f) * 4;
    let is_fragment = u16_at(head, start + 6)? & 0x3fff != 0;
    if first >> 4 != 4 || header_len < 20 || is_fragment {
        return None;
    }
    Some(Transport { network: IPV4, protocol: *head.get(start + 9)?, start: start + header_len })
}

/// RFC 8200, sections 3 and 4.
fn ipv6(head: &[u8], start: usize) -> Option<Transport> {
    if head.get(start)? >> 4 != 6 {
        return None;
    }
    let mut protocol = *head.get(start + 6)?;
    let mut start = start + 40;
    while EXTENSIONS.contains(&protocol) {
        protocol = *head.get(start)?;
        start += (usize::from(*head.get(start + 1)?) + 1) * 8;
    }
    Some(Transport { network: IPV6, protocol, start })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;

    fn ipv4_frame(protocol: u8, tags: usize) -> Vec<u8> {
        let mut frame = vec![0; 12];
        (0..tags).for_each(|_| frame.extend([0x81, 0x00, 0x00, 0x05]));
        frame.extend([0x08, 0x00, 0x45]);
        frame.resize(14 + 4 * tags + 200, 0);
        frame[14 + 4 * tags + 9] = protocol;
        frame
    }

    fn ipv6_frame(protocol: u8) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x86, 0xdd, 0x60]);
        frame.resize(300, 0);
        frame[14 + 6] = 0; // hop-by-hop options of 16 bytes, then the protocol
        frame[14 + 40] = protocol;
        frame[14 + 41] = 1;
        frame
    }

    fn cut(segmentation: u8, checksum_start: u16, checksum_offset: u16) -> Offload {
        Offload { flags: Offload::NEEDS_CHECKSUM, segmentation, segment_size: 1448, checksum_start, checksum_offset }
    }

    #[test]
    fn what_is_true_fits() {
        for (frame, offload) in [
            (ipv4_frame(TCP, 0), cut(1, 34, 16)),
            (ipv4_frame(TCP, 0), cut(0x81, 34, 16)),
            (ipv4_frame(TCP, 1), cut(1, 38, 16)),
            (ipv4_frame(UDP, 2), cut(5, 42, 6)),
            (ipv6_frame(TCP), cut(4, 70, 16)),
            (ipv6_frame(UDP), cut(5, 70, 6)),
        ] {
            assert!(fit(offload, &frame, frame.len()), "{offload:?}");
        }
        let checksum_only = Offload { segment_size: 0, ..cut(0, 34, 16) };
        assert!(fit(checksum_only, &ipv4_frame(TCP, 0), 214));
        assert!(fit(Offload::NONE, &[], 60));
    }

    #[test]
    fn what_is_not_does_not() {
        let tcp = ipv4_frame(TCP, 0);
        for (why, frame, offload) in [
            ("no such kind", &tcp, cut(2, 34, 16)),
            ("not IPv6", &tcp, cut(4, 34, 16)),
            ("not UDP", &tcp, cut(5, 34, 6)),
            ("not TCP", &ipv4_frame(UDP, 0), cut(1, 34, 16)),
            ("ECN is TCP's", &ipv4_frame(UDP, 0), cut(0x85, 34, 6)),
            ("the header starts elsewhere", &tcp, cut(1, 38, 16)),
            ("the checksum is elsewhere", &tcp, cut(1, 34, 6)),
            ("no payload", &tcp, Offload { segment_size: 0, ..cut(1, 34, 16) }),
            ("no checksum", &tcp, Offload { flags: 0, ..cut(1, 34, 16) }),
            ("unknown flags", &tcp, Offload { flags: 3, ..cut(1, 34, 16) }),
            ("a size without a kind", &tcp, cut(0, 34, 16)),
            ("checksum beyond the end", &tcp, Offload { segment_size: 0, ..cut(0, 34, 179) }),
            ("checksum in the addresses", &tcp, Offload { segment_size: 0, ..cut(0, 4, 0) }),
            ("not IP", &vec![0; 214], cut(1, 34, 16)),
        ] {
            assert!(!fit(offload, frame, frame.len()), "{why}");
        }
        let mut fragment = tcp.clone();
        fragment[14 + 6] = 0x20;
        assert!(!fit(cut(1, 34, 16), &fragment, 214));
        for len in 0..70 {
            let offload = cut(4, 70, 16);
            assert!(!fit(offload, &ipv6_frame(TCP)[..len.min(55)], 300), "headers cut off at {len}");
        }
    }
}
