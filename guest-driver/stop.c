// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * Cores that this kernel stops for good, before a reboot or a halt or after a panic, go through the gate instead of halting in
 * its memory: no INIT may fetch the boot processor from there, and a stopped core takes no NMI.
 *
 * Newer kernels ask an operation of ours when such a core has done all else. Older ones have a kprobe on the function in which
 * it halts; it is left at its first instruction, so the word that it owes those who wait for it is given here.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/kprobes.h>

#include <asm/smp.h>

#include "sprig_vni.h"

#ifdef SPRIG_STOP_OPERATION

static void sprig_stopped(void)
{
	sprig_keep_registers(NULL);
	sprig_gate_leave();
	for (;;)
		asm volatile("cli; hlt" : : : "memory");
}

void sprig_stop_watch(void)
{
	if (!smp_ops.stop_this_cpu)
		WRITE_ONCE(smp_ops.stop_this_cpu, sprig_stopped);
}

void sprig_stop_forget(void)
{
	if (smp_ops.stop_this_cpu == sprig_stopped)
		WRITE_ONCE(smp_ops.stop_this_cpu, NULL);
}

#elif IS_ENABLED(CONFIG_KPROBES)

/* Cores that have yet to stop: no module is told where it is, but for this way. */
static struct cpumask *sprig_stopping;

static int sprig_stop(struct kprobe *probe, struct pt_regs *regs)
{
	local_irq_disable();
	sprig_keep_registers(regs);
	cpumask_clear_cpu(raw_smp_processor_id(), sprig_stopping);
	sprig_gate_leave();
	return 0;
}
NOKPROBE_SYMBOL(sprig_stop);

static struct kprobe sprig_stop_probe = { .symbol_name = "stop_this_cpu", .pre_handler = sprig_stop };
static bool sprig_stop_set;

static void *sprig_find(const char *name)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	unsigned long (*find)(const char *name);

	if (register_kprobe(&probe))
		return NULL;
	find = (void *)probe.addr;
	unregister_kprobe(&probe);
	return (void *)find(name);
}

void sprig_stop_watch(void)
{
	sprig_stopping = sprig_find("cpus_stop_mask");
	sprig_stop_set = sprig_stopping && !register_kprobe(&sprig_stop_probe);
	if (!sprig_stop_set)
		pr_warn("cores that this kernel stops halt in its memory: if the boot processor is one of them, this partition cannot be started again\n");
}

void sprig_stop_forget(void)
{
	if (sprig_stop_set)
		unregister_kprobe(&sprig_stop_probe);
}

#else

void sprig_stop_watch(void)
{
}

void sprig_stop_forget(void)
{
}

#endif
