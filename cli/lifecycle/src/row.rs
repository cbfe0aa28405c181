//! What is said of each partition.

use std::time::Duration;

use control::{Cause, State};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::condition::{Condition, Heart};
use crate::snapshot::{Snapshot, Words};

/// What is known of a partition beside the control page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// Its name in the box file.
    pub name: String,
    /// Bytes of its memory.
    pub memory_bytes: u64,
    /// The state of the link to it, where whoever looks has one.
    pub link: Option<String>,
    /// Whether its heart goes on.
    pub heart: Heart,
}

/// What is said of one partition. Its serialised form is what `--json` promises.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Its index in the box.
    pub index: usize,
    /// Its name in the box file.
    pub name: String,
    /// Whether it is the one that this runs in. The host runs in none.
    pub own: bool,
    /// How it is.
    pub state: Condition,
    /// How long it has been so, if this is known.
    #[serde(rename = "uptime_seconds", serialize_with = "in_seconds", deserialize_with = "from_seconds")]
    pub uptime: Option<Duration>,
    /// How often it was started again.
    pub restarts: u64,
    /// What has made it so.
    #[serde(serialize_with = "as_word", deserialize_with = "from_word")]
    pub cause: Cause,
    /// Who has asked for that.
    pub asked_by: Option<String>,
    /// The number of its cores.
    pub cores: usize,
    /// Bytes of its memory.
    pub memory_bytes: u64,
    /// The state of the link to it; `None` for the own partition, and from the host.
    pub link: Option<String>,
}

/// A row for each partition, in the order of their indices, for whoever runs in the partition `own`, or on the host.
pub fn rows(partitions: &[Known], own: Option<usize>, snapshot: &Snapshot) -> Vec<Row> {
    let name_of = |index: usize| partitions.get(index).map(|partition| partition.name.clone());
    let all = partitions.iter().zip(&snapshot.partitions).enumerate();
    all.map(|(index, (partition, words))| {
        let cause = cause(index, words);
        Row {
            index,
            name: partition.name.clone(),
            own: own == Some(index),
            state: Condition::of(words, partition.heart),
            uptime: snapshot.time_since(words.since).filter(|_| words.pending().is_none()),
            restarts: words.starts.saturating_sub(1),
            cause,
            asked_by: words.asked_by(name_of).filter(|_| cause == Cause::Asked),
            cores: words.cores,
            memory_bytes: partition.memory_bytes,
            link: partition.link.clone(),
        }
    })
    .collect()
}

impl Row {
    /// What stays the same while nothing happens.
    pub fn without_uptime(&self) -> Self {
        Self { uptime: None, ..self.clone() }
    }
}

/// Of a pending order: that somebody has asked for it. A partition that asks itself is coming again, for the cause that it
/// has given; at the start of the box nobody asks; and a policy asks for the cause that the partition has given, if it has.
fn cause(index: usize, words: &Words) -> Cause {
    match (words.pending(), words.asker) {
        (Some(_), _) if words.is_by_policy && words.status.state == State::Ended => words.status.cause,
        (Some(_), _) if words.is_by_policy => Cause::Hang,
        (Some(_), _) if words.is_by_host => Cause::Asked,
        (Some(_), Some(asker)) if asker != index => Cause::Asked,
        _ => words.status.cause,
    }
}

fn in_seconds<S: Serializer>(uptime: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    uptime.map(|uptime| uptime.as_secs()).serialize(serializer)
}

fn from_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_secs))
}

/// Every cause, with its word for programs.
const CAUSES: [(Cause, &str); 8] = [
    (Cause::Asked, "asked"),
    (Cause::Panic, "panic"),
    (Cause::Reboot, "reboot"),
    (Cause::Halt, "halt"),
    (Cause::PowerOff, "power-off"),
    (Cause::CoreSilent, "core-silent"),
    (Cause::BadList, "bad-list"),
    (Cause::Hang, "hang"),
];

fn as_word<S: Serializer>(cause: &Cause, serializer: S) -> Result<S::Ok, S::Error> {
    let word = CAUSES.iter().find(|(other, _)| other == cause).map(|(_, word)| word);
    word.serialize(serializer)
}

fn from_word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cause, D::Error> {
    let word = Option::<String>::deserialize(deserializer)?;
    let cause = CAUSES.iter().find(|(_, other)| Some(*other) == word.as_deref()).map(|(cause, _)| *cause);
    Ok(cause.unwrap_or(Cause::None))
}

#[cfg(test)]
pub(crate) mod tests {
    use control::{Command, State, Status};
    use serde_json::json;

    use super::*;
    use crate::snapshot::Ticks;
    use crate::snapshot::sample::{running, snapshot};

    fn known() -> [Known; 2] {
        let known = |(name, link): (&str, Option<&str>)| Known {
            name: name.to_owned(),
            memory_bytes: 512 << 20,
            link: link.map(str::to_owned),
            heart: Heart::by_link(link),
        };
        [("web", None), ("db", Some("up"))].map(known)
    }

    /// The row of `db`, seen from `web`.
    pub(crate) fn row(db: Words) -> Row {
        rows(&known(), Some(0), &snapshot([running(), db])).remove(1)
    }

    fn with_status(state: State, cause: Cause) -> Words {
        Words { status: Status { state, cause }, ..running() }
    }

    fn with_pending(command: Command, asker: Option<usize>) -> Words {
        Words { wanted: running().done.then(command), asker, ..running() }
    }

    #[test]
    fn there_is_a_row_for_each_partition_in_the_order_of_indices() {
        let rows = rows(&known(), Some(0), &snapshot([running(), running()]));
        let shown: Vec<_> =
            rows.iter().map(|row| (row.index, row.name.as_str(), row.own, row.link.as_deref())).collect();
        assert_eq!(shown, [(0, "web", true, None), (1, "db", false, Some("up"))]);
        assert_eq!(rows[1].memory_bytes, 512 << 20);
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

    #[test]
    fn what_the_host_asks_is_asked_by_the_host_and_its_hand_is_not_named() {
        let pending = row(Words { is_by_host: true, ..with_pending(Command::Start, Some(0)) });
        assert_eq!((pending.cause, pending.asked_by.as_deref()), (Cause::Asked, Some("the host")));
        let own_hand = row(Words { is_by_host: true, ..with_pending(Command::Stop, Some(1)) });
        assert_eq!(own_hand.cause, Cause::Asked);
        let done = row(Words { is_by_host: true, ..with_status(State::Stopped, Cause::Asked) });
        assert_eq!(done.asked_by.as_deref(), Some("the host"));
    }

    #[test]
    fn a_row_survives_its_json() {
        for cause in CAUSES.map(|(cause, _)| cause).into_iter().chain([Cause::None]) {
            let row = row(Words { since: Ticks(0), ..with_status(State::Ended, cause) });
            assert_eq!(serde_json::from_value::<Row>(serde_json::to_value(&row).unwrap()).unwrap(), row);
        }
        let up = row(running());
        assert_eq!(serde_json::from_value::<Row>(serde_json::to_value(&up).unwrap()).unwrap(), up);
    }
}
