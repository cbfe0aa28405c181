//! Different kernels side by side, all stock.

use tests::Scene;
use tests::fixture::{KERNELS, release};
use tests::scene::{box_file, partition};

#[test]
fn kernels_6_1_and_6_12_and_7_2_run_in_one_box() {
    let name = |line: &str| format!("linux-{}", line.replace('.', "-"));
    let booted = Scene::new(&box_file(KERNELS.map(|line| partition(&name(line), line, 2)))).boot();
    for line in KERNELS {
        let instance = booted.instance(&name(line));
        assert_eq!(instance.run("uname -r"), release(line));
        instance.assert_has_exactly_its_cores();
        instance.assert_has_exactly_its_memory();
    }
}

#[test]
fn every_kernel_boots_from_the_boot_processor_too() {
    // Kernels from 6.12 on hold an instance whose boot core lacks the BSP bit to one CPU unless told better, so each
    // is tried on both kinds of core: above none of the first two has the boot processor.
    for line in KERNELS {
        let booted = Scene::new(&box_file([partition("first", line, 2), partition("second", line, 1)])).boot();
        for instance in booted.instances() {
            instance.assert_has_exactly_its_cores();
        }
    }
}
