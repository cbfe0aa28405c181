//! What becomes of the partitions of a box, as it happens: notices of `sprig run`.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use emulator::session::{Change, Event};
use lifecycle::condition::Condition;
use lifecycle::row::Row;
use lifecycle::table;
use serde_json::{Value, json};

use super::LiveBox;
use super::sight::LOOKS_PER_SECOND;

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(1000 / LOOKS_PER_SECOND as u64);

/// Looks at the partitions, and tells of every change, until nobody listens.
pub(crate) fn follow(running: Arc<LiveBox>, listener: Sender<Event>) {
    thread::spawn(move || {
        let mut known: Vec<Row> = Vec::new();
        loop {
            // Until the boot image has made the page there is nothing to tell.
            running.look();
            let rows = running.rows().unwrap_or_default();
            for change in rows.iter().filter_map(|row| change(known.get(row.index), row)) {
                if listener.send(Event::Change(change)).is_err() {
                    return;
                }
            }
            if !rows.is_empty() {
                known = rows;
            }
            thread::sleep(PAUSE);
        }
    });
}

/// What is to be told of a partition, if it has changed.
fn change(before: Option<&Row>, now: &Row) -> Option<Change> {
    let is_same = before.is_some_and(|before| fields(before) == fields(now));
    (!is_same).then(|| Change { notice: notice(before, now), fields: fields(now) })
}

fn fields(row: &Row) -> Value {
    let all = serde_json::to_value(row).unwrap_or_default();
    json!({
        "partition": all["name"], "state": all["state"], "restarts": all["restarts"], "cause": all["cause"],
        "asked_by": all["asked_by"],
    })
}

/// A line for people. That a box comes up they see by its consoles.
fn notice(before: Option<&Row>, row: &Row) -> Option<String> {
    let is_again = row.restarts > 0;
    let stood_still = before.is_some_and(|before| {
        matches!(before.state, Condition::Stalled | Condition::Frozen) && before.restarts == row.restarts
    });
    match row.state {
        Condition::Running if stood_still => return Some(format!("{} goes on", row.name)),
        Condition::Planned | Condition::Starting => return None,
        Condition::Running if !is_again => return None,
        _ => {}
    }
    let restart = (is_again && row.state == Condition::Running).then(|| format!("restart {}", row.restarts));
    // Where the state is the cause, it is said once.
    let cause = matches!(row.state, Condition::Running | Condition::Stopped | Condition::Stopping | Condition::Failed)
        .then(|| table::cause(row));
    let details: Vec<_> = restart.into_iter().chain(cause.filter(|cause| cause != "-")).collect();
    let again = if row.state == Condition::Running { " again" } else { "" };
    let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) };
    Some(format!("{}: {}{again}{details}", row.name, row.state))
}

#[cfg(test)]
mod tests {
    use control::Cause;

    use super::*;

    fn row(state: Condition, restarts: u64, cause: Cause) -> Row {
        let asked_by = (cause == Cause::Asked).then(|| "the host".to_owned());
        let (name, link) = ("db".to_owned(), None);
        Row {
            index: 0,
            name,
            own: false,
            state,
            uptime: None,
            restarts,
            cause,
            asked_by,
            cores: 1,
            memory_bytes: 0,
            link,
        }
    }

    #[test]
    fn people_read_what_they_do_not_see_on_a_console() {
        let notice = |state, restarts, cause| notice(None, &row(state, restarts, cause));
        assert_eq!(notice(Condition::Starting, 0, Cause::None), None);
        assert_eq!(notice(Condition::Running, 0, Cause::None), None);
        let panicked = notice(Condition::Panicked, 0, Cause::Panic);
        assert_eq!(panicked.as_deref(), Some("db: panicked"));
        let running = notice(Condition::Running, 2, Cause::Asked);
        assert_eq!(running.as_deref(), Some("db: running again (restart 2, asked by the host)"));
        assert_eq!(notice(Condition::Stopped, 2, Cause::Asked).as_deref(), Some("db: stopped (asked by the host)"));
        assert_eq!(notice(Condition::Failed, 0, Cause::CoreSilent).as_deref(), Some("db: failed (a core is silent)"));
    }

    #[test]
    fn one_that_stood_still_is_not_taken_for_one_that_was_started_again() {
        let running = row(Condition::Running, 2, Cause::Asked);
        for state in [Condition::Stalled, Condition::Frozen] {
            let still = row(state, 2, Cause::Asked);
            assert_eq!(notice(Some(&running), &still), Some(format!("db: {state}")));
            assert_eq!(notice(Some(&still), &running).as_deref(), Some("db goes on"));
            let again = notice(Some(&still), &row(Condition::Running, 3, Cause::Hang));
            assert_eq!(again.as_deref(), Some("db: running again (restart 3, hang)"));
        }
    }

    #[test]
    fn only_a_change_is_told() {
        let first = row(Condition::Running, 0, Cause::None);
        let later = Row { uptime: Some(Duration::from_secs(5)), ..first.clone() };
        assert!(change(None, &first).is_some() && change(Some(&first), &later).is_none());
        let again = row(Condition::Running, 1, Cause::Panic);
        let fields = change(Some(&first), &again).unwrap().fields;
        let expected =
            json!({"partition": "db", "state": "running", "restarts": 1, "cause": "panic", "asked_by": null});
        assert_eq!(fields, expected);
    }
}
