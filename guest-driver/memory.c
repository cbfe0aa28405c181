// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * What /sys/bus/platform/devices/SPRG0001:00/partitions shows: where the memory of each partition lies. User space reads
 * other kernels' logs there, through /dev/mem.
 *
 * It hangs on the device and not on vni0, which may be renamed, and may be moved to where the host's sysfs does not show it.
 */

#include <linux/device.h>
#include <linux/property.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "sprig_vni.h"

/* A partition's runs, as the firmware tables have them: where each starts, and what follows it. */
struct sprig_memory {
	u64 *bounds;
	int count;
};

static int sprig_read_memory(struct device *dev, u32 partition, struct sprig_memory *memory)
{
	char property[sizeof("sprig,memory-4294967295")];
	int count;

	snprintf(property, sizeof(property), "sprig,memory-%u", partition);
	count = device_property_count_u64(dev, property);
	if (count < 2 || count % 2)
		return dev_err_probe(dev, count < 0 ? count : -EINVAL,
				     "\"%s\" must be pairs of addresses; " SPRIG_OLD_BOX "\n", property);
	memory->bounds = devm_kcalloc(dev, count, sizeof(*memory->bounds), GFP_KERNEL);
	if (!memory->bounds)
		return -ENOMEM;
	memory->count = count;
	return device_property_read_u64_array(dev, property, memory->bounds, count);
}

int sprig_memory_probe(struct sprig_vni *vni)
{
	int error = 0;
	u32 i;

	vni->memory = devm_kcalloc(vni->dev, vni->partitions, sizeof(*vni->memory), GFP_KERNEL);
	if (!vni->memory)
		return -ENOMEM;
	for (i = 0; i < vni->partitions && !error; i++)
		error = sprig_read_memory(vni->dev, i, &vni->memory[i]);
	return error;
}

/* Whether these bytes lie in one run of a partition's memory. */
bool sprig_memory_has(const struct sprig_vni *vni, u32 partition, u64 start, u64 len)
{
	const struct sprig_memory *memory = &vni->memory[partition];
	int i;

	for (i = 0; i < memory->count; i += 2)
		if (start >= memory->bounds[i] && start < memory->bounds[i + 1] && len <= memory->bounds[i + 1] - start)
			return true;
	return false;
}

/* One a line: index, name, and the runs with commas between them, the last byte of each included. */
static ssize_t partitions_show(struct device *dev, struct device_attribute *attribute, char *page)
{
	const struct sprig_vni *vni = dev_get_drvdata(dev);
	const struct sprig_memory *memory;
	int len = 0;
	u32 i;
	int j;

	for (i = 0; i < vni->partitions; i++) {
		memory = &vni->memory[i];
		len += sysfs_emit_at(page, len, "%u %s", i, vni->names[i]);
		for (j = 0; j < memory->count; j += 2)
			len += sysfs_emit_at(page, len, "%c%#llx-%#llx", j ? ',' : ' ', memory->bounds[j],
					     memory->bounds[j + 1] - 1);
		len += sysfs_emit_at(page, len, "\n");
	}
	/* All, or nothing that could be taken for all. */
	return len < PAGE_SIZE - 1 ? len : -EFBIG;
}
/* As with /proc/iomem, addresses are for root. */
static DEVICE_ATTR_ADMIN_RO(partitions);

static struct attribute *sprig_memory_attributes[] = {
	&dev_attr_partitions.attr,
	NULL
};

static const struct attribute_group sprig_memory_group = {
	.attrs	= sprig_memory_attributes,
};

const struct attribute_group *sprig_memory_groups[] = {
	&sprig_memory_group,
	NULL
};
