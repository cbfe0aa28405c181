// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/* Which cores each partition has, by the firmware tables. Whatever a peer publishes, its doorbells ring no others. */

#include <linux/limits.h>
#include <linux/property.h>
#include <linux/slab.h>

#include <asm/apicdef.h>
#include <asm/msr.h>

#include "sprig_vni.h"

/* In xAPIC mode the destination has 8 bits, and all ones are everybody. */
#define SPRIG_XAPIC_MOST 254

static int sprig_read_cores(struct device *dev, u32 partition, struct sprig_cores *cores)
{
	char property[sizeof("sprig,cores-4294967295")];
	int count;
	u32 *ids;

	snprintf(property, sizeof(property), "sprig,cores-%u", partition);
	count = device_property_count_u32(dev, property);
	if (count < 1)
		return dev_err_probe(dev, count < 0 ? count : -EINVAL,
				     "\"%s\" must be the APIC IDs of a partition; " SPRIG_OLD_BOX "\n", property);
	ids = devm_kcalloc(dev, count, sizeof(*ids), GFP_KERNEL);
	if (!ids)
		return -ENOMEM;
	cores->apic_ids = ids;
	cores->count = count;
	return device_property_read_u32_array(dev, property, ids, count);
}

int sprig_cores_probe(struct sprig_vni *vni)
{
	u32 mode, unused __maybe_unused, i;
	int error = 0;

	rdmsr(MSR_IA32_APICBASE, mode, unused);
	vni->x2apic = mode & X2APIC_ENABLE;
	vni->cores = devm_kcalloc(vni->dev, vni->partitions, sizeof(*vni->cores), GFP_KERNEL);
	if (!vni->cores)
		return -ENOMEM;
	for (i = 0; i < vni->partitions && !error; i++) {
		vni->cores[i].most = vni->x2apic ? U32_MAX : SPRIG_XAPIC_MOST;
		error = sprig_read_cores(vni->dev, i, &vni->cores[i]);
	}
	return error;
}
