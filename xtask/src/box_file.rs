//! The example boxes, with the paths of the images that set-up has made.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::initrd::Image;
use crate::places::Places;
use crate::setup::KernelLine;

const PAIR: &str = "two-linux.toml";
const BENCH: &str = "bench.toml";
const GATEWAYS: [&str; 2] = ["gateway.toml", "gateway-2.toml"];
/// The path of set-up's folder in the examples.
const SPRIG: &str = "../target/sprig/";

/// `examples/two-linux.toml` with kernels of this line and with this initial RAM disk: the example itself if its paths
/// are right, else a copy in `folder`.
pub(crate) fn pair(places: &Places, line: KernelLine, image: Image, folder: &Path) -> Result<PathBuf> {
    example(places, PAIR, line, image, folder)
}

/// The same for `examples/bench.toml`.
pub(crate) fn bench(places: &Places, line: KernelLine, folder: &Path) -> Result<PathBuf> {
    example(places, BENCH, line, Image::Full, folder)
}

/// The same for `examples/gateway.toml` and `examples/gateway-2.toml`.
pub(crate) fn gateways(places: &Places, line: KernelLine, folder: &Path) -> Result<[PathBuf; 2]> {
    let [one, other] = GATEWAYS.map(|name| example(places, name, line, Image::Full, folder));
    Ok([one?, other?])
}

fn example(places: &Places, name: &str, line: KernelLine, image: Image, folder: &Path) -> Result<PathBuf> {
    let example = places.workspace.join("examples").join(name);
    if line == KernelLine::default() && image == Image::Full && places.sprig == places.workspace.join("target/sprig") {
        return Ok(example);
    }
    let text = fs::read_to_string(&example).with_context(|| format!("cannot read {}", example.display()))?;
    let text = moved(&text, &places.sprig, line, image)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let copy = folder.join(name);
    fs::write(&copy, text).with_context(|| format!("cannot write {}", copy.display()))?;
    Ok(copy)
}

fn moved(example: &str, sprig: &Path, line: KernelLine, image: Image) -> Result<String> {
    let sprig = sprig.to_str().filter(|path| !path.contains(['"', '\\']) && !path.contains(char::is_control));
    let sprig = sprig.context("the path of the target folder cannot be written into a box file")?;
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
    fn boxes_that_are_joined_differ_in_name_and_network_alone() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        let text = |name| fs::read_to_string(folder.join(name)).unwrap();
        let body = |text: String| text[text.find("[box]").unwrap()..].to_owned();
        let [one, other] = GATEWAYS.map(|name| body(text(name)));
        assert_ne!(one, other);
        assert_eq!(one.replace("\"gateway\"", "\"gateway-2\"").replace("network=1", "network=2"), other);
    }

    #[test]
    fn what_cannot_be_moved_is_refused() {
        assert!(moved("kernel = \"elsewhere\"", Path::new("/a"), KernelLine::V6_1, Image::Full).is_err());
        let example = "kernel = \"../target/sprig/kernels/6.12/vmlinuz\"";
        assert!(moved(example, Path::new("/a\"b"), KernelLine::V6_1, Image::Full).is_err());
    }
}
