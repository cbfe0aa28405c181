//! Checks a frame's offload metadata (checksum, segmentation) against the headers that they describe: [`fit`].
//!
//! A kernel that reads "cut this into TCP segments" does so. So what a peer says is compared with the headers as
//! they were copied. The rules are those by which Linux takes such metadata from a program or a device
//! (`virtio_net_hdr_to_skb`, of 6.1, 6.12 and 7.2 the strictest each), and more where Linux would believe what costs
//! it dear or means nothing:
//!
//! | rule | Linux |
//! |---|---|
//! | the kind of segmentation is one that we know, its segments are neither empty nor [`BY_FRAGMENTS`] | the same |
//! | the range of the checksum and its field lie in the frame, and headers go before | the same, by the bytes alone |
//! | a UDP frame makes [`MOST_DATAGRAMS`] at the most | the same |
//! | a segmented frame's checksum is incomplete, and goes where the protocol has it | of TCP it may be complete |
//! | a checksum starts where a transport header does, or behind it (in a tunnel), within [`LONGEST_HEADERS`] | not checked |
//! | a TCP segment has [`LEAST_TCP_SEGMENT`] bytes or more: one frame of 64 KiB becomes 8,190, not 65,500 | not checked |
//! | a segmented frame has more than one segment: what is not to be cut does not say how | taken, as a whole frame |
//! | a segmented frame is what its kind says: IPv4 or IPv6, TCP or UDP, no fragment | seen when it is cut |
//!
//! What the kernel's own parsers check anyway (lengths within IP, options) is left to them. `hosted/tests/metadata.rs`
//! holds this against a TAP interface of the running kernel.

use crate::descriptor::{Offload, Segmentation};

/// Bytes of a frame that are enough to see where its headers end: Ethernet with two tags, and IPv6 with some of its
/// extension headers, or IPv4 with all of its options.
pub const HEAD_LEN: usize = 192;
/// The least payload of a TCP segment: what Linux cuts, with all options and its least segment of 48 bytes
/// (`TCP_MIN_GSO_SIZE`).
pub const LEAST_TCP_SEGMENT: u16 = 8;
/// The most datagrams of a UDP frame (`UDP_MAX_SEGMENTS`).
pub const MOST_DATAGRAMS: usize = 128;
/// A segment's bytes that mean something else to Linux (`GSO_BY_FRAGS`).
pub const BY_FRAGMENTS: u16 = 0xffff;
/// Where a checksum may start at the most. Linux holds it in 16 bits, together with what it leaves free before a frame.
pub const LONGEST_HEADERS: usize = 1024;

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
/// Where a TCP header says how long it is, in its upper half (RFC 9293, section 3.1).
const TCP_DATA_OFFSET: usize = 12;
const TCP_LEN: usize = 20;
const UDP_LEN: usize = 8;
/// The least that goes before a transport header, whatever the network (an IPv4 header).
const NETWORK_LEN: usize = 20;

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
            let Some((network, start)) = network(head) else { return false };
            let transport = transport(head, network, start);
            if (network == IPV4 || network == IPV6) && transport.is_none() {
                return false;
            }
            let least = transport.as_ref().map_or(start + NETWORK_LEN, |transport| transport.start);
            has_checksum(offload, transport.as_ref(), least, frame_len)
                && (offload.segmentation == 0 && offload.segment_size == 0
                    || transport.is_some_and(|transport| can_be_cut(offload, &transport, head, frame_len)))
        }
        _ => false,
    }
}

/// Whether there can be an incomplete checksum as the metadata say, from `least` on.
fn has_checksum(offload: Offload, transport: Option<&Transport>, least: usize, frame_len: usize) -> bool {
    let start = usize::from(offload.checksum_start);
    let field = start + usize::from(offload.checksum_offset);
    let is_in_place = match transport.filter(|transport| transport.start == start).map(|it| it.protocol) {
        Some(TCP) => offload.checksum_offset == TCP_CHECKSUM,
        Some(UDP) => offload.checksum_offset == UDP_CHECKSUM,
        _ => true,
    };
    is_in_place && (least..=LONGEST_HEADERS).contains(&start) && field + 2 <= frame_len
}

/// Whether a frame whose checksum is as the metadata say can be segmented as they say.
fn can_be_cut(offload: Offload, transport: &Transport, head: &[u8], frame_len: usize) -> bool {
    let Some(header_len) = header_len(offload.segmentation, transport, head) else { return false };
    let Some(payload) = frame_len.checked_sub(transport.start + header_len) else { return false };
    let segment = usize::from(offload.segment_size);
    let is_few = match transport.protocol {
        TCP => offload.segment_size >= LEAST_TCP_SEGMENT,
        _ => payload <= segment * MOST_DATAGRAMS,
    };
    is_few
        && segment > 0
        && offload.segment_size != BY_FRAGMENTS
        && payload > segment
        && usize::from(offload.checksum_start) == transport.start
}

/// Bytes of the transport header, if it is one of that kind of segmentation.
fn header_len(segmentation: u8, transport: &Transport, head: &[u8]) -> Option<usize> {
    const TCP_V4: u8 = Segmentation::TcpV4 as u8;
    const TCP_V6: u8 = Segmentation::TcpV6 as u8;
    const DATAGRAMS: u8 = Segmentation::Udp as u8;
    match (segmentation & !Offload::ECN, transport.network, transport.protocol) {
        (TCP_V4, IPV4, TCP) | (TCP_V6, IPV6, TCP) => {
            let words = usize::from(head.get(transport.start + TCP_DATA_OFFSET)? >> 4);
            Some(words * 4).filter(|len| *len >= TCP_LEN)
        }
        (DATAGRAMS, _, UDP) => (segmentation & Offload::ECN == 0).then_some(UDP_LEN),
        _ => None,
    }
}

/// The type of what a frame carries, and where that starts.
fn network(head: &[u8]) -> Option<(u16, usize)> {
    let mut start = ETHERNET_LEN;
    let mut network = u16_at(head, start - 2)?;
    for _ in 0..2 {
        if TAGS.contains(&network) {
            start += TAG_LEN;
            network = u16_at(head, start - 2)?;
        }
    }
    Some((network, start))
}

fn transport(head: &[u8], network: u16, start: usize) -> Option<Transport> {
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
mod tests;
