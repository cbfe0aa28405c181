//! Records as `dmesg` prints them.

use std::fmt::Write;

use crate::log::ring::Record;

/// A line for each line of the record, each with the record's time before it and a line break after it.
///
/// Another kernel's text must not control a terminal: each byte that is neither printable nor a tab becomes `\x` and
/// two digits.
pub(crate) fn lines(record: &Record) -> String {
    let (seconds, rest) = (record.nanoseconds / 1_000_000_000, record.nanoseconds % 1_000_000_000);
    let text = record.text.strip_suffix(b"\n").unwrap_or(&record.text);
    let mut lines = String::new();
    for line in text.split(|byte| *byte == b'\n') {
        // Writing into a string does not fail.
        let _ = write!(lines, "[{seconds:5}.{:06}] ", rest / 1000);
        push_printable(&mut lines, line);
        lines.push('\n');
    }
    lines
}

fn push_printable(lines: &mut String, line: &[u8]) {
    for chunk in line.utf8_chunks() {
        for char in chunk.valid().chars() {
            if char.is_control() && char != '\t' {
                push_bytes(lines, char.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                lines.push(char);
            }
        }
        push_bytes(lines, chunk.invalid());
    }
}

fn push_bytes(lines: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(lines, "\\x{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(nanoseconds: u64, text: &[u8]) -> String {
        lines(&Record { nanoseconds, text: text.to_vec() })
    }

    #[test]
    fn a_record_is_printed_as_dmesg_prints_it() {
        assert_eq!(lines_of(0, b"Linux version 6.12"), "[    0.000000] Linux version 6.12\n");
        assert_eq!(lines_of(12_345_678_901_234, b""), "[12345.678901] \n");
        assert_eq!(lines_of(1_000_001_999, b"one\ntwo\n"), "[    1.000001] one\n[    1.000001] two\n");
    }

    #[test]
    fn what_would_control_a_terminal_is_printed_as_numbers() {
        assert_eq!(lines_of(0, b"\x1b[2J\ta\r\x7f"), "[    0.000000] \\x1b[2J\ta\\x0d\\x7f\n");
        assert_eq!(lines_of(0, b"\xc2\x9b \xff\xc3 \xc3\xa4"), "[    0.000000] \\xc2\\x9b \\xff\\xc3 \u{e4}\n");
    }
}
