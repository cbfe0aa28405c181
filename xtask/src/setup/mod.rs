//! `cargo xtask setup`: makes everything that building, running and testing need, once, and keeps it.
//!
//! | module | what it makes |
//! |---|---|
//! | [`packages`] | the host's own programs and firmware |
//! | [`emulator`] | a newer QEMU, where the host's own is too old |
//! | [`kernels`] | stock Debian kernels, and [`modules`] of them |
//! | [`busybox`], [`programs`], [`keys`] | what [`crate::initrd`] packs into the initial RAM disk |
//! | [`sysroot`] | the Rust library for bare metal, and for what is linked into kernels |
//! | [`kbuild`] | a Debian in a folder, in which modules for stock kernels are built |
//! | [`headers`] | those kernels' headers |
//! | [`kernel_tools`] | a Debian in a folder, in which the driver is examined and whole kernels are built |
//! | [`checked`] | a kernel that finds faults of the driver, only where it is asked for |
//! | [`debian`] | a whole Debian, for a partition that has a disk |
//! | [`dpdk`] | what the native bench measures beside the virtual Ethernet |
//! | [`mdbook`] | the program that builds the book |
//!
//! [`apt`] fetches Debian's packages. [`cache`] and [`lock`] ensure that each thing is either complete or not there.

mod apt;
pub(crate) mod busybox;
pub(crate) mod cache;
pub(crate) mod checked;
pub(crate) mod debian;
pub(crate) mod dpdk;
mod emulator;
mod headers;
mod kbuild;
mod kernel_line;
pub(crate) mod kernel_tools;
mod kernels;
pub(crate) mod keys;
pub(crate) mod lock;
pub(crate) mod mdbook;
mod mirror;
mod modules;
mod packages;
pub(crate) mod programs;
mod suite;
pub(crate) mod sysroot;
mod unpacked_root;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};

use self::apt::Apt;
use self::cache::BuildCache;
pub(crate) use self::kernel_line::KernelLine;
use self::kernels::OwnKernel;
use self::mdbook::Mdbook;
use self::packages::Purpose;
use self::sysroot::Library;
use crate::module_root;
use crate::package::deb;
use crate::places::Places;
use crate::progress;

/// What set-up can make.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Item {
    /// QEMU
    Emulator,
    /// GRUB and what makes ISO images
    ImageTools,
    /// For tests and benches: UEFI firmware for the emulator, the ACPI compiler, `ip`
    TestTools,
    /// What examines packages for Debian, where `dpkg-deb` can make them
    PackageTools,
    /// Rust's core and alloc for bare metal
    Sysroot,
    /// Stock Debian kernels 6.1, 6.12 and 7.2
    Kernels,
    /// The parts of the initial RAM disk: BusyBox, Debian's programs, keys
    Initrd,
    /// For building the Linux driver: gcc, make, the kernels' headers, Rust's core for kernels
    Kbuild,
    /// For checking the driver: sparse, Coccinelle, and what builds a whole kernel
    KernelTools,
    /// A kernel with lockdep, KASAN and kmemleak, built from source; only where it is asked for
    CheckedKernel,
    /// A whole Debian, for a partition that has a disk
    Debian,
    /// For `bench native`: Debian's DPDK
    Dpdk,
    /// For building the book: mdBook from crates.io
    Mdbook,
}

impl Item {
    /// Whether it is made where nothing is named.
    fn is_by_default(self) -> bool {
        self != Item::CheckedKernel
    }

    fn purpose(self) -> Option<Purpose> {
        match self {
            Item::Emulator => Some(Purpose::Emulator),
            Item::ImageTools => Some(Purpose::ImageTools),
            Item::TestTools => Some(Purpose::TestTools),
            Item::PackageTools => deb::can_be_made().then_some(Purpose::PackageTools),
            // A Debian needs debootstrap, but that is installed only where a Debian can be installed.
            Item::Sysroot | Item::Kernels | Item::Initrd | Item::Kbuild => None,
            Item::KernelTools | Item::CheckedKernel | Item::Debian | Item::Dpdk | Item::Mdbook => None,
        }
    }
}

/// What to make, and which files of the user to take for it.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Make only these, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<Item>,
    /// Make only these lines of kernels, separated by commas
    #[arg(long, value_delimiter = ',')]
    lines: Vec<KernelLine>,
    /// Take this kernel image for one of the lines instead of Debian's
    #[arg(long = "kernel", value_name = "VERSION=PATH")]
    kernels: Vec<OwnKernel>,
    /// Take this static BusyBox instead of Debian's
    #[arg(long, value_name = "PATH")]
    busybox: Option<PathBuf>,
}

