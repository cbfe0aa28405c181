//! Bundles: the archive, its manifest, and what kind of file an initial file system is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use partitioner::bundle::{Bundle, Manifest, members_of_archive};
use partitioner::initrd::{Format, is_cut_off, unpacked_len};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(members) = members_of_archive(bytes) {
        let _ = Bundle::open(&members);
    }
    if let Ok(manifest) = Manifest::parse(bytes) {
        let again = Manifest::parse(manifest.to_string().as_bytes());
        assert_eq!(again, Ok(manifest), "what is printed says the same");
    }
    if let Some(format) = Format::of(bytes) {
        let (head, tail) = bytes.split_at(bytes.len() / 2);
        for len in [bytes.len() as u64, u64::MAX] {
            let _ = (unpacked_len(format, head, tail, len), unpacked_len(format, bytes, bytes, len));
        }
        let _ = (is_cut_off(format, tail), format.to_string());
    }
});
