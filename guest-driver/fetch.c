// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * Fetching cores: another partition's, or our own others, into the resident part of the boot image.
 *
 * INIT and start-up are sent to cores of other partitions and to our own only, by what the firmware tables say. An INIT to the
 * boot processor leads it to the firmware, which resets the machine; so that one is brought by an NMI, by the gate of the
 * driver in its kernel. Where no NMI brings it, and the firmware is a BIOS, an INIT does after all: a BIOS goes on at the
 * address in its data area if the shutdown status in the clock's memory says so, as it was with the IBM PC AT.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/io.h>
#include <linux/mc146818rtc.h>
#include <linux/sched/signal.h>

#include <asm/apicdef.h>
#include <asm/smp.h>
#include <asm/tsc.h>

#include "sprig_vni.h"

/* INIT, level-triggered and asserted: as firmware sends it, and kernels did for long. */
#define SPRIG_INIT (APIC_INT_LEVELTRIG | APIC_INT_ASSERT | APIC_DM_INIT)

/* From the INIT to the start-up (Intel SDM volume 3, section 9.4.4.1), and from one start-up or NMI to the next. */
#define SPRIG_INIT_US 10000
#define SPRIG_ANSWER_US 1000
/* A second for each core: it takes microseconds, but an emulator may not have run it for a while. */
#define SPRIG_TRIES 1000
#define SPRIG_NO_CORE U32_MAX
/* A kernel that takes NMIs has taken one by then. */
#define SPRIG_NMI_TRIES 300
/* A firmware needs longer than a kernel, and who leaves it half way leaves the machine to its reset. */
#define SPRIG_FIRMWARE_TRIES 10000

/* The shutdown status, and where a BIOS goes on then: an offset and a segment, in its data area. */
#define SPRIG_SHUTDOWN_STATUS 0x0f
#define SPRIG_GO_ON 0x0a
#define SPRIG_GO_ON_AT 0x467

static bool sprig_may_reset(const struct sprig_vni *vni, u32 core)
{
	return core != sprig_control_boot_processor(vni->control);
}

/*
 * An INIT, a start-up or an NMI that comes late would hit the kernel that is being started. The boot core enters it only when
 * the order is done, for which all cores must have answered: so what is sent with interrupts off, after a look, is in time.
 */
static bool sprig_is_in_time(const struct sprig_vni *vni, u32 partition, u64 order)
{
	/* Our own cores run nothing but this kernel until this one of them has left it. */
	return partition == vni->index || sprig_control_is_open(vni->control, partition, order);
}

static void sprig_reset_core(const struct sprig_vni *vni, u32 partition, u32 core, u64 order)
{
	unsigned long flags;

	local_irq_save(flags);
	if (sprig_is_in_time(vni, partition, order) && !sprig_control_has_answered(vni->control, core, order)) {
		sprig_control_dismiss(vni->control, core);
		sprig_icr_send(vni->x2apic, core, SPRIG_INIT);
	}
	local_irq_restore(flags);
}

static void sprig_call_core(const struct sprig_vni *vni, u32 partition, u32 core, u64 order)
{
	const u32 start_up = APIC_DM_STARTUP | sprig_control_trampoline(vni->control) >> PAGE_SHIFT;
	unsigned long flags;

	local_irq_save(flags);
	if (sprig_is_in_time(vni, partition, order) && !sprig_control_has_answered(vni->control, core, order)) {
		if (sprig_may_reset(vni, core))
			sprig_icr_send(vni->x2apic, core, start_up);
		else if (sprig_control_comes_by_nmi(vni->control, core))
			sprig_icr_send(vni->x2apic, core, APIC_DM_NMI);
	}
	local_irq_restore(flags);
}

static void sprig_reset(const struct sprig_vni *vni, u32 partition, u64 order, u32 but)
{
	const struct sprig_cores *cores = &vni->cores[partition];
	u32 i;

	for (i = 0; i < cores->count; i++)
		if (cores->apic_ids[i] != but && sprig_may_reset(vni, cores->apic_ids[i]))
			sprig_reset_core(vni, partition, cores->apic_ids[i], order);
}

/*
 * Any Linux that starts a core sets both words for itself, and clears them then. Our own does so under this lock; another
 * one is only seen, and not kept from it until the firmware has read them.
 */
static bool sprig_aim_firmware(u16 segment)
{
	u16 *go_on = phys_to_virt(SPRIG_GO_ON_AT);
	bool is_aimed;

	CMOS_WRITE(SPRIG_GO_ON, SPRIG_SHUTDOWN_STATUS);
	WRITE_ONCE(go_on[0], 0);
	WRITE_ONCE(go_on[1], segment);
	is_aimed = CMOS_READ(SPRIG_SHUTDOWN_STATUS) == SPRIG_GO_ON;
	return is_aimed && !READ_ONCE(go_on[0]) && READ_ONCE(go_on[1]) == segment;
}

/* The boot processor, by an INIT; returns whether it was sent one. */
static bool sprig_reset_warm(const struct sprig_vni *vni, u32 partition, u32 core, u64 order)
{
	unsigned long flags;
	bool is_sent;

	spin_lock_irqsave(&rtc_lock, flags);
	is_sent = sprig_is_in_time(vni, partition, order) && !sprig_control_has_answered(vni->control, core, order) &&
		  sprig_aim_firmware(sprig_control_trampoline(vni->control) >> 4);
	if (is_sent) {
		sprig_control_dismiss(vni->control, core);
		sprig_icr_send(vni->x2apic, core, SPRIG_INIT);
	}
	spin_unlock_irqrestore(&rtc_lock, flags);
	return is_sent;
}

