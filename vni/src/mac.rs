//! MAC addresses: made of the box's name and the partition's index.

use core::fmt;

/// The address of a partition on a box's virtual Ethernet.
///
/// It is made of the box's name and the partition's index, so it is the same after every start, differs between
/// boxes, and shows a sender which ring leads to its owner. Bit 1 of the first octet marks it as locally administered,
/// bit 0 is clear: a unicast address (IEEE 802-2014, section 8.4).
///
/// ```text
/// octet   0      1..=4                    5
///         0x52   hash of the box's name   partition index
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MacAddress([u8; 6]);

/// First octet of every address: locally administered, unicast.
const PREFIX: u8 = 0x52;

impl MacAddress {
    /// The address of partition `index` in the box of that name.
    pub fn new(box_name: &str, index: u8) -> Self {
        let [a, b, c, d] = fnv1a(box_name.as_bytes()).to_be_bytes();
        Self([PREFIX, a, b, c, d, index])
    }

    /// The octets in the order of the wire.
    pub fn octets(self) -> [u8; 6] {
        self.0
    }

    /// The address of another partition of the same box.
    pub fn of_partition(self, index: u8) -> Self {
        let mut octets = self.0;
        octets[5] = index;
        Self(octets)
    }

    /// The partition of *this* box that has `address`; `None` for multicast, broadcast and addresses from elsewhere.
    pub fn partition_of(self, address: [u8; 6]) -> Option<u8> {
        (address[..5] == self.0[..5]).then_some(address[5])
    }
}

/// FNV-1a, 32 bits: names are short, and two boxes that meet on one wire must differ, no more.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;

    use alloc::string::ToString;

    use super::*;

    #[test]
    fn an_address_is_unicast_and_locally_administered() {
        let [first, ..] = MacAddress::new("pair", 3).octets();
        assert_eq!(first & 0b11, 0b10);
    }

    #[test]
    fn an_address_tells_its_partition_but_only_within_the_box() {
        let web = MacAddress::new("pair", 0);
        assert_eq!(web.partition_of(MacAddress::new("pair", 7).octets()), Some(7));
        assert_eq!(web.partition_of(MacAddress::new("other", 7).octets()), None);
        assert_eq!(web.partition_of([0xff; 6]), None);
    }

    #[test]
    fn an_address_reads_as_usual() {
        assert_eq!(MacAddress::new("", 0x0a).to_string(), "52:81:1c:9d:c5:0a");
    }
}
