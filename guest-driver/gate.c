// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * The gate: how cores of this instance go to the resident part of the boot image by themselves, without a reset.
 *
 * A core that this kernel stops for good, before a reboot, a halt or after a panic, goes there instead of halting in memory
 * that may be cleared; so it can be fetched, even if it is the boot processor, which no INIT may reach. A core that hangs,
 * with interrupts off or not, goes there when an NMI comes that nobody has caused here, once an order for this partition is
 * pending.
 *
 * The resident part is entered in its own map. The way there leads through a map of ours: the kernel's upper half, in which
 * this code goes on, and the resident part's lowest 512 GiB.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpuhotplug.h>
#include <linux/io.h>
#include <linux/kprobes.h>
#include <linux/mm.h>

#include <asm/asm.h>
#include <asm/nmi.h>
#include <asm/processor.h>
#include <asm/smp.h>
#include <asm/special_insns.h>

#include "sprig_vni.h"

/* Present and writable. */
#define SPRIG_TABLE 3

static struct {
	const struct sprig_control_page *page;	/* NULL: closed */
	u64 entry;
	u64 *map;				/* a page of its own */
	const struct sprig_cores *cores;	/* ours */
	bool x2apic;
	int hotplug;
} sprig_gate;

/* A core in VMX operation takes no INIT, and faults where it leaves long mode. One that is not faults here, and goes on. */
static void sprig_leave_vmx(void)
{
	if (boot_cpu_has(X86_FEATURE_VMX) && __read_cr4() & X86_CR4_VMXE)
		asm volatile("1: vmxoff\n2:\n" _ASM_EXTABLE(1b, 2b) : : : "cc", "memory");
}
NOKPROBE_SYMBOL(sprig_leave_vmx);

/* In any context, on a core that this kernel needs no more. Comes back only if there is no way. */
void sprig_gate_leave(void)
{
	if (!READ_ONCE(sprig_gate.page))
		return;
	sprig_leave_vmx();
	/* On the way nobody takes an NMI, and the host sends them to all. */
	sprig_close_nmi_line(sprig_gate.x2apic);
	sprig_jump(virt_to_phys(sprig_gate.map), sprig_gate.entry);
}
NOKPROBE_SYMBOL(sprig_gate_leave);

static int sprig_gate_on_nmi(unsigned int type, struct pt_regs *regs)
{
	bool is_known;

	sprig_control_obey();
	is_known = sprig_host_on_nmi();
	is_known |= sprig_control_answer();
	return sprig_stand_still(regs) || is_known ? NMI_HANDLED : NMI_DONE;
}
NOKPROBE_SYMBOL(sprig_gate_on_nmi);

/* The entry for the lowest 512 GiB of the resident part's map, as our top table is to have it. */
static int sprig_resident_entry(const struct sprig_control_page *page, u64 *entry)
{
	u64 root = sprig_control_root(page);
	u64 *top;

	if (pgtable_l5_enabled()) {
		*entry = root | SPRIG_TABLE;
		return 0;
	}
	top = memremap(root, PAGE_SIZE, MEMREMAP_WB);
	if (!top)
		return -ENOMEM;
	*entry = top[0];
	memunmap(top);
	return 0;
}

static int sprig_make_map(const struct sprig_control_page *page)
{
	const u64 *own = __va(read_cr3_pa());
	int error;

	sprig_gate.map = (u64 *)get_zeroed_page(GFP_KERNEL);
	if (!sprig_gate.map)
		return -ENOMEM;
	memcpy(sprig_gate.map + PTRS_PER_PGD / 2, own + PTRS_PER_PGD / 2, PAGE_SIZE / 2);
	error = sprig_resident_entry(page, sprig_gate.map);
	if (error)
		free_page((unsigned long)sprig_gate.map);
	return error;
}

static int sprig_core_comes(unsigned int cpu)
{
	sprig_control_open_gate(sprig_gate.page, cpu_physical_id(cpu), true);
	return 0;
}

/* One that is offline takes no NMI. */
static int sprig_core_goes(unsigned int cpu)
{
	sprig_control_open_gate(sprig_gate.page, cpu_physical_id(cpu), false);
	return 0;
}

/* No NMI brings our cores any more. Another kernel follows, which may have only one of them, while the others halt. */
void sprig_gate_say_closed(void)
{
	u32 i;

	for (i = 0; i < sprig_gate.cores->count; i++)
		sprig_control_open_gate(sprig_gate.page, sprig_gate.cores->apic_ids[i], false);
}

/* This core is in an NMI that never ends, and takes no other. */
void sprig_gate_close_here(void)
{
	if (READ_ONCE(sprig_gate.page))
		sprig_control_open_gate(sprig_gate.page, cpu_physical_id(raw_smp_processor_id()), false);
}

static void sprig_gate_forget(void)
{
	sprig_host_end();
	WRITE_ONCE(sprig_gate.page, NULL);
	free_page((unsigned long)sprig_gate.map);
}

int sprig_gate_open(struct sprig_vni *vni, const struct sprig_control_page *page)
{
	int error = sprig_make_map(page);

	if (error)
		return error;
	sprig_gate.cores = &vni->cores[vni->index];
	sprig_gate.entry = sprig_control_gate(page);
	sprig_gate.x2apic = vni->x2apic;
	sprig_host_begin(vni);
	WRITE_ONCE(sprig_gate.page, page);
	error = register_nmi_handler(NMI_LOCAL, sprig_gate_on_nmi, NMI_FLAG_FIRST, "sprig");
	if (error)
		goto forget;
	sprig_gate.hotplug = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "sprig/gate:online", sprig_core_comes, sprig_core_goes);
	if (sprig_gate.hotplug >= 0)
		return 0;
	error = sprig_gate.hotplug;
	unregister_nmi_handler(NMI_LOCAL, "sprig");
forget:
	sprig_gate_forget();
	return error;
}

void sprig_gate_close(void)
{
	/* All cores go, so nobody sends an NMI any more. */
	cpuhp_remove_state(sprig_gate.hotplug);
	unregister_nmi_handler(NMI_LOCAL, "sprig");
	sprig_gate_forget();
}
