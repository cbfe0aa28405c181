//! Frames of every size from one instance to another: each whole, in order, and none missing.
//!
//! ```text
//! frames receive PORT                       checks the frames that arrive, and answers
//! frames send HOST PORT COUNT [LEAST MOST]  sends COUNT frames of LEAST to MOST bytes, Ethernet header included
//! ```
//!
//! A frame is a UDP datagram: checksum over all, stream, number, and bytes that follow from the number. After each
//! burst the sender waits until the receiver has confirmed all frames so far. So no socket's buffer overflows, and a
//! missing frame is one that the network has lost.

mod frame;
mod receive;
mod send;

use std::process::ExitCode;

const USAGE: &str = "usage: frames receive PORT | frames send HOST PORT COUNT [LEAST MOST]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(result) => {
            println!("{result}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("frames: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<String, String> {
    match words {
        ["receive", port] => receive::run(number(port)?),
        ["send", host, port, count] => send::run(host, number(port)?, number(count)?, frame::LEAST, frame::MOST),
        ["send", host, port, count, least, most] => {
            send::run(host, number(port)?, number(count)?, number(least)?, number(most)?)
        }
        _ => Err(USAGE.to_owned()),
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("{word:?} is not a valid number here; {USAGE}"))
}
