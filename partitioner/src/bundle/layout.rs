//! The members of a bundle, and their names.

/// The member that holds the manifest.
pub const MANIFEST: &str = "manifest";
/// The member that holds the box file.
pub const BOX_FILE: &str = "box.toml";
/// The prefix of an image's path in the name of its member.
pub const IMAGE_PREFIX: &str = "image:";

/// A named piece of a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it holds.
    pub bytes: &'a [u8],
}
