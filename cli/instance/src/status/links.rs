//! The links of the virtual Ethernet from here to the other partitions, as the driver shows them.

use std::collections::BTreeMap;
use std::fs;

/// The folder of all network interfaces, of which the driver's may have any name.
const INTERFACES: &str = "/sys/class/net";
/// The file below an interface of the driver with a line for each partition: index, name, MAC and state.
const LINKS: &str = "vni/links";
/// The state that stands for the own partition.
const OWN: &str = "self";

/// The state of the link to each partition, by its index, in the driver's words: down, init, ready, up or stalled.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Links(BTreeMap<usize, String>);

impl Links {
    /// Reads them; there are none if the driver has no interface here.
    pub(crate) fn read() -> Self {
        let interfaces = fs::read_dir(INTERFACES).into_iter().flatten().flatten();
        let mut tables = interfaces.filter_map(|interface| fs::read_to_string(interface.path().join(LINKS)).ok());
        tables.next().map(|table| Self::parse(&table)).unwrap_or_default()
    }

    /// From the driver's table. A line that has another form says nothing.
    pub(crate) fn parse(table: &str) -> Self {
        Self(table.lines().filter_map(link).filter(|(_, state)| state != OWN).collect())
    }

    /// The state of the link to a partition.
    pub(crate) fn to(&self, index: usize) -> Option<&str> {
        self.0.get(&index).map(String::as_str)
    }
}

fn link(line: &str) -> Option<(usize, String)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [index, _, _, state] = words[..] else { return None };
    Some((index.parse().ok()?, state.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_link_to_every_partition_but_the_own() {
        let links = Links::parse("0 web 02:53:00:00:00:01 self\n1 db 02:53:00:00:00:02 up\n\nx y z\nx y z up\n");
        assert_eq!([0, 1, 2].map(|index| links.to(index)), [None, Some("up"), None]);
    }
}
