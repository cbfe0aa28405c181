//! The kinds of initial RAM disks.

/// An initial RAM disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Image {
    /// A shell and no network: the kernel unpacks it quickly.
    Small,
    /// With everything that an instance needs for the network. Without Debian's programs it has the same contents as
    /// the small one.
    Full,
}

impl Image {
    /// The name of its file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Image::Small => "small.img",
            Image::Full => "demo.img",
        }
    }
}
