// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * The control page: what this instance says of itself there, and does because another one has asked for it.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/io.h>
#include <linux/kprobes.h>
#include <linux/mutex.h>
#include <linux/property.h>

#include <asm/smp.h>
#include <asm/tsc.h>

#include "sprig_vni.h"

static struct {
	struct sprig_vni *vni;		/* NULL: no box, or one whose control page is of another version */
	struct mutex using;		/* it stays for as long as this is held */
	unsigned long fetching;		/* bit 0: a core of ours brings the others */
	bool ended;			/* this kernel has said why it ends: what follows from it is no other cause */
} sprig_control = { .using = __MUTEX_INITIALIZER(sprig_control.using) };

/* The device, which stays until sprig_control_leave; NULL: it is gone. Not for long. */
const struct sprig_vni *sprig_control_enter(void)
{
	mutex_lock(&sprig_control.using);
	return sprig_control.vni;
}

void sprig_control_leave(void)
{
	mutex_unlock(&sprig_control.using);
}

/* ---- what this instance says of itself ---- */

/* In any context, before the cores leave. */
void sprig_control_end(u32 cause)
{
	const struct sprig_vni *vni = READ_ONCE(sprig_control.vni);

	if (!vni || sprig_control.ended)
		return;
	sprig_control.ended = true;
	sprig_control_say(vni->control, vni->index, SPRIG_STATE_ENDED, cause, rdtsc());
}

/* In machine_kexec: another kernel follows, whose cores nothing brings here until its driver says so. */
void sprig_control_hand_over(u32 cause)
{
	const struct sprig_vni *vni = READ_ONCE(sprig_control.vni);

	if (!vni)
		return;
	sprig_gate_say_closed();
	sprig_control_keeps_registers(vni->control, vni->index, 0);
	sprig_console_publish(vni->control, vni->index, 0);
	sprig_control_say(vni->control, vni->index, SPRIG_STATE_STARTING, cause, rdtsc());
}

/* An NMI has come: whether somebody wanted to know if this kernel's clock still goes. */
bool sprig_control_answer(void)
{
	const struct sprig_vni *vni = READ_ONCE(sprig_control.vni);

	return vni && sprig_control_answer_clock(vni->control, vni->index, jiffies);
}
NOKPROBE_SYMBOL(sprig_control_answer);

/* On a core of ours: does what another instance has asked of this one, if anything. Comes back if nothing is pending. */
void sprig_control_obey(void)
{
	const struct sprig_vni *vni = READ_ONCE(sprig_control.vni);
	u64 order = vni ? sprig_control_pending(vni->control, vni->index) : 0;

	if (!order)
		return;
	local_irq_disable();
	/* One brings the others: two would reset each other. */
	if (!test_and_set_bit(0, &sprig_control.fetching))
		sprig_fetch_own(vni, order);
	sprig_gate_leave();
	clear_bit(0, &sprig_control.fetching);
}
NOKPROBE_SYMBOL(sprig_control_obey);

/* This instance is to come up again at once: its cores are brought to where it is started, but for this one. If another
 * instance has asked for something meanwhile, that is what will be done. False: there is no control page, and no way.
 */
bool sprig_control_come_back(u32 cause)
{
	const struct sprig_vni *vni = READ_ONCE(sprig_control.vni);
	u64 pending = 0, order;

	if (!vni)
		return false;
	sprig_control_end(cause);
	order = sprig_control_ask(vni->control, vni->index, SPRIG_COMMAND_START, vni->index, &pending);
	sprig_fetch_own(vni, order ?: pending);
	return true;
}

/* At the end of a probe that has not failed. */
void sprig_control_run(const struct sprig_vni *vni)
{
	sprig_control_came_up(vni->control, vni->index, rdtsc());
}

/* ---- from probe to removal ---- */

static void sprig_control_forget(void *data)
{
	struct sprig_vni *vni = sprig_control.vni;

	sprig_gate_close();
	sprig_control_went(vni->control, vni->index, rdtsc());
	mutex_lock(&sprig_control.using);
	WRITE_ONCE(sprig_control.vni, NULL);
	mutex_unlock(&sprig_control.using);
}

static int sprig_map_control(struct sprig_vni *vni)
{
	u64 place[2];
	int error = device_property_read_u64_array(vni->dev, "sprig,control", place, ARRAY_SIZE(place));

	if (error)
		return dev_err_probe(vni->dev, error,
				     "\"sprig,control\" must be an address and a length; " SPRIG_OLD_BOX "\n");
	vni->control_start = place[0];
	vni->control_len = place[1];
	vni->control = devm_memremap(vni->dev, place[0], place[1], MEMREMAP_WB);
	if (IS_ERR(vni->control))
		return dev_err_probe(vni->dev, PTR_ERR(vni->control), "cannot map the control page at %#llx\n",
				     place[0]);
	if (!sprig_control_is_known(vni->control, place[1], vni->partitions))
		return dev_err_probe(vni->dev, -EPROTO, "the control page at %#llx has another version; " SPRIG_OLD_BOX "\n",
				     place[0]);
	return 0;
}

int sprig_control_probe(struct sprig_vni *vni)
{
	int error = sprig_map_control(vni);

	if (error)
		return error;
	sprig_control_has_cores(vni->control, vni->index);
	error = sprig_freeze_probe(vni) ?: sprig_gate_open(vni, vni->control);
	if (error)
		return error;
	WRITE_ONCE(sprig_control.vni, vni);
	/* An order that was given before the gate was open. */
	sprig_control_obey();
	return devm_add_action_or_reset(vni->dev, sprig_control_forget, NULL) ?: sprig_device_probe(vni);
}
