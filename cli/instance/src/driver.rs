//! `/dev/sprig`, by which the driver takes orders for other partitions, and shows the control page.

use std::arch::x86_64::_rdtsc;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use lifecycle::page::MappedPage;

use crate::snapshot::{PageError, Snapshot, Ticks};

/// The device file.
pub(crate) const DEVICE: &str = "/dev/sprig";

/// Why the driver is not reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriverError {
    /// There is no device file.
    #[error(
        "there is no {DEVICE}: load the driver with `modprobe sprig_vni`; if it is loaded, `dmesg | grep sprig_vni` says what it \
         lacks"
    )]
    Missing,
    /// This is not root.
    #[error("only root may open {DEVICE}: run this as root")]
    Denied,
    /// The device cannot be opened.
    #[error("cannot open {DEVICE}: {0}")]
    Open(io::Error),
    /// The control page cannot be mapped.
    #[error("cannot map the control page by {DEVICE}: {0}")]
    Map(io::Error),
    /// The control page is not one that this program knows.
    #[error(transparent)]
    Page(#[from] PageError),
}

/// What the device is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// To look at the control page.
    Look,
    /// To look at it, and to give orders.
    Order,
}

/// The opened device.
pub(crate) struct Driver {
    file: File,
    page: MappedPage,
    /// The number of partitions of the box.
    partitions: usize,
}

impl Driver {
    /// Opens the device, in a box of so many partitions.
    pub(crate) fn open(access: Access, partitions: usize) -> Result<Self, DriverError> {
        let opened = OpenOptions::new().read(true).write(access == Access::Order).open(DEVICE);
        let file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => DriverError::Missing,
            io::ErrorKind::PermissionDenied => DriverError::Denied,
            _ => DriverError::Open(error),
        })?;
        let page = MappedPage::to_read(&file, 0).map_err(DriverError::Map)?;
        Ok(Self { file, page, partitions })
    }

    /// What the control page says now.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, PageError> {
        Snapshot::read(self.page.get(), self.partitions, now())
    }

    /// Writes an order, such as `stop db`. Returns when the partition's cores have been fetched.
    pub(crate) fn order(&self, line: &str) -> io::Result<()> {
        (&self.file).write_all(line.as_bytes())
    }
}

/// Now, by the time-stamp counter.
#[expect(unsafe_code, reason = "the time-stamp counter is read")]
fn now() -> Ticks {
    // SAFETY: every x86-64 processor has the counter, and Linux lets programs read it.
    Ticks(unsafe { _rdtsc() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on() {
        assert!(now() < now());
    }
}
