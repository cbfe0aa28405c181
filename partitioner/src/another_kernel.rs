//! Another kernel for a partition, while the box runs: a new [load list](crate::load_list) made from the first one.
//!
//! The images lie at the end of one run of the partition's own memory, which its map then calls reserved, so that every later
//! start finds them there, whoever asks for it:
//!
//! ```text
//! │ tables │ … │ kernel │ …          │ initrd │ kernel image │ initrd image │ list │
//! start                                       ╰── no longer the kernel's ──────────╯ end
//! ```
//!
//! What the first list says of devices, doorbells and firmware tables stays as it is: they do not depend on the kernel.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;

use crate::address::{MemoryRange, PAGE};
use crate::apply::ENTRY_OFFSET;
use crate::bzimage::BzImage;
use crate::layout::{COMMAND_LINE_LEN, COMMAND_LINE_OFFSET, ZERO_PAGE_OFFSET};
use crate::load_list::{LoadList, Step, steps};
use crate::machine::Entry;
use crate::plan::boot_run::{BootRun, Contents};
use crate::size::Size;
use crate::view::zero_page;

/// Room for a list: what changes is as long as before but for the command line.
const LIST_GROWTH: u64 = COMMAND_LINE_LEN as u64 + PAGE;

/// What a partition is to start from now on.
#[derive(Clone, Copy, Debug)]
pub struct Images<'a> {
    /// The kernel's setup header.
    pub kernel: &'a BzImage,
    /// Bytes of the initial file system; 0: none.
    pub initrd_len: u64,
    /// Bytes of its unpacked files, as far as its headers say it; else 0.
    pub unpacked_len: u64,
    /// The owner's words of the command line; `None`: as in the first list.
    pub cmdline: Option<&'a str>,
}

/// Where everything is to be written before the new list holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Staged {
    /// Of the kernel's protected-mode part.
    pub kernel: MemoryRange,
    /// Of the initial file system.
    pub initrd: Option<MemoryRange>,
    /// Of the list.
    pub list_at: u64,
    /// The new list.
    pub list: LoadList,
}

/// Why a partition cannot start from these images.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AnotherKernelError {
    /// The first list is not what the planner has recorded.
    #[error("what it was planned to load is damaged, and only a reset of the machine mends that")]
    Damaged,
    /// The images and the running kernel do not fit.
    #[error(
        "its memory of {} in one piece has no room for a kernel that needs {} to run, an initial file system of {}, and a \
         copy of both",
        Size(*room),
        Size(*needed),
        Size(*initrd)
    )]
    NoRoom {
        /// The longest piece.
        room: u64,
        /// What the kernel needs until it reads its memory map.
        needed: u64,
        /// Of the initial file system.
        initrd: u64,
    },
    /// The command line is longer than Linux reads.
    #[error("its command line would have {len} bytes, and Linux reads at most {most}")]
    CommandLineTooLong {
        /// With our own words.
        len: usize,
        /// Bytes that fit.
        most: usize,
    },
}

use AnotherKernelError::Damaged;

/// What the first list says.
struct First<'a> {
    steps: Vec<Step<'a>>,
    zero_page_at: u64,
    zero_page: &'a [u8; 4096],
    kernel_at: u64,
    command_line: &'a str,
}

impl<'a> First<'a> {
    fn read(list: &'a [u8]) -> Result<Self, AnotherKernelError> {
        let steps: Vec<_> = steps(list).collect::<Result<_, _>>().map_err(|_| Damaged)?;
        let Some(Step::Enter(Entry { address, zero_page: zero_page_at })) = steps.last().copied() else {
            return Err(Damaged);
        };
        let tables = zero_page_at.checked_sub(ZERO_PAGE_OFFSET).ok_or(Damaged)?;
        let zero_page = written(&steps, zero_page_at).and_then(|bytes| bytes.try_into().ok()).ok_or(Damaged)?;
        let command_line = written(&steps, tables + COMMAND_LINE_OFFSET).and_then(|bytes| bytes.split_last());
        let command_line = command_line.and_then(|(_, text)| str::from_utf8(text).ok()).ok_or(Damaged)?;
        let kernel_at = address.checked_sub(ENTRY_OFFSET).ok_or(Damaged)?;
        Ok(Self { steps, zero_page_at, zero_page, kernel_at, command_line })
    }

    fn tables(&self) -> u64 {
        self.zero_page_at - ZERO_PAGE_OFFSET
    }

    /// The command line with the owner's part replaced. Ours ends with the partition's name.
    fn command_line(&self, owner: Option<&str>) -> Result<Vec<u8>, AnotherKernelError> {
        let Some(owner) = owner else { return Ok([self.command_line.as_bytes(), &[0]].concat()) };
        let name = self.command_line.find("sprig.partition=").ok_or(Damaged)?;
        let end = self.command_line[name..].find(' ').map_or(self.command_line.len(), |len| name + len);
        let line = [&self.command_line[..end], owner.trim()].join(" ").trim_end().to_owned();
        let most = COMMAND_LINE_LEN - 1;
        if line.len() > most {
            return Err(AnotherKernelError::CommandLineTooLong { len: line.len(), most });
        }
        Ok([line.as_bytes(), &[0]].concat())
    }
}

