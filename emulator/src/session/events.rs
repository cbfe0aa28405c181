//! Everything that can happen while a box runs, in one stream.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::console::Console;

/// Something that happened.
pub enum Event {
    /// The console at this port said something.
    Said(usize, Vec<u8>),
    /// A console is gone, and with it the machine.
    Closed,
    /// Keys were pressed.
    Pressed(Vec<u8>),
    /// Somebody asked for the end by a signal.
    Signalled,
}

/// The stream.
pub struct Events {
    sender: Sender<Event>,
    /// Where they come out.
    pub(super) receiver: Receiver<Event>,
}

impl Events {
    /// A stream of the signals that ask for the end. From here on they do not end the process by themselves, so this
    /// comes before anything that must be cleared away.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn new() -> io::Result<Self> {
        let (sender, receiver) = channel();
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let signal_sender = sender.clone();
        thread::spawn(move || {
            for _ in signals.forever() {
                if signal_sender.send(Event::Signalled).is_err() {
                    break;
                }
            }
        });
        Ok(Self { sender, receiver })
    }

    /// Adds what the consoles say, from the first byte on.
    pub fn listen_to(&self, consoles: &[Console]) {
        for (number, console) in consoles.iter().enumerate() {
            let pieces = console.follow();
            let sender = self.sender.clone();
            thread::spawn(move || {
                for piece in pieces {
                    if sender.send(Event::Said(number, piece)).is_err() {
                        return;
                    }
                }
                // Nobody left to tell: the session has ended before the machine.
                let _ = sender.send(Event::Closed);
            });
        }
    }

    /// The next thing that happens, if anything does within `limit`.
    pub fn next_within(&self, limit: Duration) -> Option<Event> {
        self.receiver.recv_timeout(limit).ok()
    }

    /// Adds the keys of standard input.
    pub(super) fn listen_to_keys(&self) {
        let sender = self.sender.clone();
        thread::spawn(move || {
            let mut keys = [0; 256];
            while let Ok(count @ 1..) = io::stdin().read(&mut keys) {
                if sender.send(Event::Pressed(keys[..count].to_vec())).is_err() {
                    break;
                }
            }
        });
    }
}
