//! The rows for people: columns of text.

use std::time::Duration;

use control::Cause;
use partitioner::amount::Amount;

use crate::row::Row;

const HEAD: [&str; COLUMNS] = ["partition", "state", "uptime", "restarts", "cause", "cores", "memory", "link"];
const COLUMNS: usize = 8;
const GAP: &str = "  ";
/// What stands where there is nothing to say.
const NOTHING: &str = "-";
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A line for each row, below a head. Who runs in none of the partitions has no links, and no column of them.
pub fn table(rows: &[Row]) -> String {
    let columns = if rows.iter().any(|row| row.own) { COLUMNS } else { COLUMNS - 1 };
    let lines: Vec<_> = [HEAD.map(str::to_owned)].into_iter().chain(rows.iter().map(cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    lines.iter().map(|line| aligned(&line[..columns], &widths)).collect()
}

fn aligned(line: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
    format!("{}\n", cells.join(GAP).trim_end())
}

fn cells(row: &Row) -> [String; COLUMNS] {
    [
        if row.own { format!("{} (here)", row.name) } else { row.name.clone() },
        row.state.to_string(),
        row.uptime.map_or_else(|| NOTHING.to_owned(), time),
        row.restarts.to_string(),
        cause(row),
        row.cores.to_string(),
        Amount(row.memory_bytes).to_string(),
        row.link.clone().unwrap_or_else(|| NOTHING.to_owned()),
    ]
}

/// What has made it so, in words.
pub fn cause(row: &Row) -> String {
    match (row.cause, &row.asked_by) {
        (Cause::Asked, Some(asker)) => format!("asked by {asker}"),
        (Cause::None, _) => NOTHING.to_owned(),
        (Cause::Asked, None) => "asked".to_owned(),
        (Cause::Panic, _) => "panic".to_owned(),
        (Cause::Reboot, _) => "reboot".to_owned(),
        (Cause::Halt, _) => "halt".to_owned(),
        (Cause::PowerOff, _) => "power-off".to_owned(),
        (Cause::CoreSilent, _) => "a core is silent".to_owned(),
        (Cause::Hang, _) => "hang".to_owned(),
        (Cause::BadList, _) => "damaged load list".to_owned(),
    }
}

/// A time in its two largest units.
fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min {} s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY => format!("{} h {} min", seconds / HOUR, seconds % HOUR / MINUTE),
        _ => format!("{} d {} h", seconds / DAY, seconds % DAY / HOUR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::Condition;
    use crate::row::tests::row;
    use crate::snapshot::sample::running;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let db = row(running());
        let web = Row { name: "web".to_owned(), own: true, link: None, uptime: None, ..db.clone() };
        let db = Row { state: Condition::PoweredOff, cause: Cause::PowerOff, restarts: 12, ..db };
        let expected = "\
partition   state        uptime     restarts  cause      cores  memory   link
web (here)  running      -          0         -          2      512 MiB  -
db          powered off  1 min 1 s  12        power-off  2      512 MiB  up
";
        assert_eq!(table(&[web, db]), expected);
    }

    #[test]
    fn the_host_has_no_links() {
        let expected = "\
partition  state    uptime     restarts  cause  cores  memory
db         running  1 min 1 s  0         -      2      512 MiB
";
        assert_eq!(table(&[row(running())]), expected);
    }

    #[test]
    fn who_has_asked_is_named() {
        let asked = |asked_by: Option<&str>| {
            cause(&Row { cause: Cause::Asked, asked_by: asked_by.map(str::to_owned), ..row(running()) })
        };
        assert_eq!([asked(Some("web")), asked(None)], ["asked by web", "asked"]);
    }

    #[test]
    fn times_have_two_units() {
        let times = [0, 59, 60, 3599, 3600, 86_399, 86_400, 100 * 86_400 + 7200].map(Duration::from_secs).map(time);
        let expected = ["0 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "23 h 59 min", "1 d 0 h", "100 d 2 h"];
        assert_eq!(times, expected);
    }
}
