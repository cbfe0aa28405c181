//! The example boxes, with their images where set-up has put them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::initrd::Image;
use crate::places::Places;
use crate::setup::KernelLine;

const PAIR: &str = "two-linux.toml";
const BENCH: &str = "bench.toml";
const GATEWAY: &str = "gateway.toml";
/// How the example names the folder of what set-up makes.
const SPRIG: &str = "../target/sprig/";

/// A box file that says what `examples/two-linux.toml` says, with kernels of this line and this initial RAM disk: the
/// example itself where its paths are right, else a copy in `folder`.
pub(crate) fn pair(places: &Places, line: KernelLine, image: Image, folder: &Path) -> Result<PathBuf> {
    example(places, PAIR, line, image, folder)
}

/// The same of `examples/bench.toml`.
pub(crate) fn bench(places: &Places, line: KernelLine, folder: &Path) -> Result<PathBuf> {
    example(places, BENCH, line, Image::Full, folder)
}

/// What `examples/gateway.toml` says, as the box of another name, whose network has that number.
pub(crate) fn gateway(places: &Places, line: KernelLine, name: &str, number: usize, folder: &Path) -> Result<PathBuf> {
    let example = places.workspace.join("examples").join(GATEWAY);
    copied(&example, folder, &format!("{name}.toml"), |text| {
        renamed(&moved(text, &places.sprig, line, Image::Full)?, name, number)
    })
}

fn renamed(example: &str, name: &str, number: usize) -> Result<String> {
    let [from, network] = ["name = \"gateway\"", "sprig.network=1"];
    ensure!(example.contains(from) && example.contains(network), "the example has no {from}, or no {network}");
    let text = example.replace(from, &format!("name = \"{name}\""));
    Ok(text.replace(network, &format!("sprig.network={number}")))
}

fn example(places: &Places, name: &str, line: KernelLine, image: Image, folder: &Path) -> Result<PathBuf> {
    let example = places.workspace.join("examples").join(name);
    if line == KernelLine::default() && image == Image::Full && places.sprig == places.workspace.join("target/sprig") {
        return Ok(example);
    }
    copied(&example, folder, name, |text| moved(text, &places.sprig, line, image))
}

/// A copy of an example in a folder, under that name, with what `changed` makes of its text.
fn copied(example: &Path, folder: &Path, name: &str, changed: impl FnOnce(&str) -> Result<String>) -> Result<PathBuf> {
    let text = fs::read_to_string(example).with_context(|| format!("cannot read {}", example.display()))?;
    let text = changed(&text)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let copy = folder.join(name);
    fs::write(&copy, text).with_context(|| format!("cannot write {}", copy.display()))?;
    Ok(copy)
}

fn moved(example: &str, sprig: &Path, line: KernelLine, image: Image) -> Result<String> {
    let sprig = sprig.to_str().filter(|path| !path.contains(['"', '\\']) && !path.contains(char::is_control));
    let sprig = sprig.context("the path of the target folder cannot stand in a box file")?;
    let from = format!("{SPRIG}kernels/{}/", KernelLine::default().name());
    ensure!(example.contains(&from), "the example does not take its kernels from {from}");
    let text = example.replace(&from, &format!("{SPRIG}kernels/{}/", line.name()));
    let text = text.replace(Image::Full.name(), image.name());
    Ok(text.replace(SPRIG, &format!("{sprig}/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_can_be_moved_and_given_other_kernels() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(PAIR);
        let text =
            moved(&fs::read_to_string(example).unwrap(), Path::new("/else where"), KernelLine::V7_2, Image::Small)
                .unwrap();
        assert_eq!(text.matches("\"/else where/kernels/7.2/vmlinuz\"").count(), 2, "{text}");
        assert_eq!(text.matches("\"/else where/initrd/small.img\"").count(), 2, "{text}");
        assert!(!text.contains("..") && !text.contains("6.12"), "{text}");
    }

    #[test]
    fn the_example_with_a_gateway_becomes_another_box() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(GATEWAY);
        let text = renamed(&fs::read_to_string(example).unwrap(), "right", 2).unwrap();
        assert_eq!(text.matches("cmdline = \"sprig.network=2\"").count(), 2, "{text}");
        assert!(text.contains("[box]\nname = \"right\"\n"), "{text}");
        assert!(renamed("name = \"else\"", "right", 2).is_err());
    }

    #[test]
    fn what_cannot_be_moved_is_refused() {
        assert!(moved("kernel = \"elsewhere\"", Path::new("/a"), KernelLine::V6_1, Image::Full).is_err());
        let example = "kernel = \"../target/sprig/kernels/6.12/vmlinuz\"";
        assert!(moved(example, Path::new("/a\"b"), KernelLine::V6_1, Image::Full).is_err());
    }
}
