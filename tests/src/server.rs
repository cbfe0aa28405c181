//! A server outside of the box: a thread of the test on the host. In QEMU's user network the box reaches it at
//! [`HOST`](emulator::user_network::HOST).

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, UdpSocket};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a client may send nothing.
const SILENCE_LIMIT: Duration = Duration::from_secs(120);
/// The largest datagram that fits into an ordinary frame.
const DATAGRAM_MAX: usize = 1472;

/// A server that sends a file to its first client and receives one from its second.
pub struct FileServer {
    /// The port on which it listens.
    pub port: u16,
    thread: JoinHandle<Vec<u8>>,
}

impl FileServer {
    /// A server that sends this file.
    ///
    /// # Panics
    /// If the host gives no port.
    pub fn start(file: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port for TCP");
        let port = listener.local_addr().expect("an address").port();
        let thread = thread::spawn(move || {
            let accept = || {
                let (stream, _) = listener.accept().expect("a client connects");
                stream.set_read_timeout(Some(SILENCE_LIMIT)).expect("a limit");
                stream
            };
            let mut stream = accept();
            stream.write_all(&file).expect("the file is taken");
            stream.shutdown(Shutdown::Write).expect("the file ends");
            drop(stream);
            let mut taken = Vec::new();
            accept().read_to_end(&mut taken).expect("a file is given");
            taken
        });
        Self { port, thread }
    }

    /// The file that it received. Waits for the second client, so call it after that has sent the file.
    ///
    /// # Panics
    /// If the server failed.
    pub fn taken(self) -> Vec<u8> {
        self.thread.join().expect("the server hands out a file, and takes one")
    }
}

/// Sends every datagram back to its sender, until the test ends.
///
/// # Panics
/// If the host gives no port.
pub fn echo_datagrams() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port for UDP");
    let port = socket.local_addr().expect("an address").port();
    thread::spawn(move || {
        let mut datagram = [0; DATAGRAM_MAX];
        while let Ok((len, from)) = socket.recv_from(&mut datagram) {
            if socket.send_to(&datagram[..len], from).is_err() {
                break;
            }
        }
    });
    port
}