/// Makes what the options name; without any, everything but a kernel from source.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let by_default: Vec<Item> = Item::value_variants().iter().copied().filter(|item| item.is_by_default()).collect();
    let items = if options.only.is_empty() { &by_default } else { &options.only };
    let wanted = |item| items.contains(&item);
    let _lock = lock::take(&places.sprig)?;
    let cache = BuildCache::open(&places.sprig)?;
    let mut apt = Apt::new(&cache);

    let purposes: Vec<Purpose> = items.iter().filter_map(|item| item.purpose()).collect();
    packages::ensure(&purposes)?;
    if wanted(Item::Emulator) {
        emulator::make(&cache, &mut apt)?;
    }
    if wanted(Item::Sysroot) {
        sysroot::make(&cache, &mut apt, Library::BareMetal)?;
    }
    let lines = if options.lines.is_empty() { KernelLine::value_variants() } else { &options.lines };
    let with_kernels = wanted(Item::Kernels) || wanted(Item::Kbuild) || wanted(Item::Debian);
    if with_kernels || wanted(Item::Initrd) {
        busybox::make(&cache, &mut apt, options.busybox.as_deref())?;
    }
    // The releases of the kernels determine which headers are needed.
    if with_kernels {
        kernels::make(&cache, &mut apt, lines, &options.kernels)?;
    }
    if wanted(Item::Initrd) {
        programs::make(&cache, &mut apt)?;
        keys::make(&cache)?;
    }
    if wanted(Item::Kbuild) {
        make_kbuild(&cache, &mut apt, lines)?;
    }
    if wanted(Item::KernelTools) {
        make_kernel_tools(&cache, &mut apt);
    }
    if wanted(Item::CheckedKernel) {
        checked::make(&cache)?;
    }
    if wanted(Item::Debian) && lines.contains(&debian::LINE) {
        debian::make(&cache, &mut apt)?;
    }
    if wanted(Item::Dpdk) {
        dpdk::make(&cache, &mut apt)?;
    }
    if wanted(Item::Mdbook)
        && let Mdbook::Unavailable(why) = mdbook::make(&cache, places)?
    {
        progress::headline(mdbook::LABEL, &format!("not made, and so the book cannot be built: {why}"));
    }
    Ok(())
}

/// Makes what the driver is built with, for these lines. On a host where this is not possible it prints one line and
/// succeeds: everything else works without the driver.
fn make_kbuild(cache: &BuildCache, apt: &mut Apt, lines: &[KernelLine]) -> Result<()> {
    if let Err(error) = apt::is_here().and_then(|()| module_root::may_enter()) {
        progress::headline("module tools", &format!("not made, and so no Linux driver is built: {error}"));
        return Ok(());
    }
    sysroot::make(cache, apt, Library::Kernel)?;
    kbuild::make(cache, apt)?;
    lines.iter().try_for_each(|line| headers::make(cache, apt, *line))
}

/// Makes what the driver is examined with. Where this is not possible it prints one line: all else works without.
fn make_kernel_tools(cache: &BuildCache, apt: &mut Apt) {
    let made = apt::is_here().and_then(|()| module_root::may_enter()).and_then(|()| kernel_tools::make(cache, apt));
    if let Err(error) = made {
        progress::headline("kernel tools", &format!("not made, and so the driver is not examined: {error:#}"));
    }
}

/// The release of the line's kernel.
pub(crate) fn kernel_release(cache: &BuildCache, line: KernelLine) -> Result<String> {
    kernels::release_of_line(cache, line)
}

/// Makes these things from Debian's packages.
pub(crate) fn ensure(places: &Places, items: &[Item]) -> Result<()> {
    run(places, &Options { only: items.to_vec(), ..Options::default() })
}

/// Makes these things, for these lines of kernels.
pub(crate) fn ensure_for_lines(places: &Places, lines: &[KernelLine], items: &[Item]) -> Result<()> {
    run(places, &Options { only: items.to_vec(), lines: lines.to_vec(), ..Options::default() })
}

/// Makes everything that a box with kernels of this line needs, and these further things.
pub(crate) fn ensure_for_boxes(places: &Places, line: KernelLine, further: &[Item]) -> Result<()> {
    let items = [Item::Emulator, Item::Sysroot, Item::Kernels, Item::Initrd, Item::Kbuild];
    let only: Vec<Item> = items.iter().chain(further).copied().collect();
    ensure_for_lines(places, &[line], &only)
}
