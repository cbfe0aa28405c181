//! Box files with images that are there, and with images that are not.

use alloc::string::ToString;
use alloc::vec;

use insta::assert_snapshot;

use super::*;
use crate::bzimage::tests::FakeKernel;

const TEXT: &str = r#"[box]
name = "pair"

[[partition]]
name = "web"
cpus = 1
memory = "512MiB"
kernel = "vmlinuz"
initrd = "demo.img"

[[partition]]
name = "db"
cpus = 1
memory = "512MiB"
kernel = "vmlinuz"
initrd = "demo.img"
"#;

type Answer = Result<LoadedImage<'static>, ImageReadError>;

fn bytes(bytes: Vec<u8>) -> Answer {
    Ok(LoadedImage { bytes: Cow::Owned(bytes), loaded: None })
}

fn gather(read: impl FnMut(&str) -> Answer) -> Result<Request, Vec<Diagnostic>> {
    Request::gather(BoxFile::parse(TEXT).unwrap(), read)
}

/// What is said when the kernel is `answer`.
fn refusal_of_kernel(answer: Answer) -> String {
    let read = |path: &str| if path == "vmlinuz" { answer.clone() } else { bytes(vec![1; 100]) };
    error(gather(read))
}

fn error(gathered: Result<Request, Vec<Diagnostic>>) -> String {
    let diagnostics = gathered.expect_err("these images should be refused");
    let lines: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.plain("box.toml", TEXT).to_string()).collect();
    lines.join("\n")
}

#[test]
fn each_image_is_read_once() {
    let mut asked = Vec::new();
    let request = gather(|path| {
        asked.push(path.to_string());
        bytes(if path == "vmlinuz" { FakeKernel::default().image() } else { vec![1; 100] })
    })
    .unwrap();
    assert_eq!(asked, ["vmlinuz", "demo.img"]);
    assert_eq!(request.images.len(), 2);
    for (_, images) in request.entries() {
        assert_eq!(request.images[images.kernel].path, "vmlinuz");
        assert_eq!(request.images[images.initrd.unwrap()].len, 100);
    }
}

#[test]
fn all_refused_images_are_told_at_once() {
    let missing = |path: &str| Err(ImageReadError::Missing { looked_at: alloc::format!("/srv/{path}") });
    assert_snapshot!("image-missing", error(gather(missing)));
}

#[test]
fn images_that_are_not_what_they_should_be() {
    let unreadable = Err(ImageReadError::Unreadable { reason: "permission denied".into() });
    assert_snapshot!("image-unreadable", refusal_of_kernel(unreadable));
    let empty = |path: &str| bytes(if path == "vmlinuz" { FakeKernel::default().image() } else { Vec::new() });
    assert_snapshot!("initrd-empty", error(gather(empty)));
}

#[test]
fn kernels_that_cannot_be_started() {
    let whole = FakeKernel::default();
    assert_snapshot!("kernel-not-a-bzimage", refusal_of_kernel(bytes(b"\x7fELF".to_vec())));
    assert_snapshot!("kernel-truncated", refusal_of_kernel(bytes(whole.image()[..3000].to_vec())));
    let old = FakeKernel { protocol: 0x020a, ..FakeKernel::default() };
    assert_snapshot!("kernel-too-old", refusal_of_kernel(bytes(old.image())));
    let narrow = FakeKernel { xloadflags: 0, ..FakeKernel::default() };
    assert_snapshot!("kernel-not-64-bit", refusal_of_kernel(bytes(narrow.image())));
    let bound = FakeKernel { relocatable: 0, ..FakeKernel::default() };
    assert_snapshot!("kernel-not-relocatable", refusal_of_kernel(bytes(bound.image())));
    let malformed = FakeKernel { alignment: 3, ..FakeKernel::default() };
    assert_snapshot!("kernel-malformed", refusal_of_kernel(bytes(malformed.image())));
}
