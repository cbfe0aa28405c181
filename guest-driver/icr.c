// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * Two registers of our own local APIC: the interrupt command register, by which a core sends an interrupt to another, where
 * Linux offers no function for cores that it does not know; and that of the line by which NMIs come.
 */

#include <linux/io.h>

#include <asm/apicdef.h>
#include <asm/fixmap.h>
#include <asm/msr.h>

#include "sprig_vni.h"

/* Reads of the command register until the previous interrupt has left, some hundred times what it takes. */
#define SPRIG_ICR_READS 10000

static void sprig_send_x2apic(u32 apic_id, u32 command)
{
	/* Writing this MSR orders nothing: let the other core see what it is sent for. */
	asm volatile("mfence; lfence" : : : "memory");
	wrmsr(APIC_BASE_MSR + (APIC_ICR >> 4), command, apic_id);
}

static void sprig_send_xapic(u32 apic_id, u32 command)
{
	void __iomem *apic = (void __iomem *)APIC_BASE;
	int reads = 0;

	while (readl(apic + APIC_ICR) & APIC_ICR_BUSY && ++reads < SPRIG_ICR_READS)
		cpu_relax();
	writel(SET_XAPIC_DEST_FIELD(apic_id), apic + APIC_ICR2);
	writel(command, apic + APIC_ICR);
}

/* With interrupts off, as one of them might use the command register between our two writes. */
void sprig_icr_send(bool x2apic, u32 apic_id, u32 command)
{
	if (x2apic)
		sprig_send_x2apic(apic_id, command);
	else
		sprig_send_xapic(apic_id, command);
}

/* On a core that leaves this kernel for good: from here on no NMI comes by the line of the chipset. */
void sprig_close_nmi_line(bool x2apic)
{
	if (x2apic)
		wrmsr(APIC_BASE_MSR + (APIC_LVT1 >> 4), APIC_LVT_MASKED, 0);
	else
		writel(APIC_LVT_MASKED, (void __iomem *)APIC_BASE + APIC_LVT1);
}
