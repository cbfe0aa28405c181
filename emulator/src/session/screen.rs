//! What a session shows: all consoles line by line, each line with its partition's name before it, or one console as
//! it is.

use std::io::{Stdout, Write, stdout};

use partitioner::plan::Plan;

use crate::colours::Colours;

/// How much of what a console said before is shown when somebody turns to it.
const HISTORY_LINES: usize = 20;
/// SGR parameters of the partitions' names, in turn.
const NAME_COLOURS: [&str; 6] = ["36", "33", "35", "32", "34", "31"];

/// What is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shown {
    /// All consoles.
    All,
    /// The console at this port.
    One(usize),
}

/// The terminal, or whatever standard output is.
pub(super) struct Screen {
    output: Stdout,
    colours: Colours,
    shown: Shown,
    names: Vec<String>,
    width: usize,
    unseen: bool,
}

impl Screen {
    /// Shows all consoles of partitions of these names.
    pub(super) fn new(names: Vec<String>, colours: Colours) -> Self {
        let width = names.iter().map(|name| name.chars().count()).chain([BOOT_IMAGE.len()]).max().unwrap_or_default();
        Self { output: stdout(), colours, shown: Shown::All, names, width, unseen: false }
    }

    /// What is shown.
    pub(super) fn shown(&self) -> Shown {
        self.shown
    }

    /// Shows something else; `history` is what was said there before, the last line without
    /// its end.
    pub(super) fn show(&mut self, shown: Shown, history: &[String]) {
        self.shown = shown;
        if shown == Shown::All {
            return self.notice("all consoles");
        }
        let recent = &history[history.len().saturating_sub(HISTORY_LINES)..];
        self.write(recent.join("\n").as_bytes());
    }

    /// A line of a partition, or of the boot image.
    pub(super) fn line(&mut self, partition: Option<usize>, line: &str) {
        if self.shown != Shown::All {
            return;
        }
        let (name, colour) = match partition {
            Some(number) => (self.names[number].as_str(), NAME_COLOURS[number % NAME_COLOURS.len()]),
            None => (BOOT_IMAGE, "1"),
        };
        // The boot image's lines begin with its name already.
        let line = if partition.is_none() { line.strip_prefix("sprig ").unwrap_or(line) } else { line };
        let prefix = self.colours.paint(colour, &format!("{name:>width$} |", width = self.width));
        self.write(format!("{prefix} {line}\n").as_bytes());
    }

    /// Bytes of a port, as they are.
    pub(super) fn pass_through(&mut self, port: usize, bytes: &[u8]) {
        if self.shown == Shown::One(port) {
            self.write(bytes);
        }
    }

    /// A word of our own.
    pub(super) fn notice(&mut self, text: &str) {
        let before = if self.shown == Shown::All { "" } else { "\n" };
        let line = self.colours.paint("1;32", &format!("{:>width$} = {text}", "", width = self.width));
        self.write(format!("{before}{line}\n").as_bytes());
    }

    /// What the keys do.
    pub(super) fn help(&mut self, plan: &Plan) {
        let consoles = (1..).zip(&plan.partitions).take(9);
        let consoles: Vec<String> = consoles.map(|(number, p)| format!("{number} {}", p.name)).collect();
        self.notice(&format!(
            "Ctrl-C ends everything. Ctrl-A, then: {}, n next, l the boot image,",
            consoles.join(", ")
        ));
        self.notice("0 all consoles, c a Ctrl-C into the console, Ctrl-A a Ctrl-A, q quit, ? this help");
    }

    /// Whether nobody sees any more what is written: the reader of a pipe has gone, or a disk is full.
    pub(super) fn unseen(&self) -> bool {
        self.unseen
    }

    fn write(&mut self, bytes: &[u8]) {
        self.unseen |= self.output.write_all(bytes).and_then(|()| self.output.flush()).is_err();
    }
}

const BOOT_IMAGE: &str = "sprig";
