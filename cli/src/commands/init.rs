//! `sprig init`: a box file for a machine, to begin with.

use std::io::{self, IsTerminal, StdinLock, stderr, stdin};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use emulator::emulated::EmulatedMachine;
use emulator::input_file::InputFile;
use emulator::output_file::write_new;
use emulator::source::{Source, SourceError};
use partitioner::address::LARGE_PAGE;
use partitioner::amount::{Amount, Count};
use partitioner::config::check_name;
use partitioner::inventory::Inventory;
use partitioner::size::Size;

use super::{note, print, print_plan_warnings, print_warnings};
use crate::init::defaults;
use crate::init::kernels::{self, Kernel};
use crate::init::proposal::{NAMES, Proposal};
use crate::init::questions::Questions;
use crate::processor::Processor;
use crate::recorded::record;

/// Propose a box file, to begin with
///
/// Writes NAME.toml in this folder, with comments that explain it. It takes the newest kernel in /boot with its initial file
/// system, and plans the box before it writes anything: for this machine where it may look at it (as root), else for the
/// emulated machine that `sprig run` makes. On a terminal it asks for what is not given. Never overwrites a file.
#[derive(clap::Args)]
pub struct Init {
    /// Name of the box [default: box]
    #[arg(value_parser = name)]
    name: Option<String>,
    /// Number of partitions [default: 2]
    #[arg(long, value_name = "NUMBER", value_parser = partitions)]
    partitions: Option<usize>,
    /// Cores of each partition [default: 2, or its share of this machine]
    #[arg(long, value_name = "NUMBER", value_parser = cpus)]
    cpus: Option<u32>,
    /// Memory of each partition [default: 1GiB, or its share of this machine]
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    memory: Option<Size>,
    /// The kernel [default: the newest in /boot]
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Its initial file system [default: the one beside the kernel that has its version]
    #[arg(long, value_name = "FILE")]
    initrd: Option<PathBuf>,
    /// Plan for an emulated machine, which is as large as the box needs
    #[arg(long, conflicts_with = "this_machine")]
    emulated: bool,
    /// Plan for this machine or fail
    #[arg(long)]
    this_machine: bool,
    /// Look for kernels, and for what Linux says of this machine, below this folder
    #[arg(long, value_name = "FOLDER", default_value = "/", hide = true)]
    root: PathBuf,
}

type Person = Questions<StdinLock<'static>, io::Stderr>;

impl Init {
    /// Writes the box file.
    ///
    /// # Errors
    /// If there is such a file already, no kernel, or a machine that cannot carry the box.
    pub fn run(&self) -> Result<()> {
        self.check_images()?;
        let mut person = match stdin().is_terminal() && stderr().is_terminal() {
            true => Questions::to(stdin().lock(), stderr()),
            false => Person::to_nobody(),
        };
        let name = answer(&self.name, || person.ask("Name of the box", "box", name))?;
        let path = PathBuf::from(format!("{name}.toml"));
        if path.symlink_metadata().is_ok() {
            return Err(is_there(&path));
        }
        let kernel = self.choose_kernel(&mut person)?;
        let machine = self.machine(&mut person)?;
        let partitions = answer(&self.partitions, || person.ask("Partitions", "2", partitions))?;
        let machine = machine.as_ref();
        let default = defaults::cpus(machine, partitions).to_string();
        let cpus = answer(&self.cpus, || person.ask("Cores of each", &default, cpus))?;
        let default = defaults::memory(machine, partitions).to_string();
        let memory = answer(&self.memory, || person.ask("Memory of each", &default, memory))?;
        let (kernel_path, initrd) = (text(&kernel.path)?, kernel.initrd.as_deref().map(text).transpose()?);
        let proposal = Proposal { name: &name, partitions, cpus, memory, kernel: kernel_path, initrd, machine };
        let source = Source::of_text(&path, proposal.text()).map_err(with_a_way_out)?;
        let planned = plan(&source, machine)?;
        write_new(&path, source.text().as_bytes()).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => is_there(&path),
            _ => anyhow!(
                "cannot write {}: {error}\n  help: the file goes into the folder in which you are: go to another one",
                path.display()
            ),
        })?;
        print(&format!("wrote {name}.toml: {planned}\n"))?;
        let next = match machine {
            None => format!("sprig plan {name}.toml, sprig run {name}.toml"),
            Some(_) => format!(
                "sudo sprig inventory -o machine.json, sprig plan {name}.toml --inventory machine.json, \
                 sprig image {name}.toml -o {name}.iso"
            ),
        };
        print(&format!("next: {next}\n"))
    }

    /// Looks at what is named before anything is asked.
    fn check_images(&self) -> Result<()> {
        if let Some(path) = &self.kernel {
            kernels::release_of(path).with_context(|| format!("cannot take --kernel {}", path.display()))?;
        }
        if let Some(path) = &self.initrd {
            InputFile::open(path).with_context(|| format!("cannot take --initrd {}", path.display()))?;
        }
        Ok(())
    }

    /// The kernel that is named, or one that is found. A person is asked only if there is a choice.
    fn choose_kernel(&self, person: &mut Person) -> Result<Kernel> {
        let Some(path) = &self.kernel else { return self.found_kernel(person) };
        let initrd = self.initrd.clone().or_else(|| kernels::initrd_of(path));
        Ok(Kernel { path: path.clone(), initrd, release: String::new() })
    }

    fn found_kernel(&self, person: &mut Person) -> Result<Kernel> {
        let mut found = kernels::find(&self.root, self.initrd.as_deref());
        match (found.usable.len(), found.unreadable.first()) {
            (0, Some(closed)) => bail!(
                "you may not read {}\n  help: run `sudo sprig init`, or name a kernel that you may read with --kernel",
                closed.display()
            ),
            (0, None) => bail!(
                "there is no kernel {}\n  help: name one with --kernel, and its initial file system with --initrd",
                self.root.join("boot/vmlinuz-*").display()
            ),
            (1, _) => {}
            (most, _) => {
                let lines = (1..).zip(&found.usable).map(|(number, one)| format!("  {number}  {}", one.release));
                person.explain(&format!("Kernels:\n{}", lines.collect::<Vec<_>>().join("\n")))?;
                let number = |text: &str| {
                    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
                    number.ok_or_else(|| format!("`{text}` is not from 1 to {most}"))
                };
                let number: usize = person.ask("Kernel of the partitions", "1", number)?;
                return Ok(found.usable.swap_remove(number - 1));
            }
        }
        Ok(found.usable.swap_remove(0))
    }

    /// This machine, if it is to be planned for; `None` for the emulated one.
    fn machine(&self, person: &mut Person) -> Result<Option<Inventory>> {
        if self.emulated {
            return Ok(None);
        }
        match record(&self.root, &Processor::of_this_machine()).map_err(|error| error.stopping("init")) {
            Ok(machine) if self.this_machine => Ok(Some(machine)),
            Ok(machine) => {
                person.explain(&format!(
                    "This machine has {} and {} of memory.",
                    Count(machine.cores.len(), "core"),
                    Amount(machine.usable_memory())
                ))?;
                let is_this =
                    person.ask("Plan for this machine, or an emulated one (this, emulated)", "this", which)?;
                Ok(is_this.then_some(machine))
            }
            Err(error) if self.this_machine => {
                Err(error.context("cannot look at this machine (with --emulated it is not needed)"))
            }
            Err(error) => {
                note(&format!(
                    "note: this is for an emulated machine, because the one at hand cannot be looked at: {error:#}"
                ));
                Ok(None)
            }
        }
    }
}

