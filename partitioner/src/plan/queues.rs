//! How many queues each ordered pair of partitions has: as many as the two sides of the largest pair can both serve.
//!
//! A queue is worth a core on either side, so for a pair it is the smaller of both core counts that helps, and for the
//! box the second largest of all. It costs buffers that are kept for each queue and peer, and what is kept is not
//! shared: so where the box file says nothing, it is at most half of each pool.

use alloc::vec::Vec;

use super::conflict::Conflict;
use crate::layout::{QUEUES_MAX, Window};
use crate::request::Request;

/// The number of queues that the owner wants, or else the best one.
pub(super) fn count(request: &Request, conflicts: &mut Vec<Conflict>) -> u8 {
    let window = window(request);
    let Some(wanted) = &request.file.queues else { return best(request, window) };
    let queues = *wanted.get_ref();
    let least = Window { queues, ..window }.least();
    if *request.file.shared_memory.get_ref() < least {
        conflicts.push(Conflict::TooManyQueues { queues, least, most: most(request, window) });
    }
    queues
}

/// The window with as few queues as there can be.
fn window(request: &Request) -> Window {
    Window { partitions: request.file.partitions.len(), queues: 1 }
}

fn best(request: &Request, window: Window) -> u8 {
    let mut cores: Vec<usize> = request.entries().map(|(entry, _)| entry.cpus.get_ref().cores()).collect();
    cores.sort_unstable();
    let second = cores.iter().rev().nth(1).copied().unwrap_or(1);
    let useful = u8::try_from(second).unwrap_or(u8::MAX).clamp(1, QUEUES_MAX);
    let len = *request.file.shared_memory.get_ref();
    let keeps_half = |queues: &u8| Window { queues: *queues, ..window }.keeps_half(len);
    (1..=useful).rev().find(keeps_half).unwrap_or(1)
}

/// The most that the window has room for.
fn most(request: &Request, window: Window) -> u8 {
    let len = *request.file.shared_memory.get_ref();
    let fits = |queues: &u8| Window { queues: *queues, ..window }.least() <= len;
    (1..=QUEUES_MAX).rev().find(fits).unwrap_or(1)
}