/// The bytes that are written to an address.
fn written<'a>(steps: &[Step<'a>], at: u64) -> Option<&'a [u8]> {
    steps.iter().find_map(|step| match step {
        Step::Write(to, bytes) if *to == at => Some(*bytes),
        _ => None,
    })
}

/// The end of a run, given up for the images and the list.
struct Split {
    run: MemoryRange,
    left: MemoryRange,
    kernel: MemoryRange,
    initrd: Option<MemoryRange>,
    list_at: u64,
}

impl Split {
    fn of(run: MemoryRange, images: Images<'_>, list_len: u64) -> Option<Self> {
        let kernel_len = images.kernel.payload.len() as u64;
        let pages = |len: u64| len.checked_next_multiple_of(PAGE);
        let list_at = run.end().checked_sub(pages(list_len)?)?;
        let initrd_at = list_at.checked_sub(pages(images.initrd_len)?)?;
        let kernel_at = initrd_at.checked_sub(pages(kernel_len)?)?;
        Some(Self {
            run,
            left: MemoryRange::new(run.start(), kernel_at)?,
            kernel: MemoryRange::with_len(kernel_at, kernel_len)?,
            initrd: MemoryRange::with_len(initrd_at, images.initrd_len),
            list_at,
        })
    }

    fn given_up(&self) -> MemoryRange {
        MemoryRange::new(self.left.end(), self.run.end()).unwrap_or(self.run)
    }
}

/// Makes the list by which a partition with these runs of memory starts from other images. `first` is the list that the
/// planner has recorded.
///
/// # Errors
/// If the images do not fit into the partition's memory.
pub fn another_kernel(first: &[u8], memory: &[MemoryRange], images: Images<'_>) -> Result<Staged, AnotherKernelError> {
    let old = First::read(first)?;
    let boot = *memory.iter().find(|run| run.start() == old.tables()).ok_or(Damaged)?;
    let contents = Contents { kernel: images.kernel, initrd_len: images.initrd_len, unpacked_len: images.unpacked_len };
    let fits = |split: Split| {
        let run = if split.run == boot { split.left } else { boot };
        let is_enough =
            contents.least_unpacked() <= memory.iter().map(|run| run.len()).sum::<u64>() - split.given_up().len();
        contents.lay_out(run).filter(|_| is_enough).map(|places| (split, places))
    };
    // The run from which most is left.
    let mut runs = memory.to_vec();
    runs.sort_unstable_by_key(|run| (*run == boot, u64::MAX - run.len()));
    let list_len = first.len() as u64 + LIST_GROWTH;
    let found = runs.iter().find_map(|run| Split::of(*run, images, list_len).and_then(fits));
    let (split, places) = found.ok_or_else(|| AnotherKernelError::NoRoom {
        room: memory.iter().map(|run| run.len()).max().unwrap_or(0),
        needed: images.kernel.init_size,
        initrd: images.initrd_len,
    })?;
    let list = rewrite(&old, images, &split, places)?;
    Ok(Staged { kernel: split.kernel, initrd: split.initrd, list_at: split.list_at, list })
}

fn rewrite(
    old: &First<'_>,
    images: Images<'_>,
    split: &Split,
    places: BootRun,
) -> Result<LoadList, AnotherKernelError> {
    let command_line = old.command_line(images.cmdline)?;
    let zero_page = zero_page::of_another_kernel(old.zero_page, images.kernel, places.initrd, split.given_up());
    let zero_page = zero_page.ok_or(Damaged)?;
    let mut list = LoadList::default();
    let mut kernel_is_copied = false;
    for step in &old.steps {
        match *step {
            Step::Zero(run) if run == split.run => list.push(Step::Zero(split.left)),
            Step::Copy(_, to) if to == old.kernel_at => {
                list.push(Step::Copy(split.kernel, places.kernel.start()));
                if let (Some(from), Some(to)) = (split.initrd, places.initrd) {
                    list.push(Step::Copy(from, to.start()));
                }
                kernel_is_copied = true;
            }
            // Of the initial file system: there is no other.
            Step::Copy(..) => {}
            Step::Write(to, _) if to == old.zero_page_at => list.push(Step::Write(to, &zero_page[..])),
            Step::Write(to, _) if to == old.tables() + COMMAND_LINE_OFFSET => list.push(Step::Write(to, &command_line)),
            Step::Enter(entry) => {
                list.push(Step::Enter(Entry { address: places.kernel.start() + ENTRY_OFFSET, ..entry }));
            }
            step => list.push(step),
        }
    }
    if kernel_is_copied { Ok(list) } else { Err(Damaged) }
}
