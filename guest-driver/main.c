// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/* The module's beginning and end, and the device that it is loaded for. */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/acpi.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>

#include "sprig_vni_core.h"

void sprig_core_panic(void)
{
	pr_emerg("the core broke a rule of its own\n");
}

static const struct acpi_device_id sprig_ids[] = {
	{ "SPRG0001", 0 },
	{ }
};
MODULE_DEVICE_TABLE(acpi, sprig_ids);

static int __init sprig_init(void)
{
	pr_info("a station takes %llu bytes\n", sprig_station_bytes());
	return 0;
}

static void __exit sprig_exit(void)
{
}

module_init(sprig_init);
module_exit(sprig_exit);

MODULE_DESCRIPTION("Sprig virtual Ethernet");
MODULE_LICENSE("Dual MIT/GPL");
