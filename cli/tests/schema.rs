//! The JSON schema of the box file, for editors: it and the reader of box files agree.
//!
//! A schema cannot say everything that the reader checks, such as that names differ. What it refuses, the reader must refuse
//! too, or an editor would complain of a good file.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jsonschema::Validator;
use partitioner::config::{BoxFile, keys};
use partitioner::pci::ClassFilter;
use serde_json::Value;

const SCHEMA: &str = include_str!("../schema/box.schema.json");

/// A box file with every key.
const FULL: &str = r#"[box]
name = "full"
shared_memory = "64MiB"
queues = 2

[[partition]]
name = "web"
cpus = 2
memory = "512MiB"
kernel = "vmlinuz"
initrd = "web.img"
cmdline = "quiet"
devices = ["0000:03:00.0", "class:nvme", "class:010802", "id:1af4:1041", "serial:1"]
start = true
on_panic = "restart"
on_hang = "stop"
on_exit = "keep"
restart_limit = 3

[[partition]]
name = "db"
cpus = "2-3,6"
memory = "1GiB"
kernel = "vmlinuz"
"#;

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn validator() -> Validator {
    jsonschema::validator_for(&schema()).unwrap()
}

fn value(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

fn keys_of(table: &Value) -> BTreeSet<&str> {
    table["properties"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_schema_has_the_keys_of_the_reader() {
    let schema = schema();
    assert!(jsonschema::meta::is_valid(&schema));
    assert_eq!(keys_of(&schema), BTreeSet::from_iter(keys::FILE.iter().copied()));
    assert_eq!(keys_of(&schema["properties"]["box"]), BTreeSet::from_iter(keys::BOX.iter().copied()));
    assert_eq!(keys_of(&schema["definitions"]["partition"]), BTreeSet::from_iter(keys::PARTITION.iter().copied()));
    let classes = schema["definitions"]["device"]["anyOf"][1]["enum"].as_array().unwrap();
    let classes: Vec<_> = classes.iter().filter_map(|class| class.as_str()?.strip_prefix("class:")).collect();
    assert_eq!(classes, ClassFilter::names().collect::<Vec<_>>());
}

#[test]
fn every_example_and_a_file_with_every_key_are_valid() {
    let validator = validator();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let examples: Vec<_> = paths.filter(|path| path.extension().is_some_and(|it| it == "toml")).collect();
    assert!(examples.len() > 3, "{examples:?}");
    let examples = examples.iter().map(|path| fs::read_to_string(path).unwrap());
    for text in examples.chain([FULL.to_owned()]) {
        let errors: Vec<_> = validator.iter_errors(&value(&text)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in {text}");
        BoxFile::parse(&text).unwrap();
    }
}

/// Each is the file with every key and one mistake, which both must find.
#[test]
fn what_the_schema_refuses_the_reader_refuses_too() {
    let validator = validator();
    let mistakes = [
        ("[box]\n", "[box]\ncolour = \"red\"\n"),
        ("name = \"full\"\n", ""),
        ("name = \"full\"", "name = \"Full\""),
        ("name = \"full\"", "name = \"-full\""),
        ("name = \"full\"", "name = \"\""),
        ("name = \"full\"", "name = \"a-name-that-goes-on-for-ever-and-ever\""),
        ("\"64MiB\"", "\"64MB\""),
        ("\"64MiB\"", "64"),
        ("queues = 2", "queues = 9"),
        ("queues = 2", "queues = 0"),
        ("cpus = 2\n", "cpus = 0\n"),
        ("cpus = 2\n", "cpus = 9000\n"),
        ("cpus = 2\n", "cpus = 1.5\n"),
        ("\"2-3,6\"", "\"2-\""),
        ("\"2-3,6\"", "\"2;3\""),
        ("\"2-3,6\"", "\"\""),
        ("\"512MiB\"", "\"MiB\""),
        ("kernel = \"vmlinuz\"\ninitrd", "initrd"),
        ("\"web.img\"", "\"\""),
        ("\"web.img\"", "\"a\\nb\""),
        ("\"quiet\"", "\"a\\tb\""),
        ("\"quiet\"", "[\"quiet\"]"),
        ("\"class:nvme\"", "\"class:floppy\""),
        ("\"class:nvme\"", "\"class:01\""),
        ("\"0000:03:00.0\"", "\"03:00.0\""),
        ("\"0000:03:00.0\"", "\"0000:03:00.8\""),
        ("\"id:1af4:1041\"", "\"id:1af4\""),
        ("\"serial:1\"", "\"serial:one\""),
        ("start = true", "start = \"yes\""),
        ("on_hang = \"stop\"", "on_hang = \"ignore\""),
        ("restart_limit = 3", "restart_limit = 256"),
        ("cmdline = ", "command_line = "),
    ];
    for (good, wrong) in mistakes {
        assert!(FULL.contains(good), "{good}");
        let text = FULL.replacen(good, wrong, 1);
        assert!(!validator.is_valid(&value(&text)), "the schema takes {wrong:?}");
        assert!(BoxFile::parse(&text).is_err(), "the reader takes {wrong:?}");
    }
    assert!(!validator.is_valid(&value("[box]\nname = \"empty\"\n")));
}

/// What the reader takes although it looks odd, an editor must not complain of.
#[test]
fn what_the_reader_takes_the_schema_takes_too() {
    let validator = validator();
    let odd = [
        ("\"512MiB\"", "\" 512 MiB \""),
        ("\"2-3,6\"", "\" 2 - 3 , 6 \""),
        ("\"0000:03:00.0\"", "\"000A:fF:1f.7\""),
        ("\"class:010802\"", "\"class:0C03\""),
        ("\"serial:1\"", "\"serial:001\""),
        ("\"quiet\"", "\"\""),
        ("\"web.img\"", "\"ü \\\" \\\\ .img\""),
    ];
    for (plain, odd) in odd {
        assert!(FULL.contains(plain), "{plain}");
        let text = FULL.replacen(plain, odd, 1);
        assert!(BoxFile::parse(&text).is_ok(), "the reader refuses {odd:?}");
        assert!(validator.is_valid(&value(&text)), "the schema refuses {odd:?}");
    }
}
