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
fn the_newest_kernel_has_the_boot_processor_and_the_oldest_has_not() {
    // Kernels from 6.12 on use only one CPU if the boot core lacks the BSP bit, unless the MADT lists a BSP. Older ones
    // must not try to start that BSP. The box above and all boxes of the stable kernel have the other cases.
    let booted = Scene::new(&box_file([partition("newest", "7.2", 2), partition("oldest", "6.1", 2)])).boot();
    for instance in booted.instances() {
        instance.assert_has_exactly_its_cores();
    }
}
