//! The screen of a session: all consoles line by line, each line with its partition's name before it, or one console
//! unchanged.

use std::io::{Stdout, Write, stdout};

use partitioner::plan::Plan;

use crate::colours::Colours;

/// How many earlier lines of a console are shown when the user turns to it.
const HISTORY_LINES: usize = 20;
/// SGR parameters of the partitions' names, in turn.
const NAME_COLOURS: [&str; 6] = ["36", "33", "35", "32", "34", "31"];

/// What is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum View {
    /// All consoles.
    All,
    /// The console at this port.
    One(usize),
}

/// Standard output, be it a terminal or not.
pub(super) struct Screen {
    output: Stdout,
    colours: Colours,
    shown: View,
    names: Vec<String>,
    width: usize,
    is_output_lost: bool,
}

impl Screen {
    /// Shows all consoles of partitions of these names.
    pub(super) fn new(names: Vec<String>, colours: Colours) -> Self {
        let width = names.iter().map(|name| name.chars().count()).chain([BOOT_IMAGE.len()]).max().unwrap_or_default();
        Self { output: stdout(), colours, shown: View::All, names, width, is_output_lost: false }
    }

    /// What is shown.
    pub(super) fn shown(&self) -> View {
        self.shown
    }

    /// Changes the view; `history` are the earlier lines of that console, the last one incomplete.
    pub(super) fn show(&mut self, shown: View, history: &[String]) {
        self.shown = shown;
        if shown == View::All {
            return self.notice("all consoles");
        }
        let recent = &history[history.len().saturating_sub(HISTORY_LINES)..];
        self.write(recent.join("\n").as_bytes());
    }

    /// Prints a line of a partition, or of the boot image.
    pub(super) fn line(&mut self, partition: Option<usize>, line: &str) {
        if self.shown != View::All {
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

    /// Writes bytes of a port unchanged, if its console is shown.
    pub(super) fn pass_through(&mut self, port: usize, bytes: &[u8]) {
        if self.shown == View::One(port) {
            self.write(bytes);
        }
    }

    /// Prints a notice of the session itself.
    pub(super) fn notice(&mut self, text: &str) {
        let before = if self.shown == View::All { "" } else { "\n" };
        let line = self.colours.paint("1;32", &format!("{:>width$} = {text}", "", width = self.width));
        self.write(format!("{before}{line}\n").as_bytes());
    }

    /// Prints what the keys do.
    pub(super) fn help(&mut self, plan: &Plan) {
        let consoles = (1..).zip(&plan.partitions).take(9);
        let consoles: Vec<String> = consoles.map(|(number, p)| format!("{number} {}", p.name)).collect();
        self.notice(&format!(
            "Ctrl-C ends everything. Ctrl-A, then: {}, n next, l the boot image,",
            consoles.join(", ")
        ));
        self.notice("0 all consoles, c a Ctrl-C into the console, Ctrl-A a Ctrl-A, q quit, ? this help");
    }

    /// Whether output is lost: the reader of the pipe has gone, or the disk is full.
    pub(super) fn is_output_lost(&self) -> bool {
        self.is_output_lost
    }

    fn write(&mut self, bytes: &[u8]) {
        self.is_output_lost |= self.output.write_all(bytes).and_then(|()| self.output.flush()).is_err();
    }
}

const BOOT_IMAGE: &str = "sprig";
