//! A wire between the virtio cards of two machines.

use std::io;

use crate::qemu::PrivateFolder;

/// The wire, which holds as long as this.
pub struct Wire(PrivateFolder);

impl Wire {
    /// A new one.
    ///
    /// # Errors
    /// If there is no folder for its sockets.
    pub fn new() -> io::Result<Self> {
        PrivateFolder::new().map(Self)
    }

    /// The back end of a card at this end, 0 or 1.
    pub fn back_end(&self, end: usize) -> String {
        let [own, other] = [end, 1 - end].map(|end| self.0.path().join(format!("wire{end}")));
        let (own, other) = (own.display(), other.display());
        format!("dgram,local.type=unix,local.path={own},remote.type=unix,remote.path={other}")
    }

    /// QEMU's arguments for the machine at this end.
    pub fn arguments(end: usize) -> [String; 2] {
        // QEMU gives the first card of every machine the same address.
        ["-global".to_owned(), format!("virtio-net-pci.mac=52:54:00:00:00:{:02x}", end + 1)]
    }
}
