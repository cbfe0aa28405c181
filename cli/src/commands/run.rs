//! `sprig run`: the box in an emulated machine, with every console in reach.

use std::io::stdout;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::error::ErrorKind;
use emulator::colours::Colours;
use emulator::emulated::{EmulatedDevice, EmulatedMachine};
use emulator::input_file::STANDARD_STREAM;
use emulator::launch::{LaunchOptions, Medium, RunningBox, launch};
use emulator::qemu::{Accelerator, Attachment, Emulator, Firmware, Sharing, Version};
use emulator::session::{self, Events, Format, RunEnd, SessionOptions, WhenOutputCloses, WhenUp};
use emulator::source::Source;
use partitioner::amount::Count;
use partitioner::size::Size;

use super::background;
use super::print;
use crate::live::{LiveBox, Server, follow};

/// Run the box in an emulated machine
///
/// The machine gets as many processors and as much memory as the box needs. All consoles are shown line by line, each
/// line with the partition's name before it. On a terminal: Ctrl-A and a digit opens the console of that partition,
/// Ctrl-A 0 shows all again, Ctrl-A ? lists the other keys, and Ctrl-C ends everything.
///
/// Succeeds only if every partition reached user space, no kernel panicked, every log is whole, and the machine was not
/// reset or killed.
#[derive(clap::Args)]
pub struct Run {
    /// The box file
    file: PathBuf,
    /// What starts the machine: QEMU itself (pvh), or GRUB from an image, started by SeaBIOS or by UEFI
    #[arg(long, value_enum)]
    firmware: Option<FirmwareChoice>,
    /// Boot this image, made by `sprig image` from the same file
    #[arg(long, value_name = "ISO")]
    image: Option<PathBuf>,
    /// Plug the image in as a USB stick, not as a CD
    #[arg(long)]
    usb: bool,
    /// Where the consoles are logged, each in a file of its own [default: sprig-logs beside the box file]
    #[arg(long, value_name = "FOLDER")]
    logs: Option<PathBuf>,
    /// Memory of the machine [default: what the box needs]
    #[arg(long, value_name = "SIZE", value_parser = Size::parse)]
    memory: Option<Size>,
    /// Plug in a PCI device: nvme=IMAGE, sata=IMAGE, virtio-net, e1000e, usb; may be repeated. The first is at
    /// 0000:01:00.0. A network card leads into QEMU's user network, unless its back end is named: e1000e=BACKEND. Network
    /// cards and USB that the box file names by class need not be given
    #[arg(long = "device", value_name = "DEVICE")]
    devices: Vec<EmulatedDevice>,
    /// Pass this argument to QEMU unchanged; may be repeated
    #[arg(long = "qemu-arg", value_name = "ARGUMENT", allow_hyphen_values = true)]
    qemu_arguments: Vec<String>,
    /// End after this many seconds
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true, value_parser = seconds)]
    timeout: Option<u64>,
    /// End as soon as every partition is in user space, or one of them panics
    #[arg(long)]
    until_up: bool,
    /// With --until-up: leave the box running in the background when every partition is in user space
    #[arg(long, requires = "until_up")]
    keep: bool,
    /// Print events as JSON, one object a line (started, up, panicked, state, ended), instead of the consoles
    #[arg(long)]
    json: bool,
    /// The boot image, if it is not beside this program
    #[arg(long, value_name = "ELF")]
    boot_image: Option<PathBuf>,
    /// Act as the background process of --keep
    #[arg(long = "background-process", hide = true)]
    is_background: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FirmwareChoice {
    Pvh,
    Bios,
    Uefi,
}

