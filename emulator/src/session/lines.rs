//! Bytes of a serial console become lines that can stand among those of others: without what moves a cursor.

/// Takes bytes as they come, gives lines.
#[derive(Default)]
pub struct Lines {
    line: Vec<u8>,
    escape: Escape,
    /// Whether what is in `line` has been shown as the line's beginning already.
    shown: usize,
}

/// How far an escape sequence (ECMA-48) has come.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Escape {
    #[default]
    None,
    /// ESC was seen.
    Begun,
    /// ESC [ was seen: parameters follow, up to a letter.
    Control,
}

/// A console that never ends a line is cut here.
const LONGEST: usize = 4096;

impl Lines {
    /// The lines that these bytes complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut complete = Vec::new();
        for byte in bytes {
            if self.swallow(*byte) {
                continue;
            }
            match byte {
                b'\n' => complete.extend(self.end()),
                b'\t' | b' '.. => self.line.push(*byte),
                _ => {}
            }
            if self.line.len() >= LONGEST {
                complete.extend(self.end());
            }
        }
        complete
    }

    /// The line that is not complete yet, as far as it came.
    pub fn partial(&self) -> String {
        String::from_utf8_lossy(&self.line).into_owned()
    }

    /// The line that is not complete yet, if it has not been taken before: a prompt, when nothing follows.
    pub(super) fn take_partial(&mut self) -> Option<String> {
        let new = self.line.len() > self.shown;
        self.shown = self.line.len();
        new.then(|| self.partial())
    }

    fn end(&mut self) -> Option<String> {
        let new = self.line.len() > self.shown || self.shown == 0;
        let line = self.partial();
        self.line.clear();
        self.shown = 0;
        new.then_some(line)
    }

    fn swallow(&mut self, byte: u8) -> bool {
        let (next, swallowed) = match (self.escape, byte) {
            (Escape::None, 0x1b) | (Escape::Begun, 0x1b) => (Escape::Begun, true),
            (Escape::None, _) => (Escape::None, false),
            (Escape::Begun, b'[') => (Escape::Control, true),
            (Escape::Begun, _) => (Escape::None, true),
            (Escape::Control, 0x40..=0x7e) => (Escape::None, true),
            (Escape::Control, _) => (Escape::Control, true),
        };
        self.escape = next;
        swallowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_without_escapes() {
        let mut lines = Lines::default();
        assert!(lines.push(b"\x1b[2J\x1b[1;").is_empty());
        assert_eq!(lines.push(b"1Hone\r\ntwo\r\nthr"), ["one", "two"]);
        assert_eq!(lines.partial(), "thr");
    }

    #[test]
    fn a_prompt_is_taken_once_and_again_when_it_grows() {
        let mut lines = Lines::default();
        lines.push(b"web# ");
        assert_eq!(lines.take_partial().as_deref(), Some("web# "));
        assert_eq!(lines.take_partial(), None);
        assert_eq!(lines.push(b"ls\r\n"), ["web# ls"]);
    }

    #[test]
    fn a_line_that_was_shown_whole_is_not_shown_again_at_its_end() {
        let mut lines = Lines::default();
        lines.push(b"login: ");
        lines.take_partial();
        assert!(lines.push(b"\r\n").is_empty());
    }

    #[test]
    fn a_line_without_end_is_cut() {
        assert_eq!(Lines::default().push(&[b'x'; LONGEST]).len(), 1);
    }
}
