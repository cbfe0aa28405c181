//! A person, or a program, in front of a running box: sees all consoles side by side or one of them, types into it, ends
//! everything.
//!
//! | module | |
//! |---|---|
//! | [`events`] | all events in one stream: output, keys, signals |
//! | [`tracker`] | what becomes of the box, read from its consoles |
//! | [`display`] | the [`screen`] for people, [`json`] events for programs |
//! | [`run`] | the loop over these |
//! | [`end`] | how a run ends, and whether that is a success |
//! | [`lines`], [`console_lines`], [`keys`], [`terminal`] | what they are made of |

mod console_lines;
mod display;
mod end;
mod events;
mod json;
mod keys;
mod lines;
mod run;
mod screen;
mod terminal;
mod tracker;

pub use self::console_lines::{LogLine, own_times};
pub use self::end::{EndCause, Panic, RunEnd};
pub use self::events::{Change, Event, Events};
pub use self::lines::Lines;
pub use self::run::{Format, SessionOptions, WhenOutputCloses, WhenUp, resume, run};
