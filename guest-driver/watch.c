// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * Watching the other partitions by their policy: who has panicked, has been switched off or hangs is started again or
 * stopped, as the box file says. A box without such policies is not watched, and nothing runs for it.
 *
 * What is to be done, and that of all instances only one does it, is decided by the core (control/src/watch.rs).
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <asm/tsc.h>

#include "sprig_vni.h"

struct sprig_watcher {
	struct sprig_vni *vni;
	struct delayed_work work;
	struct {
		u64 words[SPRIG_WATCH_BYTES / sizeof(u64)];
	} of[];				/* [partitions] */
};

static void sprig_act(const struct sprig_vni *vni, u32 peer, u64 order)
{
	bool starts = sprig_order_command(order) == SPRIG_COMMAND_START;

	if (!sprig_fetch(vni, peer, order))
		pr_notice("\"%s\" is %s, by its policy\n", vni->names[peer], starts ? "started again" : "stopped");
}

static void sprig_look_at(struct sprig_watcher *watcher, u32 peer)
{
	struct sprig_vni *vni = watcher->vni;
	bool stalled = sprig_link_state(vni->endpoint, peer) == SPRIG_LINK_STALLED;
	u64 step = sprig_watch_look(&watcher->of[peer], vni->control, peer, vni->index, stalled,
				    sprig_can_fetch(vni, peer), rdtsc());

	if (step == SPRIG_STEP_PROBE)
		sprig_ask_for_clock(vni, peer);
	else if (step != SPRIG_STEP_NONE)
		sprig_act(vni, peer, step);
}

static void sprig_look(struct work_struct *work)
{
	struct sprig_watcher *watcher = container_of(to_delayed_work(work), struct sprig_watcher, work);
	u32 peer;

	for (peer = 0; peer < watcher->vni->partitions; peer++)
		if (peer != watcher->vni->index)
			sprig_look_at(watcher, peer);
	schedule_delayed_work(&watcher->work, HZ / SPRIG_LOOKS_PER_SECOND);
}

static bool sprig_any_is_watched(const struct sprig_vni *vni)
{
	u32 peer;

	for (peer = 0; peer < vni->partitions; peer++)
		if (peer != vni->index && sprig_watch_is_needed(vni->control, peer))
			return true;
	return false;
}

static void sprig_watch_end(void *watcher)
{
	cancel_delayed_work_sync(&((struct sprig_watcher *)watcher)->work);
}

int sprig_watch_begin(struct sprig_vni *vni)
{
	struct sprig_watcher *watcher;

	if (!sprig_any_is_watched(vni))
		return 0;
	watcher = devm_kzalloc(vni->dev, struct_size(watcher, of, vni->partitions), GFP_KERNEL);
	if (!watcher)
		return -ENOMEM;
	watcher->vni = vni;
	INIT_DELAYED_WORK(&watcher->work, sprig_look);
	schedule_delayed_work(&watcher->work, 0);
	return devm_add_action_or_reset(vni->dev, sprig_watch_end, watcher);
}
