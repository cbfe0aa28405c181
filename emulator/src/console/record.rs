//! The output of a console: kept for readers that come later, and searched.

use std::time::Instant;

use regex::bytes::Regex;

use super::log::LogError;

/// How much of a console is kept in memory; the log file has all of it.
const KEPT: usize = 8 << 20;
/// How many lines an error quotes.
const QUOTED_LINES: usize = 12;

/// The output so far. Positions count from the first byte of all output.
#[derive(Default)]
pub(super) struct Record {
    pub(super) bytes: Vec<u8>,
    /// Position of the first byte that is still kept.
    start: usize,
    /// For each piece: the position behind it, and when it arrived.
    arrivals: Vec<(usize, Instant)>,
    /// Where the next search starts.
    cursor: usize,
    /// Whether the machine has ended.
    pub(super) closed: bool,
    /// Why the log file is incomplete, if it is.
    pub(super) log_error: Option<LogError>,
}

/// A pattern to wait for.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// This text.
    Text(String),
    /// A regular expression, which may match over several lines.
    Regex(Regex),
}

/// A match.
#[derive(Clone, Debug)]
pub struct Found {
    /// The matched text.
    pub text: String,
    /// The text of its groups, the first group first.
    pub groups: Vec<String>,
    /// The output between the previous match and this one.
    pub before: String,
    /// When its last byte arrived.
    pub at: Instant,
}

impl Record {
    pub(super) fn end(&self) -> usize {
        self.start + self.bytes.len()
    }

    pub(super) fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        self.arrivals.push((self.end(), Instant::now()));
        // Half is dropped at a time, so that not every byte moves megabytes.
        if self.bytes.len() > 2 * KEPT {
            let surplus = self.bytes.len() - KEPT;
            self.bytes.drain(..surplus);
            self.start += surplus;
            let start = self.start;
            self.arrivals.retain(|(end, _)| *end > start);
            self.cursor = self.cursor.max(start);
        }
    }

    pub(super) fn since(&self, position: usize) -> Option<Vec<u8>> {
        let from = position.max(self.start);
        (from < self.end()).then(|| self.bytes[from - self.start..].to_vec())
    }

    pub(super) fn take(&mut self, pattern: &Pattern) -> Option<Found> {
        let unseen = &self.bytes[self.cursor - self.start..];
        let (span, groups) = pattern.find(unseen)?;
        let end = self.cursor + span.end;
        let at = self.arrivals.iter().find(|(arrived, _)| *arrived >= end).map(|(_, at)| *at)?;
        let found = Found { text: lossy(&unseen[span.clone()]), groups, before: lossy(&unseen[..span.start]), at };
        self.cursor = end;
        Some(found)
    }

    pub(super) fn last_lines(&self) -> String {
        let text = lossy(&self.bytes);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        if lines.is_empty() {
            return "    (none: the console stayed silent)".to_owned();
        }
        let first = lines.len().saturating_sub(QUOTED_LINES);
        lines[first..].iter().map(|line| format!("    {}", line.trim_end())).collect::<Vec<_>>().join("\n")
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Pattern {
    fn find(&self, bytes: &[u8]) -> Option<(std::ops::Range<usize>, Vec<String>)> {
        match self {
            Self::Text(text) => {
                let start = bytes.windows(text.len().max(1)).position(|window| window == text.as_bytes())?;
                Some((start..start + text.len(), Vec::new()))
            }
            Self::Regex(regex) => {
                let captures = regex.captures(bytes)?;
                let groups =
                    captures.iter().skip(1).map(|group| group.map_or_else(String::new, |g| lossy(g.as_bytes())));
                Some((captures.get_match().range(), groups.collect()))
            }
        }
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Pattern {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Regex> for Pattern {
    fn from(regex: Regex) -> Self {
        Self::Regex(regex)
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Regex(regex) => write!(f, "/{regex}/"),
        }
    }
}