/* Whether a core is to be reset, although it is the boot processor: no NMI brings it, or has brought it. */
static bool sprig_needs_warm_reset(const struct sprig_vni *vni, u32 core, int tries)
{
	if (sprig_may_reset(vni, core) || !sprig_control_has_warm_reset(vni->control))
		return false;
	return tries >= SPRIG_NMI_TRIES || !sprig_control_comes_by_nmi(vni->control, core);
}

/* Waits for a core that is on its way through the firmware, whatever happens. The core itself sees to it that the next reset
 * is one as ever (boot/src/warm_reset.rs). */
static bool sprig_await_firmware(const struct sprig_vni *vni, u32 core, u64 order)
{
	int tries;

	for (tries = 0; tries < SPRIG_FIRMWARE_TRIES && !sprig_control_has_answered(vni->control, core, order); tries++)
		usleep_range(SPRIG_ANSWER_US, 2 * SPRIG_ANSWER_US);
	return sprig_control_has_answered(vni->control, core, order);
}

/* Of another partition: there is time. */
static bool sprig_wake(const struct sprig_vni *vni, u32 partition, u32 core, u64 order)
{
	int tries;

	for (tries = 0; tries < SPRIG_TRIES && !fatal_signal_pending(current); tries++) {
		if (!sprig_needs_warm_reset(vni, core, tries))
			sprig_call_core(vni, partition, core, order);
		else if (sprig_reset_warm(vni, partition, core, order))
			return sprig_await_firmware(vni, core, order);
		usleep_range(SPRIG_ANSWER_US, 2 * SPRIG_ANSWER_US);
		if (sprig_control_has_answered(vni->control, core, order))
			return true;
	}
	return false;
}

/* Of our own, with interrupts off. */
static void sprig_wake_own(const struct sprig_vni *vni, u32 core, u64 order)
{
	int tries;

	for (tries = 0; tries < SPRIG_TRIES && !sprig_control_has_answered(vni->control, core, order); tries++) {
		sprig_call_core(vni, vni->index, core, order);
		udelay(SPRIG_ANSWER_US);
	}
}

/*
 * The cores of another partition, for an order that was given. The boot core, which is the first, comes last: once it is there
 * the order is its own affair, and until then somebody else may take it up if we die.
 */
int sprig_fetch(const struct sprig_vni *vni, u32 partition, u64 order)
{
	const struct sprig_cores *cores = &vni->cores[partition];
	int error = 0;
	u32 i;

	sprig_reset(vni, partition, order, SPRIG_NO_CORE);
	usleep_range(SPRIG_INIT_US, 2 * SPRIG_INIT_US);
	for (i = cores->count; i--;)
		if (!sprig_wake(vni, partition, cores->apic_ids[i], order)) {
			pr_warn("core with APIC ID %u of \"%s\" does not come to the resident part\n",
				cores->apic_ids[i], vni->names[partition]);
			error = -ETIMEDOUT;
		}
	return error;
}

/* The other cores of this instance, whatever they do. With interrupts off, and for good. */
void sprig_fetch_own(const struct sprig_vni *vni, u64 order)
{
	const struct sprig_cores *own = &vni->cores[vni->index];
	u32 here = cpu_physical_id(raw_smp_processor_id()), i;

	sprig_reset(vni, vni->index, order, here);
	mdelay(SPRIG_INIT_US / 1000);
	for (i = own->count; i--;)
		if (own->apic_ids[i] != here)
			sprig_wake_own(vni, own->apic_ids[i], order);
}

/* The boot processor comes by an NMI, by its kernel's driver, or where the firmware is a BIOS. */
bool sprig_can_fetch(const struct sprig_vni *vni, u32 partition)
{
	const struct sprig_cores *cores = &vni->cores[partition];
	u32 i;

	for (i = 0; i < cores->count; i++)
		if (!sprig_may_reset(vni, cores->apic_ids[i]) && !sprig_control_has_warm_reset(vni->control) &&
		    !sprig_control_comes_by_nmi(vni->control, cores->apic_ids[i]))
			return false;
	return true;
}

/* Asks the kernel of another partition for its clock, which it answers in the control page. */
void sprig_ask_for_clock(const struct sprig_vni *vni, u32 partition)
{
	unsigned long flags;

	local_irq_save(flags);
	sprig_icr_send(vni->x2apic, vni->cores[partition].apic_ids[0], APIC_DM_NMI);
	local_irq_restore(flags);
}

/* Asks those cores of a frozen partition that do not stand still. What is sent here is never late for another kernel. */
void sprig_call_to_stand_still(const struct sprig_vni *vni, u32 partition)
{
	const struct sprig_cores *cores = &vni->cores[partition];
	unsigned long flags;
	u32 i;

	for (i = 0; i < cores->count; i++) {
		local_irq_save(flags);
		if (sprig_control_has_open_gate(vni->control, cores->apic_ids[i]) &&
		    sprig_control_is_frozen(vni->control, partition, rdtsc()) &&
		    !sprig_control_pending(vni->control, partition))
			sprig_icr_send(vni->x2apic, cores->apic_ids[i], APIC_DM_NMI);
		local_irq_restore(flags);
	}
}
