//! A server beyond the box: a thread of the test's on the host, which QEMU's own network shows to the box at
//! [`HOST`].

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, UdpSocket};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Where a box on QEMU's own network finds this host.
pub const HOST: &str = "10.0.2.2";

/// How long somebody may say nothing.
const SILENCE_LIMIT: Duration = Duration::from_secs(120);
/// The largest datagram that an ordinary frame takes.
const DATAGRAM_MAX: usize = 1472;

/// Hands out a file to whoever comes first, and then takes one from whoever comes second.
pub struct FileServer {
    /// Where it listens.
    pub port: u16,
    thread: JoinHandle<Vec<u8>>,
}

impl FileServer {
    /// With the file that is handed out.
    ///
    /// # Panics
    /// If the host gives no port.
    pub fn start(file: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port for TCP");
        let port = listener.local_addr().expect("an address").port();
        let thread = thread::spawn(move || {
            let accept = || {
                let (stream, _) = listener.accept().expect("somebody comes");
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

    /// What it was given; waits for it, so ask when it has been sent.
    ///
    /// # Panics
    /// If the server failed.
    pub fn taken(self) -> Vec<u8> {
        self.thread.join().expect("the server hands out a file, and takes one")
    }
}

/// Sends every datagram back to where it came from, until the test ends.
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
