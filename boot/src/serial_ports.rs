//! The machine's serial ports: at the four traditional addresses of a PC, and PCI functions with registers in I/O
//! space.

use alloc::vec::Vec;

use partitioner::firmware::pci::{Command, register};
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
    fn select(self, register: u16) -> Port<u32> {
        let address = CONFIG_ENABLE
            | u32::from(self.bus) << 16
            | u32::from(self.device) << 11
            | u32::from(self.function) << 8
            | u32::from(register & 0xfc);
        // SAFETY: selecting a configuration register has no effect by itself.
        unsafe { Port::<u32>::new(CONFIG_ADDRESS).write(address) };
        Port::new(CONFIG_DATA)
    }

    fn read(self, register: u16) -> u32 {
        // SAFETY: the registers read here (identification, class, BARs, bus numbers) have no side effects.
        unsafe { self.select(register).read() }
    }

    fn write(self, register: u16, value: u32) {
        // SAFETY: only ever the command register, to let a serial port decode its I/O ports.
        unsafe { self.select(register).write(value) }
    }

    fn exists(self) -> bool {
        self.read(register::ID) & 0xffff != 0xffff
    }
}

fn scan_bus(bus: u8, ports: &mut Vec<SerialPort>) {
    for device in 0..32 {
        let first = Function { bus, device, function: 0 };
        if !first.exists() {
            continue;
        }
        let functions = if first.read(register::HEADER) & register::MULTI_FUNCTION != 0 { 8 } else { 1 };
        for function in (0..functions).map(|function| Function { bus, device, function }).filter(|it| it.exists()) {
            scan_function(function, ports);
        }
    }
}

fn scan_function(function: Function, ports: &mut Vec<SerialPort>) {
    match function.read(register::CLASS) >> 16 {
        CLASS_SERIAL => ports.extend(serial_port_of(function)),
        CLASS_PCI_BRIDGE => {
            let secondary = (function.read(register::BUSES) >> 8 & 0xff) as u8;
            if secondary > function.bus {
                scan_bus(secondary, ports);
            }
        }
        _ => {}
    }
}

/// The first BAR of a single-port 16550 holds its registers.
fn serial_port_of(function: Function) -> Option<SerialPort> {
    let bar = function.read(register::BARS);
    let io_port =
        u16::try_from(bar & !register::BAR_IO_FLAGS).ok().filter(|port| bar & register::BAR_IO != 0 && *port != 0)?;
    function.write(register::COMMAND, function.read(register::COMMAND) & 0xffff | u32::from(Command::IO.0));
    answers(io_port).then_some(SerialPort { io_port })
}
