//! Words of a partition's `cmdline` that take back what the partitioner shows to its kernel.
//!
//! Firmware tables and Sprig's own words ([`crate::view`]) keep a kernel inside its partition. The owner's words come
//! after them, so the kernel follows those in [`REFUSED`], and leaves. `docs/src/configuration.md` lists the same; a
//! test compares the two.
//!
//! A line is read as Linux reads it (`next_arg` in `lib/cmdline.c`): white space outside of double quotes separates
//! words, `-` and `_` are the same in what stands before the `=`, and a lone `--` ends them. The code that unpacks the
//! kernel reads some words too (`arch/x86/lib/cmdline.c`), and knows neither quotes nor `--`.

use alloc::vec::Vec;

/// A word that is refused.
#[derive(PartialEq, Eq, Debug)]
pub struct RefusedWord {
    /// `key` with any value or none, `key=` with any value, `key=item` with that item in its list, and `key=item=` with
    /// an item that begins so.
    pub word: &'static str,
    /// What the kernel would do.
    pub effect: &'static str,
    /// What its owner can do.
    help: Help,
    reader: Reader,
}

/// What to do instead of writing a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Help {
    /// There is nothing that it would be good for.
    LeaveOut,
    /// `memory` says how much there is.
    Memory,
    /// `memmap=` may still reserve.
    Reserve,
    /// `console=ttyS0` is the partition's own port.
    Console,
    /// `initrd` names a file.
    Initrd,
    /// `name` is what the instance is called.
    Name,
}

impl Help {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::LeaveOut => "leave it out",
            Self::Memory => "leave it out: the key `memory` says how much memory the partition has",
            Self::Reserve => "leave it out; only memmap=SIZE$START, which reserves memory, is possible",
            Self::Console => {
                "leave it out: Sprig names the partition's port, and console=ttyS0 is the same port; \
                 devices = [\"serial:1\"] chooses another"
            }
            Self::Initrd => "leave it out: the key `initrd` names the file",
            Self::Name => "leave it out: the key `name` says it",
        }
    }
}

/// Who reads a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reader {
    Kernel,
    /// Also the code that unpacks the kernel.
    Unpacker,
}

const fn refused(word: &'static str, effect: &'static str) -> RefusedWord {
    RefusedWord { word, effect, help: Help::LeaveOut, reader: Reader::Kernel }
}

impl RefusedWord {
    const fn instead(self, help: Help) -> Self {
        Self { help, ..self }
    }

    const fn also_unpacking(self) -> Self {
        Self { reader: Reader::Unpacker, ..self }
    }

    /// What its owner can do.
    pub fn help(&self) -> &'static str {
        self.help.text()
    }

    fn matches(&self, word: &Word<'_>) -> bool {
        let Some((key, item)) = self.word.split_once('=') else { return word.is_of(self.word) };
        let begins = |there: &str| item.ends_with('=') && there.starts_with(item);
        word.is_of(key)
            && word.items().any(|there| (item.is_empty() || there == item || begins(there)) && !reserves(key, there))
    }
}

/// `memmap=SIZE$START` takes memory away from the kernel, which is its owner's business.
fn reserves(key: &str, item: &str) -> bool {
    let size = item.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric());
    key == "memmap" && size.starts_with('$') && !item.starts_with("exactmap")
}

const NO_TABLES: &str = "the kernel would not read the tables that describe its partition";
const OTHER_TABLES: &str = "the kernel would read other tables, and take the cores of others";
const ALL_BUSES: &str =
    "the kernel would scan the PCI buses of the whole machine through port 0xcf8, and take devices of others";
const EARLY_ACCESS: &str = "the kernel would access port 0xcf8 thousands of times, and kernels race there";
const NO_BUSES: &str = "the kernel would not find the partition's own PCI buses, which only memory leads to";
const NO_APIC: &str = "the kernel would have no timer and no interrupts: an instance has nothing but the local APICs";
const NO_CLOCK: &str = "the kernel would have no clock: an instance has nothing but the time-stamp counter";
const MEMORY: &str = "the kernel would take its memory from there, and not from the map of its partition";
const PORTS: &str = "the kernel would drive a serial port, a screen or memory that may belong to others";

