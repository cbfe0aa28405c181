// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * No sleep. Nothing could wake an instance again: its firmware tables name no wake-up source, its timers are those of its
 * cores, and a doorbell wakes no core that sleeps for good. An image on disk, in turn, would come back into a box that
 * has gone on: generations, rings and the neighbours' state are others then.
 */

#include <linux/suspend.h>

#include "sprig_vni.h"

static int sprig_refuse_sleep(struct notifier_block *block, unsigned long event, void *data)
{
	const struct sprig_vni *vni = container_of(block, struct sprig_vni, power);

	if (event != PM_SUSPEND_PREPARE && event != PM_HIBERNATION_PREPARE && event != PM_RESTORE_PREPARE)
		return NOTIFY_DONE;
	netdev_err(vni->netdev, "no %s: nothing could wake this instance, which shares a machine; stop or halt it instead\n",
		   event == PM_SUSPEND_PREPARE ? "suspend" : "hibernation");
	return notifier_from_errno(-EOPNOTSUPP);
}

static void sprig_power_forget(void *data)
{
	struct sprig_vni *vni = data;

	unregister_pm_notifier(&vni->power);
}

int sprig_power_watch(struct sprig_vni *vni)
{
	int error;

	vni->power.notifier_call = sprig_refuse_sleep;
	error = register_pm_notifier(&vni->power);
	return error ?: devm_add_action_or_reset(vni->dev, sprig_power_forget, vni);
}
