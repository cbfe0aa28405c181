//! Box files, good and bad: a snapshot for each code.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::inventory::CoreNumber;
use crate::layout::OWNER_COMMAND_LINE_MAX;

const PAIR: &str = r#"[box]
name = "pair"
shared_memory = "128MiB"

[[partition]]
name = "web"
cpus = 2
memory = "512MiB"
kernel = "vmlinuz"
initrd = "web.img"
cmdline = "quiet"

[[partition]]
name = "db"
cpus = "2-3,6"
memory = "1GiB"
kernel = "vmlinuz"
"#;

/// All that is said about a box file that cannot be read.
fn refusal(text: &str) -> String {
    let diagnostics = BoxFile::parse(text).expect_err("this box file should be refused");
    diagnostics.iter().map(|diagnostic| diagnostic.plain("box.toml", text).to_string()).collect::<Vec<_>>().join("\n")
}

/// [`PAIR`] with one thing changed.
fn pair_with(from: &str, to: &str) -> String {
    assert!(PAIR.contains(from), "{from} is not in the example");
    PAIR.replacen(from, to, 1)
}

#[test]
fn a_box_file_is_read() {
    let file = BoxFile::parse(PAIR).unwrap();
    assert_eq!(file.name.get_ref(), "pair");
    assert_eq!(*file.shared_memory.get_ref(), 128 << 20);
    let [web, db] = &file.partitions[..] else { panic!("two partitions") };
    assert_eq!(*web.cpus.get_ref(), CpuRequest::Count(2));
    assert_eq!(*web.memory.get_ref(), 512 << 20);
    assert_eq!(web.initrd.as_ref().unwrap().get_ref(), "web.img");
    assert_eq!(web.cmdline.get_ref(), "quiet");
    assert_eq!(*db.cpus.get_ref(), CpuRequest::Set([2, 3, 6].map(CoreNumber).into()));
    assert!(db.initrd.is_none());
    assert_eq!(db.cmdline.get_ref(), "");
}

