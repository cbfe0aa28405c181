//! The text of a box file that plans at once, with comments that teach.

use std::fmt::Write as _;

use partitioner::inventory::Inventory;
use partitioner::pci::Functions;
use partitioner::size::Size;

/// The names of partitions, in their order. A box has at most so many.
pub(crate) const NAMES: [&str; 18] = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
];

/// How many devices of the machine the comments list.
const DEVICES_SHOWN: usize = 12;

/// The box to propose. All partitions are alike.
pub(crate) struct Proposal<'a> {
    /// The box's name.
    pub(crate) name: &'a str,
    /// How many partitions, at most as many as [`NAMES`].
    pub(crate) partitions: usize,
    /// Cores of each.
    pub(crate) cpus: u32,
    /// Memory of each.
    pub(crate) memory: Size,
    /// The path of the kernel, as it is to stand in the file.
    pub(crate) kernel: &'a str,
    /// That of its initial file system.
    pub(crate) initrd: Option<&'a str>,
    /// The machine that it is planned for; `None` for the emulated one.
    pub(crate) machine: Option<&'a Inventory>,
}

impl Proposal<'_> {
    /// The text of the file.
    pub(crate) fn text(&self) -> String {
        let entries = NAMES.iter().take(self.partitions).enumerate();
        let entries = entries.map(|(number, name)| if number == 0 { self.first(name) } else { self.further(name) });
        self.head() + &entries.collect::<String>()
    }

    fn head(&self) -> String {
        let name = self.name;
        let machine = match self.machine {
            Some(machine) => format!("this machine ({}, {} cores)", machine.machine, machine.cores.len()),
            None => "an emulated machine".to_owned(),
        };
        let commands = self.commands();
        let width = commands.iter().map(|(command, _)| command.len()).max().unwrap_or_default();
        let lines = commands.iter().map(|(command, what)| format!("#   {command:width$}  {what}\n"));
        format!(
            "# The box \"{name}\": several Linux kernels side by side on one machine. `sprig init` has planned it for\n\
             # {machine}. Change what you like, and then, in this folder:\n\
             #\n\
             {commands}\
             #\n\
             # It says what you want, never addresses or interrupt numbers. A size is a whole number and KiB, MiB, GiB\n\
             # or TiB; paths are relative to this file, or absolute.\n\
             \n\
             [box]\n\
             name = \"{name}\"\n\
             # Memory that all kernels share. Their network, vni0, runs in it.\n\
             shared_memory = \"64MiB\"\n",
            commands = lines.collect::<String>(),
        )
    }

    /// What to do with the file, and what for.
    fn commands(&self) -> Vec<(String, &'static str)> {
        let name = self.name;
        let check = (format!("sprig check {name}.toml"), "can it still be had?");
        let run = (format!("sprig run {name}.toml"), "boots it in an emulated machine; Ctrl-C ends everything");
        let image = format!("sprig image {name}.toml -o {name}.iso");
        match self.machine {
            None => vec![
                check,
                (format!("sprig plan {name}.toml"), "who gets which cores and memory"),
                run,
                (image, "makes a medium that boots it, also on a real machine"),
            ],
            Some(_) => vec![
                check,
                ("sudo sprig inventory -o machine.json".to_owned(), "records this machine"),
                (format!("sprig plan {name}.toml --inventory machine.json"), "who gets which cores and memory of it"),
                run,
                (image, "makes a medium that boots it on this machine"),
            ],
        }
    }

    /// The first entry, with comments.
    fn first(&self, name: &str) -> String {
        format!(
            "\n[[partition]]\n\
             # In the instance it is the word sprig.partition= on the kernel's command line.\n\
             name = \"{name}\"\n\
             # So many cores, near together; or these: cpus = \"2-3,6\".\n\
             cpus = {cpus}\n\
             # Its own memory, a multiple of 2MiB.\n\
             memory = \"{memory}\"\n\
             # A stock kernel for x86-64, as distributions build it.\n\
             kernel = {kernel}\n\
             {initrd}\
             # More words for the kernel's command line; Sprig adds those that it needs.\n\
             # cmdline = \"quiet\"\n\
             {devices}\
             # What the others do when its kernel panics; on_hang and on_exit likewise: \"restart\", \"stop\" or \"keep\".\n\
             # on_panic = \"restart\"\n",
            cpus = self.cpus,
            memory = self.memory,
            kernel = quoted(self.kernel),
            initrd = self.first_initrd(),
            devices = self.devices(),
        )
    }

    fn first_initrd(&self) -> String {
        match self.initrd {
            Some(path) => format!(
                "# Its initial file system. That of an installed Linux looks for its root disk, and where there is none\n\
                 # it ends at a shell of its own; name another if you have one.\n\
                 initrd = {}\n",
                quoted(path)
            ),
            None => "# Its initial file system: without one the kernel needs a root disk, or stops with a panic.\n\
                     # initrd = \"initrd.img\"\n"
                .to_owned(),
        }
    }

    /// What devices a partition can have: on the machine at hand, those that it has.
    fn devices(&self) -> String {
        let mut text = "# PCI devices, and a serial port, that no other partition has.\n".to_owned();
        let Some(machine) = self.machine else {
            return text + "# devices = [\"class:network\"]\n";
        };
        let functions = Functions(&machine.pci);
        let free: Vec<_> = machine.pci.iter().filter(|function| functions.obstacle(function).is_none()).collect();
        if free.is_empty() {
            return text + "# This machine has none that can be split off: see `sudo sprig inventory`.\n";
        }
        for function in free.iter().take(DEVICES_SHOWN) {
            let with = functions.companions(function).count();
            let with = if with == 0 { String::new() } else { format!(" and {with} more that go with it") };
            // Writing into a string cannot fail.
            let _ = writeln!(text, "#   {}  {}{with}", function.address, function.class);
        }
        if free.len() > DEVICES_SHOWN {
            let _ = writeln!(text, "#   and {} more: see `sudo sprig inventory`", free.len() - DEVICES_SHOWN);
        }
        text + &format!("# devices = [\"{}\"]\n", free[0].address)
    }

    fn further(&self, name: &str) -> String {
        let initrd = self.initrd.map(|path| format!("initrd = {}\n", quoted(path))).unwrap_or_default();
        format!(
            "\n[[partition]]\nname = \"{name}\"\ncpus = {}\nmemory = \"{}\"\nkernel = {}\n{initrd}",
            self.cpus,
            self.memory,
            quoted(self.kernel)
        )
    }
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    let escape = |letter: char| match letter {
        '"' | '\\' => format!("\\{letter}"),
        letter if letter.is_control() => format!("\\u{:04X}", u32::from(letter)),
        letter => letter.to_string(),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}
