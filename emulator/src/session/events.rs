//! Everything that can happen while a box runs, in one stream.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;

use serde_json::Value;

use crate::console::Console;

/// An event while a box runs.
pub enum Event {
    /// Output of the console at this port.
    Output(usize, Vec<u8>),
    /// A console has closed: the machine has ended.
    Closed,
    /// Bytes from the user's keyboard.
    Keys(Vec<u8>),
    /// SIGINT, SIGTERM or SIGHUP, by name.
    Signal(&'static str),
    /// Somebody who looks at the partitions from outside has seen a change.
    Change(Change),
}

/// A change of a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What people read; `None` if it is nothing to them.
    pub notice: Option<String>,
    /// What programs read: the fields of the event `state`.
    pub fields: Value,
}

/// The stream.
pub struct Events {
    sender: Sender<Event>,
    /// The receiving end.
    pub(super) receiver: Receiver<Event>,
}

impl Events {
    /// A stream of SIGINT, SIGTERM and SIGHUP. From now on these signals do not end the process by themselves, so call
    /// this before making anything that must be cleaned up.
    ///
    /// # Errors
    /// If the signal handlers cannot be installed.
    pub fn new() -> io::Result<Self> {
        let (sender, receiver) = channel();
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let signal_sender = sender.clone();
        thread::spawn(move || {
            for signal in signals.forever() {
                let name = signal_name(signal).unwrap_or("a signal");
                if signal_sender.send(Event::Signal(name)).is_err() {
                    break;
                }
            }
        });
        Ok(Self { sender, receiver })
    }

    /// Adds the output of the consoles, from the first byte on.
    pub fn listen_to(&self, consoles: &[Console]) {
        for (number, console) in consoles.iter().enumerate() {
            let pieces = console.follow();
            let sender = self.sender.clone();
            thread::spawn(move || {
                for piece in pieces {
                    if sender.send(Event::Output(number, piece)).is_err() {
                        return;
                    }
                }
                // If this fails, the session has ended before the machine.
                let _ = sender.send(Event::Closed);
            });
        }
    }

    /// An end into which others put events.
    pub fn sender(&self) -> Sender<Event> {
        self.sender.clone()
    }

    /// The next event, if there is one within `limit`.
    pub fn next_within(&self, limit: Duration) -> Option<Event> {
        self.receiver.recv_timeout(limit).ok()
    }

    /// Adds the keys of standard input.
    pub(super) fn listen_to_keys(&self) {
        let sender = self.sender.clone();
        thread::spawn(move || {
            let mut keys = [0; 256];
            while let Ok(count @ 1..) = io::stdin().read(&mut keys) {
                if sender.send(Event::Keys(keys[..count].to_vec())).is_err() {
                    break;
                }
            }
        });
    }
}
