//! A made thing: a folder that is either whole or not there.
//!
//! It is made in a temporary folder and renamed into place, with a stamp in it that says what it was made from. So a
//! set-up that was cut off leaves nothing that could be taken for whole, and a thing whose ingredients changed is made
//! anew.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const STAMP: &str = "stamp";

/// The folder in which set-up keeps what it makes, with the right to change it: see [`super::lock`].
pub(crate) struct BuildCache {
    root: PathBuf,
}

impl BuildCache {
    /// Opens `root` and clears away what a set-up left that was cut off. The caller holds the lock.
    pub(crate) fn open(root: &Path) -> Result<BuildCache> {
        let cache = BuildCache { root: root.to_owned() };
        let bench = cache.bench();
        if bench.exists() {
            fs::remove_dir_all(&bench).with_context(|| format!("cannot clear {}", bench.display()))?;
        }
        fs::create_dir_all(&bench).with_context(|| format!("cannot make {}", bench.display()))?;
        Ok(cache)
    }

    /// A path of this folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// An empty folder for the time of making.
    pub(crate) fn scratch(&self, name: &str) -> Result<tempfile::TempDir> {
        let prefix = name.replace('/', "-");
        tempfile::Builder::new().prefix(&prefix).tempdir_in(self.bench()).context("cannot make a temporary folder")
    }

    /// The stamp of a thing that is there and whole.
    pub(crate) fn stamp(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name).join(STAMP)).ok()
    }

    /// Makes the thing `name` from what `stamp` says, in place of an older one.
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

    /// Takes the thing `name` away, if it is there.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        let place = self.path(name);
        if !place.exists() {
            return Ok(());
        }
        // As with making: whole, or not there.
        let folder = self.scratch(name)?;
        fs::rename(&place, folder.path().join("old")).with_context(|| format!("cannot remove {}", place.display()))
    }

    fn bench(&self) -> PathBuf {
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
    fn what_a_cut_off_set_up_left_is_cleared() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("making/kernel-half")).unwrap();
        let cache = BuildCache::open(root.path()).unwrap();
        assert_eq!(fs::read_dir(cache.bench()).unwrap().count(), 0);
    }
}
