//! What `sprig bench` runs inside an instance. [`USAGE`] has the commands.
//!
//! Those that measure print one report of the library as a line of JSON. [`frame`] defines the frames, [`socket`] moves them
//! without IP, and [`send`] and [`receive`] are the two ends. [`round_trip`] has both ends of round trips.

mod disk;
mod frame;
mod receive;
mod round_trip;
mod send;
mod socket;

use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bench_agent::stream;
use serde::Serialize;
use serde::de::DeserializeOwned;

const USAGE: &str = "usage:
  receive CARD                            receives frames, checks each, and reports what arrived
  send CARD MAC BYTES SECONDS             sends frames of BYTES, Ethernet header included
  answer ADDRESS:PORT sleeping|polling    answers datagrams until a client says that it has finished
  ask ADDRESS:PORT sleeping|polling SECONDS    sends datagrams and times each answer
  read DEVICE BYTES sequential|random SECONDS  reads blocks of BYTES from a disk
  give ADDRESS:PORT SECONDS               sends a TCP stream to a server outside the box
  take ADDRESS:PORT SECONDS               receives one";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<String> {
    match words {
        ["receive", card] => json(&receive::run(card)?),
        ["send", card, mac, len, time] => {
            send::run(card, frame::mac(mac)?, number(len)?, seconds(time)?).map(|()| String::new())
        }
        ["answer", address, wait] => round_trip::answer(address, choice(wait)?).map(|()| String::new()),
        ["ask", address, wait, time] => json(&round_trip::ask(address, choice(wait)?, seconds(time)?)?),
        ["read", device, len, order, time] => json(&disk::read(device, number(len)?, choice(order)?, seconds(time)?)?),
        ["give", address, time] => json(&stream::give(address, seconds(time)?)?),
        ["take", address, time] => json(&stream::take(address, seconds(time)?)?),
        _ => bail!(USAGE),
    }
}

fn number<T: FromStr>(word: &str) -> Result<T> {
    word.parse().ok().with_context(|| format!("{word:?} is not a valid number here; {USAGE}"))
}

fn seconds(word: &str) -> Result<Duration> {
    number(word).map(Duration::from_secs)
}

/// A word of an enumeration, as its JSON has it.
fn choice<T: DeserializeOwned>(word: &str) -> Result<T> {
    serde_json::from_value(word.into()).context(USAGE)
}

fn json(report: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(report)?)
}