impl Run {
    /// Runs the box until its end.
    ///
    /// # Errors
    /// Every error of the box file, before anything starts; what is missing here; an end that is no success.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        if self.keep && self.file.as_os_str() == STANDARD_STREAM {
            bail!("with --keep the box file cannot come from standard input: name a file");
        }
        if let Some(argument) = self.qemu_arguments.iter().find(|one| one.trim_start_matches('-') == "daemonize") {
            bail!("QEMU must stay a child of this command: omit {argument}, and use --keep instead");
        }
        if self.keep && !self.is_background {
            return background::start();
        }
        if self.is_background {
            background::end_with_parent()?;
        }
        let events = Events::new()?;
        let mut running = self.start()?;
        let _server = self.serve(&running, &events);
        let end = session::run(&mut running, &events, self.session_options())?;
        if self.is_background && end.is_success() {
            self.conclude(&end)?;
            background::leave()?;
            let options = SessionOptions {
                limit: None,
                when_up: WhenUp::Continue,
                when_output_closes: WhenOutputCloses::Continue,
                ..self.session_options()
            };
            session::resume(&mut running, &events, options)?;
            return Ok(ExitCode::SUCCESS);
        }
        self.conclude(&end)
    }

    fn start(&self) -> anyhow::Result<RunningBox> {
        let medium = self.medium();
        let source = Source::read(&self.file)?;
        let boot_image = super::boot_image(self.boot_image.as_deref())?;
        let mut machine = super::machine(&source, &self.devices)?;
        if let Some(Size(memory)) = self.memory {
            if memory < machine.memory {
                bail!("the box needs a machine of {}, and --memory gives it {}", Size(machine.memory), Size(memory));
            }
            machine.memory = memory;
        }
        let description = describe(&machine);
        let logs = self.logs.clone().unwrap_or_else(|| self.file.with_file_name("sprig-logs"));
        let sharing = self.sharing();
        if sharing == Sharing::Private {
            warn_of_no_reach("--qemu-arg gives the machine memory of its own");
        }
        let options = LaunchOptions { medium, sharing, logs: Some(logs.clone()), ..LaunchOptions::on(machine.clone()) };
        let running = launch(&source, &boot_image, options.arguments(&self.qemu_arguments))?;
        super::print_warnings(&source, &machine);
        warn_of_unsound_emulator(&boot_image, &machine);
        let by = running.accelerator();
        self.note(&format!("{description}, by {by}; consoles are logged in {}\n", logs.display()))?;
        Ok(running)
    }

    /// Lets other `sprig` commands reach the box, and has the session tell what becomes of its partitions. If that cannot
    /// be, the box runs all the same.
    fn serve(&self, running: &RunningBox, events: &Events) -> Option<Server> {
        let machine = running.machine();
        let live = LiveBox::new(machine.memory()?, machine.nmi_line(), running.plan());
        let live = live.inspect_err(|error| warn_of_no_reach(&format!("cannot map its control page: {error}"))).ok()?;
        let live = Arc::new(live);
        follow(Arc::clone(&live), events.sender());
        let box_name = &running.plan().box_name;
        let server = Server::start(live, box_name).inspect_err(|error| warn_of_no_reach(&error.to_string())).ok()?;
        if server.name() != box_name {
            super::note(&format!(
                "note: another run has the name {box_name:?}: `sprig status --box {}` reaches this one",
                server.name()
            ));
        }
        Some(server)
    }

    /// The machine's memory is shared, unless the user gives it memory of another kind.
    fn sharing(&self) -> Sharing {
        let names_memory = |one: &String| one.contains("memdev=") || one.contains("memory-backend");
        let is_memory = |one: &String| ["-m", "-mem-path", "-mem-prealloc"].contains(&one.as_str());
        let has_own = self.qemu_arguments.iter().any(|one| names_memory(one) || is_memory(one));
        if has_own { Sharing::Private } else { Sharing::Shared }
    }

    fn session_options(&self) -> SessionOptions {
        let format = if self.json { Format::Json } else { Format::Screen(Colours::wanted(&stdout())) };
        SessionOptions {
            format,
            limit: self.timeout.map(Duration::from_secs),
            when_up: match (self.until_up, self.keep) {
                (false, _) => WhenUp::Continue,
                (true, false) => WhenUp::End,
                (true, true) => WhenUp::LeaveRunning,
            },
            when_output_closes: WhenOutputCloses::End,
        }
    }

    /// Prints a line for people: where programs read standard output, on standard error.
    fn note(&self, text: &str) -> anyhow::Result<()> {
        if self.json {
            super::note(text.trim_end());
            return Ok(());
        }
        print(text)
    }

    fn conclude(&self, end: &RunEnd) -> anyhow::Result<ExitCode> {
        if !end.is_success() {
            bail!("{}", end.describe());
        }
        self.note(&format!("\n{}\n", end.describe()))?;
        Ok(ExitCode::SUCCESS)
    }

    /// The medium. If any option of a medium is given, BIOS boots it, unless another firmware is named.
    fn medium(&self) -> Medium {
        let from_medium = self.usb || self.image.is_some();
        let firmware = match self.firmware {
            Some(FirmwareChoice::Pvh) if from_medium => {
                let message = "with `--firmware pvh` nothing is booted from a medium: omit --image and --usb\n";
                clap::Error::raw(ErrorKind::ArgumentConflict, message).exit()
            }
            Some(FirmwareChoice::Pvh) => return Medium::Pvh,
            None if !from_medium => return Medium::Pvh,
            Some(FirmwareChoice::Uefi) => Firmware::Uefi,
            Some(FirmwareChoice::Bios) | None => Firmware::Bios,
        };
        let attachment = if self.usb { Attachment::UsbStick } else { Attachment::Cd };
        Medium::Iso { firmware, attachment, image: self.image.clone() }
    }
}

fn warn_of_no_reach(why: &str) {
    super::note(&format!("warning: `sprig status` and orders from elsewhere do not reach this box: {why}"));
}

fn warn_of_unsound_emulator(boot_image: &Path, machine: &EmulatedMachine) {
    let unsound = Emulator::find(Some(boot_image)).unsound_version(machine.cpus, Accelerator::best());
    if let Some(version) = unsound {
        let sound = Version::SOUND;
        super::note(&format!(
            "warning: QEMU {version} may crash a kernel that boots on several processors; {sound} does not"
        ));
    }
}

/// The longest limit: a year.
const SECONDS_MOST: u64 = 365 * 24 * 60 * 60;

fn seconds(text: &str) -> Result<u64, String> {
    let seconds = text.parse().ok().filter(|seconds| (1..=SECONDS_MOST).contains(seconds));
    seconds.ok_or_else(|| format!("expected a whole number of seconds from 1 to {SECONDS_MOST}"))
}

/// The machine in a line: `4 cores, 1280MiB, virtio-net at 0000:01:00.0`.
fn describe(machine: &EmulatedMachine) -> String {
    let devices = machine.devices().map(|(address, kind)| format!(", {kind} at {address}"));
    format!("{}, {}{}", Count(machine.cpus as usize, "core"), Size(machine.memory), devices.collect::<String>())
}
