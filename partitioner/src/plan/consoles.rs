//! The serial port of each partition.

use alloc::vec::Vec;

use super::conflict::{Claim, Conflict};
use super::devices;
use crate::config::DeviceSelector;
use crate::inventory::SerialPort;
use crate::request::Request;

/// The ports that partitions name, by partition; `last` is the partition that is started when the log has ended.
pub(super) fn named(
    ports: &[SerialPort],
    request: &Request,
    last: Option<usize>,
    conflicts: &mut Vec<Conflict>,
) -> Vec<Option<SerialPort>> {
    let mut named: Vec<Option<SerialPort>> = request.file.partitions.iter().map(|_| None).collect();
    let mut claims: Vec<(Claim, u8)> = Vec::new();
    for (claim, selector) in devices::selectors(request) {
        let DeviceSelector::Serial(number) = selector else { continue };
        match (ports.get(usize::from(number)), claims.iter().find(|(_, other)| *other == number)) {
            (None, _) => conflicts.push(Conflict::NoSuchDevice { claim }),
            (_, Some((first, _))) => conflicts.push(Conflict::DeviceClaimedTwice { first: *first, second: claim }),
            (Some(_), None) if number == 0 && last.is_some_and(|last| last != claim.partition) => {
                conflicts.push(Conflict::SerialPortOfTheLog { claim });
            }
            (Some(port), None) => named[claim.partition] = Some(*port),
        }
        claims.push((claim, number));
    }
    named
}

/// A console for each partition, as far as there are ports: what it has named, and of the others one after another in
/// the order of the file. The first port is the log's; if the others do not suffice, the partition with the boot
/// processor takes it over, because it is started when the log has ended.
pub(super) fn assign(
    ports: &[SerialPort],
    named: &[Option<SerialPort>],
    last: Option<usize>,
) -> Vec<Option<SerialPort>> {
    let is_left = |port: &SerialPort| !named.contains(&Some(*port));
    let log = ports.first().copied().filter(is_left);
    let mut others = ports.iter().skip(1).copied().filter(is_left);
    let wanting = named.iter().filter(|port| port.is_none()).count();
    let successor = last.filter(|last| others.clone().count() < wanting && named.get(*last) == Some(&None));
    let assign = |(partition, named): (usize, &Option<SerialPort>)| match named {
        Some(port) => Some(*port),
        None if successor == Some(partition) => log,
        None => others.next(),
    };
    named.iter().enumerate().map(assign).collect()
}

/// The ports that are neither the log's nor a console.
pub(super) fn idle(ports: &[SerialPort], consoles: &[Option<SerialPort>]) -> Vec<SerialPort> {
    ports.iter().skip(1).copied().filter(|port| !consoles.contains(&Some(*port))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTS: [SerialPort; 3] =
        [SerialPort { io_port: 0x3f8 }, SerialPort { io_port: 0x2f8 }, SerialPort { io_port: 0x3e8 }];

    #[test]
    fn the_log_keeps_its_port_while_there_are_enough() {
        assert_eq!(assign(&PORTS, &[None; 2], Some(0)), [Some(PORTS[1]), Some(PORTS[2])]);
    }

    #[test]
    fn whoever_starts_last_takes_over_the_port_of_the_log() {
        assert_eq!(assign(&PORTS, &[None; 3], Some(0)), [Some(PORTS[0]), Some(PORTS[1]), Some(PORTS[2])]);
        assert_eq!(assign(&PORTS[..1], &[None; 2], Some(1)), [None, Some(PORTS[0])]);
    }

    #[test]
    fn without_ports_there_are_no_consoles() {
        assert_eq!(assign(&PORTS, &[None; 4], Some(0)), [Some(PORTS[0]), Some(PORTS[1]), Some(PORTS[2]), None]);
        assert_eq!(assign(&PORTS[..2], &[None; 2], None), [Some(PORTS[1]), None]);
        assert_eq!(assign(&[], &[None; 2], Some(0)), [None, None]);
    }

    #[test]
    fn who_names_a_port_has_it_and_the_others_have_what_is_left() {
        assert_eq!(assign(&PORTS, &[None, Some(PORTS[1])], Some(1)), [Some(PORTS[2]), Some(PORTS[1])]);
        assert_eq!(assign(&PORTS[..2], &[Some(PORTS[0]), None], Some(0)), [Some(PORTS[0]), Some(PORTS[1])]);
        assert_eq!(assign(&PORTS[..2], &[None, Some(PORTS[1])], Some(0)), [Some(PORTS[0]), Some(PORTS[1])]);
    }

    #[test]
    fn ports_that_nobody_has_are_idle_but_for_that_of_the_log() {
        assert_eq!(idle(&PORTS, &[Some(PORTS[1]), None]), [PORTS[2]]);
        assert_eq!(idle(&PORTS, &[Some(PORTS[0]), Some(PORTS[2])]), [PORTS[1]]);
        assert_eq!(idle(&[], &[None]), []);
    }
}
