//! Where the fields of a kernel's log lie, as its vmcoreinfo says: they move from version to version.

use super::error::RingError;
use crate::kernel::note::Note;

/// The largest size of a structure that is believed. The largest of a real kernel here has some 120 bytes.
const MOST: u64 = 4096;

/// Offsets in bytes, from the beginning of a `printk_ringbuffer` unless stated otherwise.
pub(super) struct Layout {
    /// 4 bytes: descriptors are 2 to the power of it.
    pub(super) count_bits: u64,
    /// Addresses.
    pub(super) descs: u64,
    pub(super) infos: u64,
    pub(super) data: u64,
    /// Ids of records.
    pub(super) head_id: u64,
    pub(super) tail_id: u64,
    /// 4 bytes: bytes of text are 2 to the power of it.
    pub(super) size_bits: u64,
    pub(super) desc: Desc,
    pub(super) info: Info,
}

/// A `prb_desc`.
pub(super) struct Desc {
    pub(super) size: u64,
    /// State and id.
    pub(super) state: u64,
    /// Positions: where the text's block begins, and where the next one does.
    pub(super) begin: u64,
    pub(super) next: u64,
}

/// A `printk_info`.
pub(super) struct Info {
    pub(super) size: u64,
    /// Nanoseconds.
    pub(super) time: u64,
    /// 2 bytes.
    pub(super) text_len: u64,
}

impl Layout {
    pub(super) fn read(note: &Note) -> Result<Layout, RingError> {
        let ring = Structure::read(note, "printk_ringbuffer")?;
        let descs = |field, len| ring.inner_field("printk_ringbuffer.desc_ring", field, len);
        let texts = |field, len| ring.inner_field("printk_ringbuffer.text_data_ring", field, len);
        Ok(Layout {
            count_bits: descs("prb_desc_ring.count_bits", 4)?,
            descs: descs("prb_desc_ring.descs", 8)?,
            infos: descs("prb_desc_ring.infos", 8)?,
            head_id: descs("prb_desc_ring.head_id", 8)?,
            tail_id: descs("prb_desc_ring.tail_id", 8)?,
            size_bits: texts("prb_data_ring.size_bits", 4)?,
            data: texts("prb_data_ring.data", 8)?,
            desc: Desc::read(note)?,
            info: Info::read(note)?,
        })
    }
}

impl Desc {
    fn read(note: &Note) -> Result<Desc, RingError> {
        let desc = Structure::read(note, "prb_desc")?;
        let block = |field| desc.inner_field("prb_desc.text_blk_lpos", field, 8);
        Ok(Desc {
            size: desc.size,
            state: desc.field("prb_desc.state_var", 8)?,
            begin: block("prb_data_blk_lpos.begin")?,
            next: block("prb_data_blk_lpos.next")?,
        })
    }
}

impl Info {
    fn read(note: &Note) -> Result<Info, RingError> {
        let info = Structure::read(note, "printk_info")?;
        Ok(Info {
            size: info.size,
            time: info.field("printk_info.ts_nsec", 8)?,
            text_len: info.field("printk_info.text_len", 2)?,
        })
    }
}

/// A structure of the kernel. Its fields are named `structure.field`.
struct Structure<'n> {
    note: &'n Note,
    size: u64,
}

impl Structure<'_> {
    fn read<'n>(note: &'n Note, name: &str) -> Result<Structure<'n>, RingError> {
        Ok(Structure { note, size: note.size(name)? })
    }

    /// Where a field of `len` bytes lies.
    fn field(&self, field: &'static str, len: u64) -> Result<u64, RingError> {
        self.inside(field, self.note.offset(field)?, len)
    }

    /// Where a field of `len` bytes lies that belongs to the structure in the field `outer`.
    fn inner_field(&self, outer: &str, field: &'static str, len: u64) -> Result<u64, RingError> {
        self.inside(field, self.note.offset(outer)?.saturating_add(self.note.offset(field)?), len)
    }

    fn inside(&self, field: &'static str, offset: u64, len: u64) -> Result<u64, RingError> {
        let size = self.size;
        let is_inside = offset.saturating_add(len) <= size && size <= MOST;
        if is_inside { Ok(offset) } else { Err(RingError::Layout { field, offset, size }) }
    }
}
