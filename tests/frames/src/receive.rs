//! The receiving end: checks the order of every stream, and answers when the sender wants an answer.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use crate::frame;

/// The beginning of an answer.
pub(crate) const ALL_SEEN: &str = "seen ";

/// The sender and its stream. A stream's number alone is not unique, because instances use the same process numbers.
type Sender = (SocketAddr, u32);

/// Receives until it is ended.
pub(crate) fn run(port: u16) -> Result<String, String> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).map_err(|error| format!("port {port}: {error}"))?;
    println!("receiving on port {port}");
    let mut streams = BTreeMap::new();
    let mut bytes = vec![0; 1 << 16];
    loop {
        let (len, from) = socket.recv_from(&mut bytes).map_err(|error| format!("receiving: {error}"))?;
        if let Some(answer) = take(&mut streams, from, &bytes[..len]) {
            socket.send_to(answer.as_bytes(), from).map_err(|error| format!("answering {from}: {error}"))?;
        }
    }
}

/// Checks a datagram. Returns an answer if the sender wants one, or if the datagram is not the expected one.
fn take(streams: &mut BTreeMap<Sender, u32>, from: SocketAddr, datagram: &[u8]) -> Option<String> {
    let label = match frame::read(datagram) {
        Ok(label) => label,
        Err(what) => return Some(what),
    };
    let sender = (from, label.stream);
    // A sender that starts again starts with 0.
    let expected = if label.number == 0 { 0 } else { streams.get(&sender).copied().unwrap_or_default() };
    if label.number != expected {
        return Some(format!("{from}, stream {}: frame {} came instead of {expected}", label.stream, label.number));
    }
    streams.insert(sender, expected + 1);
    label.answer_wanted.then(|| format!("{ALL_SEEN}{}", expected + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Label, write};

    fn frame(number: u32, answer_wanted: bool) -> Vec<u8> {
        write(Label { stream: 9, number, answer_wanted }, 100)
    }

    #[test]
    fn only_the_next_frame_is_the_right_one() {
        let from = SocketAddr::from(([10, 83, 0, 1], 4000));
        let mut streams = BTreeMap::new();
        assert_eq!(take(&mut streams, from, &frame(0, false)), None);
        assert_eq!(take(&mut streams, from, &frame(1, true)).as_deref(), Some("seen 2"));
        let missing = take(&mut streams, from, &frame(3, false)).unwrap();
        assert_eq!(missing, "10.83.0.1:4000, stream 9: frame 3 came instead of 2");
        assert!(take(&mut streams, from, &[1; 60]).unwrap().contains("damaged"));
        assert_eq!(take(&mut streams, from, &frame(0, true)).as_deref(), Some("seen 1"), "a new beginning");
    }

    #[test]
    fn two_instances_may_number_their_streams_alike() {
        let [one, other] = [1, 2].map(|host| SocketAddr::from(([10, 83, 0, host], 4000)));
        let mut streams = BTreeMap::new();
        assert_eq!(take(&mut streams, one, &frame(0, false)), None);
        assert_eq!(take(&mut streams, other, &frame(0, false)), None);
        assert_eq!(take(&mut streams, one, &frame(1, true)).as_deref(), Some("seen 2"));
        assert_eq!(take(&mut streams, other, &frame(1, true)).as_deref(), Some("seen 2"));
    }
}
