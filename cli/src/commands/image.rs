//! `sprig image`: a medium that boots the box.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Result, bail};
use emulator::emulated::EmulatedMachine;
use emulator::input_file::STANDARD_STREAM;
use emulator::iso;
use emulator::output_file::OutputFile;
use emulator::source::Source;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{print, print_assumptions, print_warnings};

/// Make an image that boots the box by BIOS and by UEFI, from a CD or a USB stick
#[derive(clap::Args)]
pub struct Image {
    /// The box file
    file: PathBuf,
    /// Where to write the image
    #[arg(short, long, value_name = "ISO")]
    output: PathBuf,
    /// The boot image, if it is not beside this program
    #[arg(long, value_name = "ELF")]
    boot_image: Option<PathBuf>,
}

/// From now on a signal ends the tools that this process has started, and not this process, which then removes the
/// half-made medium.
fn end_tools_on_signal(interrupted: Arc<AtomicBool>) -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::spawn(move || {
        for _ in signals.forever() {
            interrupted.store(true, Ordering::Relaxed);
            for child in children() {
                // If this fails, it has ended already.
                let _ = kill_process(child, Signal::TERM);
            }
        }
    });
    Ok(())
}

/// The processes that this one has started (proc(5): `/proc/pid/task/tid/children`).
fn children() -> Vec<Pid> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(pid).collect::<Vec<_>>()).collect()
}

fn pid(text: &str) -> Option<Pid> {
    Pid::from_raw(text.parse().ok()?)
}

impl Image {
    /// Writes the medium.
    ///
    /// # Errors
    /// Every error of the box file; missing tools; a folder that cannot be written to.
    pub fn run(&self) -> Result<()> {
        if self.output.as_os_str() == STANDARD_STREAM {
            bail!("an image is written to a file: name one with -o");
        }
        let source = Source::read(&self.file)?;
        OutputFile::new(&self.output, source.inputs())?.require_file()?;
        // A box that no machine can carry gets no medium.
        let machine = EmulatedMachine::needed_by(source.request());
        let assumed = machine.assumed_for(source.request());
        source.plan(&assumed.inventory)?;
        print_warnings(&source, &machine);
        let boot_image = super::boot_image(self.boot_image.as_deref())?;
        let interrupted = Arc::new(AtomicBool::new(false));
        end_tools_on_signal(Arc::clone(&interrupted))?;
        let written = iso::write(&source.bundle()?, &boot_image, &self.output);
        if written.is_err() && interrupted.load(Ordering::Relaxed) {
            bail!("interrupted: {} was not written", self.output.display());
        }
        written?;
        print_assumptions(&assumed);
        let size = fs::metadata(&self.output)?.len();
        let (image, size) = (self.output.display(), size.div_ceil(1 << 20));
        print(&format!("{image}: {size} MiB, for a CD, or for a USB stick with\n"))?;
        print(&format!("    dd if={image} of=/dev/sdX bs=4M oflag=sync\n"))
    }
}
