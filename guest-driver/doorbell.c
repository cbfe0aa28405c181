// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * The doorbell: the interrupt that peers raise here, and the one raised at a peer.
 *
 * Receiving. An interrupt domain over x86's vector domain gives an ordinary Linux interrupt, with a vector of its own
 * on one of this instance's cores. Where it lies (APIC ID, vector) is published in the window whenever it is activated
 * or moved. A peer that read the old place may still ring there: Linux keeps the old vector alive until the first
 * interrupt at the new one, and a poll is scheduled besides.
 *
 * Sending. To raise an interrupt at a core that belongs to another kernel, write our own local APIC's command register
 * with that core's physical APIC ID. Linux offers no function for cores that it does not know.
 */

#include <linux/cpumask.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>

#include <asm/apicdef.h>
#include <asm/fixmap.h>
#include <asm/hw_irq.h>
#include <asm/irqdomain.h>
#include <asm/msr.h>
#include <asm/smp.h>

#include "sprig_vni.h"

/* A ring that finds its peer moved is repeated; a peer that moves without end has its tick to find the frames. */
#define SPRIG_RING_TRIES 4

/* Reads of the command register until the previous interrupt has left, some hundred times what it takes. */
#define SPRIG_ICR_READS 10000

/* ---- sending ---- */

static void sprig_send_x2apic(u32 apic_id, u32 vector)
{
	/* Writing this MSR orders nothing: let the peer see what it is rung for. */
	asm volatile("mfence; lfence" : : : "memory");
	wrmsr(APIC_BASE_MSR + (APIC_ICR >> 4), APIC_DM_FIXED | vector, apic_id);
}

static void sprig_send_xapic(u32 apic_id, u32 vector)
{
	void __iomem *apic = (void __iomem *)APIC_BASE;
	int reads = 0;

	while (readl(apic + APIC_ICR) & APIC_ICR_BUSY && ++reads < SPRIG_ICR_READS)
		cpu_relax();
	writel(SET_XAPIC_DEST_FIELD(apic_id), apic + APIC_ICR2);
	writel(APIC_DM_FIXED | vector, apic + APIC_ICR);
}

static void sprig_send_doorbell(struct sprig_vni *vni, u64 address)
{
	u32 apic_id = upper_32_bits(address), vector = lower_32_bits(address) & APIC_VECTOR_MASK;
	u32 mode, unused __maybe_unused;

	rdmsr(MSR_IA32_APICBASE, mode, unused);
	if (mode & X2APIC_ENABLE)
		sprig_send_x2apic(apic_id, vector);
	else
		sprig_send_xapic(apic_id, vector);
	atomic64_inc(&vni->doorbells_sent);
}

/* In any context. Interrupts are off, as one of them might use the command register between our two writes. */
void sprig_doorbell_ring_peer(struct sprig_vni *vni, u32 peer)
{
	unsigned long flags;
	u64 address;
	int tries;

	local_irq_save(flags);
	address = sprig_ring(vni->station, 0, peer);
	for (tries = 0; address && tries < SPRIG_RING_TRIES; tries++) {
		sprig_send_doorbell(vni, address);
		address = sprig_ring_again(vni->station, 0, peer, address);
	}
	local_irq_restore(flags);
}

/* ---- receiving ---- */

static irqreturn_t sprig_doorbell_interrupt(int irq, void *data)
{
	struct sprig_vni *vni = data;

	atomic64_inc(&vni->doorbells_received);
	napi_schedule_irqoff(&vni->napi);
	return IRQ_HANDLED;
}

/* Where the interrupt moves, its descriptor's raw lock is held, and there is no leaving into a softirq from there. */
static void sprig_doorbell_kick(struct irq_work *kick)
{
	napi_schedule(&container_of(kick, struct sprig_vni, kick)->napi);
}

static void sprig_doorbell_publish_place(struct sprig_vni *vni, struct irq_data *data)
{
	unsigned int cpu = cpumask_first(irq_data_get_effective_affinity_mask(data));
	const struct irq_cfg *place = irqd_cfg(data);

	if (cpu >= nr_cpu_ids || !place)
		return;
	sprig_doorbell_publish(vni->station, 0, cpu_physical_id(cpu), place->vector);
	irq_work_queue(&vni->kick);
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

static int sprig_doorbell_alloc(struct irq_domain *domain, unsigned int irq, unsigned int count, void *arg)
{
	int error = irq_domain_alloc_irqs_parent(domain, irq, count, arg);

	if (error)
		return error;
	irq_domain_set_info(domain, irq, 0, &sprig_doorbell_chip, domain->host_data, handle_edge_irq, NULL, "edge");
	irq_set_status_flags(irq, SPRIG_IRQ_MOVES_AT_ONCE);
	return 0;
}

static int sprig_doorbell_activate(struct irq_domain *domain, struct irq_data *data, bool reserve)
{
	/* A reserved interrupt has no vector yet. It is activated once more, for good, when it is requested. */
	if (!reserve)
		sprig_doorbell_publish_place(domain->host_data, data);
	return 0;
}

static void sprig_doorbell_deactivate(struct irq_domain *domain, struct irq_data *data)
{
	struct sprig_vni *vni = domain->host_data;

	sprig_doorbell_publish(vni->station, 0, 0, 0);
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

	irq_work_sync(&vni->kick);
	if (vni->irq)
		irq_dispose_mapping(vni->irq);
	if (vni->irq_domain)
		irq_domain_remove(vni->irq_domain);
	if (vni->irq_node)
		irq_domain_free_fwnode(vni->irq_node);
}

static int sprig_doorbell_create(struct sprig_vni *vni)
{
	struct irq_alloc_info info = { .type = 0 };
	int irq;

	vni->irq_node = irq_domain_alloc_named_fwnode("sprig-vni");
	if (!vni->irq_node)
		return -ENOMEM;
	vni->irq_domain = irq_domain_create_hierarchy(x86_vector_domain, 0, 1, vni->irq_node,
						      &sprig_doorbell_ops, vni);
	if (!vni->irq_domain)
		return -ENOMEM;
	irq = irq_domain_alloc_irqs(vni->irq_domain, 1, NUMA_NO_NODE, &info);
	if (irq < 0)
		return irq;
	vni->irq = irq;
	return 0;
}

/* The poll must exist: from here on an interrupt may schedule it. */
int sprig_doorbell_probe(struct sprig_vni *vni)
{
	int error;

	init_irq_work(&vni->kick, sprig_doorbell_kick);
	error = sprig_doorbell_create(vni);
	if (error) {
		sprig_doorbell_remove(vni);
		return dev_err_probe(vni->dev, error,
				     "no interrupt for the doorbell; does this kernel use its local APICs (not nolapic)?\n");
	}
	return devm_add_action_or_reset(vni->dev, sprig_doorbell_remove, vni);
}

int sprig_doorbell_open(struct sprig_vni *vni)
{
	return request_irq(vni->irq, sprig_doorbell_interrupt, 0, vni->netdev->name, vni);
}

void sprig_doorbell_close(struct sprig_vni *vni)
{
	/* A peer may have read our place just now. Let its doorbell arrive before the vector is gone. */
	sprig_doorbell_publish(vni->station, 0, 0, 0);
	usleep_range(1000, 2000);
	free_irq(vni->irq, vni);
}
