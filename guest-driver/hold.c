// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * Having another partition to oneself: frozen, to read its memory of one moment, or stopped, to write another kernel there.
 *
 * It lasts as long as the open file of /dev/sprig by which it was asked for, unless it is given back before. It is a lease
 * in the control page that is renewed each second; if this instance dies, it ends by itself.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <asm/tsc.h>

#include "sprig_vni.h"

/* A second for all cores to stand still: an emulator may not have run one for a while. */
#define SPRIG_FREEZE_TRIES 1000
/* They are sent an NMI again and again, but seldom: one that comes while the first is at work is left over. */
#define SPRIG_TRIES_PER_NMI 100

static void sprig_renew(struct work_struct *work)
{
	struct sprig_hold *hold = container_of(to_delayed_work(work), struct sprig_hold, renewing);
	const struct sprig_vni *vni = sprig_control_enter();

	if (vni && sprig_control_renew(vni->control, hold->partition, vni->index, hold->purpose, rdtsc()))
		schedule_delayed_work(&hold->renewing, HZ);
	sprig_control_leave();
}

void sprig_hold_init(struct sprig_hold *hold)
{
	mutex_init(&hold->lock);
	INIT_DELAYED_WORK(&hold->renewing, sprig_renew);
}

bool sprig_holds(const struct sprig_hold *hold, u32 partition)
{
	return hold->purpose && hold->partition == partition;
}

/* Frozen, or to be written to; by another file than this one. */
bool sprig_is_held_by_others(const struct sprig_vni *vni, const struct sprig_hold *hold, u32 partition)
{
	return !sprig_holds(hold, partition) && sprig_control_holder(vni->control, partition, rdtsc());
}

/* False: it has this partition, or had, and somebody else may have had it since. */
bool sprig_hold_is_sure(const struct sprig_vni *vni, const struct sprig_hold *hold, u32 partition)
{
	return !sprig_holds(hold, partition) ||
	       sprig_control_renew(vni->control, partition, vni->index, hold->purpose, rdtsc());
}

int sprig_hold_take(const struct sprig_vni *vni, struct sprig_hold *hold, u32 partition, u32 purpose)
{
	int error = 0;

	mutex_lock(&hold->lock);
	if (hold->purpose)
		error = -EALREADY;
	else if (!sprig_control_take(vni->control, partition, vni->index, purpose, rdtsc()))
		error = -EUSERS;
	if (!error) {
		hold->partition = partition;
		hold->purpose = purpose;
		schedule_delayed_work(&hold->renewing, HZ);
	}
	mutex_unlock(&hold->lock);
	return error;
}

/* ESTALE: it had ended before, so what it was for is not sure. */
int sprig_hold_end(struct sprig_hold *hold)
{
	const struct sprig_vni *vni;
	int error = -ENOENT;

	mutex_lock(&hold->lock);
	if (hold->purpose) {
		cancel_delayed_work_sync(&hold->renewing);
		vni = sprig_control_enter();
		error = vni && sprig_control_end_hold(vni->control, hold->partition, vni->index, hold->purpose, rdtsc()) ?
			0 : -ESTALE;
		sprig_control_leave();
		hold->purpose = 0;
	}
	mutex_unlock(&hold->lock);
	return error;
}

static int sprig_await_stillness(const struct sprig_vni *vni, u32 partition)
{
	int tries;

	for (tries = 0; tries < SPRIG_FREEZE_TRIES && !fatal_signal_pending(current); tries++) {
		if (tries % SPRIG_TRIES_PER_NMI == 0)
			sprig_call_to_stand_still(vni, partition);
		if (sprig_control_all_stand_still(vni->control, partition))
			return 0;
		usleep_range(USEC_PER_MSEC, 2 * USEC_PER_MSEC);
	}
	return -ETIMEDOUT;
}

int sprig_hold_freeze(const struct sprig_vni *vni, struct sprig_hold *hold, u32 partition)
{
	int error;

	if (!sprig_control_has_gate(vni->control, partition))
		return -EOPNOTSUPP;
	error = sprig_hold_take(vni, hold, partition, SPRIG_PURPOSE_FREEZE);
	if (error)
		return error;
	/* From now on nobody gives another one. */
	error = sprig_control_pending(vni->control, partition) ? -EBUSY : sprig_await_stillness(vni, partition);
	if (error)
		sprig_hold_end(hold);
	return error;
}
