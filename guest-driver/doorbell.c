// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * Doorbells: the interrupts that peers raise here, and those raised at a peer.
 *
 * Receiving. An interrupt domain over x86's vector domain gives an ordinary Linux interrupt for each queue, with a vector
 * of its own on one of this instance's cores. Where it lies (APIC ID, vector) is published in the window whenever it is activated
 * or moved. A peer that read the old place may still ring there: Linux keeps the old vector alive until the first
 * interrupt at the new one, and a poll is scheduled besides.
 *
 * Sending. To raise an interrupt at a core that belongs to another kernel, write our own local APIC's command register
 * with that core's physical APIC ID. Linux offers no function for cores that it does not know. The peer publishes the
 * place, so it might be our own core, or a vector that stops a core: the core of this driver refuses all but the vectors of
 * devices on the cores that the firmware tables give to that peer.
 */

#include <linux/cpumask.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/slab.h>

#include <asm/apicdef.h>
#include <asm/hw_irq.h>
#include <asm/irqdomain.h>
#include <asm/smp.h>

#include "sprig_vni.h"

/* A ring that finds its peer moved is repeated; a peer that moves without end has its tick to find the frames. */
#define SPRIG_RING_TRIES 4

/* ---- sending ---- */

/* Counts what became of a ring. True if there is an address to send to. */
static bool sprig_count_ring(struct sprig_vni *vni, u64 rung)
{
	switch (rung) {
	case SPRIG_RING_NONE:
		return false;
	case SPRIG_RING_BAD_VECTOR:
		this_cpu_inc(vni->doorbells->bad_vector);
		return false;
	case SPRIG_RING_BAD_CORE:
		this_cpu_inc(vni->doorbells->bad_core);
		return false;
	case SPRIG_RING_OUT_OF_REACH:
		this_cpu_inc(vni->doorbells->out_of_reach);
		return false;
	default:
		this_cpu_inc(vni->doorbells->sent);
		return true;
	}
}

/* In any context. Interrupts are off, as one of them might use the command register between our two writes. */
void sprig_doorbell_ring_peer(struct sprig_vni *vni, u32 queue, u32 peer)
{
	const struct sprig_cores *cores = &vni->cores[peer];
	unsigned long flags;
	u64 address;
	int tries;

	local_irq_save(flags);
	address = sprig_ring(vni->endpoint, queue, peer, cores);
	for (tries = 0; tries < SPRIG_RING_TRIES && sprig_count_ring(vni, address); tries++) {
		sprig_icr_send(vni->x2apic, upper_32_bits(address), APIC_DM_FIXED | lower_32_bits(address));
		address = sprig_ring_again(vni->endpoint, queue, peer, cores, address);
	}
	local_irq_restore(flags);
}

/* ---- receiving ---- */

static irqreturn_t sprig_doorbell_interrupt(int irq, void *data)
{
	struct sprig_queue *queue = data;

	u64_stats_inc(&queue->doorbells);
	napi_schedule_irqoff(&queue->napi);
	return IRQ_HANDLED;
}

/* Where the interrupt moves, its descriptor's raw lock is held, and there is no leaving into a softirq from there. */
static void sprig_doorbell_kick(struct irq_work *kick)
{
	napi_schedule(&container_of(kick, struct sprig_queue, kick)->napi);
}

static void sprig_doorbell_publish_place(struct sprig_queue *queue, struct irq_data *data)
{
	unsigned int cpu = cpumask_first(irq_data_get_effective_affinity_mask(data));
	const struct irq_cfg *place = irqd_cfg(data);

	if (cpu >= nr_cpu_ids || !place)
		return;
	WRITE_ONCE(queue->home, cpu);
	sprig_doorbell_publish(queue->vni->endpoint, queue->number, cpu_physical_id(cpu), place->vector);
	irq_work_queue(&queue->kick);
}

static int sprig_doorbell_set_affinity(struct irq_data *data, const struct cpumask *mask, bool force)
{
	int result = irq_chip_set_affinity_parent(data, mask, force);

	if (result >= 0 && irqd_is_activated(data))
		sprig_doorbell_publish_place(irq_data_get_irq_chip_data(data), data);
	return result;
}

/* A doorbell cannot be masked. Linux calls these, without looking, around a move; one in between is harmless. */
static void sprig_doorbell_mask(struct irq_data *data)
{
}

static struct irq_chip sprig_doorbell_chip = {
	.name			= "SPRIG",
	.irq_mask		= sprig_doorbell_mask,
	.irq_unmask		= sprig_doorbell_mask,
	.irq_ack		= irq_chip_ack_parent,
	.irq_retrigger		= irq_chip_retrigger_hierarchy,
	.irq_set_affinity	= sprig_doorbell_set_affinity,
	.flags			= IRQCHIP_SKIP_SET_WAKE | IRQCHIP_AFFINITY_PRE_STARTUP,
};

