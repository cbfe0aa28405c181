//! A console through the C interface, as both sides of the shim use it.

use std::boxed::Box;

use control::console::Console;
use control::{Cause, Command, ControlPage, State};

use crate::abi::console::*;

const OWN: u32 = 1;

/// The control page of a box of two, of which the second runs.
fn page() -> Box<ControlPage> {
    let page = Box::<ControlPage>::default();
    page.header.partitions.store(2, core::sync::atomic::Ordering::Relaxed);
    page.partitions[OWN as usize].say(State::Running, Cause::None, 0);
    page
}

#[test]
fn what_is_printed_and_typed_crosses_and_the_last_to_attach_types() {
    let console = Box::<Console>::default();
    let console = &raw const *console;
    let (mut cursor, mut into) = (0, [0; 16]);
    // SAFETY: it is a console, and this thread is the only one at it; all buffers have the lengths that are given.
    unsafe {
        assert!(!sprig_console_is_open(console));
        sprig_console_open(console);
        assert!(sprig_console_is_open(console));
        sprig_console_print(console, b"db# ".as_ptr(), 4);
        assert_eq!(sprig_console_read(console, &mut cursor, into.as_mut_ptr(), 16), 4);
        assert_eq!((cursor, &into[..4], sprig_console_oldest(console)), (4, b"db# ".as_slice(), 0));

        let first = sprig_console_attach(console, 0);
        let second = sprig_console_attach(console, 0);
        assert!(!sprig_console_is_attached(console, first) && sprig_console_is_attached(console, second));
        assert_eq!(sprig_console_type(console, b"ls\r".as_ptr(), 3), 3);
        assert!(sprig_console_has_input(console));
        assert_eq!(sprig_console_take(console, into.as_mut_ptr(), 16), 3);
        assert_eq!(&into[..3], b"ls\r");
        sprig_console_detach(console, second);
        assert!(!sprig_console_is_attached(console, second));
    }
}

#[test]
fn nothing_is_typed_where_another_kernel_may_come() {
    let page = page();
    let words = &page.partitions[OWN as usize];
    let page = &raw const *page;
    // SAFETY: it is a control page.
    unsafe {
        assert_eq!(sprig_console_address(page, OWN), 0);
        sprig_console_publish(page, OWN, 0x20_0000);
        assert_eq!((sprig_console_address(page, OWN), sprig_console_address(page, 2)), (0x20_0000, 0));
        assert!(sprig_console_takes_input(page, OWN) && !sprig_console_takes_input(page, 2));
        words.ask(Command::Stop, 0).unwrap();
        assert!(!sprig_console_takes_input(page, OWN), "an order is pending");
    }
    words.finish(words.wanted(), State::Stopped, Cause::Asked, 0);
    // SAFETY: as above.
    unsafe {
        assert!(!sprig_console_takes_input(page, OWN));
        assert_eq!(sprig_console_address(page, OWN), 0x20_0000, "what it has printed can be read");
    }
    words.ask(Command::Start, 0).unwrap();
    words.finish(words.wanted(), State::Starting, Cause::Asked, 0);
    // SAFETY: as above.
    unsafe { assert_eq!(sprig_console_address(page, OWN), 0, "its memory is another kernel's") };
}
