//! What `sprig bench` runs inside an instance.
//!
//! ```text
//! gauge receive CARD                               checks a flood of frames that comes, and says what came
//! gauge send CARD MAC BYTES SECONDS                sends a flood: frames of BYTES (or LEAST-MOST), Ethernet header included
//! gauge answer ADDRESS:PORT sleeping|polling       answers datagrams until it is told to end
//! gauge ask ADDRESS:PORT sleeping|polling SECONDS  sends datagrams and measures how long each answer takes
//! gauge read DEVICE BYTES sequential|random SECONDS  reads BYTES at a time from a disk
//! gauge give ADDRESS:PORT SECONDS                  sends a TCP stream to a server beyond the box
//! gauge take ADDRESS:PORT SECONDS                  is sent one
//! ```
//!
//! Each but `answer` prints one line of JSON. | [`frame`] what a frame holds | [`socket`] frames as they are, without IP |
//! [`send`], [`receive`] the ends of a flood | [`round_trip`] both ends of those, with a [`distribution`] | [`read`] disks |
//! [`stream`] a network card's way to the outside.

mod distribution;
mod frame;
mod read;
mod receive;
mod round_trip;
mod send;
mod socket;
mod stream;

use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: gauge receive CARD | gauge send CARD MAC BYTES SECONDS \
                     | gauge answer ADDRESS:PORT sleeping|polling | gauge ask ADDRESS:PORT sleeping|polling SECONDS \
                     | gauge read DEVICE BYTES sequential|random SECONDS | gauge give|take ADDRESS:PORT SECONDS";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("gauge: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<String, String> {
    match words {
        ["receive", card] => receive::run(card).and_then(|told| json(&told)),
        ["send", card, mac, bytes, seconds] => {
            let flood = send::Flood { mac: mac.parse()?, lengths: bytes.parse()?, lasts: self::seconds(seconds)? };
            send::run(card, &flood).and_then(|told| json(&told))
        }
        ["answer", address, wait] => round_trip::answer(address, wait.parse()?).map(|()| String::new()),
        ["ask", address, wait, seconds] => {
            round_trip::ask(address, wait.parse()?, self::seconds(seconds)?).and_then(|told| json(&told))
        }
        ["read", device, bytes, order, seconds] => {
            let len = bytes.parse().map_err(|_| format!("{bytes:?} is no number of bytes; {USAGE}"))?;
            let reads = read::Reads { len, order: order.parse()?, lasts: self::seconds(seconds)? };
            read::run(device, &reads).and_then(|told| json(&told))
        }
        ["give", address, seconds] => stream::give(address, self::seconds(seconds)?).and_then(|told| json(&told)),
        ["take", address, seconds] => stream::take(address, self::seconds(seconds)?).and_then(|told| json(&told)),
        _ => Err(USAGE.to_owned()),
    }
}

fn seconds(word: &str) -> Result<Duration, String> {
    word.parse().map(Duration::from_secs).map_err(|_| format!("{word:?} is no number of seconds; {USAGE}"))
}

fn json(told: &impl serde::Serialize) -> Result<String, String> {
    serde_json::to_string(told).map_err(|error| error.to_string())
}
