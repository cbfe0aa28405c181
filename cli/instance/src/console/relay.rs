//! What goes from one console to the other, and when that ends.

use std::io;

use super::remote::{Reading, Remote, Typing};
use super::terminal::Typed;
use crate::output::Listener;

/// The key that leaves, Ctrl-]: that of telnet and virsh.
pub(super) const LEAVE: u8 = 0x1d;
/// Most readings before one looks at what was typed.
const READINGS: u32 = 32;
/// Bytes that may wait here to be typed there.
const WAITING: usize = 4096;

/// What is typed here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Keys {
    /// Keys of a terminal, of which one leaves. Those for which there is no room are dropped.
    Terminal,
    /// The bytes of a file or a pipe, which wait until there is room.
    Bytes,
}

/// Why it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// Somebody has left, or nobody reads the output.
    Left,
    /// The other console is gone.
    Gone,
    /// Somebody else has attached to it.
    TakenOver,
}

/// Both consoles.
pub(super) struct Relay<R> {
    remote: R,
    keys: Keys,
    /// What was typed here and not yet there.
    waiting: Vec<u8>,
    input_has_ended: bool,
    leaves: bool,
    end: Option<End>,
}

impl<R: Remote> Relay<R> {
    /// Between that console and one where such things are typed.
    pub(super) fn new(remote: R, keys: Keys) -> Self {
        Self { remote, keys, waiting: Vec::new(), input_has_ended: false, leaves: false, end: None }
    }

    /// Why it ended, if it has.
    pub(super) fn end(&self) -> Option<End> {
        self.end
    }

    /// Shows what was printed, and returns how many bytes that were. `show` gets the bytes and how many were lost before them.
    pub(super) fn show(&mut self, mut show: impl FnMut(u64, &[u8]) -> io::Result<Listener>) -> io::Result<usize> {
        let mut shown = 0;
        for _ in 0..READINGS {
            match self.remote.read()? {
                Reading::Bytes { lost, bytes } => {
                    shown += bytes.len();
                    if show(lost, &bytes)? == Listener::Gone {
                        self.end = Some(End::Left);
                        break;
                    }
                }
                Reading::Nothing => break,
                Reading::Ended => {
                    self.end = Some(End::Gone);
                    break;
                }
                Reading::TakenOver => {
                    self.end = Some(End::TakenOver);
                    break;
                }
            }
        }
        Ok(shown)
    }

    /// Whether it is worth while to look at what is typed here.
    pub(super) fn takes_input(&self) -> bool {
        !self.input_has_ended && (self.keys == Keys::Terminal || self.waiting.len() < WAITING)
    }

    /// Whether all of a file or a pipe was typed there.
    pub(super) fn is_all_typed(&self) -> bool {
        self.input_has_ended && self.waiting.is_empty()
    }

    /// Something was typed here.
    pub(super) fn typed(&mut self, typed: Typed) {
        match typed {
            Typed::Nothing => {}
            Typed::End => {
                self.input_has_ended = true;
                self.leaves |= self.keys == Keys::Terminal;
            }
            Typed::Bytes(bytes) => {
                let leaves = bytes.iter().position(|byte| self.keys == Keys::Terminal && *byte == LEAVE);
                self.leaves |= leaves.is_some();
                if self.waiting.len() < WAITING {
                    self.waiting.extend(&bytes[..leaves.unwrap_or(bytes.len())]);
                }
            }
        }
    }

