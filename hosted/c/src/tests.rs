//! What the tests have in common: the C compiler, and waiting with a limit. `header` holds the C header against the
//! Rust behind it, `program` is about C programs that use both, `null` about null pointers.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

mod header;
mod null;
mod program;
#[path = "../../tests/support/mod.rs"]
mod support;

/// Compiles with all warnings, and says what the compiler says.
fn compile(source: &Path, options: &[&OsStr], to: &Path) {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    let mut command = Command::new("cc");
    command.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-I"]).arg(include).arg(source);
    let output = command.arg("-o").arg(to).args(options).output().expect("cc runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
