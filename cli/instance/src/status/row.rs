//! What is said of each partition.

use std::time::Duration;

use control::{Cause, State};
use serde::{Serialize, Serializer};

use super::links::Links;
use crate::condition::Condition;
use crate::partitions::{Partition, Partitions};
use crate::snapshot::{Snapshot, Words};

/// What is said of one partition. Its serialised form is what `--json` promises.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Row {
    /// Its index in the box.
    pub(crate) index: usize,
    /// Its name in the box file.
    pub(crate) name: String,
    /// Whether it is the one that this runs in.
    pub(crate) own: bool,
    /// How it is.
    pub(crate) state: Condition,
    /// How long it has been so, if this is known.
    #[serde(rename = "uptime_seconds", serialize_with = "in_seconds")]
    pub(crate) uptime: Option<Duration>,
    /// How often it was started again.
    pub(crate) restarts: u64,
    /// What has made it so.
    #[serde(serialize_with = "as_word")]
    pub(crate) cause: Cause,
    /// Who has asked for that.
    pub(crate) asked_by: Option<String>,
    /// The number of its cores.
    pub(crate) cores: usize,
    /// Bytes of its memory.
    pub(crate) memory_bytes: u64,
    /// The state of the link to it; `None` for the own partition.
    pub(crate) link: Option<String>,
}

/// A row for each partition, in the order of their indices.
pub(crate) fn rows(partitions: &Partitions, snapshot: &Snapshot, links: &Links) -> Vec<Row> {
    let all = partitions.all().iter().zip(&snapshot.partitions).enumerate();
    all.map(|(index, (partition, words))| {
        let state = Condition::of(words, links.to(index));
        let cause = cause(index, words);
        Row {
            index,
            name: partition.name.clone(),
            own: index == partitions.own(),
            state,
            uptime: snapshot.time_since(words.since).filter(|_| words.pending().is_none()),
            restarts: words.starts.saturating_sub(1),
            cause,
            asked_by: words.asker.filter(|_| cause == Cause::Asked).and_then(|asker| partitions.name_of(asker)),
            cores: words.cores,
            memory_bytes: memory(partition),
            link: links.to(index).map(str::to_owned),
        }
    })
    .collect()
}

impl Row {
    /// What stays the same while nothing happens.
    pub(crate) fn without_uptime(&self) -> Self {
        Self { uptime: None, ..self.clone() }
    }
}

/// Of a pending order: that somebody has asked for it. A partition that asks itself is coming again, for the cause that it
/// has given; at the start of the box nobody asks; and a policy asks for the cause that the partition has given, if it has.
fn cause(index: usize, words: &Words) -> Cause {
    match (words.pending(), words.asker) {
        (Some(_), _) if words.is_by_policy && words.status.state == State::Ended => words.status.cause,
        (Some(_), _) if words.is_by_policy => Cause::Hang,
        (Some(_), Some(asker)) if asker != index => Cause::Asked,
        _ => words.status.cause,
    }
}

fn memory(partition: &Partition) -> u64 {
    partition.memory.iter().map(|range| range.last() - range.first() + 1).sum()
}

fn in_seconds<S: Serializer>(uptime: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    uptime.map(|uptime| uptime.as_secs()).serialize(serializer)
}

fn as_word<S: Serializer>(cause: &Cause, serializer: S) -> Result<S::Ok, S::Error> {
    let word = match cause {
        Cause::None => None,
        Cause::Asked => Some("asked"),
        Cause::Panic => Some("panic"),
        Cause::Reboot => Some("reboot"),
        Cause::Halt => Some("halt"),
        Cause::PowerOff => Some("power-off"),
        Cause::CoreSilent => Some("core-silent"),
        Cause::BadList => Some("bad-list"),
        Cause::Hang => Some("hang"),
    };
    word.serialize(serializer)
}

#[cfg(test)]
pub(super) mod tests {
    use control::{Command, State, Status};
    use serde_json::json;

    use super::*;
    use crate::snapshot::Ticks;
    use crate::snapshot::tests::{running, snapshot};

