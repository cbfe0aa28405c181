//! What `apply` does to a machine, word for word, and that images survive every way of moving them.

use std::fmt::{self, Write as _};

use crate::fixture::{self, FAR, range};
use partitioner::address::MemoryRange;
use partitioner::apply::{ApplyError, apply};
use partitioner::inventory::ApicId;
use partitioner::load_list::{LoadList, Step, steps};
use partitioner::machine::{Machine, StartError, StartMode, Turn, TurnSigns};
use partitioner::pci::PciAddress;
use partitioner::plan::{PartitionPlan, Plan, PlannedImage};
use partitioner::request::{ImageFile, Request};
use proptest::prelude::*;

/// A machine that writes down what it is reported.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) transcript: String,
    /// The lists that were kept.
    pub(crate) kept: Vec<LoadList>,
    slow: Option<MemoryRange>,
    dead: Option<ApicId>,
}

impl Recorder {
    fn note(&mut self, line: fmt::Arguments<'_>) {
        writeln!(self.transcript, "{line}").expect("a string takes everything");
    }

    pub(crate) fn note_steps(&mut self, list: &[u8], before: &str) {
        for step in steps(list) {
            match step.expect("a whole list") {
                Step::Zero(range) => self.note(format_args!("{before}zero {range}")),
                Step::Copy(from, to) => self.note(format_args!("{before}copy {from} to {to:#x}")),
                Step::Write(to, bytes) => {
                    self.note(format_args!("{before}write {to:#x} {} bytes, first {:02x?}", bytes.len(), &bytes[..4]));
                }
                other => self.note(format_args!("{before}{other:x?}")),
            }
        }
    }
}

impl Machine for Recorder {
    fn copy(&mut self, from: MemoryRange, to: u64) {
        assert!(!from.overlaps(range(to, from.len())), "{from} is copied onto itself at {to:#x}");
        self.note(format_args!("  copy {from} to {to:#x}"));
    }

    fn write(&mut self, to: u64, bytes: &[u8]) {
        self.note(format_args!("  write {to:#x} {} bytes, first {:02x?}", bytes.len(), &bytes[..4]));
    }

    fn zero(&mut self, range: MemoryRange) {
        self.note(format_args!("  zero {range}"));
    }

    fn update(&mut self, function: PciAddress, register: u16, clear: u16, set: u16) {
        self.note(format_args!("  update {function} {register:#x}: clear {clear:#x}, set {set:#x}"));
    }

    fn keep(&mut self, partition: &PartitionPlan, list: &LoadList) {
        let again = list.bytes().len() - list.first_start().len();
        self.note(format_args!("  keep for later starts of {}:", partition.name));
        self.note_steps(&list.bytes()[..again], "    again: ");
        self.kept.push(list.clone());
    }

    fn load(&mut self, list: &LoadList) -> bool {
        self.note(format_args!("  load:"));
        self.note_steps(list.first_start(), "    ");
        true
    }

    fn start(&mut self, partition: &PartitionPlan, mode: StartMode) -> Result<(), StartError> {
        let core = partition.boot_core().core.apic_id;
        self.note(format_args!("  start {core} {mode:?}"));
        if self.dead == Some(core) { Err(StartError { core, waited_ms: 200 }) } else { Ok(()) }
    }

    fn await_turn(&mut self, signs: TurnSigns) -> Turn {
        self.note(format_args!("  await {} or {:#x?}", signs.low, signs.seed_len));
        if self.slow == Some(signs.low) { Turn::TimedOut } else { Turn::Passed }
    }

    fn log(&mut self, step: &'static str, detail: fmt::Arguments<'_>) {
        self.note(format_args!("{step}: {detail}"));
    }
}

#[test]
fn the_plan_is_carried_out_step_by_step() {
    let plan = fixture::plan();
    let mut machine = Recorder { slow: Some(plan.partitions[FAR].low), ..Recorder::default() };
    let entry = apply(&plan, &fixture::request(), plan.window, &mut machine).expect("the fixture can be applied");
    machine.note(format_args!("{entry:x?}"));
    insta::assert_snapshot!(machine.transcript);
}

#[test]
fn without_the_boot_processor_nobody_is_left_to_enter() {
    let plan = Plan { boot_processor: ApicId(77), ..crate::fixture::plan() };
    assert_eq!(apply(&plan, &fixture::request(), plan.window, &mut Recorder::default()), Ok(None));
}

#[test]
fn a_dead_core_is_named_with_what_runs_already() {
    let mut machine = Recorder { dead: Some(ApicId(255)), ..Recorder::default() };
    let error = apply(&fixture::plan(), &fixture::request(), fixture::plan().window, &mut machine).unwrap_err();
    let reported = "\"far\" does not start, after 1 that run: core with APIC ID 255 did not answer within 200 ms";
    assert_eq!(error.to_string(), reported);
}

#[test]
fn nothing_is_touched_when_something_is_wrong() {
    let mut not_loaded = fixture::request();
    not_loaded.images[1].loaded = None;
    let mut too_long = fixture::plan();
    too_long.partitions[FAR].owner_cmdline = "x".repeat(2048);
    let mut other_kernel = fixture::request();
    other_kernel.partitions[0].bzimage.payload = 0x4000..0x90_0000;

    for (plan, request, code) in [
        (fixture::plan(), not_loaded, "image-not-loaded"),
        (too_long, fixture::request(), "command-line-too-long"),
        (fixture::plan(), other_kernel, "other-images"),
    ] {
        let mut machine = Recorder::default();
        let error = apply(&plan, &request, plan.window, &mut machine).unwrap_err();
        assert_eq!(partitioner::diagnostic::Diagnostic::from(&error).code, code);
        assert_eq!(machine.transcript, "", "{code}");
    }
}

