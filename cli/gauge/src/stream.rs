//! A TCP stream to or from a server beyond the box, which `sprig bench` runs on the host: a *sink* that tells how many bytes
//! have arrived, in eight bytes with the lowest first, or a *source* that sends until nobody listens.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde::Serialize;

/// How long the server may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// What is handed to the kernel at once.
const PIECE: usize = 128 << 10;

/// What arrived.
#[derive(Serialize)]
pub(crate) struct Told {
    bytes: u64,
    seconds: f64,
}

/// Sends to a sink for so long: what arrived there, until the last byte had.
pub(crate) fn give(address: &str, lasts: Duration) -> Result<Told, String> {
    let told = |error| format!("{address}: {error}");
    let mut stream = connect(address)?;
    let piece = vec![0; PIECE];
    let begun = Instant::now();
    while begun.elapsed() < lasts {
        stream.write_all(&piece).map_err(told)?;
    }
    stream.shutdown(Shutdown::Write).map_err(told)?;
    let mut arrived = [0; 8];
    stream.read_exact(&mut arrived).map_err(told)?;
    Ok(Told { bytes: u64::from_le_bytes(arrived), seconds: begun.elapsed().as_secs_f64() })
}

/// Takes from a source for so long.
pub(crate) fn take(address: &str, lasts: Duration) -> Result<Told, String> {
    let told = |error| format!("{address}: {error}");
    let mut stream = connect(address)?;
    let mut piece = vec![0; PIECE];
    let mut bytes = 0;
    let begun = Instant::now();
    while begun.elapsed() < lasts {
        match stream.read(&mut piece).map_err(told)? {
            0 => return Err(told(io::ErrorKind::UnexpectedEof.into())),
            len => bytes += len as u64,
        }
    }
    Ok(Told { bytes, seconds: begun.elapsed().as_secs_f64() })
}

fn connect(address: &str) -> Result<TcpStream, String> {
    let told = |error: io::Error| format!("{address}: {error}");
    let address: SocketAddr = address.parse().map_err(|_| format!("{address:?} is no ADDRESS:PORT"))?;
    let stream = TcpStream::connect_timeout(&address, ANSWER_LIMIT).map_err(told)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT)).map_err(told)?;
    stream.set_write_timeout(Some(ANSWER_LIMIT)).map_err(told)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    #[test]
    fn what_arrives_at_a_sink_is_what_it_says() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let sink = thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let arrived = io::copy(&mut stream, &mut io::sink()).unwrap();
            stream.write_all(&arrived.to_le_bytes()).unwrap();
            arrived
        });
        let told = give(&address, SHORT).unwrap();
        assert_eq!(told.bytes, sink.join().unwrap());
        assert!(told.bytes > 0 && told.seconds >= SHORT.as_secs_f64());
    }

    #[test]
    fn a_source_that_goes_is_no_measurement() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let source = thread::spawn(move || drop(listener.accept().unwrap()));
        assert!(take(&address, Duration::from_secs(60)).is_err());
        source.join().unwrap();
    }
}