    const TABLE: &str = "0 web 0x400000-0x203fffff\n1 db 0x20400000-0x303fffff,0x100000000-0x10fffffff\n";
    const LINKS: &str = "0 web 02:53:00:00:00:01 self\n1 db 02:53:00:00:00:02 up\n";

    /// The row of `db`, seen from `web`.
    pub(in crate::status) fn row(db: Words) -> Row {
        let partitions = Partitions::parse(TABLE, "0").unwrap();
        rows(&partitions, &snapshot([running(), db]), &Links::parse(LINKS)).remove(1)
    }

    fn with_status(state: State, cause: Cause) -> Words {
        Words { status: Status { state, cause }, ..running() }
    }

    fn with_pending(command: Command, asker: Option<usize>) -> Words {
        Words { wanted: running().done.then(command), asker, ..running() }
    }

    #[test]
    fn there_is_a_row_for_each_partition_in_the_order_of_indices() {
        let partitions = Partitions::parse(TABLE, "0").unwrap();
        let rows = rows(&partitions, &snapshot([running(), running()]), &Links::parse(LINKS));
        let shown: Vec<_> =
            rows.iter().map(|row| (row.index, row.name.as_str(), row.own, row.link.as_deref())).collect();
        assert_eq!(shown, [(0, "web", true, None), (1, "db", false, Some("up"))]);
        assert_eq!(rows[1].memory_bytes, (256 + 256) << 20);
        assert_eq!((rows[1].cores, rows[1].uptime), (2, Some(Duration::from_secs(61))));
    }

    #[test]
    fn a_pending_order_is_what_is_shown() {
        let stopping = row(with_pending(Command::Stop, Some(0)));
        assert_eq!((stopping.state, stopping.cause, stopping.uptime), (Condition::Stopping, Cause::Asked, None));
        assert_eq!(stopping.asked_by.as_deref(), Some("web"));
        assert_eq!(row(with_pending(Command::Start, Some(0))).state, Condition::Starting);
        assert_eq!(row(with_pending(Command::Enter, None)).cause, Cause::None, "at the start of the box");
    }

    #[test]
    fn one_that_comes_again_by_itself_keeps_its_cause() {
        let again = Words {
            status: Status { state: State::Ended, cause: Cause::Panic },
            ..with_pending(Command::Start, Some(1))
        };
        let row = row(again);
        assert_eq!((row.state, row.cause, row.asked_by), (Condition::Starting, Cause::Panic, None));
    }

    #[test]
    fn an_asker_is_named_only_where_somebody_has_asked() {
        let asked_by = |cause| row(Words { asker: Some(0), ..with_status(State::Running, cause) }).asked_by;
        assert_eq!(asked_by(Cause::Asked).as_deref(), Some("web"));
        assert_eq!(asked_by(Cause::Reboot), None);
        let far = Words { asker: Some(9), ..with_status(State::Running, Cause::Asked) };
        assert_eq!(row(far).asked_by, None, "no such partition");
    }

    #[test]
    fn the_first_start_is_no_restart() {
        let restarts = [0, 1, 2].map(|starts| row(Words { starts, ..running() }).restarts);
        assert_eq!(restarts, [0, 0, 1]);
        assert_eq!(row(Words { since: Ticks(0), ..running() }).uptime, None);
    }

    #[test]
    fn the_keys_of_json_are_stable() {
        let stopped = Words { asker: Some(0), ..with_status(State::Stopped, Cause::Asked) };
        let expected = json!({
            "index": 1, "name": "db", "own": false, "state": "stopped", "uptime_seconds": 61, "restarts": 0,
            "cause": "asked", "asked_by": "web", "cores": 2, "memory_bytes": 512 << 20, "link": "up",
        });
        assert_eq!(serde_json::to_value(row(stopped)).unwrap(), expected);
        let off = serde_json::to_value(row(with_status(State::Ended, Cause::PowerOff))).unwrap();
        assert_eq!((&off["state"], &off["cause"]), (&json!("powered-off"), &json!("power-off")));
    }
}
