//! Debian's suites.

/// A Debian suite from which packages are taken.
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

    /// The suite with its security fixes, if there is a separate one.
    pub(super) fn security(self) -> Option<&'static str> {
        match self {
            Suite::Bookworm => Some("bookworm-security"),
            Suite::Trixie => Some("trixie-security"),
            Suite::BookwormBackports | Suite::TrixieBackports => None,
        }
    }
}
