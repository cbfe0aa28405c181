//! `sprig run`: the box in an emulated machine, with every console in reach.

use std::io::stdout;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::error::ErrorKind;
use emulator::boot_image;
use emulator::colours::Colours;
use emulator::emulated::{EmulatedDevice, EmulatedMachine};
use emulator::launch::{LaunchOptions, Medium, launch};
use emulator::qemu::{Accelerator, Attachment, Emulator, Firmware, Version};
use emulator::session::{Events, Outcome, Session};
use emulator::source::Source;
use partitioner::size::Size;

use super::print;

/// Run the box in an emulated machine
///
/// The machine gets as many processors and as much memory as the box needs. All consoles are shown line by line, each
/// line with the partition's name before it. On a terminal: Ctrl-A and a digit opens the console of that partition,
/// Ctrl-A 0 shows all again, Ctrl-A ? lists the other keys, and Ctrl-C ends everything.
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
    /// Memory of the machine, if it is to be more than the box needs
    #[arg(long, value_name = "SIZE", value_parser = Size::parse)]
    memory: Option<Size>,
    /// Plug in a PCI device: nvme=IMAGE, sata=IMAGE, virtio-net, e1000e, usb; may be given many times. The first is at
    /// 0000:01:00.0. A network card leads into QEMU's user network, unless its back end is named: e1000e=BACKEND. Network
    /// cards and USB that the box file names by class need not be given
    #[arg(long = "device", value_name = "DEVICE")]
    devices: Vec<EmulatedDevice>,
    /// A further argument for QEMU, as it stands; may be given many times
    #[arg(long = "qemu-arg", value_name = "ARGUMENT", allow_hyphen_values = true)]
    qemu_arguments: Vec<String>,
    /// End after so many seconds: with success if every partition is in user space by then
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// The boot image, if it is not beside this program
    #[arg(long, value_name = "ELF")]
    boot_image: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FirmwareChoice {
    Pvh,
    Bios,
    Uefi,
}

impl Run {
    /// Runs the box until somebody ends it.
    ///
    /// # Errors
    /// Every mistake in the box file, before anything starts; what is missing here; what the boot image refuses.
    pub fn run(&self) -> Result<()> {
        let medium = self.medium();
        let events = Events::new()?;
        let source = Source::read(&self.file)?;
        let boot_image = boot_image::find(self.boot_image.as_deref())?;
        let mut machine = super::machine(&source, &self.devices)?;
        if let Some(Size(memory)) = self.memory {
            machine.memory = memory;
        }
        let description = describe(&machine);
        let logs = self.logs.clone().unwrap_or_else(|| self.file.with_file_name("sprig-logs"));
        let unsound = Emulator::find(Some(&boot_image)).unsound_version(machine.cpus, Accelerator::best());
        let options = LaunchOptions { medium, logs: Some(logs.clone()), ..LaunchOptions::on(machine) }
            .arguments(&self.qemu_arguments);
        let running = launch(&source, &boot_image, options)?;
        if let Some(version) = unsound {
            let sound = Version::SOUND;
            eprintln!("warning: QEMU {version} may crash a kernel that boots on several processors; {sound} does not");
        }
        let by = running.accelerator();
        print(&format!("{description}, by {by}; consoles are logged in {}\n", logs.display()))?;
        let session = Session::new(&running, Colours::wanted(&stdout()));
        let outcome = session.run(&events, self.timeout.map(Duration::from_secs));
        conclude(outcome, &running.machine().qemu_output())
    }

    /// A medium that is asked for by any of its options is booted by BIOS, unless another firmware is named.
    fn medium(&self) -> Medium {
        let from_medium = self.usb || self.image.is_some();
        let firmware = match self.firmware {
            Some(FirmwareChoice::Pvh) if from_medium => {
                let message = "with `--firmware pvh` nothing is booted from a medium: leave --image and --usb away\n";
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

/// The machine in a line: `4 cores, 1280MiB, virtio-net at 0000:01:00.0`.
fn describe(machine: &EmulatedMachine) -> String {
    let devices = machine.devices().map(|(address, kind)| format!(", {kind} at {address}"));
    format!("{} cores, {}{}", machine.cpus, Size(machine.memory), devices.collect::<String>())
}

fn conclude(outcome: Outcome, qemu_output: &str) -> Result<()> {
    match outcome {
        Outcome::Stopped => print("\nended\n"),
        Outcome::TimeLimit { missing } if missing.is_empty() => print("ended: the time is over\n"),
        Outcome::TimeLimit { missing } => bail!("the time is over, and not in user space: {}", missing.join(", ")),
        Outcome::Failed(said) => bail!("the boot image stopped at {}", said.join("\n  ")),
        Outcome::MachineEnded if qemu_output.is_empty() => print("ended: the machine was reset or switched off\n"),
        Outcome::MachineEnded => bail!("the machine ended:\n{qemu_output}"),
    }
}
