// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * Standing still, and the registers with which cores of this instance do so.
 *
 * A neighbour that wants a dump of one moment takes this partition to itself for a while, and sends its cores an NMI. They
 * stay in it until the neighbour is done, or until its lease has ended since it has died; then they go on as if nothing had
 * been. Neither a lock nor an interrupt that is off keeps them from it, so a kernel that hangs is frozen as well.
 *
 * Registers are kept there, when a core stops for good, and when this kernel panics. They lie in our own memory, where the
 * neighbour reads them beside all the rest.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kprobes.h>
#include <linux/nmi.h>
#include <linux/sched.h>

#include <asm/msr.h>
#include <asm/smp.h>
#include <asm/tsc.h>

#include "sprig_vni.h"

/* An NMI that was sent while a core took the one before comes when it goes on, and is nobody else's. */
#define SPRIG_LATE_NMI_MS 1000

static struct {
	const struct sprig_vni *vni;	/* NULL: not yet, or no more */
	void *registers;
	size_t bytes;
	u64 went_on;			/* by the time-stamp counter; 0: never */
} sprig_frozen;

/* The place of this core among those of its partition; false: it is not one of them. */
static bool sprig_find_slot(const struct sprig_vni *vni, u32 *slot)
{
	const struct sprig_cores *own = &vni->cores[vni->index];
	u32 here = cpu_physical_id(raw_smp_processor_id());

	for (*slot = 0; *slot < own->count; ++*slot)
		if (own->apic_ids[*slot] == here)
			return true;
	return false;
}
NOKPROBE_SYMBOL(sprig_find_slot);

/* What elf_gregset_t has behind the words of pt_regs, of which modules cannot have all: selectors of data are none of it. */
#define SPRIG_FS_BASE (sizeof(struct pt_regs) / sizeof(u64))
#define SPRIG_GS_BASE (SPRIG_FS_BASE + 1)

/* By these a stack can be followed from here on; others are lost anyway. */
static void sprig_own_registers(struct pt_regs *regs)
{
	*regs = (struct pt_regs){
		.ip = _THIS_IP_,
		.sp = current_stack_pointer,
		.bp = (unsigned long)__builtin_frame_address(0),
		.cs = __KERNEL_CS,
		.ss = __KERNEL_DS,
		.flags = native_save_fl(),
	};
}
NOKPROBE_SYMBOL(sprig_own_registers);

/* In any context. `regs`: NULL for those of the caller. */
void sprig_keep_registers(struct pt_regs *regs)
{
	const struct sprig_vni *vni = READ_ONCE(sprig_frozen.vni);
	u64 words[SPRIG_REGISTERS] = {};
	struct pt_regs own;
	u32 slot;

	if (!vni)
		return;
	BUILD_BUG_ON(SPRIG_GS_BASE >= SPRIG_REGISTERS);
	if (regs)
		own = *regs;
	else
		sprig_own_registers(&own);
	memcpy(words, &own, sizeof(own));
	words[SPRIG_FS_BASE] = native_read_msr(MSR_FS_BASE);
	/* In the kernel the user's is put aside. */
	words[SPRIG_GS_BASE] = native_read_msr(MSR_KERNEL_GS_BASE);
	if (!user_mode(&own))
		words[SPRIG_GS_BASE] = native_read_msr(MSR_GS_BASE);
	if (sprig_find_slot(vni, &slot))
		sprig_registers_keep(sprig_frozen.registers, slot, words, current->pid);
}
NOKPROBE_SYMBOL(sprig_keep_registers);

static bool sprig_is_late_nmi(void)
{
	u64 went_on = READ_ONCE(sprig_frozen.went_on);

	return went_on && rdtsc() - went_on < (u64)tsc_khz * SPRIG_LATE_NMI_MS;
}
NOKPROBE_SYMBOL(sprig_is_late_nmi);

/* In an NMI: stays until this partition is nobody's any more. True: the NMI came for that. */
bool sprig_stand_still(struct pt_regs *regs)
{
	const struct sprig_vni *vni = READ_ONCE(sprig_frozen.vni);
	u32 core, slot;

	if (!vni)
		return false;
	if (!sprig_control_is_frozen(vni->control, vni->index, rdtsc()))
		return sprig_is_late_nmi();
	core = cpu_physical_id(raw_smp_processor_id());
	sprig_keep_registers(regs);
	sprig_control_stand_still(vni->control, core, true);
	while (sprig_control_is_frozen(vni->control, vni->index, rdtsc())) {
		/* No second NMI comes through. */
		sprig_control_obey();
		cpu_relax();
	}
	sprig_control_stand_still(vni->control, core, false);
	if (sprig_find_slot(vni, &slot))
		sprig_registers_drop(sprig_frozen.registers, slot);
	WRITE_ONCE(sprig_frozen.went_on, rdtsc());
	touch_nmi_watchdog();
	return true;
}
NOKPROBE_SYMBOL(sprig_stand_still);

static void sprig_freeze_forget(void *data)
{
	const struct sprig_vni *vni = data;

	sprig_control_keeps_registers(vni->control, vni->index, 0);
	WRITE_ONCE(sprig_frozen.vni, NULL);
	free_pages_exact(sprig_frozen.registers, sprig_frozen.bytes);
}

/* Before the gate is open, and so undone when it is closed. */
int sprig_freeze_probe(struct sprig_vni *vni)
{
	sprig_frozen.bytes = vni->cores[vni->index].count * SPRIG_REGISTERS_BYTES;
	sprig_frozen.registers = alloc_pages_exact(sprig_frozen.bytes, GFP_KERNEL | __GFP_ZERO);
	if (!sprig_frozen.registers)
		return -ENOMEM;
	WRITE_ONCE(sprig_frozen.vni, vni);
	sprig_control_keeps_registers(vni->control, vni->index, virt_to_phys(sprig_frozen.registers));
	return devm_add_action_or_reset(vni->dev, sprig_freeze_forget, vni);
}
