//! TCP streams between the agent and servers that `sprig bench` runs on the host: a *sink*, which answers with the number of
//! bytes that arrived (eight bytes, lowest first), and a *source*, which sends until the client closes the connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::Transfer;

/// After so long without a byte a stream ends.
const SILENCE_LIMIT: Duration = Duration::from_secs(20);
/// The same, on the host: an emulated client is slow.
const CLIENT_LIMIT: Duration = Duration::from_secs(60);
/// Bytes of one call.
const CHUNK: usize = 128 << 10;

/// Sends to a sink for so long. The time ends when the sink has the last byte.
///
/// # Errors
/// What the system says.
pub fn give(address: &str, duration: Duration) -> Result<Transfer> {
    transfer(address, |stream, start| {
        let chunk = vec![0; CHUNK];
        while start.elapsed() < duration {
            stream.write_all(&chunk)?;
        }
        stream.shutdown(Shutdown::Write)?;
        let mut arrived = [0; 8];
        stream.read_exact(&mut arrived)?;
        Ok(u64::from_le_bytes(arrived))
    })
}

/// Receives from a source for so long.
///
/// # Errors
/// What the system says, or that the source has closed.
pub fn take(address: &str, duration: Duration) -> Result<Transfer> {
    transfer(address, |stream, start| {
        let (mut chunk, mut bytes) = (vec![0; CHUNK], 0);
        while start.elapsed() < duration {
            match stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                len => bytes += len as u64,
            }
        }
        Ok(bytes)
    })
}

fn transfer(address: &str, run: impl FnOnce(&mut TcpStream, Instant) -> io::Result<u64>) -> Result<Transfer> {
    let mut stream = connect(address)?;
    let start = Instant::now();
    let bytes = run(&mut stream, start).with_context(|| address.to_owned())?;
    Ok(Transfer { bytes, seconds: start.elapsed().as_secs_f64() })
}

fn connect(address: &str) -> Result<TcpStream> {
    let server: SocketAddr = address.parse().with_context(|| format!("{address:?} is no ADDRESS:PORT"))?;
    let stream = TcpStream::connect_timeout(&server, SILENCE_LIMIT).with_context(|| address.to_owned())?;
    stream.set_read_timeout(Some(SILENCE_LIMIT))?;
    stream.set_write_timeout(Some(SILENCE_LIMIT))?;
    Ok(stream)
}

/// Serves one client of a sink.
///
/// # Errors
/// What the system says.
pub fn sink(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(CLIENT_LIMIT))?;
    let arrived = io::copy(&mut stream, &mut io::sink())?;
    stream.write_all(&arrived.to_le_bytes())
}

/// Serves one client of a source.
///
/// # Errors
/// What the system says, also when the client has closed.
pub fn source(mut stream: TcpStream) -> io::Result<()> {
    stream.set_write_timeout(Some(CLIENT_LIMIT))?;
    let chunk = vec![0; CHUNK];
    loop {
        stream.write_all(&chunk)?;
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    fn with<T>(server: fn(TcpStream) -> io::Result<()>, client: impl FnOnce(&str) -> T) -> T {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = thread::spawn(move || server(listener.accept().unwrap().0));
        let outcome = client(&address);
        let _ = server.join().unwrap();
        outcome
    }

    #[test]
    fn streams_go_both_ways() {
        for sent in [with(sink, |address| give(address, SHORT)), with(source, |address| take(address, SHORT))] {
            let sent = sent.unwrap();
            assert!(sent.bytes > 0 && sent.seconds >= SHORT.as_secs_f64());
        }
    }

    #[test]
    fn a_sink_answers_with_what_has_arrived() {
        for len in [0, 5, 3 * CHUNK] {
            let arrived = with(sink, |address| {
                let mut stream = connect(address).unwrap();
                stream.write_all(&vec![1; len]).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                let mut arrived = [0; 8];
                stream.read_exact(&mut arrived).unwrap();
                u64::from_le_bytes(arrived)
            });
            assert_eq!(arrived, len as u64);
        }
    }

    #[test]
    fn a_source_that_closes_early_is_an_error() {
        assert!(with(|_| Ok(()), |address| take(address, Duration::from_secs(60))).is_err());
    }
}
