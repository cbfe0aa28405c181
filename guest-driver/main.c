// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * The device: from the ACPI node that announces the window to the network interface, and back.
 *
 * What is acquired here is given back by devres, in reverse, when the device goes or its probe fails.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/acpi.h>
#include <linux/etherdevice.h>
#include <linux/io.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/slab.h>

#include "sprig_vni.h"

/* What the firmware tables say of this instance. */
struct sprig_place {
	u32 index;
	u32 partitions;
	u32 queues;
	const char *box;
	const char **names;
};

/* The core calls this before it ends the thread that met a contradiction in its own state. */
void sprig_core_panic(void)
{
	pr_emerg("the driver's core broke a rule of its own; please report this, with the trace that follows\n");
}

/* ---- open and close ---- */

static int sprig_vni_open(struct net_device *netdev)
{
	struct sprig_vni *vni = netdev_priv(netdev);
	int error = sprig_doorbell_open(vni);

	if (error) {
		netdev_err(netdev, "cannot request an interrupt for each of %u doorbells; see /proc/interrupts\n",
			   vni->queues);
		return error;
	}
	sprig_endpoint_start(vni->endpoint);
	netif_tx_start_all_queues(netdev);
	error = sprig_queues_start(vni);
	if (error) {
		netdev_err(netdev, "cannot start a thread for each of %u queues\n", vni->queues);
		sprig_endpoint_stop(vni->endpoint);
		sprig_doorbell_close(vni);
	}
	return error;
}

/* The stack sends nothing more when this is called. First everything that acts by itself is stopped, then peers are rung. */
static int sprig_vni_stop(struct net_device *netdev)
{
	struct sprig_vni *vni = netdev_priv(netdev);

	sprig_queues_stop(vni);
	sprig_vni_leave(vni);
	sprig_vni_settle_links(vni);
	netif_tx_disable(netdev);
	netif_carrier_off(netdev);
	sprig_doorbell_close(vni);
	sprig_console_rung(vni, false);
	return 0;
}

static const struct net_device_ops sprig_vni_ops = {
	.ndo_open		= sprig_vni_open,
	.ndo_stop		= sprig_vni_stop,
	.ndo_start_xmit		= sprig_vni_xmit,
	.ndo_select_queue	= sprig_vni_select_queue,
	.ndo_features_check	= sprig_vni_features_check,
	.ndo_get_stats64	= sprig_vni_get_stats64,
	.ndo_validate_addr	= eth_validate_addr,
	/* No ndo_set_mac_address: peers find the way by the index in it, and so Linux refuses every bond that would give us
	 * another card's, and says why. No ndo_tx_timeout: a peer that leaves no room is
	 * its own affair, shows as `stalled`, and is no reason for a warning here.
	 */
};

/* ---- probe ---- */

static int sprig_read_names(struct device *dev, struct sprig_place *place)
{
	int count = device_property_string_array_count(dev, "sprig,partitions");

	if (count < 1 || count > SPRIG_MAX_PARTITIONS)
		return dev_err_probe(dev, count < 0 ? count : -EINVAL,
				     "\"sprig,partitions\" must name 1 to %u partitions; " SPRIG_OLD_BOX "\n",
				     SPRIG_MAX_PARTITIONS);
	place->names = devm_kcalloc(dev, count, sizeof(*place->names), GFP_KERNEL);
	if (!place->names)
		return -ENOMEM;
	count = device_property_read_string_array(dev, "sprig,partitions", place->names, count);
	if (count < 0)
		return count;
	place->partitions = count;
	return 0;
}

static int sprig_read_place(struct device *dev, struct sprig_place *place)
{
	struct acpi_device *node = ACPI_COMPANION(dev);
	const char *uid = node ? acpi_device_uid(node) : NULL;
	int error = sprig_read_names(dev, place);

	if (error)
		return error;
	if (!uid || kstrtou32(uid, 10, &place->index) || place->index >= place->partitions)
		return dev_err_probe(dev, -EINVAL, "_UID is \"%s\", not one of %u partitions; " SPRIG_OLD_BOX "\n",
				     uid ?: "", place->partitions);
	error = device_property_read_string(dev, "sprig,box", &place->box);
	if (error)
		return dev_err_probe(dev, error, "\"sprig,box\" is missing; " SPRIG_OLD_BOX "\n");
	error = device_property_read_u32(dev, "sprig,queues", &place->queues);
	if (error || !place->queues || place->queues > SPRIG_MAX_QUEUES)
		return dev_err_probe(dev, error ?: -EINVAL,
				     "\"sprig,queues\" must be 1 to %u; boot this box with the Sprig that this driver belongs to\n",
				     SPRIG_MAX_QUEUES);
	return 0;
}

