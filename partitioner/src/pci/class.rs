//! What a PCI function is for.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Base class, subclass and programming interface: 24 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PciClass(pub u32);

/// The classes that a name of the box file means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClassFilter {
    name: &'static str,
    value: u32,
    mask: u32,
}

/// The names, the more special ones first: a class is called by the first that it fits.
const NAMED: [ClassFilter; 14] = [
    ClassFilter { name: "nvme", value: 0x01_08_02, mask: 0xff_ff_ff },
    ClassFilter { name: "sata", value: 0x01_06_00, mask: 0xff_ff_00 },
    ClassFilter { name: "storage", value: 0x01_00_00, mask: 0xff_00_00 },
    ClassFilter { name: "network", value: 0x02_00_00, mask: 0xff_00_00 },
    ClassFilter { name: "display", value: 0x03_00_00, mask: 0xff_00_00 },
    ClassFilter { name: "multimedia", value: 0x04_00_00, mask: 0xff_00_00 },
    ClassFilter { name: "pci-bridge", value: 0x06_04_00, mask: 0xff_ff_00 },
    ClassFilter { name: "bridge", value: 0x06_00_00, mask: 0xff_00_00 },
    ClassFilter { name: "uart", value: 0x07_00_00, mask: 0xff_ff_00 },
    ClassFilter { name: "communication", value: 0x07_00_00, mask: 0xff_00_00 },
    ClassFilter { name: "usb", value: 0x0c_03_00, mask: 0xff_ff_00 },
    ClassFilter { name: "smbus", value: 0x0c_05_00, mask: 0xff_ff_00 },
    ClassFilter { name: "serial-bus", value: 0x0c_00_00, mask: 0xff_00_00 },
    ClassFilter { name: "accelerator", value: 0x12_00_00, mask: 0xff_00_00 },
];

impl PciClass {
    /// Its usual name, if there is one.
    pub fn name(self) -> Option<&'static str> {
        NAMED.iter().find(|filter| filter.matches(self)).map(|filter| filter.name)
    }
}

impl ClassFilter {
    /// The one of that name, or of four or six hexadecimal digits: `nvme`, `0108`, `010802`.
    pub fn parse(text: &str) -> Option<Self> {
        let named = || NAMED.into_iter().find(|filter| filter.name == text);
        let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(text, 16).ok().filter(|_| digits);
        match (number, text.len()) {
            (Some(number), 4) => Some(Self { name: "", value: number << 8, mask: 0xff_ff_00 }),
            (Some(number), 6) => Some(Self { name: "", value: number, mask: 0xff_ff_ff }),
            _ => named(),
        }
    }

    /// Every name.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|filter| filter.name)
    }

    /// The lowest of these.
    pub fn lowest(self) -> PciClass {
        PciClass(self.value)
    }

    /// Whether a class is one of these.
    pub fn matches(self, class: PciClass) -> bool {
        class.0 & self.mask == self.value
    }
}

impl fmt::Display for ClassFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name, self.mask) {
            ("", 0xff_ff_ff) => write!(f, "class:{:06x}", self.value),
            ("", _) => write!(f, "class:{:04x}", self.value >> 8),
            (name, _) => write!(f, "class:{name}"),
        }
    }
}

impl fmt::Display for PciClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "class {:06x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_class_is_called_by_its_most_special_name() {
        let reported: Vec<_> = [0x01_08_02, 0x01_06_01, 0x01_00_00, 0x02_00_00, 0x06_04_00, 0x0c_03_30, 0xff_00_00]
            .map(|class| PciClass(class).to_string())
            .into();
        assert_eq!(reported, ["nvme", "sata", "storage", "network", "pci-bridge", "usb", "class ff0000"]);
    }

    #[test]
    fn a_class_is_named_or_numbered() {
        let nvme = PciClass(0x01_08_02);
        for text in ["nvme", "storage", "0108", "010802"] {
            assert!(ClassFilter::parse(text).unwrap().matches(nvme), "{text}");
        }
        for text in ["sata", "0106", "010801"] {
            assert!(!ClassFilter::parse(text).unwrap().matches(nvme), "{text}");
        }
        for text in ["", "nvm", "01", "+108", "01080200"] {
            assert_eq!(ClassFilter::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_lowest_class_of_a_name_is_one_of_them() {
        for text in ClassFilter::names().chain(["0108", "010802"]) {
            let filter = ClassFilter::parse(text).unwrap();
            assert!(filter.matches(filter.lowest()), "{text}");
        }
    }

    #[test]
    fn every_name_can_be_written() {
        for name in ClassFilter::names() {
            assert_eq!(ClassFilter::parse(name).unwrap().to_string(), alloc::format!("class:{name}"));
        }
    }
}
