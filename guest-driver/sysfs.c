// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/* What /sys/class/net/vni0/vni shows: the box, and who is in it. User space derives addresses and names from it. */

#include <linux/device.h>
#include <linux/sysfs.h>

#include "sprig_vni.h"

static const struct sprig_vni *sprig_vni_of(struct device *dev)
{
	return netdev_priv(to_net_dev(dev));
}

static ssize_t box_show(struct device *dev, struct device_attribute *attribute, char *page)
{
	return sysfs_emit(page, "%s\n", sprig_vni_of(dev)->box);
}
static DEVICE_ATTR_RO(box);

static ssize_t index_show(struct device *dev, struct device_attribute *attribute, char *page)
{
	return sysfs_emit(page, "%u\n", sprig_vni_of(dev)->index);
}
static DEVICE_ATTR_RO(index);

/* One a line, in the order of the partitions' indices. */
static ssize_t names_show(struct device *dev, struct device_attribute *attribute, char *page)
{
	const struct sprig_vni *vni = sprig_vni_of(dev);
	int len = 0;
	u32 i;

	for (i = 0; i < vni->partitions; i++)
		len += sysfs_emit_at(page, len, "%s\n", vni->names[i]);
	return len;
}
static DEVICE_ATTR_RO(names);

/* One a line: index, name, MAC, state. */
static ssize_t links_show(struct device *dev, struct device_attribute *attribute, char *page)
{
	const struct sprig_vni *vni = sprig_vni_of(dev);
	u8 mac[ETH_ALEN];
	int len = 0;
	u32 i;

	for (i = 0; i < vni->partitions; i++) {
		sprig_mac(vni->endpoint, i, mac);
		len += sysfs_emit_at(page, len, "%u %s %pM %s\n", i, vni->names[i], mac, sprig_vni_link_name(vni, i));
	}
	return len;
}
static DEVICE_ATTR_RO(links);

static struct attribute *sprig_attributes[] = {
	&dev_attr_box.attr,
	&dev_attr_index.attr,
	&dev_attr_names.attr,
	&dev_attr_links.attr,
	NULL
};

const struct attribute_group sprig_vni_sysfs_group = {
	.name	= "vni",
	.attrs	= sprig_attributes,
};
