extern crate std;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;

use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::diagnostic::Diagnostic;

const BOX: &[u8] = b"[box]\nname = \"pair\"\n";

fn manifest() -> String {
    let image = |len, path: &str| ImageSummary { len, path: path.into() };
    Manifest::new(BOX, [image(5, "vmlinuz"), image(3, "../images/web 1.img")]).unwrap().to_string()
}

fn members(manifest: &str) -> Vec<Member<'_>> {
    vec![
        Member { name: MANIFEST, bytes: manifest.as_bytes() },
        Member { name: BOX_FILE, bytes: BOX },
        Member { name: "image:vmlinuz", bytes: b"12345" },
        Member { name: "image:../images/web 1.img", bytes: b"123" },
    ]
}

/// An archive as somebody else's writer makes it.
fn archive_of(members: &[Member<'_>]) -> Vec<u8> {
    let mut archive = Vec::new();
    for member in members {
        let header = cpio::newc::Builder::new(member.name).nlink(1).mode(0o100_444);
        let mut file = header.write(&mut archive, member.bytes.len() as u32);
        file.write_all(member.bytes).unwrap();
        file.finish().unwrap();
    }
    cpio::newc::trailer(&mut archive).unwrap();
    archive
}

#[test]
fn a_manifest_is_text() {
    insta::assert_snapshot!(manifest(), @r"
    sprig-bundle 1
    box 20 09cb9518
    image 5 vmlinuz
    image 3 ../images/web 1.img
    ");
}

#[test]
fn a_whole_bundle_opens_from_an_archive_as_from_modules() {
    let manifest = manifest();
    let archive = archive_of(&members(&manifest));
    let padded = [archive.as_slice(), &[0; 512]].concat();
    assert_eq!(members_of_archive(&padded).unwrap(), members(&manifest));

    let bundle = Bundle::open(&members_of_archive(&archive).unwrap()).unwrap();
    assert_eq!(bundle.box_file.as_bytes(), BOX);
    assert_eq!(bundle.images[1], BundledImage { path: "../images/web 1.img", bytes: b"123" });
}

#[test]
fn every_refusal_has_its_code() {
    let whole = manifest();
    let refused = |change: &dyn Fn(&mut Vec<Member<'_>>)| {
        let mut members = members(&whole);
        change(&mut members);
        let error = Bundle::open(&members).unwrap_err();
        Diagnostic::from(&error).plain("box.toml", "").to_string()
    };
    let reported = [
        refused(&|members| members[1].bytes = b"[box]\nname = \"peer\"\n"),
        refused(&|members| _ = members.remove(0)),
        refused(&|members| _ = members.remove(1)),
        refused(&|members| _ = members.remove(2)),
        refused(&|members| members[2].bytes = b"1234"),
        refused(&|members| members[2].bytes = b"123456"),
        refused(&|members| members[0].bytes = b"sprig-bundle 1\nbox 20 9cb9518\n"),
        refused(&|members| members[0].bytes = b""),
    ];
    insta::assert_snapshot!(reported.join("\n"));
}

#[test]
fn a_box_file_must_be_text() {
    let manifest = Manifest::new(b"ab\xff", []).unwrap().to_string();
    let members = [Member { name: MANIFEST, bytes: manifest.as_bytes() }, Member { name: BOX_FILE, bytes: b"ab\xff" }];
    assert_eq!(Bundle::open(&members), Err(BundleError::BoxFileNotText { offset: 2 }));
}

#[test]
fn a_path_that_would_break_the_manifest_is_refused() {
    let image = ImageSummary { len: 1, path: "a\nimage 2 b".into() };
    assert_eq!(Manifest::new(BOX, [image.clone()]), Err(BundleError::PathUnfit { path: image.path }));
}

/// Found by fuzzing: what is refused in writing was accepted in reading.
#[test]
fn a_manifest_with_a_path_that_none_is_made_of_is_damaged() {
    for path in ["a\0b", "a\rb", "a\r\r\n", ""] {
        let text = format!("sprig-bundle 1\nbox 0 00000000\nimage 1 {path}\n");
        let refused = Manifest::parse(text.as_bytes());
        assert!(matches!(refused, Err(BundleError::ManifestDamaged { line: 3, .. })), "{path:?}: {refused:?}");
    }
}

#[test]
fn an_archive_that_breaks_off_is_refused() {
    let manifest = manifest();
    let archive = archive_of(&members(&manifest));
    let trailer = archive.len() - 124;
    for len in 0..archive.len() - 1 {
        let cut = members_of_archive(&archive[..len]);
        // Padding behind the trailer's name is nothing that anybody misses.
        assert!(matches!(cut, Err(BundleError::ArchiveDamaged { .. })) || len >= trailer + 121, "{len} bytes");
    }
}

proptest! {
    #[test]
    fn no_archive_makes_it_panic(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..400),
        digits in "[0-9a-f]{104}",
    ) {
        let _ = members_of_archive(&bytes);
        bytes.splice(0..0, [b"070701", digits.as_bytes()].concat());
        let _ = members_of_archive(&bytes);
    }

    #[test]
    fn a_manifest_reads_as_it_was_written(
        images in proptest::collection::vec((any::<u64>(), "[^\\n\\r\\x00]{1,12}"), 0..4),
        text in ".*",
    ) {
        let images = images.into_iter().map(|(len, path)| ImageSummary { len, path });
        let manifest = Manifest::new(text.as_bytes(), images).unwrap();
        prop_assert_eq!(Manifest::parse(manifest.to_string().as_bytes()), Ok(manifest));
        let _ = Manifest::parse(text.as_bytes());
    }
}
