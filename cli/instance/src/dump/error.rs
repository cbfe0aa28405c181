//! Why there is no dump: one line that says what, where, and how to mend it.

use std::io;

use rustix::io::Errno;

use super::core::CoreError;
use super::target::TargetError;
use crate::condition::Condition;
use crate::driver::DriverError;
use crate::kernel::device::DEVICE;
use crate::kernel::direct_map::DirectMapError;
use crate::kernel::search::SearchError;
use crate::partitions::{Partitions, PartitionsError};
use crate::snapshot::{PageError, Words};

/// Why there is no dump.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DumpError {
    /// The partitions are not known, or have none of that name.
    #[error(transparent)]
    Partitions(#[from] PartitionsError),
    /// The driver is not reached.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The control page is not one that this program knows.
    #[error(transparent)]
    Page(#[from] PageError),
    /// It is this instance's own partition.
    #[error("{0:?} is the partition that this runs in; its memory is in /proc/kcore")]
    Own(String),
    /// Its memory changes.
    #[error(
        "{name:?} is {condition}, so a dump would not be of one moment: --freeze has it stand still meanwhile, --live makes one all \
         the same, or use sprig stop {name} before"
    )]
    Live {
        /// The partition.
        name: String,
        /// How it is.
        condition: Condition,
    },
    /// Its memory has changed meanwhile.
    #[error("{0:?} was started while its memory was read: try again")]
    Started(String),
    /// It is frozen already, or gets another kernel.
    #[error("{name:?} is held by {holder}, to be dumped or given another kernel; try again when that is done")]
    Held {
        /// The partition.
        name: String,
        /// Who has it to himself.
        holder: String,
    },
    /// An order is to be carried out.
    #[error("{0:?} is being stopped or started; try again when `sprig status` shows that it is")]
    Pending(String),
    /// No NMI reaches it.
    #[error("{0:?} does not stand still, since its driver is not loaded: use sprig stop {0} before, or --live")]
    NoDriver(String),
    /// Not all cores stand still.
    #[error("not all cores of {0:?} stand still within 2 s: use sprig stop {0} before, or --live")]
    Moves(String),
    /// The lease has ended.
    #[error("{0:?} did not stand still to the end, since this instance was held up: the dump is of no use; try again")]
    WentOn(String),
    /// The driver has refused it for a reason that this program does not know.
    #[error("{0:?} cannot be frozen: {1}")]
    Refused(String, io::Error),
    /// Memory is not accessible.
    #[error("cannot open {DEVICE}: {0}")]
    Open(io::Error),
    /// There is no kernel.
    #[error(transparent)]
    Search(#[from] SearchError<DirectMapError>),
    /// The kernel and its memory cannot be written.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// The dump cannot be begun, or not be completed.
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl DumpError {
    /// What the driver's refusal to freeze that partition, or to have it go on, means where the page says this of it.
    pub(super) fn of_freezing(name: &str, partitions: &Partitions, refusal: io::Error, words: &Words) -> Self {
        let name = name.to_owned();
        match Errno::from_io_error(&refusal) {
            Some(Errno::USERS) => {
                let holder = words.lease.and_then(|lease| partitions.name_of(lease.holder.into()));
                Self::Held { name, holder: holder.unwrap_or_else(|| "somebody".to_owned()) }
            }
            Some(Errno::BUSY) => Self::Pending(name),
            Some(Errno::OPNOTSUPP) => Self::NoDriver(name),
            Some(Errno::TIMEDOUT) => Self::Moves(name),
            Some(Errno::STALE) => Self::WentOn(name),
            _ => Self::Refused(name, refusal),
        }
    }
}
