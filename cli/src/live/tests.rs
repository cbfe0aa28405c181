//! Orders to a page behind which there is no machine: an NMI does at once what cores would do.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use control::{Cause, Command, ControlPage, Purpose, State};
use lifecycle::condition::{Condition, Heart};
use lifecycle::page::MappedPage;
use lifecycle::row::Known;
use lifecycle::verb::Verb;
use partitioner::address::{LARGE_PAGE, MemoryRange};
use shmem::header::{ADDRESS_AT, DOORBELLS_AT, HEADER_LEN, HEARTBEAT_AT};

use super::LiveBox;
use super::sight::Hearts;

const WEB: usize = 0;
const DB: usize = 1;

/// Where the window lies: behind the page.
const WINDOW: u64 = LARGE_PAGE;

/// A box of two partitions that run, of which the first has the boot processor. On an NMI, `cores` act on the page.
fn running(cores: impl Fn(&ControlPage) + Send + Sync + 'static) -> (LiveBox, Arc<MappedPage>, File) {
    let file: File = tempfile::tempfile().unwrap();
    let window = MemoryRange::with_len(WINDOW, LARGE_PAGE).unwrap();
    file.set_len(window.end()).unwrap();
    let machine = Arc::new(MappedPage::to_write(&file, 0).unwrap());
    let page = machine.get();
    page.header.partitions.store(2, Relaxed);
    page.header.boot_processor.store(0, Relaxed);
    for (core, partition) in [(0, WEB), (1, DB)] {
        page.give(core, partition);
        page.partitions[partition].boot_core.store(core, Relaxed);
        let first = page.partitions[partition].ask_first().unwrap();
        page.partitions[partition].finish(first, State::Starting, Cause::None, 1);
        page.partitions[partition].say(State::Running, Cause::None, 2);
    }
    page.open();
    let known = ["web", "db"].map(|name| Known {
        name: name.to_owned(),
        memory_bytes: 1 << 20,
        link: None,
        heart: Heart::Beats,
    });
    let behind = Arc::clone(&machine);
    let nmi = Box::new(move || {
        cores(behind.get());
        Ok(())
    });
    let hearts = Hearts::new(&file, window).unwrap();
    (LiveBox::of(MappedPage::to_write(&file, 0).unwrap(), nmi, hearts, known.to_vec()), machine, file)
}

/// Every partition with a pending order carries it out.
fn obedient(page: &ControlPage) {
    for partition in &page.partitions[..2] {
        let order = partition.wanted();
        if !partition.is_pending() {
            continue;
        }
        match order.command {
            Command::Stop => drop(partition.finish(order, State::Stopped, partition.reason(), 3)),
            _ => {
                partition.finish(order, State::Starting, partition.reason(), 3);
                partition.say(State::Running, Cause::Asked, 4);
            }
        }
    }
}

#[test]
fn an_nmi_is_announced_and_brings_what_was_asked() {
    let (running, machine, _memory) = running(obedient);
    assert!(running.order(Verb::Restart, "db", Some(60)).unwrap().starts_with("\"db\" is running, "));
    assert_eq!(machine.get().host_nmis(), 1);
    let row = &running.rows().unwrap()[DB];
    assert_eq!((row.restarts, row.asked_by.as_deref()), (1, Some("the host")));
    assert_eq!(running.order(Verb::Stop, "db", None).unwrap(), "\"db\" was asked to stop");
    assert_eq!(running.order(Verb::Stop, "db", None).unwrap(), "\"db\" is stopped already");
    assert!(running.order(Verb::Start, "db", Some(60)).unwrap().starts_with("\"db\" is running, "));
}

#[test]
fn what_cannot_be_done_is_refused_in_a_line() {
    let (running, machine, _memory) = running(|_| {});
    let refusal = |verb, name| running.order(verb, name, None).unwrap_err().to_string();
    assert_eq!(refusal(Verb::Stop, "far"), "there is no partition \"far\"; there are web, db");
    assert_eq!(refusal(Verb::Start, "db"), "\"db\" is running; use sprig restart db");
    assert!(
        refusal(Verb::Stop, "web").starts_with("\"web\" has the machine's boot processor, its driver is not loaded")
    );
    assert_eq!(machine.get().host_nmis(), 0);
}

#[test]
fn one_that_a_neighbour_has_to_himself_is_left_to_him_while_he_lives() {
    let (running, machine, _memory) = running(obedient);
    let partition = &machine.get().partitions[DB];
    partition.take_lease(WEB, Purpose::Freeze, 1).unwrap();
    let refusal = thread::scope(|scope| {
        let order = scope.spawn(|| running.order(Verb::Stop, "db", None));
        for now_ms in (2..).take_while(|_| !order.is_finished()) {
            assert!(partition.renew_lease(WEB, Purpose::Freeze, now_ms));
            thread::yield_now();
        }
        order.join().unwrap().unwrap_err()
    });
    assert_eq!(refusal.to_string(), "\"db\" is being dumped by web; try again when that is done");
    assert_eq!(running.order(Verb::Stop, "db", None).unwrap(), "\"db\" was asked to stop", "he has died");
}

#[test]
fn an_instance_that_lends_a_hand_fetches_what_takes_no_nmi() {
    let (running, machine, _memory) = running(|page| {
        if let Some(order) = page.partitions[DB].lend_hand(WEB) {
            page.partitions[DB].finish(order, State::Stopped, page.partitions[DB].reason(), 3);
        }
    });
    assert_eq!(running.order(Verb::Stop, "db", None).unwrap(), "\"db\" was asked to stop");
    assert!(machine.get().host_nmis() > 1);
    assert_eq!(running.rows().unwrap()[DB].asked_by.as_deref(), Some("the host"));
}

#[test]
fn a_partition_that_ends_again_is_not_waited_for() {
    let (running, _machine, _memory) = running(|page| {
        let partition = &page.partitions[DB];
        partition.finish(partition.wanted(), State::Starting, Cause::Asked, 3);
        partition.say(State::Ended, Cause::Panic, 4);
    });
    let refusal = running.order(Verb::Restart, "db", Some(60)).unwrap_err().to_string();
    assert_eq!(refusal, "\"db\" ended before its driver was loaded (panicked); its console shows why");
}

#[test]
fn a_partition_that_is_frozen_or_stalls_is_seen_from_the_host() {
    let (running, machine, memory) = running(obedient);
    let write = |at: u64, word: u64| {
        memory.write_all_at(&word.to_le_bytes(), WINDOW + DB as u64 * HEADER_LEN + at).unwrap();
    };
    let state = || running.rows().unwrap()[DB].state;
    let look = |times| (0..times).for_each(|_| running.look());
    look(100);
    assert_eq!(state(), Condition::Running, "its interface is down");
    write(DOORBELLS_AT + ADDRESS_AT, 0x0000_0001_0000_0042);
    for beat in 1..100 {
        write(HEARTBEAT_AT, beat);
        look(1);
        assert_eq!(state(), Condition::Running);
    }
    look(100);
    assert_eq!(state(), Condition::Stalled);
    assert_eq!(running.rows().unwrap()[WEB].state, Condition::Running);
    let partition = &machine.get().partitions[DB];
    partition.take_lease(WEB, Purpose::Freeze, 1).unwrap();
    look(1);
    assert_eq!(state(), Condition::Frozen);
    assert!(partition.end_lease(WEB, Purpose::Freeze, 1));
    look(1);
    assert_eq!(state(), Condition::Running, "it has time to go on");
}
