//! Another kernel for a partition: read from files here, put into the partition's own memory while it is stopped.
//!
//! From then on the partition starts from there, whoever asks. `--as-planned` undoes it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use partitioner::another_kernel::{AnotherKernelError, Images, Staged, another_kernel};
use partitioner::bzimage::{BzImage, BzImageError};
use partitioner::config::words;
use partitioner::initrd::{self, Format};

use crate::kernel::device::{DEVICE, Device, write};
use crate::kernel::memory::{Memory, MemoryError, PAGE, Physical};
use crate::kernel::range::MemoryRange;
use crate::partitions::Partition;
use crate::snapshot::Words;

/// What a partition is to start from.
#[derive(clap::Args, Debug)]
pub(super) struct NewImages {
    /// Start it from this kernel, a file here, now and from then on
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Its initial file system, a file here; none if this is left out
    #[arg(long, value_name = "FILE", requires = "kernel")]
    initrd: Option<PathBuf>,
    /// Its command line, in place of that of the box file
    #[arg(long, value_name = "TEXT", requires = "kernel")]
    cmdline: Option<String>,
    /// Start it from what the box file names, now and from then on
    #[arg(long, conflicts_with = "kernel")]
    as_planned: bool,
}

/// Why a partition is not given another kernel. Nothing was touched, if not said otherwise.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImagesError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The kernel is none that can be started.
    #[error("{}: {error}", path.display())]
    Kernel {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        error: BzImageError,
    },
    /// Linux would not unpack the initial file system.
    #[error("{} is no initial file system that Linux unpacks: make it with cpio, compressed or not", .0.display())]
    Initrd(PathBuf),
    /// The command line has a word that leads a kernel out of its partition.
    #[error("the command line has {word:?}: {effect}")]
    Word {
        /// The word.
        word: String,
        /// What it would do.
        effect: &'static str,
    },
    /// It does not fit into the partition.
    #[error("{name:?} cannot start from these: {error}")]
    Unfit {
        /// The partition.
        name: String,
        /// Why.
        error: AnotherKernelError,
    },
    /// Physical memory cannot be opened.
    #[error("cannot open {DEVICE}: {0}")]
    Device(io::Error),
    /// Physical memory cannot be read or written.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// What is to be put where.
pub(super) enum Change {
    /// What the box file names.
    AsPlanned,
    /// Other images.
    Staged(Box<Prepared>),
}

/// Images and the list by which they are loaded.
pub(super) struct Prepared {
    kernel: Vec<u8>,
    initrd: Vec<u8>,
    staged: Staged,
}

impl NewImages {
    /// Reads what is asked for, and plans where it goes. Touches nothing. `None` if nothing is asked for.
    pub(super) fn prepare(&self, partition: &Partition, words: &Words) -> Result<Option<Change>, ImagesError> {
        let Some(path) = &self.kernel else { return Ok(self.as_planned.then_some(Change::AsPlanned)) };
        let file = read(path)?;
        let kernel = BzImage::parse(&file).map_err(|error| ImagesError::Kernel { path: path.clone(), error })?;
        let initrd = self.initrd.as_deref().map(read_initrd).transpose()?;
        let (initrd, unpacked_len) = initrd.unwrap_or_default();
        if let Some((word, rule)) = self.cmdline.iter().flat_map(|line| words::refused_in(line)).next() {
            return Err(ImagesError::Word { word: word.to_owned(), effect: rule.effect });
        }
        let images =
            Images { kernel: &kernel, initrd_len: initrd.len() as u64, unpacked_len, cmdline: self.cmdline.as_deref() };
        let unfit = |error| ImagesError::Unfit { name: partition.name.clone(), error };
        let staged = another_kernel(&first_list(words)?, &runs(partition), images).map_err(unfit)?;
        Ok(Some(Change::Staged(Box::new(Prepared { kernel: file[kernel.payload].to_vec(), initrd, staged }))))
    }
}

impl Change {
    /// Writes the images and the list into the memory of a partition that is stopped. Returns the driver's words for where
    /// the list lies.
    pub(super) fn carry_out(&self) -> Result<String, ImagesError> {
        let prepared = match self {
            Change::AsPlanned => return Ok("first".to_owned()),
            Change::Staged(prepared) => prepared,
        };
        let Staged { kernel, initrd, list_at, list } = &prepared.staged;
        put(kernel.start(), &prepared.kernel)?;
        if let Some(initrd) = initrd {
            put(initrd.start(), &prepared.initrd)?;
        }
        put(*list_at, list.bytes())?;
        Ok(format!("{list_at:x} {:x}", list.bytes().len()))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ImagesError> {
    fs::read(path).map_err(|error| ImagesError::File { path: path.to_owned(), error })
}

/// The file, and the least memory that its unpacked files take.
fn read_initrd(path: &Path) -> Result<(Vec<u8>, u64), ImagesError> {
    let file = read(path)?;
    let format = Format::of(&file).ok_or_else(|| ImagesError::Initrd(path.to_owned()))?;
    let unpacked = initrd::unpacked_len(format, &file, &file, file.len() as u64).unwrap_or(0);
    Ok((file, unpacked))
}

/// The partition's memory, in the planner's type.
fn runs(partition: &Partition) -> Vec<partitioner::address::MemoryRange> {
    let run = |range: &MemoryRange| partitioner::address::MemoryRange::with_len(range.first(), range.len());
    partition.memory.iter().filter_map(run).collect()
}

/// The list that the boot image has made.
fn first_list(words: &Words) -> Result<Vec<u8>, ImagesError> {
    let (address, len) = words.first_list;
    let mut list = vec![0; usize::try_from(len).unwrap_or(0)];
    let device = Device::open(&pages(address, len)).map_err(ImagesError::Device)?;
    device.read(Physical(address), &mut list)?;
    Ok(list)
}

fn put(address: u64, bytes: &[u8]) -> Result<(), ImagesError> {
    for range in pages(address, bytes.len() as u64) {
        write(range, Physical(address), bytes)?;
    }
    Ok(())
}

/// The pages in which so many bytes lie; none if there are none.
fn pages(address: u64, len: u64) -> Vec<MemoryRange> {
    let first = address - address % PAGE;
    let last =
        address.checked_add(len).and_then(|end| end.checked_next_multiple_of(PAGE)).map(|end| end.wrapping_sub(1));
    last.and_then(|last| MemoryRange::new(first, last)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_lie_in_whole_pages() {
        let range = |first, last| vec![MemoryRange::new(first, last).unwrap()];
        assert_eq!(pages(0x1000, 0x1000), range(0x1000, 0x1fff));
        assert_eq!(pages(0x1ff8, 16), range(0x1000, 0x2fff));
        assert_eq!(pages(u64::MAX, 16), []);
    }

    #[test]
    fn what_is_no_kernel_or_leads_out_is_refused_before_anything_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let (text, missing) = (folder.path().join("text"), folder.path().join("missing"));
        fs::write(&text, "no kernel").unwrap();
        let partition = Partition { name: "db".to_owned(), memory: Vec::new() };
        let refusal = |kernel: &Path| {
            let images = NewImages { kernel: Some(kernel.to_owned()), initrd: None, cmdline: None, as_planned: false };
            images.prepare(&partition, &crate::snapshot::sample::running()).err().unwrap().to_string()
        };
        assert!(refusal(&text).contains("it is not a Linux kernel image"), "{}", refusal(&text));
        assert!(refusal(&missing).contains("No such file"), "{}", refusal(&missing));
    }
}