#[test]
fn every_value_keeps_its_place() {
    let file = BoxFile::parse(PAIR).unwrap();
    assert_eq!(&PAIR[file.partitions[0].name.span()], r#""web""#);
    assert_eq!(&PAIR[file.partitions[1].cpus.span()], r#""2-3,6""#);
    assert_eq!(&PAIR[file.partitions[1].cmdline.span()], "[[partition]]");
}

#[test]
fn the_window_has_its_usual_size_where_the_file_says_nothing() {
    let file = BoxFile::parse(&pair_with("shared_memory = \"128MiB\"", "")).unwrap();
    assert_eq!(*file.shared_memory.get_ref(), DEFAULT_SHARED_MEMORY);
}

#[test]
fn all_mistakes_are_told_at_once() {
    assert_snapshot!(refusal(
        r#"[box]
nmae = "Pair"

[[partition]]
name = "web"
cpus = 0
memory = 512
kernel = ""

[[partition]]
name = "web"
memory = "0MiB"
kernel = "vmlinuz"
priority = 3
"#
    ));
}

#[test]
fn toml_syntax() {
    assert_snapshot!(refusal("[box\nname = \"pair\"\n"));
    assert_snapshot!(refusal(&pair_with("\"web\"", "web")));
    assert_snapshot!(refusal(&pair_with("cpus = 2\n", "cpus = 2\ncpus = 3\n")));
}

#[test]
fn unknown_key() {
    assert_snapshot!(refusal(&pair_with("memory", "memroy")));
    assert_snapshot!(refusal(&pair_with("cmdline", "command_line")));
    assert_snapshot!(refusal(&format!("{PAIR}\n[network]\n")));
}

#[test]
fn missing_key() {
    assert_snapshot!(refusal(&pair_with("kernel = \"vmlinuz\"\ninitrd", "initrd")));
    assert_snapshot!(refusal(&pair_with("[box]\nname = \"pair\"\nshared_memory = \"128MiB\"\n", "")));
}

#[test]
fn wrong_type() {
    assert_snapshot!(refusal(&pair_with("cpus = 2\n", "cpus = [0, 1]\n")));
    assert_snapshot!(refusal("box = 1\npartition = 2\n"));
}

#[test]
fn no_partitions() {
    assert_snapshot!(refusal("[box]\nname = \"pair\"\n"));
    assert_snapshot!(refusal("partition = []\n[box]\nname = \"pair\"\n"));
}

#[test]
fn names() {
    assert_snapshot!("empty-name", refusal(&pair_with("\"web\"", "\"\"")));
    assert_snapshot!("name-characters", refusal(&pair_with("\"web\"", "\"Web server\"")));
    assert_snapshot!("name-too-long", refusal(&pair_with("\"web\"", &format!("\"{}\"", "w".repeat(33)))));
    assert_snapshot!("duplicate-name", refusal(&pair_with("\"db\"", "\"web\"")));
}

#[test]
fn size_without_meaning() {
    for (name, written) in [("bare", "512"), ("metric", "\"512MB\""), ("short", "\"2g\""), ("word", "\"much\"")] {
        assert_snapshot!(
            format!("size-without-meaning-{name}"),
            refusal(&pair_with("memory = \"512MiB\"", &format!("memory = {written}")))
        );
    }
    assert_snapshot!("size-without-meaning-huge", refusal(&pair_with("\"512MiB\"", "\"99999999999TiB\"")));
}

#[test]
fn sizes_that_cannot_be_given() {
    assert_snapshot!("zero-memory", refusal(&pair_with("\"512MiB\"", "\"0MiB\"")));
    assert_snapshot!("size-not-in-2mib", refusal(&pair_with("\"512MiB\"", "\"511MiB\"")));
    assert_snapshot!("window-too-small", refusal(&pair_with("\"128MiB\"", "\"64KiB\"")));
    let third = "[[partition]]\nname = \"more-NUMBER\"\ncpus = 1\nmemory = \"128MiB\"\nkernel = \"vmlinuz\"\n";
    let further: String = (0..6).map(|number| third.replace("NUMBER", &format!("{number}"))).collect();
    assert_snapshot!("window-too-small-many", refusal(&(pair_with("\"128MiB\"", "\"2MiB\"") + &further)));
}

#[test]
fn queues() {
    let with = |written: &str| pair_with("\"128MiB\"", &format!("\"128MiB\"\nqueues = {written}"));
    let file = BoxFile::parse(&with("8")).unwrap();
    assert_eq!(file.queues.map(Spanned::into_inner), Some(8));
    assert!(BoxFile::parse(PAIR).unwrap().queues.is_none());
    for (name, written) in [("none", "0"), ("many", "9"), ("far", "257"), ("negative", "-1")] {
        assert_snapshot!(format!("queues-out-of-range-{name}"), refusal(&with(written)));
    }
    assert_snapshot!("queues-of-another-type", refusal(&with("\"2\"")));
}

#[test]
fn cores() {
    assert_snapshot!("zero-cores", refusal(&pair_with("cpus = 2\n", "cpus = 0\n")));
    assert_snapshot!("core-count-without-meaning", refusal(&pair_with("cpus = 2\n", "cpus = -2\n")));
    for (name, written) in
        [("empty", ""), ("word", "all"), ("backwards", "3-2"), ("twice", "1-3,2"), ("far", "0-99999999")]
    {
        assert_snapshot!(format!("core-set-{name}"), refusal(&pair_with("\"2-3,6\"", &format!("\"{written}\""))));
    }
}

#[test]
fn paths_and_command_lines() {
    assert_snapshot!("empty-path", refusal(&pair_with("\"web.img\"", "\"\"")));
    assert_snapshot!("control-characters", refusal(&pair_with("\"quiet\"", "\"quiet\\nsplash\"")));
    let long = "x".repeat(OWNER_COMMAND_LINE_MAX + 1);
    assert_snapshot!("cmdline-too-long", refusal(&pair_with("\"quiet\"", &format!("\"{long}\""))));
}

#[test]
fn words_of_a_command_line() {
    assert_snapshot!(
        "cmdline-word-refused",
        refusal(&pair_with("\"quiet\"", "\"quiet mem=64M pci=realloc,noacpi console=uart8250,io,0x3f8 -- notsc\""))
    );
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".*") {
        let _ = BoxFile::parse(&text);
    }

    #[test]
    fn no_value_makes_it_panic(key in "name|cpus|memory|kernel|initrd|cmdline", value in "[0-9a-zA-Z\"',.\\[\\]{}= -]*") {
        let text = PAIR.replacen(&format!("{key} = "), &format!("{key} = {value}#"), 2);
        let _ = BoxFile::parse(&text);
    }
}

#[test]
fn devices_are_named_in_four_ways() {
    let file = BoxFile::parse(&pair_with(
        "cmdline = \"quiet\"",
        "devices = [\"0000:03:00.0\", \"class:nvme\", \"class:0200\", \"id:1af4:1041\", \"serial:1\"]",
    ));
    let reported: Vec<_> =
        file.unwrap().partitions[0].devices.iter().map(|selector| selector.get_ref().to_string()).collect();
    assert_eq!(reported, ["0000:03:00.0", "class:nvme", "class:0200", "id:1af4:1041", "serial:1"]);
}

#[test]
fn devices_without_meaning() {
    let refused = |devices: &str| refusal(&pair_with("cmdline = \"quiet\"", &format!("devices = {devices}")));
    assert_snapshot!(refused("[\"03:00.0\", \"class:floppy\", \"id:1af4\", \"serial:x\", 7]"));
    assert_snapshot!(refused("\"class:nvme\""));
    assert_snapshot!(refused("[\"serial:1\", \"serial:2\"]"));
}