static void sprig_free_memory(void *memory)
{
	kvfree(memory);
}

static void *sprig_zalloc(struct device *dev, u64 len)
{
	void *memory = kvzalloc(len, GFP_KERNEL);

	return memory && !devm_add_action_or_reset(dev, sprig_free_memory, memory) ? memory : NULL;
}

static void sprig_free_netdev(void *netdev)
{
	free_netdev(netdev);
}

static void sprig_setup(struct net_device *netdev)
{
	ether_setup(netdev);
	netdev->netdev_ops = &sprig_vni_ops;
	netdev->ethtool_ops = &sprig_vni_ethtool_ops;
	netdev->sysfs_groups[0] = &sprig_vni_sysfs_group;
	netdev->min_mtu = ETH_MIN_MTU;
	netdev->max_mtu = ETH_MAX_MTU;
	netdev->hw_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN |
			      NETIF_F_GSO_UDP_L4;
	/* GSO_ROBUST: super-frames of unknown origin may pass, as the receiver distrusts all of them. */
	netdev->vlan_features = netdev->hw_features | NETIF_F_GSO_ROBUST | NETIF_F_HIGHDMA;
	netdev->features = netdev->vlan_features | NETIF_F_RXCSUM;
}

static struct sprig_vni *sprig_create_netdev(struct device *dev, const struct sprig_place *place)
{
	/* Before the interface, which holds the polls in it until it is freed. */
	struct sprig_queue *queue = sprig_zalloc(dev, array_size(place->queues, sizeof(*queue)));
	u32 lanes = place->partitions * place->queues;
	struct net_device *netdev;
	struct sprig_vni *vni;

	if (!queue)
		return NULL;
	/* Predictable: there is one, so the name will be vni0 on every boot, and udev leaves it alone. */
	netdev = alloc_netdev_mqs(sizeof(*vni), "vni%d", NET_NAME_PREDICTABLE, sprig_setup, lanes, place->queues);
	if (!netdev || devm_add_action_or_reset(dev, sprig_free_netdev, netdev))
		return NULL;
	SET_NETDEV_DEV(netdev, dev);
	vni = netdev_priv(netdev);
	vni->netdev = netdev;
	vni->dev = dev;
	vni->index = place->index;
	vni->partitions = place->partitions;
	vni->peers = GENMASK(vni->partitions - 1, 0) & ~BIT(vni->index);
	vni->queues = place->queues;
	vni->queue = queue;
	vni->lanes = lanes;
	vni->box = place->box;
	vni->names = place->names;
	vni->sole_peer = place->partitions == 2 ? 1 - place->index : place->index;
	dev_set_drvdata(dev, vni);
	sprig_queues_init(vni);
	sprig_vni_set_lock_classes(vni);
	return vni;
}

static int sprig_map_window(struct platform_device *device, struct sprig_vni *vni)
{
	struct resource *window = platform_get_resource(device, IORESOURCE_MEM, 0);

	if (!window)
		return dev_err_probe(vni->dev, -ENODEV, "_CRS names no window; " SPRIG_OLD_BOX "\n");
	vni->window_len = resource_size(window);
	vni->window = devm_memremap(vni->dev, window->start, vni->window_len, MEMREMAP_WB);
	if (IS_ERR(vni->window))
		return dev_err_probe(vni->dev, PTR_ERR(vni->window),
				     "cannot map the window %pR write-back; was it taken out of this instance's memory map?\n",
				     window);
	return 0;
}

