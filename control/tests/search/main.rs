//! All that can happen between two instances that ask for something of a partition, any of which may die at any step, and
//! the partition's two cores, whose kernel may come back by itself at any time.
//!
//! One of the two may be the host, which fetches nobody: its NMIs have the kernel leave, and wake the boot core in the resident
//! part, which fetches the other core itself. And one may have the partition to himself for a while.
//!
//! The search runs the functions of the protocol themselves, one at a time, on a real page. What is not a word of the page,
//! where a core is and how far an asker has come, is the model's.

mod steps;
mod world;

use std::collections::HashSet;

use control::BY_HOST;

use crate::world::{Asker, Place, Search, World};

/// Searches everything that can follow, and returns every world that can be.
fn search(by_nmi: bool, start: World) -> HashSet<World> {
    let search = Search::new(by_nmi);
    let mut seen = HashSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some(world) = open.pop() {
        search.assert_can_be_started(&world);
        search.assert_has_one_holder(&world);
        open.extend(search.next(&world).into_iter().filter(|next| seen.insert(next.clone())));
    }
    assert!(seen.len() > 2_000, "{} worlds are too few for a search", seen.len());
    seen
}

#[test]
fn whoever_dies_at_whatever_step_leaves_a_partition_that_can_be_started() {
    search(false, Search::start());
}

#[test]
fn a_partition_with_the_boot_processor_can_be_started_too() {
    search(true, Search::start());
}

#[test]
fn the_host_disturbs_no_other_asker_and_leaves_a_partition_that_can_be_started() {
    for by_nmi in [false, true] {
        for askers in [[Asker::Host, Asker::Begins], [Asker::Host, Asker::Watches]] {
            let seen = search(by_nmi, World { askers, panics: 2, ..Search::start() });
            // Nobody but the host has asked, and the kernel has not come back by itself.
            let by_host = |world: &&World| {
                world.asker == BY_HOST && world.done == world.wanted && world.places == [Place::Kernel; 2]
            };
            assert!(seen.iter().any(|world| by_host(&world)), "the host has started nothing");
        }
    }
}

/// Two that watch, and a kernel that panics twice: each panic is answered once, by one of the two, or by nobody if he dies.
#[test]
fn of_all_who_watch_one_acts_and_none_shoots_the_next_kernel() {
    for by_nmi in [false, true] {
        let watched = World { askers: [Asker::Watches; 2], returns: 1, panics: 2, ..Search::start() };
        let seen = search(by_nmi, watched);
        let was_restarted =
            |world: &&World| world.panics == 1 && world.places == [Place::Kernel; 2] && world.status != 0;
        assert!(seen.iter().any(|world| was_restarted(&world)), "nobody has acted");
    }
}

/// A holder freezes the partition while somebody else asks: that one is refused, or was faster. Whoever dies, the lease ends.
#[test]
fn one_that_has_it_to_himself_and_dies_holds_nobody_up() {
    for by_nmi in [false, true] {
        for other in [Asker::Begins, Asker::Host, Asker::Watches] {
            let held = World { askers: [Asker::Takes, other], panics: 1, ..Search::start() };
            let seen = search(by_nmi, held);
            let is_held = |world: &&World| world.askers[0] == Asker::Holds;
            let has_died = |world: &World| world.lease != 0 && world.askers[0] == Asker::Gone;
            assert!(seen.iter().any(|world| is_held(&world)) && seen.iter().any(has_died), "nobody has had it");
            // Whoever found it held has given no order.
            let entered = Search::start().wanted;
            let was_refused = |world: &World| {
                world.askers == [Asker::Holds, Asker::Gone] && world.wanted == entered && other != Asker::Watches
            };
            assert_eq!(seen.iter().any(was_refused), other != Asker::Watches, "{other:?}");
        }
    }
}

#[test]
fn of_two_that_want_it_to_themselves_one_has_it_at_a_time() {
    let seen = search(false, World { askers: [Asker::Takes; 2], panics: 1, ..Search::start() });
    // The first was held up for too long, and the second has it; he finds out before he does anything.
    assert!(seen.iter().any(|world| world.askers == [Asker::Holds; 2]), "nobody was late");
}
