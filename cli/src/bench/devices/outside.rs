//! Two servers on this host, beyond the network cards of emulated machines: a *sink* that reads a TCP stream to its end and
//! answers with the number of bytes, in eight bytes with the lowest first, and a *source* that sends until nobody listens.
//!
//! QEMU's user network shows the host's loopback as [`HOST`], so nobody beyond this host reaches them.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The host, as a machine on QEMU's user network sees it (`-netdev user` of QEMU's manual).
pub(super) const HOST: &str = "10.0.2.2";
/// What a machine may call itself there.
pub(super) const ADDRESS: &str = "10.0.2.15/24";
/// How long the other side may be silent, until a stream is given up.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
const PIECE: usize = 256 << 10;

/// Both servers, which end when this is dropped.
pub(in crate::bench) struct Outside {
    sink: Server,
    source: Server,
}

struct Server {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Outside {
    /// Opens both.
    pub(in crate::bench) fn open() -> io::Result<Outside> {
        Ok(Outside { sink: Server::open(swallow)?, source: Server::open(pour)? })
    }

    /// Where a machine reaches the sink.
    pub(super) fn sink(&self) -> String {
        format!("{HOST}:{}", self.sink.address.port())
    }

    /// Where a machine reaches the source.
    pub(super) fn source(&self) -> String {
        format!("{HOST}:{}", self.source.address.port())
    }
}

impl Server {
    fn open(serve: fn(TcpStream) -> io::Result<()>) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        // One after the other, as samples are taken. What becomes of a stream, the other side says.
        let listen = move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if seen.load(Ordering::Relaxed) {
                    break;
                }
                let _ = serve(stream);
            }
        };
        let thread = thread::Builder::new().name("outside".to_owned()).spawn(listen)?;
        Ok(Server { address, is_over, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // It waits for somebody to come.
        let is_told = TcpStream::connect(self.address).is_ok();
        if let (Some(thread), true) = (self.thread.take(), is_told) {
            let _ = thread.join();
        }
    }
}

fn swallow(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE_LIMIT))?;
    let mut piece = vec![0; PIECE];
    let mut arrived = 0u64;
    loop {
        match stream.read(&mut piece)? {
            0 => return stream.write_all(&arrived.to_le_bytes()),
            len => arrived += len as u64,
        }
    }
}

fn pour(mut stream: TcpStream) -> io::Result<()> {
    stream.set_write_timeout(Some(SILENCE_LIMIT))?;
    let piece = vec![0; PIECE];
    loop {
        stream.write_all(&piece)?;
    }
}

#[cfg(test)]
mod tests {
    use std::net::Shutdown;

    use super::*;

    #[test]
    fn a_sink_tells_how_much_has_arrived() {
        let outside = Outside::open().unwrap();
        for len in [0, 5, 3 * PIECE] {
            let mut stream = TcpStream::connect(outside.sink.address).unwrap();
            stream.write_all(&vec![1; len]).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut arrived = [0; 8];
            stream.read_exact(&mut arrived).unwrap();
            assert_eq!(u64::from_le_bytes(arrived), len as u64);
        }
    }

    #[test]
    fn a_source_serves_the_next_when_one_has_gone() {
        let outside = Outside::open().unwrap();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(outside.source.address).unwrap();
            stream.read_exact(&mut vec![0; 2 * PIECE]).unwrap();
        }
    }
}
