// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * No bond that sends by several cards under one address. Peers find the way by the partition's index in the address, so a
 * frame from or to another one would go to all partitions or to none. A bond that has one active card, and takes its
 * address (mode active-backup, fail_over_mac=active), works.
 */

#include <linux/netdevice.h>

#include "sprig_vni.h"

static bool sprig_bond_works(const struct netdev_notifier_changeupper_info *change)
{
	const struct netdev_lag_upper_info *lag = change->upper_info;

	return !change->linking || !netif_is_bond_master(change->upper_dev) ||
	       (lag && lag->tx_type == NETDEV_LAG_TX_TYPE_ACTIVEBACKUP);
}

static int sprig_judge_upper(struct notifier_block *block, unsigned long event, void *data)
{
	const struct sprig_vni *vni = container_of(block, struct sprig_vni, bonds);

	if (event != NETDEV_PRECHANGEUPPER || netdev_notifier_info_to_dev(data) != vni->netdev || sprig_bond_works(data))
		return NOTIFY_DONE;
	NL_SET_ERR_MSG_MOD(netdev_notifier_info_to_extack(data),
			   "peers find this card by its own address; only a bond in mode active-backup with fail_over_mac=active works");
	netdev_err(vni->netdev, "no bond in this mode: peers find this card by its own address; use active-backup with fail_over_mac=active\n");
	return notifier_from_errno(-EOPNOTSUPP);
}

static void sprig_bonds_forget(void *data)
{
	struct sprig_vni *vni = data;

	unregister_netdevice_notifier(&vni->bonds);
}

int sprig_bonds_watch(struct sprig_vni *vni)
{
	int error;

	vni->bonds.notifier_call = sprig_judge_upper;
	error = register_netdevice_notifier(&vni->bonds);
	return error ?: devm_add_action_or_reset(vni->dev, sprig_bonds_forget, vni);
}