/// Every word that is refused.
pub const REFUSED: &[RefusedWord] = &[
    refused("acpi=off", NO_TABLES),
    refused("acpi=ht", NO_TABLES),
    refused("acpi=rsdt", "the kernel would look for an RSDT, which an instance does not have, and find no table"),
    refused("acpi=noirq", ALL_BUSES),
    refused("acpi_rsdp=", OTHER_TABLES).also_unpacking(),
    refused("pci=noacpi", ALL_BUSES),
    refused("pci=lastbus=", ALL_BUSES),
    refused("pci=conf1", EARLY_ACCESS),
    refused("pci=conf2", EARLY_ACCESS),
    refused("pci=check_enable_amd_mmconf", "the kernel would move the machine's PCI configuration space"),
    refused("pci=nommconf", NO_BUSES),
    refused("pci=nodomains", NO_BUSES),
    refused("pci=nocrs", "the kernel would place devices outside of the addresses that its partition has"),
    refused(
        "pci=nomsi",
        "the partition's devices would have no interrupts: an instance has no I/O APIC for their pins",
    ),
    refused("nolapic", NO_APIC),
    refused("disableapic", NO_APIC),
    refused("nolapic_timer", NO_APIC),
    refused("noapictimer", NO_APIC),
    refused("notsc", NO_CLOCK),
    refused("tsc=unstable", NO_CLOCK),
    refused(
        "tsc_early_khz=",
        "the kernel would keep another time than the rest of the box, or hang: Sprig has measured the rate",
    ),
    refused("hpet=force", "the kernel would switch on a timer of the whole machine"),
    refused("no_ipi_broadcast=", "interrupts to all cores would reach those of others: a halt would end the others"),
    refused("mem=", MEMORY).instead(Help::Memory),
    refused("memmap=", MEMORY).instead(Help::Reserve),
    refused("initrdmem=", "the kernel would take its initial file system from memory of others").instead(Help::Initrd),
    refused("8250.nr_uarts=", "the kernel would probe the serial ports of others").instead(Help::Console),
    refused("8250_core.nr_uarts=", "the kernel would probe the serial ports of others").instead(Help::Console),
    refused("earlyprintk=", PORTS).instead(Help::Console).also_unpacking(),
    refused("earlycon=", PORTS).instead(Help::Console),
    refused("console=uart8250", PORTS).instead(Help::Console).also_unpacking(),
    refused("console=uart", PORTS).instead(Help::Console).also_unpacking(),
    refused("console=ns16550", PORTS).instead(Help::Console),
    refused("console=ns16550a", PORTS).instead(Help::Console),
    refused("sprig.partition=", "the instance would not know which partition it is").instead(Help::Name),
];

/// The words of a line that are refused, as they are written, each once and with the reason.
pub fn refused_in(line: &str) -> Vec<(&str, &'static RefusedWord)> {
    let mut found = Vec::new();
    let of_kernel = kernel_words(line).filter_map(|word| Some((word, reason(&word, |_| true)?)));
    let unpacking = line.split_ascii_whitespace().map(Word::new);
    let of_unpacker = unpacking.filter_map(|word| Some((word, reason(&word, |rule| rule.reader == Reader::Unpacker)?)));
    for (word, rule) in of_kernel.chain(of_unpacker) {
        if found.iter().all(|(_, known)| *known != rule) {
            found.push((word.written, rule));
        }
    }
    found
}

fn reason(word: &Word<'_>, is_read: impl Fn(&RefusedWord) -> bool) -> Option<&'static RefusedWord> {
    REFUSED.iter().find(|rule| is_read(rule) && rule.matches(word))
}

/// A word without the quotes around it or around its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Word<'a> {
    written: &'a str,
    key: &'a str,
    value: Option<&'a str>,
}

impl<'a> Word<'a> {
    fn new(written: &'a str) -> Self {
        let bare = match written.strip_prefix('"') {
            Some(rest) => rest.strip_suffix('"').unwrap_or(rest),
            None => written,
        };
        let Some((key, value)) = bare.split_once('=') else { return Self { written, key: bare, value: None } };
        let unquoted = value.strip_prefix('"').map(|rest| rest.strip_suffix('"').unwrap_or(rest));
        Self { written, key, value: Some(unquoted.unwrap_or(value)) }
    }

    fn is_of(&self, key: &str) -> bool {
        let same =
            |(one, other): (u8, u8)| one == other || (matches!(one, b'-' | b'_') && matches!(other, b'-' | b'_'));
        self.key.len() == key.len() && self.key.bytes().zip(key.bytes()).all(same)
    }

    /// The items of the list that its value is; none without a value.
    fn items(&self) -> impl Iterator<Item = &'a str> {
        self.value.into_iter().flat_map(|value| value.split(','))
    }
}

/// The words that the kernel reads, and not init.
fn kernel_words(line: &str) -> impl Iterator<Item = Word<'_>> {
    let mut quoted = false;
    let words = line.split(move |letter: char| {
        quoted ^= letter == '"';
        is_space(letter) && !quoted
    });
    words.filter(|word| !word.is_empty()).take_while(|word| *word != "--").map(Word::new)
}

/// Linux reads bytes, and takes the no-break space of Latin-1 for white space: a byte in which other letters end here.
fn is_space(letter: char) -> bool {
    const NO_BREAK_SPACE: u8 = 0xa0;
    letter.is_ascii_whitespace() || letter.encode_utf8(&mut [0; 4]).as_bytes().ends_with(&[NO_BREAK_SPACE])
}

#[cfg(test)]
mod tests;
