//! What a person's keys mean: most go to the console that is shown, Ctrl-A begins a command, Ctrl-C ends everything.

/// The key that begins a command.
const COMMAND: u8 = 0x01;
const CTRL_C: u8 = 0x03;

/// What a key asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// These bytes were typed into the console that is shown.
    Type(Vec<u8>),
    /// Show all consoles, line by line.
    ShowAll,
    /// Show what the boot image says.
    ShowLog,
    /// Show the console of the partition of this number, counted from 1 in the order of the file.
    Show(usize),
    /// Show the partition after the one that is shown.
    ShowNext,
    /// Say what the keys do.
    Help,
    /// End everything.
    Quit,
}

/// The keys typed so far, as far as they matter for the next.
#[derive(Default)]
pub(super) struct Keys {
    in_command: bool,
}

impl Keys {
    /// What the next bytes from the terminal mean. Nothing follows on a [`Action::Quit`].
    pub(super) fn press(&mut self, bytes: &[u8]) -> Vec<Action> {
        let mut actions = Vec::new();
        for byte in bytes {
            let action = match (self.in_command, *byte) {
                (false, COMMAND) => {
                    self.in_command = true;
                    continue;
                }
                (false, CTRL_C) => Action::Quit,
                (false, byte) => Action::Type(vec![byte]),
                (true, byte) => command(byte),
            };
            self.in_command = false;
            add(&mut actions, action);
            if actions.last() == Some(&Action::Quit) {
                break;
            }
        }
        actions
    }
}

fn command(byte: u8) -> Action {
    match byte {
        b'0' | b'a' => Action::ShowAll,
        b'1'..=b'9' => Action::Show(usize::from(byte - b'0')),
        b'n' => Action::ShowNext,
        b'l' => Action::ShowLog,
        b'c' | CTRL_C => Action::Type(vec![CTRL_C]),
        b'q' | b'd' | b'x' => Action::Quit,
        COMMAND => Action::Type(vec![COMMAND]),
        _ => Action::Help,
    }
}

/// Bytes typed in a row go to the console in one piece.
fn add(actions: &mut Vec<Action>, action: Action) {
    match (actions.last_mut(), action) {
        (Some(Action::Type(typed)), Action::Type(more)) => typed.extend(more),
        (_, action) => actions.push(action),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_keys_go_to_the_console_in_one_piece() {
        assert_eq!(Keys::default().press(b"ls\r"), [Action::Type(b"ls\r".to_vec())]);
    }

    #[test]
    fn a_command_may_come_in_two_reads() {
        let mut keys = Keys::default();
        assert_eq!(keys.press(b"x\x01"), [Action::Type(b"x".to_vec())]);
        assert_eq!(keys.press(b"2y"), [Action::Show(2), Action::Type(b"y".to_vec())]);
    }

    #[test]
    fn one_ctrl_c_ends_everything_and_ctrl_a_c_types_one() {
        assert_eq!(Keys::default().press(b"\x03ls"), [Action::Quit]);
        assert_eq!(Keys::default().press(b"\x01c"), [Action::Type(vec![CTRL_C])]);
    }

    #[test]
    fn a_key_that_means_nothing_shows_what_others_mean() {
        assert_eq!(Keys::default().press(b"\x01z\x01\x01"), [Action::Help, Action::Type(vec![COMMAND])]);
    }
}
