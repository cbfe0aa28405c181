//! Moves images from where a boot loader has put them to where they stay.
//!
//! An image that has yet to move may cover the place of another, so order matters. Where images wait for each other in
//! a ring, one of them is moved aside, into memory of a partition that is not filled yet.

use alloc::vec::Vec;

use super::error::ApplyError;
use crate::address::{MemoryRange, PAGE};
use crate::machine::Machine;
use crate::plan::Plan;
use crate::request::Request;

/// One image to be moved once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Move {
    /// Its index in [`Plan::images`].
    pub(super) image: usize,
    /// Where it is.
    pub(super) from: MemoryRange,
    /// Where it goes; may overlap `from`.
    pub(super) to: u64,
}

impl Move {
    fn destination(self) -> Option<MemoryRange> {
        MemoryRange::with_len(self.to, self.from.len())
    }

    /// Whether it goes less than a page, over itself: in pieces of a few bytes, such as an archive's alignment leaves,
    /// that would take long.
    fn is_tight(self) -> bool {
        let distance = self.from.start().abs_diff(self.to);
        distance < PAGE && distance < self.from.len()
    }
}

/// The moves that bring every image into its place, in an order in which none destroys another.
pub(super) fn moves(plan: &Plan, request: &Request) -> Result<Vec<Move>, ApplyError> {
    let mut pending = misplaced(plan, request)?;
    let mut moves = Vec::with_capacity(pending.len());
    while !pending.is_empty() {
        if let Some(at) = (0..pending.len()).find(|at| is_free(&pending, *at)) {
            let step = pending.remove(at);
            moves.extend(if step.is_tight() { by_way_of_room(plan, &pending, step) } else { [Some(step), None] });
        } else {
            moves.push(Some(step_aside(plan, &mut pending)?));
        }
    }
    Ok(moves.into_iter().flatten().collect())
}

/// A tight move by way of free memory, if there is any: twice the bytes, but in two copies.
fn by_way_of_room(plan: &Plan, pending: &[Move], step: Move) -> [Option<Move>; 2] {
    let moving = [pending, &[step]].concat();
    match room_for(plan, &moving, step.from.len()) {
        Some(room) => [Some(Move { to: room.start(), ..step }), Some(Move { from: room, ..step })],
        None => [Some(step), None],
    }
}

/// Images that are not where they stay.
fn misplaced(plan: &Plan, request: &Request) -> Result<Vec<Move>, ApplyError> {
    let other_images = ApplyError::OtherImages { planned: plan.images.len(), requested: request.images.len() };
    if plan.images.len() != request.images.len() {
        return Err(other_images);
    }
    let mut misplaced = Vec::new();
    for (image, (planned, file)) in plan.images.iter().zip(&request.images).enumerate() {
        let from = file.loaded.ok_or_else(|| ApplyError::NotLoaded { path: file.path.clone() })?;
        if planned.range.len() < from.len() {
            return Err(other_images);
        }
        if planned.range.start() != from.start() {
            misplaced.push(Move { image, from, to: planned.range.start() });
        }
    }
    Ok(misplaced)
}

/// Whether no other image that has yet to move lies where this one goes.
fn is_free(pending: &[Move], at: usize) -> bool {
    let Some(destination) = pending[at].destination() else { return false };
    pending.iter().enumerate().all(|(other, step)| other == at || !step.from.overlaps(destination))
}

/// Moves an image that lies in another's way to a free place. It stays pending, from there. Each call leaves one image
/// less in the way, so this comes to an end.
fn step_aside(plan: &Plan, pending: &mut [Move]) -> Result<Move, ApplyError> {
    let aside = (0..pending.len())
        .filter(|at| is_in_the_way(pending, *at))
        .find_map(|at| Some((at, room_for(plan, pending, pending[at].from.len())?)));
    let Some((at, room)) = aside else {
        let image = pending[0].image;
        let path = plan.images[image].path.clone();
        return Err(ApplyError::NoRoomToMove { path, len: pending[0].from.len(), count: pending.len() });
    };
    let step = Move { to: room.start(), ..pending[at] };
    pending[at].from = room;
    Ok(step)
}

/// Whether another image cannot move because of this one.
fn is_in_the_way(pending: &[Move], at: usize) -> bool {
    let mut others = pending.iter().enumerate().filter(|(other, _)| *other != at);
    others.any(|(_, step)| step.destination().is_some_and(|destination| destination.overlaps(pending[at].from)))
}

/// Memory of a partition, which is not filled yet, where no image lies or will lie.
fn room_for(plan: &Plan, pending: &[Move], len: u64) -> Option<MemoryRange> {
    let taken = pending.iter().map(|step| step.from).chain(plan.images.iter().map(|image| image.range));
    let mut free: Vec<MemoryRange> = plan.partitions.iter().flat_map(|partition| partition.memory.clone()).collect();
    for range in taken {
        free = free.into_iter().flat_map(|piece| piece.without(range)).flatten().collect();
    }
    free.into_iter().find_map(|piece| Some(piece.split_at(len)?.0))
}

/// Moves an image. Where the two places overlap, in pieces no longer than their distance, starting at the end towards
/// which it goes, so that no copy overlaps itself.
pub(super) fn carry_out<M: Machine>(step: &Move, machine: &mut M) {
    let (start, len) = (step.from.start(), step.from.len());
    let piece = start.abs_diff(step.to).min(len);
    if piece == 0 {
        return;
    }
    let pieces = len.div_ceil(piece);
    for nth in 0..pieces {
        let nth = if step.to > start { pieces - 1 - nth } else { nth };
        let offset = nth * piece;
        if let Some(from) = MemoryRange::new(start + offset, start + len.min(offset + piece)) {
            machine.copy(from, step.to + offset);
        }
    }
}
