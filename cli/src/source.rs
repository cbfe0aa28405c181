//! A box file with everything that it names: read once, so that what is planned is what is booted.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use partitioner::config::BoxFile;
use partitioner::diagnostic::Diagnostic;
use partitioner::inventory::Inventory;
use partitioner::plan::{Plan, plan};
use partitioner::request::{ImageReadError, LoadedImage, Request};
use partitioner::view::InstanceView;

use crate::bundle::{Bundle, NamedImage};
use crate::emulated::EmulatedMachine;

/// A box file and its images. Having one means that the file says something sensible and that every image is there and
/// is what it should be; whether a machine can do it, [`Source::plan`] tells.
pub struct Source {
    path: PathBuf,
    text: String,
    request: Request,
    /// By the path as the box file has it.
    images: BTreeMap<String, Vec<u8>>,
}

/// Why there is no [`Source`].
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The box file cannot be read.
    #[error("cannot read the box file {}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The box file is not text.
    #[error(
        "cannot read the box file {}: line {line} is not UTF-8 text\n  help: save it as UTF-8 in your editor",
        path.display()
    )]
    NotText {
        /// Which.
        path: PathBuf,
        /// Where, counted from 1.
        line: usize,
    },
    /// A result would be written over what it is made from.
    #[error("cannot write {}: the box is made from this very file\n  help: write to another file", path.display())]
    Overwrites {
        /// Which.
        path: PathBuf,
    },
    /// It, or what it names, is not as it should be.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

fn read_text(path: &Path) -> Result<String, SourceError> {
    let bytes = fs::read(path).map_err(|error| SourceError::Read { path: path.to_owned(), error })?;
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        SourceError::NotText { path: path.to_owned(), line }
    })
}

/// Everything that is wrong with a box file, with the text to show the places in.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.plain())]
pub struct Refusal {
    /// The file, as it was given.
    pub file: String,
    /// What is in it.
    pub text: String,
    /// What is wrong, at least one thing.
    pub diagnostics: Vec<Diagnostic>,
}

impl Refusal {
    fn plain(&self) -> String {
        let each = self.diagnostics.iter().map(|diagnostic| diagnostic.plain(&self.file, &self.text).to_string());
        each.collect::<Vec<_>>().join("\n")
    }
}

impl Source {
    /// Reads a box file, and the images that it names relative to the folder in which it lies.
    ///
    /// # Errors
    /// Everything that is wrong with the text, or else with the images.
    pub fn read(path: &Path) -> Result<Self, SourceError> {
        let text = read_text(path)?;
        let refuse = |diagnostics| Refusal { file: path.display().to_string(), text: text.clone(), diagnostics };
        let file = BoxFile::parse(&text).map_err(refuse)?;
        let read = read_images(&file, path.parent().unwrap_or(Path::new("")));
        let request = Request::gather(file, |path| hand_over(&read, path)).map_err(refuse)?;
        let images = read.into_iter().filter_map(|(path, bytes)| Some((path, bytes.ok()?))).collect();
        Ok(Self { path: path.to_owned(), text, request, images })
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses to write a result to `output` if that is the box file or one of its images.
    ///
    /// # Errors
    /// If it is.
    pub fn spare(&self, output: &Path) -> Result<(), SourceError> {
        let Ok(target) = fs::canonicalize(output) else { return Ok(()) };
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let mut inputs = self.images.keys().map(|image| folder.join(image)).chain([self.path.clone()]);
        let same = inputs.any(|input| fs::canonicalize(input).is_ok_and(|input| input == target));
        if same { Err(SourceError::Overwrites { path: output.to_owned() }) } else { Ok(()) }
    }

    /// The text of the box file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is wanted.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Splits a machine as this wants it.
    ///
    /// # Errors
    /// Everything that stands against it.
    pub fn plan(&self, inventory: &Inventory) -> Result<Plan, Refusal> {
        let plan = plan(inventory, &self.request).map_err(|error| self.refusal(error.diagnostics(&self.request)))?;
        // What the boot image would only find when it makes an instance's tables.
        let views = plan.partitions.iter().zip(&self.request.partitions);
        let views = views.map(|(partition, images)| InstanceView::new(&plan, partition, &images.bzimage));
        let errors: Vec<Diagnostic> = views.filter_map(|view| Some(Diagnostic::from(&view.err()?))).collect();
        if errors.is_empty() { Ok(plan) } else { Err(self.refusal(errors)) }
    }

    /// Refuses an emulated machine that lacks devices, with everything else that stands against planning it.
    ///
    /// # Errors
    /// If it lacks any.
    pub fn require_devices(&self, machine: &EmulatedMachine, lacking: Vec<Diagnostic>) -> Result<(), Refusal> {
        if lacking.is_empty() {
            return Ok(());
        }
        let others = self.plan(&machine.assumed_for(&self.request).inventory).err();
        let others = others.into_iter().flat_map(|refusal| refusal.diagnostics);
        Err(self.refusal(lacking.into_iter().chain(others).collect()))
    }

    /// What the boot image is given.
    ///
    /// # Errors
    /// If the path of an image cannot stand in a manifest.
    pub fn bundle(&self) -> Result<Bundle<'_>, Refusal> {
        let images = self.request.images.iter().filter_map(|image| self.images.get_key_value(&image.path));
        let images: Vec<_> = images.map(|(path, bytes)| NamedImage { path, bytes }).collect();
        Bundle::new(self.text.as_bytes(), &images).map_err(|error| self.refusal(vec![Diagnostic::from(&error)]))
    }

    /// These complaints, as complaints about this file.
    pub fn refusal(&self, diagnostics: Vec<Diagnostic>) -> Refusal {
        Refusal { file: self.path.display().to_string(), text: self.text.clone(), diagnostics }
    }
}

type ReadImages = BTreeMap<String, Result<Vec<u8>, ImageReadError>>;

fn read_images(file: &BoxFile, folder: &Path) -> ReadImages {
    let kernels = file.partitions.iter().map(|partition| partition.kernel.get_ref());
    let initrds = file.partitions.iter().filter_map(|partition| Some(partition.initrd.as_ref()?.get_ref()));
    kernels.chain(initrds).map(|path| (path.clone(), read_image(&folder.join(path)))).collect()
}

fn read_image(path: &Path) -> Result<Vec<u8>, ImageReadError> {
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ImageReadError::Missing { looked_at: path.display().to_string() },
        _ => ImageReadError::Unreadable { reason: format!("{}: {error}", path.display()) },
    })
}

fn hand_over<'a>(read: &'a ReadImages, path: &str) -> Result<LoadedImage<'a>, ImageReadError> {
    match read.get(path) {
        Some(Ok(bytes)) => Ok(LoadedImage { bytes: Cow::Borrowed(bytes), loaded: None }),
        Some(Err(fault)) => Err(fault.clone()),
        None => Err(ImageReadError::Missing { looked_at: path.to_owned() }),
    }
}
