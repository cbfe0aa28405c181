// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * NMIs of the host, which an emulated machine's `sprig run` sends to all kernels at once: an order of its own waits in the
 * control page. The partition that is meant obeys it in the gate. Here the others learn that the NMI was for somebody else;
 * and where the partition does not come, one of them fetches its cores, as for an order of its own (control/src/host.rs).
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/irq_work.h>
#include <linux/kprobes.h>
#include <linux/percpu.h>
#include <linux/workqueue.h>

#include "sprig_vni.h"

/* So many of the host's NMIs this core knows of. */
static DEFINE_PER_CPU(u64, sprig_host_nmis);

static void sprig_host_help(struct work_struct *work);
static void sprig_host_call_help(struct irq_work *work);

static struct {
	struct sprig_vni *vni;		/* NULL: before and after */
	struct irq_work call;		/* an NMI may not queue work by itself */
	struct work_struct work;
} sprig_host = {
	.call = IRQ_WORK_INIT(sprig_host_call_help),
	.work = __WORK_INITIALIZER(sprig_host.work, sprig_host_help),
};

static void sprig_host_help(struct work_struct *work)
{
	struct sprig_vni *vni = sprig_host.vni;
	u32 peer;
	u64 order;

	for (peer = 0; peer < vni->partitions; peer++) {
		if (peer == vni->index || !sprig_can_fetch(vni, peer))
			continue;
		order = sprig_control_lend_hand(vni->control, peer, vni->index);
		if (order && !sprig_fetch(vni, peer, order))
			pr_notice("\"%s\" is %s, as the host has asked\n", vni->names[peer],
				  sprig_order_command(order) == SPRIG_COMMAND_START ? "started again" : "stopped");
	}
}

static void sprig_host_call_help(struct irq_work *work)
{
	schedule_work(&sprig_host.work);
}

/* In an NMI: whether it is one of the host's. */
bool sprig_host_on_nmi(void)
{
	const struct sprig_vni *vni = READ_ONCE(sprig_host.vni);
	u64 nmis;

	if (!vni)
		return false;
	nmis = sprig_control_host_nmis(vni->control);
	if (this_cpu_read(sprig_host_nmis) == nmis)
		return false;
	this_cpu_write(sprig_host_nmis, nmis);
	if (sprig_control_seeks_hand(vni->control))
		irq_work_queue(&sprig_host.call);
	return true;
}
NOKPROBE_SYMBOL(sprig_host_on_nmi);

/* Before the first NMI may come. */
void sprig_host_begin(struct sprig_vni *vni)
{
	u64 nmis = sprig_control_host_nmis(vni->control);
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		per_cpu(sprig_host_nmis, cpu) = nmis;
	WRITE_ONCE(sprig_host.vni, vni);
}

/* After the last one. */
void sprig_host_end(void)
{
	irq_work_sync(&sprig_host.call);
	cancel_work_sync(&sprig_host.work);
	WRITE_ONCE(sprig_host.vni, NULL);
}
