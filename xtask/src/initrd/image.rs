//! Which initial RAM disks there are.

/// An initial RAM disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Image {
    /// A shell and no network: it is unpacked in no time.
    Small,
    /// All that an instance needs to talk with others. Where there are no programs of Debian, it is the small one.
    Full,
}

impl Image {
    /// As its file is named.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Image::Small => "small.img",
            Image::Full => "demo.img",
        }
    }
}
