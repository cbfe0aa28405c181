//! What the host asks for, through the C interface.

use core::sync::atomic::Ordering::Relaxed;
use std::boxed::Box;

use control::{Command, ControlPage};

use crate::abi::host::*;

const WEB: u32 = 0;
const DB: u32 = 1;

fn page() -> Box<ControlPage> {
    let page = Box::<ControlPage>::default();
    page.header.partitions.store(3, Relaxed);
    page
}

#[test]
fn an_nmi_of_the_host_is_known_by_the_count() {
    let page = page();
    // SAFETY: it is a control page.
    let count = || unsafe { sprig_control_host_nmis(&raw const *page) };
    assert_eq!(count(), 0);
    page.announce_host_nmi();
    page.announce_host_nmi();
    assert_eq!(count(), 2);
}

#[test]
fn one_instance_takes_up_what_the_host_seeks_a_hand_for() {
    let page = page();
    let words = &page.partitions[DB as usize];
    let page = &raw const *page;
    // SAFETY: it is a control page.
    unsafe {
        assert!(!sprig_control_seeks_hand(page));
        let order = words.ask_by_host(Command::Stop).unwrap();
        assert!(!sprig_control_seeks_hand(page));
        assert_eq!(sprig_control_lend_hand(page, DB, WEB), 0, "it does without, so far");
        words.seek_hand(order);
        assert!(sprig_control_seeks_hand(page));
        assert_eq!(sprig_control_lend_hand(page, WEB, 2), 0, "it is not for that partition");
        assert_eq!(sprig_control_lend_hand(page, DB, WEB), order.word());
        assert!(!sprig_control_seeks_hand(page));
        assert_eq!(sprig_control_lend_hand(page, DB, 2), 0, "somebody else was faster");
        assert_eq!(sprig_control_lend_hand(page, 3, WEB), 0, "there is no such partition");
    }
    assert!(words.is_by_host());
}
