//! Events of a run for programs: one JSON object a line on standard output.
//!
//! Every event has `event` and `time`, the seconds since QEMU was started. `started` has the box and its partitions, `up`
//! a partition, `panicked` a partition and the cause, `state` a partition with how it is by its own account. The last event is `ended`, or `left-running` of a box that goes on
//! in the background; both have the cause, the exit code, the message and the partitions that were not up.

use std::io::{Write, stdout};
use std::time::Instant;

use serde_json::{Value, json};

use super::end::RunEnd;

/// Writes events.
pub(super) struct JsonEvents {
    started: Instant,
    is_output_lost: bool,
}

impl JsonEvents {
    /// For a machine that was started then.
    pub(super) fn new(started: Instant) -> Self {
        Self { started, is_output_lost: false }
    }

    pub(super) fn started(&mut self, box_name: &str, partitions: &[String]) {
        self.write("started", json!({ "box": box_name, "partitions": partitions }));
    }

    pub(super) fn up(&mut self, partition: &str) {
        self.write("up", json!({ "partition": partition }));
    }

    pub(super) fn panicked(&mut self, partition: &str, cause: &str) {
        self.write("panicked", json!({ "partition": partition, "cause": cause }));
    }

    pub(super) fn changed(&mut self, fields: &Value) {
        self.write("state", fields.clone());
    }

    pub(super) fn ended(&mut self, end: &RunEnd) {
        self.last("ended", end);
    }

    pub(super) fn left_running(&mut self, end: &RunEnd) {
        self.last("left-running", end);
    }

    fn last(&mut self, event: &str, end: &RunEnd) {
        let fields = json!({
            "cause": end.cause.name(),
            "exit": u8::from(!end.is_success()),
            "message": end.describe(),
            "not_up": end.not_up,
        });
        self.write(event, fields);
    }

    /// Whether output is lost: the reader of the pipe has gone, or the disk is full.
    pub(super) fn is_output_lost(&self) -> bool {
        self.is_output_lost
    }

    fn write(&mut self, event: &str, mut fields: Value) {
        fields["event"] = event.into();
        fields["time"] = ((self.started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0).into();
        let mut output = stdout().lock();
        self.is_output_lost |= writeln!(output, "{fields}").and_then(|()| output.flush()).is_err();
    }
}