/// A machine with real memory, one byte for each 64 KiB, that watches where images end up.
struct Bytes(Vec<u8>);

const SCALE: u64 = 64 << 10;

fn scaled(address: u64) -> usize {
    usize::try_from(address / SCALE).expect("an address of the fixture")
}

impl Machine for Bytes {
    fn copy(&mut self, from: MemoryRange, to: u64) {
        assert!(!from.overlaps(range(to, from.len())), "{from} is copied onto itself at {to:#x}");
        self.0.copy_within(scaled(from.start())..scaled(from.end()), scaled(to));
    }
    fn write(&mut self, _to: u64, _bytes: &[u8]) {}
    fn zero(&mut self, _range: MemoryRange) {}
    fn update(&mut self, _function: PciAddress, _register: u16, _clear: u16, _set: u16) {}
    fn keep(&mut self, _partition: &PartitionPlan, _list: &LoadList) {}
    fn load(&mut self, _list: &LoadList) -> bool {
        false
    }
    fn start(&mut self, _partition: &PartitionPlan, _mode: StartMode) -> Result<(), StartError> {
        Ok(())
    }
    fn await_turn(&mut self, _signs: TurnSigns) -> Turn {
        Turn::Passed
    }
    fn log(&mut self, _step: &'static str, _detail: fmt::Arguments<'_>) {}
}

/// Images of these lengths, one behind the other in that order from `start`.
fn packed(start: u64, lens: &[u64], order: &[usize]) -> Vec<MemoryRange> {
    let mut places = vec![range(start, 1); lens.len()];
    let mut next = start;
    for image in order {
        places[*image] = range(next, lens[*image]);
        next += lens[*image];
    }
    places
}

proptest! {
    #[test]
    fn images_survive_every_way_of_moving_them(
        lens in proptest::collection::vec(1u64..60, 4),
        from_order in Just((0..5usize).collect::<Vec<_>>()).prop_shuffle(),
        to_order in Just((0..5usize).collect::<Vec<_>>()).prop_shuffle(),
        shift in 0u64..120,
    ) {
        let lens: Vec<u64> = lens.iter().map(|len| len * SCALE).collect();
        // The kernel of the fixture's partitions must lie inside the first image.
        let lens = [&[8 << 20], lens.as_slice()].concat();
        let from = packed(1500 << 20, &lens, &from_order);
        let to = packed((1500 << 20) + shift * SCALE, &lens, &to_order);
        let plan = Plan {
            images: to.iter().map(|range| PlannedImage { path: "image".into(), range: *range }).collect(),
            ..crate::fixture::plan()
        };
        let file = |range: &MemoryRange| ImageFile { unpacked_len: None, path: "image".into(), len: range.len(), loaded: Some(*range) };
        let request = Request { images: from.iter().map(file).collect(), ..crate::fixture::request() };

        let mut machine = Bytes(vec![0; scaled(6144 << 20)]);
        for (nth, place) in from.iter().enumerate() {
            machine.0[scaled(place.start())..scaled(place.end())].fill(nth as u8 + 1);
        }
        apply(&plan, &request, plan.window, &mut machine).expect("there is room enough");
        for (nth, place) in to.iter().enumerate() {
            let there = &machine.0[scaled(place.start())..scaled(place.end())];
            prop_assert!(there.iter().all(|byte| *byte == nth as u8 + 1), "image {nth} is damaged at {place}");
        }
    }
}

#[test]
fn images_that_cannot_step_aside_are_refused() {
    let mut plan = fixture::plan();
    let [first, second] = [range(1500 << 20, 700 << 20), range(2200 << 20, 700 << 20)];
    plan.images[0].range = first;
    plan.images[1].range = second;
    plan.partitions[1].memory.truncate(0);
    let mut request = fixture::request();
    request.images[0].loaded = Some(second);
    request.images[1].loaded = Some(first);
    plan.partitions[1].memory.push(range(4096 << 20, 600 << 20));
    let error = apply(&plan, &request, plan.window, &mut Recorder::default()).unwrap_err();
    assert!(matches!(error, ApplyError::NoRoomToMove { count: 2, .. }), "{error:?}");
}

#[test]
fn an_image_that_moves_by_a_few_bytes_takes_two_copies() {
    let mut request = fixture::request();
    let plan = fixture::plan();
    request.images[0].loaded = Some(range(plan.images[0].range.start() - 4, plan.images[0].range.len()));
    request.images[1].loaded = Some(plan.images[1].range);
    let mut machine = Recorder::default();
    apply(&plan, &request, plan.window, &mut machine).expect("the fixture can be applied");
    let copies: Vec<_> = machine
        .transcript
        .lines()
        .take_while(|line| !line.contains("MP table"))
        .filter(|l| l.contains("copy"))
        .collect();
    assert_eq!(
        copies,
        ["  copy 0x007f2ffffc-0x007faffffb to 0x4000000", "  copy 0x0004000000-0x00047fffff to 0x7f300000"]
    );
}
