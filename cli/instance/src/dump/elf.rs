//! The first bytes of a dump: an ELF core file as kdump writes it (Linux `fs/proc/vmcore.c`, elf(5)).
//!
//! ```text
//! ELF header
//! program headers   PT_NOTE, and a PT_LOAD for each range of memory
//! NT_PRSTATUS       the registers of each core, if its driver has kept any
//! VMCOREINFO        the kernel's description of itself, as it was found in its memory
//! ...               zeros, to the end of the page
//! the memory        range after range
//! ```
//!
//! There is no PT_LOAD for the kernel's image at its own virtual addresses: tools that know vmcoreinfo's `phys_base` need
//! none.

use crate::kernel::direct_map::DirectMap;
use crate::kernel::memory::{PAGE, Physical};
use crate::kernel::range::MemoryRange;

/// Bytes of the ELF header, and of a program header.
const ELF_HEADER: u64 = 64;
const PROGRAM_HEADER: u64 = 56;
/// `e_ident`: the magic number, 64 bits, little-endian, version 1.
const IDENT: [u8; 16] = [0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const ET_CORE: u16 = 4;
const EM_X86_64: u16 = 62;
const EV_CURRENT: u32 = 1;
const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
/// Readable, writable, executable.
const ANY_USE: u32 = 7;
/// The name of the note (`VMCOREINFO_NOTE_NAME`), with its end, and its type.
const NOTE_NAME: &[u8; 11] = b"VMCOREINFO\0";
const NOTE_TYPE: u32 = 0;
/// Those of a note with an `elf_prstatus`.
const STATUS_NAME: &[u8; 5] = b"CORE\0";
const NT_PRSTATUS: u32 = 1;
/// Alignment of a note's parts.
const NOTE_ALIGN: usize = 4;

/// All before the memory, in whole pages. `statuses`: an `elf_prstatus` of each core.
pub(super) fn header(vmcoreinfo: &str, statuses: &[Vec<u8>], map: DirectMap, ranges: &[MemoryRange]) -> Vec<u8> {
    let mut notes: Vec<u8> = statuses.iter().flat_map(|status| note(STATUS_NAME, NT_PRSTATUS, status)).collect();
    notes.extend(note(NOTE_NAME, NOTE_TYPE, vmcoreinfo.as_bytes()));
    let note_at = ELF_HEADER + PROGRAM_HEADER * (1 + ranges.len() as u64);
    let memory_at = (note_at + notes.len() as u64).next_multiple_of(PAGE);
    let mut bytes = elf_header(ranges.len());
    bytes.extend(Segment::of_note(note_at, notes.len() as u64).bytes());
    let mut offset = memory_at;
    for range in ranges {
        bytes.extend(Segment::of_memory(offset, map, *range).bytes());
        offset += range.len();
    }
    bytes.extend(notes);
    bytes.resize(memory_at as usize, 0);
    bytes
}

fn elf_header(ranges: usize) -> Vec<u8> {
    // A partition's ranges are far less than 2^16.
    let segments = u16::try_from(1 + ranges).unwrap_or(u16::MAX);
    let mut bytes = IDENT.to_vec();
    bytes.extend([ET_CORE, EM_X86_64].map(u16::to_le_bytes).concat());
    bytes.extend(EV_CURRENT.to_le_bytes());
    let (entry, program_headers, section_headers, flags) = (0_u64, ELF_HEADER, 0_u64, 0_u32);
    bytes.extend([entry, program_headers, section_headers].map(u64::to_le_bytes).concat());
    bytes.extend(flags.to_le_bytes());
    bytes.extend([ELF_HEADER as u16, PROGRAM_HEADER as u16, segments].map(u16::to_le_bytes).concat());
    let (section_header_size, sections, names) = (0, 0, 0);
    bytes.extend([section_header_size, sections, names].map(u16::to_le_bytes).concat());
    bytes
}

fn note(name: &[u8], kind: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = [name.len() as u32, content.len() as u32, kind].map(u32::to_le_bytes).concat();
    for part in [name, content] {
        bytes.extend(part);
        bytes.resize(bytes.len().next_multiple_of(NOTE_ALIGN), 0);
    }
    bytes
}

/// What a program header says.
struct Segment {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    place: u64,
    len: u64,
    align: u64,
}

impl Segment {
    fn of_note(offset: u64, len: u64) -> Self {
        Self { kind: PT_NOTE, flags: 0, offset, address: 0, place: 0, len, align: NOTE_ALIGN as u64 }
    }

    fn of_memory(offset: u64, map: DirectMap, range: MemoryRange) -> Self {
        let place = range.first();
        let address = map.address(Physical(place)).0;
        // By an alignment of 0, crash(8) tells a dump by kdump from one by netdump.
        Self { kind: PT_LOAD, flags: ANY_USE, offset, address, place, len: range.len(), align: 0 }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = [self.kind, self.flags].map(u32::to_le_bytes).concat();
        let (in_file, in_memory) = (self.len, self.len);
        let words = [self.offset, self.address, self.place, in_file, in_memory, self.align];
        bytes.extend(words.map(u64::to_le_bytes).concat());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use object::elf::{FileHeader64, PT_LOAD, PT_NOTE};
    use object::read::elf::{FileHeader, ProgramHeader};
    use object::{Endianness, LittleEndian, Object};

    use super::*;

    const TEXT: &str = "OSRELEASE=6.12.0\nNUMBER(phys_base)=-8\nX=1\n";

    fn ranges() -> Vec<MemoryRange> {
        ["0x20400000-0x303fffff", "0x100000000-0x100000fff"].map(|range| range.parse().unwrap()).to_vec()
    }

    fn bytes() -> Vec<u8> {
        header(TEXT, &[vec![7; 336], vec![8; 336]], DirectMap::at(0xffff_9a3c_c000_0000), &ranges())
    }

    #[test]
    fn it_is_a_core_file_of_this_architecture() {
        let bytes = bytes();
        let file = object::File::parse(&*bytes).unwrap();
        assert_eq!((file.architecture(), file.kind()), (object::Architecture::X86_64, object::ObjectKind::Core));
        assert!(file.is_64() && file.is_little_endian());
        assert_eq!(bytes.len(), PAGE as usize);
    }

    #[test]
    fn each_range_is_a_segment_with_its_place_and_its_address_in_the_direct_map() {
        let bytes = bytes();
        let header = FileHeader64::<LittleEndian>::parse(&*bytes).unwrap();
        let end = header.endian().unwrap();
        let segments = header.program_headers(end, &*bytes).unwrap();
        let found = segments.iter().filter(|segment| segment.p_type(end) == PT_LOAD).map(|segment| {
            assert_eq!((segment.p_filesz(end), segment.p_align(end)), (segment.p_memsz(end), 0));
            (segment.p_offset(end), segment.p_vaddr(end), segment.p_paddr(end), segment.p_memsz(end))
        });
        let expected = [
            (0x1000, 0xffff_9a3c_e040_0000, 0x2040_0000, 0x1000_0000),
            (0x1000_1000, 0xffff_9a3d_c000_0000, 0x1_0000_0000, 0x1000),
        ];
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_notes_have_the_registers_and_the_text_as_they_were_found() {
        let bytes = bytes();
        let header = FileHeader64::<Endianness>::parse(&*bytes).unwrap();
        let end = header.endian().unwrap();
        let segment = &header.program_headers(end, &*bytes).unwrap()[0];
        assert_eq!(segment.p_type(end), PT_NOTE);
        let mut notes = segment.notes(end, &*bytes).unwrap().unwrap();
        for status in [7, 8] {
            let note = notes.next().unwrap().unwrap();
            assert_eq!((note.name(), note.n_type(end), note.desc()), (&b"CORE"[..], NT_PRSTATUS, &[status; 336][..]));
        }
        let note = notes.next().unwrap().unwrap();
        assert_eq!((note.name(), note.n_type(end), note.desc()), (&b"VMCOREINFO"[..], 0, TEXT.as_bytes()));
        assert!(notes.next().unwrap().is_none());
    }

    #[test]
    fn a_long_text_moves_the_memory() {
        let text = "x".repeat(2 * PAGE as usize);
        assert_eq!(header(&text, &[], DirectMap::at(0), &ranges()).len(), 3 * PAGE as usize);
    }
}