/* One at a time: sprig_doorbell_create() asks for no more. */
static int sprig_doorbell_alloc(struct irq_domain *domain, unsigned int irq, unsigned int count, void *arg)
{
	const struct irq_alloc_info *info = arg;
	struct sprig_vni *vni = domain->host_data;
	int error = irq_domain_alloc_irqs_parent(domain, irq, count, arg);

	if (error)
		return error;
	irq_domain_set_info(domain, irq, info->hwirq, &sprig_doorbell_chip, &vni->queue[info->hwirq],
			    handle_edge_irq, NULL, "edge");
	irq_set_status_flags(irq, SPRIG_IRQ_MOVES_AT_ONCE);
	return 0;
}

static int sprig_doorbell_activate(struct irq_domain *domain, struct irq_data *data, bool reserve)
{
	/* A reserved interrupt has no vector yet. It is activated once more, for good, when it is requested. */
	if (!reserve)
		sprig_doorbell_publish_place(irq_data_get_irq_chip_data(data), data);
	return 0;
}

static void sprig_doorbell_deactivate(struct irq_domain *domain, struct irq_data *data)
{
	const struct sprig_queue *queue = irq_data_get_irq_chip_data(data);

	sprig_doorbell_publish(queue->vni->endpoint, queue->number, 0, 0);
}

static const struct irq_domain_ops sprig_doorbell_ops = {
	.alloc		= sprig_doorbell_alloc,
	.free		= irq_domain_free_irqs_common,
	.activate	= sprig_doorbell_activate,
	.deactivate	= sprig_doorbell_deactivate,
};

/* ---- from probe to removal, and from open to close ---- */

static void sprig_doorbell_remove(void *data)
{
	struct sprig_vni *vni = data;
	u32 i;

	for (i = 0; i < vni->queues; i++) {
		irq_work_sync(&vni->queue[i].kick);
		if (vni->queue[i].irq)
			irq_dispose_mapping(vni->queue[i].irq);
	}
	if (vni->irq_domain)
		irq_domain_remove(vni->irq_domain);
	if (vni->irq_node)
		irq_domain_free_fwnode(vni->irq_node);
}

static int sprig_doorbell_create_domain(struct sprig_vni *vni)
{
	vni->irq_node = irq_domain_alloc_named_fwnode("sprig-vni");
	if (!vni->irq_node)
		return -ENOMEM;
	vni->irq_domain = irq_domain_create_hierarchy(x86_vector_domain, 0, vni->queues, vni->irq_node,
						      &sprig_doorbell_ops, vni);
	return vni->irq_domain ? 0 : -ENOMEM;
}

/* The interrupt begins at the core that suits its queue. A write to smp_affinity overrules this for as long as the module
 * stays. */
static int sprig_doorbell_create(struct sprig_queue *queue)
{
	struct irq_affinity_desc *affinity = kzalloc(sizeof(*affinity), GFP_KERNEL);
	struct irq_alloc_info info = { .hwirq = queue->number };
	int irq;

	if (!affinity)
		return -ENOMEM;
	cpumask_copy(&affinity->mask, cpumask_of(queue->home));
	irq = __irq_domain_alloc_irqs(queue->vni->irq_domain, -1, 1, NUMA_NO_NODE, &info, false, affinity);
	kfree(affinity);
	if (irq < 0)
		return irq;
	queue->irq = irq;
	return 0;
}

/* The polls must exist: from here on an interrupt may schedule them. */
int sprig_doorbell_probe(struct sprig_vni *vni)
{
	int error;
	u32 i;

	for (i = 0; i < vni->queues; i++)
		init_irq_work(&vni->queue[i].kick, sprig_doorbell_kick);
	error = sprig_doorbell_create_domain(vni);
	for (i = 0; i < vni->queues && !error; i++)
		error = sprig_doorbell_create(&vni->queue[i]);
	if (error) {
		sprig_doorbell_remove(vni);
		return dev_err_probe(vni->dev, error,
				     "no interrupt for the doorbell; does this kernel use its local APICs (not nolapic)?\n");
	}
	return devm_add_action_or_reset(vni->dev, sprig_doorbell_remove, vni);
}

int sprig_doorbell_open(struct sprig_vni *vni)
{
	int error;
	u32 i;

	for (i = 0; i < vni->queues; i++) {
		struct sprig_queue *queue = &vni->queue[i];

		snprintf(queue->irq_name, sizeof(queue->irq_name), "%s-%u", vni->netdev->name, i);
		error = request_irq(queue->irq, sprig_doorbell_interrupt, 0, queue->irq_name, queue);
		if (error)
			goto free;
	}
	return 0;
free:
	while (i--)
		free_irq(vni->queue[i].irq, &vni->queue[i]);
	return error;
}

void sprig_doorbell_close(struct sprig_vni *vni)
{
	u32 i;

	/* A peer may have read our places just now. Let its doorbell arrive before the vector is gone. */
	for (i = 0; i < vni->queues; i++)
		sprig_doorbell_publish(vni->endpoint, i, 0, 0);
	usleep_range(1000, 2000);
	for (i = 0; i < vni->queues; i++)
		free_irq(vni->queue[i].irq, &vni->queue[i]);
}
