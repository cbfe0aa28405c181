//! Frames of every size from one instance to another: each whole, in order, and none missing.
//!
//! ```text
//! frames receive PORT                       checks what comes, and says how far it has got
//! frames send HOST PORT COUNT [LEAST MOST]  sends COUNT frames of LEAST to MOST bytes, Ethernet header included
//! ```
//!
//! A frame is a UDP datagram: checksum over all, stream, number, and bytes that follow from the number. The sender goes on
//! when the receiver has told that it has seen everything so far, so that no socket's buffer overflows and a frame that is
//! missing is one that was lost.

mod frame;
mod receive;
mod send;

use std::process::ExitCode;

const USAGE: &str = "usage: frames receive PORT | frames send HOST PORT COUNT [LEAST MOST]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(said) => {
            println!("{said}");
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
    word.parse().map_err(|_| format!("{word:?} is no number that fits here; {USAGE}"))
}
