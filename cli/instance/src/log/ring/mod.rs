//! A kernel's log in its memory: the printk ring (Linux `kernel/printk/printk_ringbuffer.c`, "data structure").
//!
//! ```text
//! prb ──► printk_ringbuffer
//!           desc_ring        descs[], infos[]   a descriptor and an info for each record; an *id* counts records, and
//!                                               its lowest bits are the place in both
//!                            tail_id, head_id   the oldest and the newest record
//!           text_data_ring   data[]             texts; a *position* counts bytes, and its lowest bits are the place
//! ```
//!
//! While we read, the writer may reuse descriptor and text of the oldest record for the newest. So a record counts only
//! if its descriptor is the same before and after its text was read.
//!
//! | module | |
//! |---|---|
//! | [`access`] | finds the ring and reads its ends and descriptors |
//! | [`record`] | reads one record |
//! | [`layout`] | where the fields lie |
//! | [`id`], [`error`] | numbers of records, and why there is no log |
//!
//! Nothing that is read is trusted: numbers are masked or compared with the ring's size, and addresses go through
//! [`crate::kernel::paging::AddressSpace`].

mod access;
mod error;
mod id;
mod layout;
mod record;
#[cfg(test)]
mod tests;

pub(crate) use self::access::Ring;
pub(crate) use self::error::RingError;
pub(crate) use self::id::Id;
pub(crate) use self::record::{Entry, Record};