    /// Types there what waits, as much as there is room for.
    pub(super) fn type_in(&mut self) -> io::Result<()> {
        if !self.waiting.is_empty() {
            match self.remote.type_in(&self.waiting)? {
                Typing::Typed(len) => drop(self.waiting.drain(..len)),
                // The next reading finds what was printed before, and that it was the last.
                Typing::Ended => self.waiting.clear(),
                Typing::TakenOver => self.end = Some(End::TakenOver),
            }
        }
        if self.leaves && self.end.is_none() {
            self.end = Some(End::Left);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// A console that prints this, and has room for so many bytes.
    struct Fake {
        readings: VecDeque<Reading>,
        typed: Vec<u8>,
        room: usize,
    }

    impl Remote for Fake {
        fn read(&mut self) -> io::Result<Reading> {
            Ok(self.readings.pop_front().unwrap_or(Reading::Nothing))
        }

        fn type_in(&mut self, bytes: &[u8]) -> io::Result<Typing> {
            let len = bytes.len().min(self.room);
            self.typed.extend(&bytes[..len]);
            self.room -= len;
            Ok(Typing::Typed(len))
        }
    }

    fn relay(keys: Keys, readings: impl IntoIterator<Item = Reading>) -> Relay<Fake> {
        Relay::new(Fake { readings: readings.into_iter().collect(), typed: Vec::new(), room: usize::MAX }, keys)
    }

    fn bytes(bytes: &[u8]) -> Typed {
        Typed::Bytes(bytes.to_vec())
    }

    fn printed(lost: u64, bytes: &[u8]) -> Reading {
        Reading::Bytes { lost, bytes: bytes.to_vec() }
    }

    #[test]
    fn what_is_printed_is_shown_with_what_was_lost_before_it() {
        let mut relay =
            relay(Keys::Terminal, [printed(0, b"db# "), printed(7, b"ls"), Reading::Nothing, Reading::Ended]);
        let mut shown = Vec::new();
        let mut show = |lost, bytes: &[u8]| {
            shown.push((lost, bytes.to_vec()));
            Ok(Listener::There)
        };
        assert_eq!(relay.show(&mut show).unwrap(), 6);
        assert_eq!(relay.end(), None);
        assert_eq!(relay.show(&mut show).unwrap(), 0);
        assert_eq!(relay.end(), Some(End::Gone));
        assert_eq!(shown, [(0, b"db# ".to_vec()), (7, b"ls".to_vec())]);
    }

    #[test]
    fn it_ends_when_nobody_reads_or_somebody_else_has_attached() {
        let mut unread = relay(Keys::Bytes, [printed(0, b"db# ")]);
        unread.show(|_, _| Ok(Listener::Gone)).unwrap();
        assert_eq!(unread.end(), Some(End::Left));
        let mut taken = relay(Keys::Bytes, [Reading::TakenOver]);
        taken.show(|_, _| Ok(Listener::There)).unwrap();
        assert_eq!(taken.end(), Some(End::TakenOver));
    }

    #[test]
    fn a_console_that_prints_without_end_leaves_time_for_typing() {
        let mut relay = relay(Keys::Terminal, (0..1000).map(|_| printed(0, b"y")));
        assert_eq!(relay.show(|_, _| Ok(Listener::There)).unwrap(), READINGS as usize);
    }

    #[test]
    fn on_a_terminal_a_key_leaves_after_what_was_typed_before_it() {
        let mut relay = relay(Keys::Terminal, []);
        relay.typed(bytes(b"exit\r\x1dmore"));
        relay.type_in().unwrap();
        assert_eq!((relay.end(), relay.remote.typed.as_slice()), (Some(End::Left), b"exit\r".as_slice()));
    }

    #[test]
    fn of_a_file_all_bytes_are_typed_however_slowly_they_are_taken() {
        let mut relay = relay(Keys::Bytes, []);
        relay.remote.room = 3;
        relay.typed(bytes(b"a\x1db"));
        relay.typed(bytes(&[b'c'; WAITING]));
        relay.type_in().unwrap();
        assert_eq!(relay.remote.typed, b"a\x1db");
        assert!(!relay.takes_input(), "until there is room");
        relay.remote.room = usize::MAX;
        relay.type_in().unwrap();
        assert!(relay.takes_input() && !relay.is_all_typed());
        relay.typed(Typed::End);
        assert!(relay.is_all_typed() && !relay.takes_input());
        assert_eq!((relay.end(), relay.remote.typed.len()), (None, WAITING + 3));
    }

    #[test]
    fn a_console_that_takes_nothing_can_be_left() {
        let mut relay = relay(Keys::Terminal, []);
        relay.remote.room = 0;
        for _ in 0..3 {
            relay.typed(bytes(&[b'x'; WAITING]));
            relay.type_in().unwrap();
        }
        assert!(relay.takes_input() && relay.waiting.len() == WAITING);
        relay.typed(bytes(&[LEAVE]));
        relay.type_in().unwrap();
        assert_eq!(relay.end(), Some(End::Left));
    }
}
