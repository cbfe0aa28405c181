//! Standard output, whose reader may have gone.

use std::io::{self, Write};

/// Whoever reads the output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listener {
    /// Somebody reads it, or it goes into a file.
    There,
    /// Nobody reads it any more, as when `head` has enough lines; this is no error.
    Gone,
}

/// Prints a text, all of it at once.
pub fn print(text: &str) -> io::Result<Listener> {
    write(text.as_bytes())
}

/// Writes bytes as they are, all of them at once.
pub fn write(bytes: &[u8]) -> io::Result<Listener> {
    let mut output = io::stdout();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Listener::Gone),
        printed => printed.map(|()| Listener::There),
    }
}
