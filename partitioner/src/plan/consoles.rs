//! Which partition gets which serial port.

use alloc::vec::Vec;

use crate::inventory::SerialPort;

/// A console for each of `partitions`, as far as there are ports. The first port is the log's, the others go to the
/// partitions in the order of the file. If they do not suffice, the partition with the boot processor takes over the
/// log's port, for it is started when the log is over; the others then go without.
pub(super) fn assign(ports: &[SerialPort], partitions: usize, last: Option<usize>) -> Vec<Option<SerialPort>> {
    let (log, others) = match ports.split_first() {
        Some((log, others)) => (Some(*log), others),
        None => (None, ports),
    };
    let heir = last.filter(|_| others.len() < partitions);
    let mut others = others.iter().copied();
    (0..partitions).map(|partition| if heir == Some(partition) { log } else { others.next() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTS: [SerialPort; 3] =
        [SerialPort { io_port: 0x3f8 }, SerialPort { io_port: 0x2f8 }, SerialPort { io_port: 0x3e8 }];

    #[test]
    fn the_log_keeps_its_port_while_there_are_enough() {
        assert_eq!(assign(&PORTS, 2, Some(0)), [Some(PORTS[1]), Some(PORTS[2])]);
    }

    #[test]
    fn whoever_starts_last_takes_over_the_port_of_the_log() {
        assert_eq!(assign(&PORTS, 3, Some(0)), [Some(PORTS[0]), Some(PORTS[1]), Some(PORTS[2])]);
        assert_eq!(assign(&PORTS[..1], 2, Some(1)), [None, Some(PORTS[0])]);
    }

    #[test]
    fn without_ports_there_are_no_consoles() {
        assert_eq!(assign(&PORTS, 4, Some(0)), [Some(PORTS[0]), Some(PORTS[1]), Some(PORTS[2]), None]);
        assert_eq!(assign(&PORTS[..2], 2, None), [Some(PORTS[1]), None]);
        assert_eq!(assign(&[], 2, Some(0)), [None, None]);
    }
}
