//! The machine's serial ports: at the four traditional addresses of a PC, and PCI functions with registers in I/O
//! space.

use alloc::vec::Vec;

use partitioner::inventory::SerialPort;
use uart_16550::Uart16550;
use x86_64::instructions::port::Port;

use crate::log::LEGACY_PORTS;

/// Class 0x07 (communication), subclass 0x00 (serial), any programming interface up to 16950.
const CLASS_SERIAL: u32 = 0x0700;
const CLASS_PCI_BRIDGE: u32 = 0x0604;

/// Ports of configuration mechanism 1.
const CONFIG_ADDRESS: u16 = 0xcf8;
const CONFIG_DATA: u16 = 0xcfc;
/// The bit of the address that selects configuration space.
const CONFIG_ENABLE: u32 = 1 << 31;

/// Registers of a function (PCI Local Bus Specification 3.0, section 6.1; PCI-to-PCI Bridge Architecture Specification
/// 1.2, section 3.2).
mod register {
    pub(super) const IDENTIFICATION: u8 = 0x00;
    /// Command in the lower half.
    pub(super) const COMMAND: u8 = 0x04;
    pub(super) const COMMAND_IO_SPACE: u32 = 1 << 0;
    /// Class and subclass in the upper half.
    pub(super) const CLASS: u8 = 0x08;
    /// Header type in bits 16..24.
    pub(super) const HEADER: u8 = 0x0c;
    pub(super) const HEADER_MULTI_FUNCTION: u32 = 1 << 23;
    pub(super) const BAR_0: u8 = 0x10;
    pub(super) const BAR_IO_SPACE: u32 = 1 << 0;
    /// Bits of a BAR in I/O space that are not part of the address.
    pub(super) const BAR_IO_FLAGS: u32 = 0b11;
    /// Of a bridge: primary, secondary, subordinate bus number, one byte each.
    pub(super) const BUS_NUMBERS: u8 = 0x18;
}

/// Every port that answers, the legacy ones first.
pub fn find() -> Vec<SerialPort> {
    let mut ports: Vec<_> =
        LEGACY_PORTS.into_iter().filter(|port| answers(*port)).map(|io_port| SerialPort { io_port }).collect();
    scan_bus(0, &mut ports);
    ports
}

fn answers(io_port: u16) -> bool {
    // SAFETY: no kernel runs yet, so the port is nobody else's; the scratch register is put back as it was.
    unsafe { Uart16550::new_port(io_port) }.is_ok_and(|mut uart| uart.check_present())
}

/// A PCI function, by configuration mechanism 1 (PCI Local Bus 3.0, section 3.2.2.3.2). It is used here, once, before
/// any kernel runs.
#[derive(Clone, Copy)]
struct Function {
    bus: u8,
    device: u8,
    function: u8,
}

impl Function {
    fn select(self, register: u8) -> Port<u32> {
        let address = CONFIG_ENABLE
            | u32::from(self.bus) << 16
            | u32::from(self.device) << 11
            | u32::from(self.function) << 8
            | u32::from(register & 0xfc);
        // SAFETY: selecting a configuration register has no effect by itself.
        unsafe { Port::<u32>::new(CONFIG_ADDRESS).write(address) };
        Port::new(CONFIG_DATA)
    }

    fn read(self, register: u8) -> u32 {
        // SAFETY: the registers read here (identification, class, BARs, bus numbers) have no side effects.
        unsafe { self.select(register).read() }
    }

    fn write(self, register: u8, value: u32) {
        // SAFETY: only ever the command register, to let a serial port decode its I/O ports.
        unsafe { self.select(register).write(value) }
    }

    fn exists(self) -> bool {
        self.read(register::IDENTIFICATION) & 0xffff != 0xffff
    }
}

fn scan_bus(bus: u8, ports: &mut Vec<SerialPort>) {
    for device in 0..32 {
        let first = Function { bus, device, function: 0 };
        if !first.exists() {
            continue;
        }
        let functions = if first.read(register::HEADER) & register::HEADER_MULTI_FUNCTION != 0 { 8 } else { 1 };
        for function in (0..functions).map(|function| Function { bus, device, function }).filter(|it| it.exists()) {
            scan_function(function, ports);
        }
    }
}

fn scan_function(function: Function, ports: &mut Vec<SerialPort>) {
    match function.read(register::CLASS) >> 16 {
        CLASS_SERIAL => ports.extend(serial_port_of(function)),
        CLASS_PCI_BRIDGE => {
            let secondary = (function.read(register::BUS_NUMBERS) >> 8 & 0xff) as u8;
            if secondary > function.bus {
                scan_bus(secondary, ports);
            }
        }
        _ => {}
    }
}

/// The first BAR of a single-port 16550 holds its registers.
fn serial_port_of(function: Function) -> Option<SerialPort> {
    let bar = function.read(register::BAR_0);
    let io_port = u16::try_from(bar & !register::BAR_IO_FLAGS)
        .ok()
        .filter(|port| bar & register::BAR_IO_SPACE != 0 && *port != 0)?;
    function.write(register::COMMAND, function.read(register::COMMAND) & 0xffff | register::COMMAND_IO_SPACE);
    answers(io_port).then_some(SerialPort { io_port })
}
