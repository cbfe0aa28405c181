//! The window's layout for C: `guest-driver/sprig_window.h` is what [`WindowHeader`] prints, and a test holds it to
//! that.

use core::fmt;

use crate::{LINE_PAIR, MAX_PARTITIONS, MAX_QUEUES, VERSION, header, pool, ring};

/// Prints the header.
pub struct WindowHeader;

/// Every constant that a reader of a window needs.
const CONSTANTS: [(&str, u64); 24] = [
    ("SPRIG_WINDOW_VERSION", VERSION as u64),
    ("SPRIG_MAX_PARTITIONS", MAX_PARTITIONS as u64),
    ("SPRIG_MAX_QUEUES", MAX_QUEUES as u64),
    ("SPRIG_LINE_PAIR", LINE_PAIR),
    ("SPRIG_HEADER_LEN", header::HEADER_LEN),
    ("SPRIG_HEADER_MAGIC", header::MAGIC as u64),
    ("SPRIG_HEADER_MAGIC_AT", header::MAGIC_AT),
    ("SPRIG_HEADER_VERSION_AT", header::VERSION_AT),
    ("SPRIG_HEADER_FINGERPRINT_AT", header::FINGERPRINT_AT),
    ("SPRIG_HEADER_HEARTBEAT_AT", header::HEARTBEAT_AT),
    ("SPRIG_HEADER_LINKS_AT", header::LINKS_AT),
    ("SPRIG_HEADER_DOORBELLS_AT", header::DOORBELLS_AT),
    ("SPRIG_DOORBELL_LEN", header::DOORBELL_LEN),
    ("SPRIG_DOORBELL_PENDING_AT", header::PENDING_AT),
    ("SPRIG_DOORBELL_ADDRESS_AT", header::ADDRESS_AT),
    ("SPRIG_LANE_LEN", ring::LANE_LEN),
    ("SPRIG_LANE_ROOM_AT", ring::ROOM_AT),
    ("SPRIG_LANE_CONSUMED_AT", ring::CONSUMED_AT),
    ("SPRIG_LANE_WAKE_AT", ring::WAKE_AT),
    ("SPRIG_LANE_DESCRIPTORS_AT", ring::DESCRIPTORS_AT),
    ("SPRIG_RING_SLOTS", ring::RING_SLOTS as u64),
    ("SPRIG_DESCRIPTOR_LEN", ring::DESCRIPTOR_LEN),
    ("SPRIG_BUFFER_LEN", pool::BUFFER_LEN),
    ("SPRIG_GUARANTEED_BUFFERS", pool::GUARANTEED_BUFFERS as u64),
];

impl fmt::Display for WindowHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "/* SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0 */")?;
        writeln!(f, "/* The shared memory window. Printed by the crate shmem, which explains it; do not edit. */")?;
        writeln!(f, "#ifndef SPRIG_WINDOW_H\n#define SPRIG_WINDOW_H\n")?;
        for (name, value) in CONSTANTS {
            writeln!(f, "#define {name:<28} {value:#x}")?;
        }
        writeln!(f, "\n#endif")
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn the_drivers_header_is_what_this_prints() {
        let kept = include_str!("../../guest-driver/sprig_window.h");
        let printed = WindowHeader.to_string();
        assert_eq!(kept, printed, "write the right side to guest-driver/sprig_window.h");
    }
}
