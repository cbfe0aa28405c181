//! The cache of what set-up makes: each thing is a folder that is either complete or not there.
//!
//! It is made in a temporary folder and renamed into place, with a stamp in it that records what it was made from. So a
//! set-up that was interrupted leaves no incomplete thing, and a thing is made again if its ingredients have changed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const STAMP: &str = "stamp";

/// The folder in which set-up keeps what it makes. Having one means that the caller holds the lock ([`super::lock`]).
pub(crate) struct BuildCache {
    root: PathBuf,
}

impl BuildCache {
    /// Opens `root` and removes the temporary folders of an interrupted set-up. The caller holds the lock.
    pub(crate) fn open(root: &Path) -> Result<BuildCache> {
        let cache = BuildCache { root: root.to_owned() };
        let making = cache.making();
        if making.exists() {
            fs::remove_dir_all(&making).with_context(|| format!("cannot clear {}", making.display()))?;
        }
        fs::create_dir_all(&making).with_context(|| format!("cannot make {}", making.display()))?;
        Ok(cache)
    }

    /// A path of this folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// An empty temporary folder.
    pub(crate) fn scratch(&self, name: &str) -> Result<tempfile::TempDir> {
        let prefix = name.replace('/', "-");
        tempfile::Builder::new().prefix(&prefix).tempdir_in(self.making()).context("cannot make a temporary folder")
    }

    /// The stamp of a thing, if it is there.
    pub(crate) fn stamp(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name).join(STAMP)).ok()
    }

    /// Makes the thing `name` by `fill`, in place of an older one. `stamp` records what it is made from.
    pub(crate) fn make(&self, name: &str, stamp: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let folder = self.scratch(name)?;
        let making = folder.path().join("new");
        fs::create_dir(&making)?;
        fill(&making)?;
        fs::write(making.join(STAMP), stamp)?;

        let place = self.path(name);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        if place.exists() {
            fs::rename(&place, folder.path().join("old"))?;
        }
        fs::rename(&making, &place).with_context(|| format!("cannot put {} into place", place.display()))
    }

    /// Removes the thing `name`, if it is there.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        let place = self.path(name);
        if !place.exists() {
            return Ok(());
        }
        // By renaming, so that an interruption leaves it complete or not there.
        let folder = self.scratch(name)?;
        fs::rename(&place, folder.path().join("old")).with_context(|| format!("cannot remove {}", place.display()))
    }

    fn making(&self) -> PathBuf {
        self.path("making")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_whose_making_fails_leaves_the_old_one() {
        let root = tempfile::tempdir().unwrap();
        let cache = BuildCache::open(root.path()).unwrap();
        cache.make("kernels/1", "first", |folder| Ok(fs::write(folder.join("vmlinuz"), "one")?)).unwrap();
        cache
            .make("kernels/1", "second", |folder| {
                fs::write(folder.join("vmlinuz"), "half")?;
                anyhow::bail!("cut off")
            })
            .unwrap_err();
        assert_eq!(cache.stamp("kernels/1").as_deref(), Some("first"));
        assert_eq!(fs::read_to_string(cache.path("kernels/1/vmlinuz")).unwrap(), "one");
    }

    #[test]
    fn a_remade_thing_holds_nothing_of_the_old_one() {
        let root = tempfile::tempdir().unwrap();
        let cache = BuildCache::open(root.path()).unwrap();
        cache.make("thing", "1", |folder| Ok(fs::write(folder.join("stale"), "")?)).unwrap();
        cache.make("thing", "2", |folder| Ok(fs::write(folder.join("fresh"), "")?)).unwrap();
        assert!(!cache.path("thing/stale").exists() && cache.path("thing/fresh").exists());
        assert_eq!(cache.stamp("thing").as_deref(), Some("2"));
        cache.remove("thing").unwrap();
        assert_eq!((cache.stamp("thing"), cache.path("thing").exists()), (None, false));
        cache.remove("thing").unwrap();
    }

    #[test]
    fn what_an_interrupted_set_up_left_is_removed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("making/kernel-half")).unwrap();
        let cache = BuildCache::open(root.path()).unwrap();
        assert_eq!(fs::read_dir(cache.making()).unwrap().count(), 0);
    }
}
