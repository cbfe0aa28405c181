//! A box file with the images that it names. It is read once, so that what is planned is what is booted.

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

/// A box file and its images. Having one means that the file is valid and that every image exists and is of the right
/// kind. [`Source::plan`] decides whether a machine can carry it.
pub struct Source {
    path: PathBuf,
    text: String,
    request: Request,
    /// By the path as it stands in the box file.
    images: BTreeMap<String, Vec<u8>>,
}

/// Why there is no [`Source`].
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The box file cannot be read.
    #[error("cannot read the box file {}: {error}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
    /// The box file is not text.
    #[error(
        "cannot read the box file {}: line {line} is not UTF-8 text\n  help: save it as UTF-8 in your editor",
        path.display()
    )]
    NotText {
        /// Its path.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// The output would overwrite an input.
    #[error("cannot write {}: the box is made from this very file\n  help: write to another file", path.display())]
    Overwrites {
        /// Its path.
        path: PathBuf,
    },
    /// The box file, or an image that it names, is wrong.
    #[error(transparent)]
    Invalid(#[from] BoxFileError),
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
pub struct BoxFileError {
    /// Its path, as the user gave it.
    pub file: String,
    /// Its text.
    pub text: String,
    /// At least one.
    pub diagnostics: Vec<Diagnostic>,
}

impl BoxFileError {
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
        let refuse = |diagnostics| BoxFileError { file: path.display().to_string(), text: text.clone(), diagnostics };
        let file = BoxFile::parse(&text).map_err(refuse)?;
        let read = read_images(&file, path.parent().unwrap_or(Path::new("")));
        let request = Request::gather(file, |path| hand_over(&read, path)).map_err(refuse)?;
        let images = read.into_iter().filter_map(|(path, bytes)| Some((path, bytes.ok()?))).collect();
        Ok(Self { path: path.to_owned(), text, request, images })
    }

    /// The path of the box file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses to write a result to `output` if that is the box file or one of its images.
    ///
    /// # Errors
    /// If `output` is one of them.
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

    /// The request: what the box file and its images ask for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Plans the box for a machine.
    ///
    /// # Errors
    /// Every reason why the machine cannot carry it.
    pub fn plan(&self, inventory: &Inventory) -> Result<Plan, BoxFileError> {
        let plan = plan(inventory, &self.request).map_err(|error| self.error(error.diagnostics(&self.request)))?;
        // Errors that the boot image would only find while it makes an instance's tables.
        let views = plan.partitions.iter().zip(&self.request.partitions);
        let views = views.map(|(partition, images)| InstanceView::new(&plan, partition, &images.bzimage));
        let errors: Vec<Diagnostic> = views.filter_map(|view| Some(Diagnostic::from(&view.err()?))).collect();
        if errors.is_empty() { Ok(plan) } else { Err(self.error(errors)) }
    }

    /// Checks that an emulated machine has every device that the box names.
    ///
    /// # Errors
    /// If it lacks any; with every other reason why the box cannot be planned.
    pub fn require_devices(&self, machine: &EmulatedMachine, lacking: Vec<Diagnostic>) -> Result<(), BoxFileError> {
        if lacking.is_empty() {
            return Ok(());
        }
        let others = self.plan(&machine.assumed_for(&self.request).inventory).err();
        let others = others.into_iter().flat_map(|refusal| refusal.diagnostics);
        Err(self.error(lacking.into_iter().chain(others).collect()))
    }

    /// The bundle that the boot image is given.
    ///
    /// # Errors
    /// If the path of an image cannot stand in a manifest.
    pub fn bundle(&self) -> Result<Bundle<'_>, BoxFileError> {
        let images = self.request.images.iter().filter_map(|image| self.images.get_key_value(&image.path));
        let images: Vec<_> = images.map(|(path, bytes)| NamedImage { path, bytes }).collect();
        Bundle::new(self.text.as_bytes(), &images).map_err(|error| self.error(vec![Diagnostic::from(&error)]))
    }

    /// An error about this box file.
    pub fn error(&self, diagnostics: Vec<Diagnostic>) -> BoxFileError {
        BoxFileError { file: self.path.display().to_string(), text: self.text.clone(), diagnostics }
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
