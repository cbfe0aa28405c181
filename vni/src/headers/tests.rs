use std::vec;
use std::vec::Vec;

use super::*;

/// Payload behind each frame's headers.
const PAYLOAD: usize = 3_000;

fn tcp_header() -> [u8; TCP_LEN] {
    let mut header = [0; TCP_LEN];
    header[TCP_DATA_OFFSET] = 5 << 4;
    header
}

fn transport_header(protocol: u8) -> Vec<u8> {
    if protocol == TCP { tcp_header().to_vec() } else { vec![0; UDP_LEN] }
}

fn ipv4_frame(protocol: u8, tags: usize) -> Vec<u8> {
    let mut frame = vec![0; 12];
    (0..tags).for_each(|_| frame.extend([0x81, 0x00, 0x00, 0x05]));
    frame.extend([0x08, 0x00, 0x45]);
    frame.resize(14 + 4 * tags + 20, 0);
    frame[14 + 4 * tags + 9] = protocol;
    frame.extend(transport_header(protocol));
    frame.resize(frame.len() + PAYLOAD, 0);
    frame
}

fn ipv6_frame(protocol: u8) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([0x86, 0xdd, 0x60]);
    frame.resize(70, 0);
    frame[14 + 6] = 0; // hop-by-hop options of 16 bytes, then the protocol
    frame[14 + 40] = protocol;
    frame[14 + 41] = 1;
    frame.extend(transport_header(protocol));
    frame.resize(frame.len() + PAYLOAD, 0);
    frame
}

fn cut(segmentation: u8, checksum_start: u16, checksum_offset: u16) -> Offload {
    Offload { flags: Offload::NEEDS_CHECKSUM, segmentation, segment_size: 1448, checksum_start, checksum_offset }
}

fn checksum(checksum_start: u16, checksum_offset: u16) -> Offload {
    Offload { segment_size: 0, ..cut(0, checksum_start, checksum_offset) }
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
        (ipv4_frame(TCP, 0), checksum(34, 16)),
        (ipv4_frame(UDP, 0), checksum(84, 16)), // TCP in a tunnel of UDP
    ] {
        assert!(fit(offload, &frame, frame.len()), "{offload:?}");
    }
    assert!(fit(Offload::NONE, &[], 60));
}

#[test]
fn what_is_not_does_not() {
    let tcp = ipv4_frame(TCP, 0);
    for (why, frame, offload) in [
        ("no such kind", &tcp, cut(2, 34, 16)),
        ("UDP's fragmentation, which Linux has given up", &ipv4_frame(UDP, 0), cut(3, 34, 6)),
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
        ("checksum beyond the end", &tcp, checksum(40, 3_013)),
        ("checksum in the addresses", &tcp, checksum(4, 0)),
        ("not IP", &vec![0; 3_054], cut(1, 34, 16)),
    ] {
        assert!(!fit(offload, frame, frame.len()), "{why}");
    }
    let mut fragment = tcp.clone();
    fragment[14 + 6] = 0x20;
    assert!(!fit(cut(1, 34, 16), &fragment, fragment.len()));
    for len in 0..83 {
        let frame = ipv6_frame(TCP);
        assert!(!fit(cut(4, 70, 16), &frame[..len], frame.len()), "headers cut off at {len}");
    }
}

/// `payload` bytes of UDP, in datagrams of `segment_size`.
fn datagrams(payload: usize, segment_size: u16) -> bool {
    fit(Offload { segment_size, ..cut(5, 34, 6) }, &ipv4_frame(UDP, 0), 42 + payload)
}

#[test]
fn a_udp_frame_becomes_128_datagrams_at_the_most() {
    assert!(datagrams(128, 1) && !datagrams(129, 1));
    assert!(datagrams(128 * 500, 500) && !datagrams(128 * 500 + 1, 500));
    assert!(!datagrams(65_507, 1), "as many buffers in one interrupt");
}

#[test]
fn a_tcp_segment_has_eight_bytes_at_least() {
    let tcp = ipv4_frame(TCP, 0);
    for (segment_size, may_be) in [(0, false), (1, false), (7, false), (8, true), (2_999, true)] {
        assert_eq!(fit(Offload { segment_size, ..cut(1, 34, 16) }, &tcp, tcp.len()), may_be, "{segment_size}");
    }
}

#[test]
fn what_would_not_be_cut_is_not_to_be() {
    let tcp = ipv4_frame(TCP, 0);
    for segment_size in [3_000, 3_001, BY_FRAGMENTS] {
        assert!(!fit(Offload { segment_size, ..cut(1, 34, 16) }, &tcp, tcp.len()), "{segment_size}");
        assert!(!datagrams(3_000, segment_size), "{segment_size}");
    }
    assert!(!fit(Offload { segment_size: BY_FRAGMENTS, ..cut(1, 34, 16) }, &tcp, 70_000), "longer than frames are");
}

#[test]
fn a_tcp_header_is_as_long_as_it_says() {
    let mut tcp = ipv4_frame(TCP, 0);
    for (words, may_be) in [(0, false), (4, false), (5, true), (15, true)] {
        tcp[34 + TCP_DATA_OFFSET] = words << 4;
        let whole = 34 + usize::from(words) * 4 + 1_449;
        assert_eq!(fit(cut(1, 34, 16), &tcp, whole), may_be, "{words}");
        assert!(!fit(cut(1, 34, 16), &tcp, whole - 1), "one segment alone, behind {words} words");
    }
}

#[test]
fn a_checksum_starts_where_a_transport_header_may_be() {
    let (tcp, udp) = (ipv4_frame(TCP, 0), ipv4_frame(UDP, 1));
    for (why, frame, offload, may_be) in [
        ("in the IPv4 header", &tcp, checksum(24, 0), false),
        ("at its end", &tcp, checksum(33, 16), false),
        ("in the tag's room", &udp, checksum(34, 6), false),
        ("where TCP has something else", &tcp, checksum(34, 6), false),
        ("where UDP has something else", &udp, checksum(38, 16), false),
        ("in the IPv6 options", &ipv6_frame(UDP), checksum(54, 6), false),
        ("where no headers reach", &tcp, checksum(1_025, 0), false),
        ("within a tunnel", &tcp, checksum(1_024, 0), true),
    ] {
        assert_eq!(fit(offload, frame, frame.len()), may_be, "{why}");
    }
    let mut other = vec![0; 100];
    other[12..14].copy_from_slice(&[0x88, 0x47]); // MPLS: a label, and what it labels
    assert!(fit(checksum(38, 16), &other, 100) && !fit(checksum(33, 16), &other, 100));
}
