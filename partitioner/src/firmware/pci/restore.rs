//! Gives a function back what a reset has taken: addresses, and bus numbers and windows if it is a bridge.

use super::config_space::ConfigSpace;
use super::numbers;
use super::place::{write_register, write_windows};
use crate::pci::PciFunction;

/// Writes what is known of the function. What was never chosen stays as the reset leaves it.
pub fn restore(space: &mut impl ConfigSpace, function: &PciFunction) {
    for bar in function.bars.iter().filter(|bar| bar.address != 0) {
        write_register(space, function.address, bar, bar.address);
    }
    if let Some(bridge) = function.bridge {
        if let Some(buses) = bridge.buses {
            numbers::write(space, function.address, buses);
        }
        write_windows(space, function.address, bridge.windows);
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::*;
    use crate::address::{MIB, MemoryRange};
    use crate::pci::{Bar, BarKind, Bridge, BusRange, Interrupts, IoRange, PciAddress, PciClass, Windows};

    /// Configuration space of one function, of which only what is written is there.
    #[derive(Default)]
    struct Written(BTreeMap<u16, u32>);

    impl ConfigSpace for Written {
        fn read(&mut self, _function: PciAddress, register: u16) -> u32 {
            self.0.get(&register).copied().unwrap_or(0)
        }

        fn write(&mut self, _function: PciAddress, register: u16, value: u32) {
            self.0.insert(register, value);
        }
    }

    fn function(bars: &[Bar], bridge: Option<Bridge>) -> PciFunction {
        PciFunction {
            address: PciAddress::new(0, 1, 0, 0).unwrap(),
            vendor_id: 0x1af4,
            device_id: 0x1041,
            class: PciClass(0),
            bars: bars.into(),
            interrupts: Interrupts::default(),
            bridge,
        }
    }

    fn restored(bars: &[Bar], bridge: Option<Bridge>) -> BTreeMap<u16, u32> {
        let mut space = Written::default();
        restore(&mut space, &function(bars, bridge));
        space.0
    }

    #[test]
    fn addresses_come_back_and_what_was_never_chosen_does_not() {
        let high = Bar { index: 2, kind: BarKind::Prefetchable64, address: 0x12_3400_0000, len: 0x4000 };
        let low = Bar { index: 0, kind: BarKind::Memory32, address: 0xfe00_0000, len: 0x1000 };
        let unset = Bar { index: 4, kind: BarKind::Memory32, address: 0, len: 0x1000 };
        let expected = [(0x10, 0xfe00_0000), (0x18, 0x3400_0000), (0x1c, 0x12)];
        assert_eq!(restored(&[high, low, unset], None), BTreeMap::from(expected));
    }

    #[test]
    fn a_bridge_has_its_numbers_and_windows_again() {
        let windows = Windows {
            io: Some(IoRange { first: 0x1000, last: 0x2fff }),
            memory: MemoryRange::new(0xfe00_0000, 0xfe20_0000),
            prefetchable: MemoryRange::new(0x10_0000_0000, 0x10_0000_0000 + 2 * MIB),
        };
        let bridge = Bridge { buses: Some(BusRange { first: 2, last: 4 }), windows };
        let expected =
            [(0x18, 0x0004_0201), (0x1c, 0x2010), (0x20, 0xfe10_fe00), (0x24, 0x0010_0000), (0x28, 0x10), (0x2c, 0x10)];
        assert_eq!(restored(&[], Some(bridge)), BTreeMap::from(expected));
    }

    #[test]
    fn a_window_that_is_closed_stays_closed() {
        let bridge = Bridge { buses: None, windows: Windows::default() };
        let written = restored(&[], Some(bridge));
        assert_eq!((written[&0x1c], written[&0x20], written.get(&0x18)), (0xf0, 0xfff0, None));
    }
}
