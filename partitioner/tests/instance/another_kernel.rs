//! A load list that is made while the box runs, held against the one that the planner has recorded.

use insta::assert_snapshot;
use partitioner::address::{MIB, MemoryRange};
use partitioner::another_kernel::{AnotherKernelError, Images, Staged, another_kernel};
use partitioner::apply::apply;
use partitioner::bzimage::BzImage;
use partitioner::layout::{COMMAND_LINE_OFFSET, ZERO_PAGE_OFFSET};
use partitioner::load_list::{LoadList, Step, steps};
use partitioner::plan::PartitionPlan;
use proptest::prelude::*;

use crate::apply_transcript::Recorder;
use crate::fixture::{self, DB, FAR, WEB, range};

/// The partition and its first list.
fn planned(partition: usize) -> (PartitionPlan, LoadList) {
    let plan = fixture::plan();
    let mut machine = Recorder::default();
    apply(&plan, &fixture::request(), plan.window, &mut machine).expect("the fixture can be started");
    let at = plan.start_order.iter().position(|index| usize::from(index.0) == partition).expect("it starts");
    (plan.partitions[partition].clone(), machine.kept.swap_remove(at))
}

/// A kernel that differs from the first in all that matters.
fn kernel() -> BzImage {
    BzImage { payload: 0x5000..0x80_0123, init_size: 50 * MIB, preferred_address: 32 * MIB, ..fixture::bzimage() }
}

fn staged(partition: usize, images: Images<'_>) -> Result<Staged, AnotherKernelError> {
    let (plan, first) = planned(partition);
    another_kernel(first.bytes(), &plan.memory, images)
}

fn written(list: &LoadList, at: u64) -> Vec<u8> {
    let found = steps(list.bytes()).find_map(|step| match step {
        Ok(Step::Write(to, bytes)) if to == at => Some(bytes.to_vec()),
        _ => None,
    });
    found.expect("it is written")
}

/// What a zero page says is usable.
fn usable(page: &[u8]) -> Vec<MemoryRange> {
    let lines = page[0x2d0..].chunks_exact(20).take(page[0x1e8].into());
    let number = |line: &[u8], at: usize| u64::from_le_bytes(line[at..at + 8].try_into().unwrap());
    lines.filter(|line| line[16] == 1).map(|line| range(number(line, 0), number(line, 8))).collect()
}

#[test]
fn the_list_differs_in_images_zero_page_command_line_and_entry_alone() {
    let kernel = kernel();
    let images = Images { kernel: &kernel, initrd_len: 7 * MIB + 1, unpacked_len: 0, cmdline: Some("quiet rescue") };
    let staged = staged(DB, images).unwrap();
    let mut recorder = Recorder::default();
    recorder.note_steps(staged.list.bytes(), "");
    let (kernel, initrd) = (staged.kernel, staged.initrd.unwrap());
    assert_snapshot!(format!("kernel {kernel}, initrd {initrd}, list {:#x}\n{}", staged.list_at, recorder.transcript));
}

#[test]
fn what_is_staged_is_neither_cleared_nor_the_kernels() {
    let kernel = kernel();
    for (partition, initrd_len) in [(WEB, 0), (DB, 9 * MIB), (FAR, 0)] {
        let images = Images { kernel: &kernel, initrd_len, unpacked_len: 0, cmdline: None };
        let staged = staged(partition, images).unwrap();
        let (plan, first) = planned(partition);
        let list_range = range(staged.list_at, staged.list.bytes().len() as u64);
        let all = [staged.kernel, list_range].into_iter().chain(staged.initrd);
        let page = written(&staged.list, plan.tables.start() + ZERO_PAGE_OFFSET);
        for part in all {
            assert!(plan.memory.iter().any(|run| run.contains(part)), "{part} is not its memory");
            assert!(usable(&page).iter().all(|usable| !usable.overlaps(part)), "{part} is usable");
            for step in steps(staged.list.bytes()) {
                match step.unwrap() {
                    Step::Zero(range) => assert!(!range.overlaps(part), "{part} is cleared"),
                    Step::Copy(from, to) => assert!(!range(to, from.len()).overlaps(part), "{part} is overwritten"),
                    _ => {}
                }
            }
        }
        let command_line = plan.tables.start() + COMMAND_LINE_OFFSET;
        assert_eq!(written(&staged.list, command_line), written(&first, command_line));
        let initrd = u64::from(u32::from_le_bytes(page[0x21c..0x220].try_into().unwrap()));
        assert_eq!(initrd, initrd_len);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let large = BzImage { init_size: 600 * MIB, ..kernel() };
    let images = Images { kernel: &large, initrd_len: 0, unpacked_len: 0, cmdline: None };
    assert!(matches!(staged(WEB, images), Err(AnotherKernelError::NoRoom { .. })));
    let images = Images { initrd_len: u64::MAX, ..images };
    assert!(matches!(staged(DB, images), Err(AnotherKernelError::NoRoom { .. })));
    let (kernel, long) = (kernel(), "x".repeat(2000));
    let images = Images { kernel: &kernel, initrd_len: 0, unpacked_len: 0, cmdline: Some(&long) };
    assert!(matches!(staged(WEB, images), Err(AnotherKernelError::CommandLineTooLong { .. })));
}

#[test]
fn a_list_that_is_cut_is_damaged() {
    let (plan, first) = planned(WEB);
    let kernel = kernel();
    let images = Images { kernel: &kernel, initrd_len: 0, unpacked_len: 0, cmdline: None };
    for len in 0..first.bytes().len() {
        let cut = another_kernel(&first.bytes()[..len], &plan.memory, images);
        assert_eq!(cut, Err(AnotherKernelError::Damaged), "{len} bytes");
    }
}

proptest! {
    #[test]
    fn no_damage_makes_it_panic(at in 0_usize..9000, byte: u8) {
        let (plan, first) = planned(DB);
        let mut bytes = first.bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        let kernel = kernel();
        let _ = another_kernel(
            &bytes,
            &plan.memory,
            Images { kernel: &kernel, initrd_len: 1 << 20, unpacked_len: 0, cmdline: Some("quiet") },
        );
    }
}