static int sprig_open_endpoint(struct sprig_vni *vni)
{
	u64 len = sprig_endpoint_bytes(vni->partitions, vni->queues);
	void *memory = sprig_zalloc(vni->dev, len + SPRIG_ENDPOINT_ALIGN - 1);
	int error;

	vni->lane = sprig_zalloc(vni->dev, array_size(vni->lanes, sizeof(*vni->lane)));
	vni->doorbells = devm_alloc_percpu(vni->dev, struct sprig_rings);
	if (!memory || !vni->lane || !vni->doorbells)
		return -ENOMEM;
	vni->endpoint = PTR_ALIGN(memory, SPRIG_ENDPOINT_ALIGN);
	error = sprig_endpoint_open(vni->endpoint, vni->window, vni->window_len, vni->partitions, vni->queues,
				   vni->index, vni->box, strlen(vni->box));
	if (error)
		return dev_err_probe(vni->dev, error,
				     "a window of %llu bytes does not serve partition %u of %u; give the box more shared_memory\n",
				     vni->window_len, vni->index, vni->partitions);
	return 0;
}

static void sprig_unregister_netdev(void *netdev)
{
	unregister_netdev(netdev);
}

static int sprig_register_netdev(struct sprig_vni *vni)
{
	u8 mac[ETH_ALEN];
	int error;

	sprig_mac(vni->endpoint, vni->index, mac);
	eth_hw_addr_set(vni->netdev, mac);
	netif_carrier_off(vni->netdev);
	error = register_netdev(vni->netdev);
	if (error)
		return dev_err_probe(vni->dev, error, "cannot register the interface vni0\n");
	return devm_add_action_or_reset(vni->dev, sprig_unregister_netdev, vni->netdev);
}

static int sprig_probe(struct platform_device *device)
{
	struct sprig_place place = { };
	struct sprig_vni *vni;
	int error;

	error = sprig_read_place(&device->dev, &place);
	if (error)
		return error;
	vni = sprig_create_netdev(&device->dev, &place);
	if (!vni)
		return -ENOMEM;
	error = sprig_memory_probe(vni);
	if (!error)
		error = sprig_cores_probe(vni);
	if (!error)
		error = sprig_control_probe(vni);
	if (!error)
		error = sprig_map_window(device, vni);
	if (!error)
		error = sprig_open_endpoint(vni);
	if (!error)
		error = sprig_doorbell_probe(vni);
	if (!error)
		error = sprig_console_probe(vni);
	if (!error)
		error = sprig_attach_probe(vni);
	if (!error)
		error = sprig_guard_watch(vni);
	if (!error)
		error = sprig_power_watch(vni);
	if (!error)
		error = sprig_register_netdev(vni);
	if (!error)
		error = sprig_watch_begin(vni);
	if (!error)
		sprig_control_run(vni);
	if (!error)
		netdev_info(vni->netdev, "partition %u (%s) of box %s, %u partitions, %u queues, doorbells from interrupt %u\n",
			    vni->index, vni->names[vni->index], vni->box, vni->partitions, vni->queues,
			    vni->queue[0].irq);
	return error;
}

static const struct acpi_device_id sprig_ids[] = {
	{ "SPRG0001", 0 },
	{ }
};
MODULE_DEVICE_TABLE(acpi, sprig_ids);

static struct platform_driver sprig_driver = {
	.probe	= sprig_probe,
	.driver	= {
		.name			= KBUILD_MODNAME,
		.acpi_match_table	= sprig_ids,
		.dev_groups		= sprig_memory_groups,
	},
};

static int __init sprig_init(void)
{
	int error;

	/* First of all, so that a driver that fails later has made the box no less safe. */
	sprig_guard_register();
	sprig_kexec_register();
	error = sprig_console_register();
	if (error)
		goto guard;
	error = platform_driver_register(&sprig_driver);
	if (error)
		goto console;
	return 0;
console:
	sprig_console_unregister();
guard:
	sprig_kexec_unregister();
	sprig_guard_unregister();
	return error;
}

static void __exit sprig_exit(void)
{
	platform_driver_unregister(&sprig_driver);
	sprig_console_unregister();
	sprig_kexec_unregister();
	sprig_guard_unregister();
}

module_init(sprig_init);
module_exit(sprig_exit);

MODULE_DESCRIPTION("Sprig virtual Ethernet");
MODULE_VERSION(SPRIG_VNI_VERSION);
MODULE_LICENSE("Dual MIT/GPL");
