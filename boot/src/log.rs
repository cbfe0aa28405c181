//! The log on the serial port: the only sign of a machine that does not start.
//!
//! Every line is `sprig <seconds since entry> <step>: <detail>`; the names of the steps are stable.
//! `docs/src/boot-flow.md` lists them in their order, and a test holds the two together. Most are logged in `main.rs` and
//! `probe.rs`; `start` and `turn` come from `partitioner::apply`. Until the
//! time-stamp counter is calibrated the seconds read 0.
//!
//! The other end may hold the line for a while without a byte being lost, and for ever without stopping the machine:
//! see [`PATIENCE_TICKS`].

use core::fmt::{self, Write};
use core::hint;
use core::sync::atomic::{AtomicU64, Ordering};

use spin::Mutex;
use uart_16550::backend::PioBackend;
use uart_16550::{BaudRate, Config, Uart16550};

/// Where PCs have had their serial lines, the first one first.
pub const LEGACY_PORTS: [u16; 4] = [0x3f8, 0x2f8, 0x3e8, 0x2e8];

/// As GRUB and the kernels have it: 115200 baud, 8 bits, no parity, 1 stop bit.
const LINE: Config = Config { baud_rate: BaudRate::Baud115200, ..Config::DEFAULT };

/// How long a byte that the port does not take is offered, in ticks of the time-stamp counter, before it is given up: 2
/// to 4 seconds on what runs at 2 to 4 GHz. The rate is not known when the log begins, and need not be: a reader of an
/// emulated port on a busy host may be late by a good part of a second, and a machine must start even if its port is
/// never read.
const PATIENCE_TICKS: u64 = 1 << 33;

struct Log {
    uart: Option<Uart16550<PioBackend>>,
    line: Line,
}

/// Whether the other end takes bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// It took the last byte, so the next one may wait.
    Taken,
    /// A byte was given up. Nothing is waited for until one is taken again, so a line that is held costs the machine
    /// one wait and not one for each byte.
    Held,
}

static LOG: Mutex<Log> = Mutex::new(Log { uart: None, line: Line::Taken });
static ENTRY_TSC: AtomicU64 = AtomicU64::new(0);
static TSC_KHZ: AtomicU64 = AtomicU64::new(0);
static CURRENT_STEP: Mutex<&'static str> = Mutex::new("hand-off");

/// Opens the log on the first of [`LEGACY_PORTS`] that is there: the planner counts on the same. Called once, first of
/// all.
pub fn open() {
    // Relaxed: no other processor runs yet, and later ones are started through memory barriers of their own.
    ENTRY_TSC.store(crate::tsc::now(), Ordering::Relaxed);
    LOG.lock().uart = LEGACY_PORTS.into_iter().find_map(open_port);
}

fn open_port(io_port: u16) -> Option<Uart16550<PioBackend>> {
    // SAFETY: the ports are ours as long as no kernel runs on this processor, and touching them where nothing answers
    // is harmless on a PC; `init` says if so.
    let mut uart = unsafe { Uart16550::new_port(io_port) }.ok()?;
    uart.init(LINE).ok()?;
    Some(uart)
}

/// Sets the rate of the time-stamp counter.
pub fn set_clock(khz: u64) {
    TSC_KHZ.store(khz, Ordering::Relaxed);
}

/// Begins a step. A failure from here on belongs to this step, even before the step has logged anything.
pub fn enter(step: &'static str) {
    *CURRENT_STEP.lock() = step;
}

/// One line.
pub fn step(step: &'static str, detail: fmt::Arguments<'_>) {
    enter(step);
    line(format_args!("{step}: {detail}"));
}

/// The step that began last: where a fault happened.
pub fn current_step() -> &'static str {
    CURRENT_STEP.try_lock().map_or("unknown", |step| *step)
}

/// A line that is no step: part of a failure.
pub fn line(text: fmt::Arguments<'_>) {
    let us = since_entry_us();
    let mut log = LOG.lock();
    // Writing to a `Log` cannot fail: what a held line does not take is dropped.
    let _ = writeln!(log, "sprig {:5}.{:03} {text}", us / 1_000_000, us / 1000 % 1000);
}

/// After this the log can be written even if a fault struck while a line was being written.
///
/// # Safety
/// No other code that may write to the log runs any more.
pub unsafe fn seize() {
    // SAFETY: by the contract the holder, if any, will never go on.
    unsafe {
        LOG.force_unlock();
    }
}

/// Microseconds since the image was entered; 0 before the clock is known.
pub fn since_entry_us() -> u64 {
    match TSC_KHZ.load(Ordering::Relaxed) {
        0 => 0,
        khz => crate::tsc::now().saturating_sub(ENTRY_TSC.load(Ordering::Relaxed)) * 1000 / khz,
    }
}

impl Write for Log {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let Self { uart: Some(uart), line } = self else { return Ok(()) };
        for byte in text.bytes() {
            if byte == b'\n' {
                *line = send(uart, *line, b'\r');
            }
            *line = send(uart, *line, byte);
        }
        Ok(())
    }
}

/// Offers a byte for as long as the line is worth it, at least once.
fn send(uart: &mut Uart16550<PioBackend>, line: Line, byte: u8) -> Line {
    let begun = crate::tsc::now();
    loop {
        if uart.try_send_byte(byte).is_ok() {
            return Line::Taken;
        }
        if line == Line::Held || crate::tsc::now().wrapping_sub(begun) >= PATIENCE_TICKS {
            return Line::Held;
        }
        hint::spin_loop();
    }
}
