//! A box file with the images that it names. It is read once, so that what is planned is what is booted.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use partitioner::config::BoxFile;
use partitioner::diagnostic::Diagnostic;
use partitioner::inventory::Inventory;
use partitioner::plan::{Plan, plan, warnings};
use partitioner::request::{END_LEN, ImageReadError, LoadedImage, Request};
use partitioner::view::InstanceView;

use crate::bundle::{Bundle, Content, NamedImage};
use crate::emulated::EmulatedMachine;
use crate::host;
use crate::input_file::{self, InputError, InputFile, STANDARD_STREAM};

/// A box file and its images. Having one means that the file is valid and that every image exists and is of the right
/// kind. [`Source::plan`] decides whether a machine can carry it.
pub struct Source {
    path: PathBuf,
    text: String,
    request: Request,
    /// By the path as it stands in the box file.
    images: BTreeMap<String, InputFile>,
}

/// Why there is no [`Source`].
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The box file cannot be read.
    #[error("cannot read the box file {}: {error}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// The reason.
        error: InputError,
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
    /// The box file, or an image that it names, is wrong.
    #[error(transparent)]
    Invalid(#[from] BoxFileError),
}

/// The most bytes that a box file may have: thousands of partitions.
const BOX_FILE_MOST: u64 = 1 << 20;

fn read_text(path: &Path) -> Result<String, SourceError> {
    let bytes = match path.to_str() {
        Some(STANDARD_STREAM) => input_file::read_stream(io::stdin().lock(), BOX_FILE_MOST),
        _ => input_file::read(path, BOX_FILE_MOST),
    };
    let bytes = bytes.map_err(|error| SourceError::Read { path: path.to_owned(), error })?;
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
        Self::of_text(path, read_text(path)?)
    }

    /// The same of a text that stands, or is to stand, in the file `path`.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn of_text(path: &Path, text: String) -> Result<Self, SourceError> {
        let refuse = |diagnostics| BoxFileError { file: path.display().to_string(), text: text.clone(), diagnostics };
        let file = BoxFile::parse(&text).map_err(refuse)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut images = BTreeMap::new();
        let request = Request::gather(file, |name| {
            let (image, loaded) = open_image(&folder.join(name))?;
            images.insert(name.to_owned(), image);
            Ok(loaded)
        });
        let request = request.map_err(refuse)?;
        Ok(Self { path: path.to_owned(), text, request, images })
    }

    /// The path of the box file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The files that the box is made from: the box file and its images.
    pub fn inputs(&self) -> Vec<PathBuf> {
        let images = self.images.values().map(|image| image.path().to_owned());
        images.chain([self.path.clone()]).collect()
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

    /// Checks that an emulated machine has every device that the box names, and the files of its disks.
    ///
    /// # Errors
    /// If it lacks any; with every other reason why the box cannot be planned.
    pub fn require_devices(&self, machine: &EmulatedMachine, lacking: Vec<Diagnostic>) -> Result<(), BoxFileError> {
        let lacking: Vec<Diagnostic> = lacking.into_iter().chain(host::check_disks(&machine.devices)).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let others = self.plan(&machine.assumed_for(&self.request).inventory).err();
        let others = others.into_iter().flat_map(|error| error.diagnostics);
        self.require(lacking.into_iter().chain(others).collect())
    }

    /// Makes an error of these diagnostics, if there are any.
    ///
    /// # Errors
    /// If there are any.
    pub fn require(&self, diagnostics: Vec<Diagnostic>) -> Result<(), BoxFileError> {
        if diagnostics.is_empty() { Ok(()) } else { Err(self.error(diagnostics)) }
    }

    /// What may surprise the owner of a box that can be planned. `machine` is the emulated machine it would run on.
    pub fn warnings(&self, machine: &EmulatedMachine) -> Vec<Diagnostic> {
        let memory = host::check_memory(machine).map(Diagnostic::into_warning);
        self.request.warnings.iter().cloned().chain(memory).collect()
    }

    /// What may surprise the owner of a plan for a machine.
    pub fn warnings_about(&self, inventory: &Inventory, plan: &Plan) -> Vec<Diagnostic> {
        warnings(inventory, &self.request, plan)
    }

    /// The bundle that the boot image is given.
    ///
    /// # Errors
    /// If the path of an image cannot stand in a manifest.
    pub fn bundle(&self) -> Result<Bundle<'_>, BoxFileError> {
        let images = self.request.images.iter().filter_map(|image| self.images.get_key_value(&image.path));
        let images: Vec<_> = images.map(|(path, file)| NamedImage { path, content: Content::File(file) }).collect();
        Bundle::new(self.text.as_bytes(), &images).map_err(|error| self.error(vec![Diagnostic::from(&error)]))
    }

    /// An error about this box file.
    pub fn error(&self, diagnostics: Vec<Diagnostic>) -> BoxFileError {
        BoxFileError { file: self.path.display().to_string(), text: self.text.clone(), diagnostics }
    }
}

/// An image, and the ends of it that are read before it is booted.
fn open_image(path: &Path) -> Result<(InputFile, LoadedImage<'static>), ImageReadError> {
    let unreadable = |reason: String| ImageReadError::Unreadable { reason };
    let file = InputFile::open(path).map_err(|error| match error {
        InputError::Missing => ImageReadError::Missing { looked_at: path.display().to_string() },
        InputError::NotAFile { kind } => ImageReadError::NotAFile { kind },
        InputError::TooLong { .. } | InputError::Unreadable(_) => unreadable(error.to_string()),
    })?;
    let (head, tail) = file.ends(END_LEN).map_err(|error| unreadable(error.to_string()))?;
    let len = file.len();
    Ok((file, LoadedImage { head: head.into(), tail: tail.into(), len, loaded: None }))
}