/// What the command line gives, else what a person answers.
fn answer<T: Clone>(given: &Option<T>, ask: impl FnOnce() -> Result<T>) -> Result<T> {
    given.clone().map_or_else(ask, Ok)
}

/// Plans the box, and describes it in a line.
fn plan(source: &Source, machine: Option<&Inventory>) -> Result<String> {
    let emulated = EmulatedMachine::needed_by(source.request());
    let inventory = machine.cloned().unwrap_or_else(|| emulated.inventory());
    let plan = source.plan(&inventory).map_err(|error| with_a_way_out(error.into()))?;
    match machine {
        None => print_warnings(source, &emulated),
        Some(_) => print_plan_warnings(source, &inventory, &plan),
    }
    let cores: usize = plan.partitions.iter().map(|partition| partition.cores.len()).sum();
    let (partitions, cores) = (Count(plan.partitions.len(), "partition"), Count(cores, "core"));
    Ok(format!("{partitions}, {cores}, on {}", inventory.machine))
}

/// The planner's complaint is about lines of a file that was not written: what to do instead is said after it.
fn with_a_way_out(error: SourceError) -> anyhow::Error {
    let SourceError::Invalid(mut refusal) = error else { return error.into() };
    if let Some(last) = refusal.diagnostics.last_mut() {
        let way_out = "init takes other --partitions, --cpus, --memory, --kernel and --initrd, or --emulated";
        last.help = format!("{}\n{way_out}", last.help).trim_start().to_owned();
    }
    SourceError::Invalid(refusal).into()
}

fn is_there(path: &Path) -> anyhow::Error {
    anyhow!("{0} is there already, and is left as it is\n  help: choose another name, or move {0} away", path.display())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("the path {} is not UTF-8, as a box file is\n  help: rename the file", path.display()))
}

fn name(text: &str) -> Result<String, String> {
    check_name(text).map(|()| text.to_owned())
}

fn partitions(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=NAMES.len()).contains(number));
    number.ok_or_else(|| format!("`{text}` is not from 1 to {}", NAMES.len()))
}

fn cpus(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|cpus| (1..=255).contains(cpus)).ok_or_else(|| format!("`{text}` is not from 1 to 255"))
}

fn memory(text: &str) -> Result<Size, String> {
    match Size::parse(text) {
        Ok(Size(0)) => Err("a partition needs memory".to_owned()),
        Ok(Size(bytes)) if bytes % LARGE_PAGE != 0 => Err(format!("`{text}` is not a multiple of 2MiB")),
        Ok(size) => Ok(size),
        Err(error) => Err(format!("`{text}`: {error}; write a size like 512MiB or 2GiB")),
    }
}

fn which(text: &str) -> Result<bool, String> {
    match text {
        "this" => Ok(true),
        "emulated" => Ok(false),
        _ => Err(format!("`{text}` is neither `this` nor `emulated`")),
    }
}
