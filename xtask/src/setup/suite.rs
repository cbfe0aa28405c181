//! Debian's suites.

/// A Debian suite that packages are taken from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Suite {
    Bookworm,
    BookwormBackports,
    Trixie,
    TrixieBackports,
}

impl Suite {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Suite::Bookworm => "bookworm",
            Suite::BookwormBackports => "bookworm-backports",
            Suite::Trixie => "trixie",
            Suite::TrixieBackports => "trixie-backports",
        }
    }

    /// The suite with its security fixes, if it has any apart.
    pub(super) fn security(self) -> Option<&'static str> {
        match self {
            Suite::Bookworm => Some("bookworm-security"),
            Suite::Trixie => Some("trixie-security"),
            Suite::BookwormBackports | Suite::TrixieBackports => None,
        }
    }
}
