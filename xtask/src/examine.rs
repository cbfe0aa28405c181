//! The driver's shim under the kernel's own examiners: sparse, and Coccinelle with the rules of the kernel's source. Both
//! run inside the larger root ([`ModuleRoot::find_tools`]), against the headers of the stable kernel.
//!
//! Of sparse's rules the one about locks is left out: it follows no lock that is taken in a loop, or only if it is free,
//! and from 7.0 on kernels no longer say what it needs. The checked kernel's lockdep watches these locks instead
//! ([`crate::setup::checked`]). Of Coccinelle's, those written in OCaml are left out, since they need its compiler.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::driver;
use crate::module_root::ModuleRoot;
use crate::places::Places;
use crate::progress::{self, Step};
use crate::setup::cache::BuildCache;
use crate::setup::kernel_tools::RULES;
use crate::setup::{self, Item, KernelLine, lock};

const LABEL: &str = "examine";
const RECIPE: &str = "recipe 1\n";
/// What records the shim that was found clean.
const CLEAN: &str = "clean-shim";
const LINE: KernelLine = KernelLine::V6_12;
/// Where the shim is put, inside.
const PLACE: &str = "/build/shim";
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Compiles each file, and has sparse look at it: of the headers' release `$1`, in `$2`, so many at a time.
const SPARSE: &str = r#"
cd "$2"
make -j"$3" -C "/usr/src/linux-headers-$1" "M=$2" CC=gcc-14 C=2 CHECK=sparse CF=-Wno-context $(ls *.c | sed 's/c$/o/')
"#;

/// Applies each rule that can report, with the options that it asks for, so many at a time.
const COCCINELLE: &str = r#"
cd "$2"
grep -rl 'virtual report' "$1" | xargs grep -L ocaml | sort | xargs -P "$3" -n 1 sh -ec '
    options=$(sed -n "s|^// *Options: *||p" "$0")
    spatch -D report --very-quiet --no-includes --include-headers $options --cocci-file "$0" --dir . 2>&1
'
"#;

/// Examines the shim, unless the same one was clean before. Where there are no tools it says so at the end, too.
pub(crate) fn run(places: &Places) -> Result<()> {
    setup::ensure_for_lines(places, &[LINE], &[Item::Kbuild, Item::KernelTools])?;
    let root = match ModuleRoot::find_tools(places) {
        Ok(root) => root,
        Err(error) => {
            progress::left_out(&format!("sparse and Coccinelle over the driver's shim: {error:#}"));
            return Ok(());
        }
    };
    let _lock = lock::take(&places.sprig)?;
    let cache = BuildCache::open(&places.sprig)?;
    let place = root.path(PLACE);
    let stamp = format!("{RECIPE}{}", stage(places, &place)?);
    if cache.stamp(CLEAN).as_ref() == Some(&stamp) {
        progress::ready(LABEL, "the driver's shim was clean");
        return Ok(());
    }
    let step = Step::start(LABEL, "the driver's shim by sparse");
    let release = setup::kernel_release(&cache, LINE)?;
    complain("sparse", &run_inside(&root, SPARSE, &release)?, is_warning)?;
    step.doing("the driver's shim by Coccinelle");
    complain("Coccinelle", &run_inside(&root, COCCINELLE, RULES)?, is_finding)?;
    cache.make(CLEAN, &stamp, |_| Ok(()))?;
    step.done("sparse and Coccinelle find nothing in the driver's shim");
    Ok(())
}

/// Puts the shim into an empty folder, and returns what it consists of.
fn stage(places: &Places, place: &Path) -> Result<String> {
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    fs::create_dir_all(place)?;
    driver::copy_shim(places, place)?;
    driver::listing(place)
}

fn run_inside(root: &ModuleRoot, script: &str, subject: &str) -> Result<String> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    root.output(&["sh", "-ec", script, "sh", subject, PLACE, &jobs], LIMIT)
}

fn is_warning(line: &str) -> bool {
    line.contains("warning:") || line.contains("error:")
}

/// A place in a file of ours comes first; what is said of a rule itself has none.
fn is_finding(line: &str) -> bool {
    let file = line.split(':').next().unwrap_or_default();
    file.ends_with(".c") || file.ends_with(".h")
}

fn complain(who: &str, output: &str, is_complaint: fn(&str) -> bool) -> Result<()> {
    let complaints: Vec<&str> = output.lines().filter(|line| is_complaint(line)).collect();
    ensure!(complaints.is_empty(), "{who} complains about the driver's shim:\n{}", complaints.join("\n"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sparse_and_coccinelle_find_is_an_error() {
        let quiet = "  CC [M]  /build/shim/tx.o\n  CHECK   /build/shim/tx.c\n";
        complain("sparse", quiet, is_warning).unwrap();
        let found = "/build/shim/tx.c:9:3: warning: incorrect type in argument 1 (different address spaces)";
        assert!(complain("sparse", &format!("{quiet}{found}\n"), is_warning).unwrap_err().to_string().contains(found));

        let quiet = "warning: line 140: should noop_llseek be a metavariable?\n";
        complain("Coccinelle", quiet, is_finding).unwrap();
        let found = "./tx.c:12:5-8: WARNING opportunity for min()";
        complain("Coccinelle", &format!("{quiet}{found}\n"), is_finding).unwrap_err();
    }
}
