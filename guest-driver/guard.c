// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * What keeps a reset of this instance from taking the whole box along.
 *
 * A Linux that reboots, by `reboot -f` or after a panic, resets the machine: by ACPI, the keyboard controller or a
 * triple fault, whichever works. No hook of x86 lets a module decide otherwise, so there are kprobes on the functions that
 * do it. A core that comes there leaves for the resident part of the boot image, which starts this partition again: the
 * box lives.
 *
 * On panic, on reboot and here the peers are rung at once, so that they need not wait for a heartbeat that has stopped.
 *
 * The devices of an instance that has died are silenced: a disk or a network card goes on writing to the memory that it was
 * given, whether a kernel is there or not, and that memory may be used again.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kexec.h>
#include <linux/kprobes.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/pci.h>
#include <linux/reboot.h>
#include <linux/smp.h>

#include "sprig_vni.h"

/* The interface of this instance, once there is one. An instance has one window, so there is never a second. */
static struct sprig_vni *sprig_watched;

/* In any context: the peers learn at once that this instance ends. */
void sprig_leave_box(void)
{
	struct sprig_vni *vni = READ_ONCE(sprig_watched);

	if (vni)
		sprig_vni_leave(vni);
}

/* Takes from every function on a bus and behind it the right to read and write memory by itself. No lock is taken,
 * because its holder may never go on: the lists are only read, and configuration space of our buses lies in memory. */
static void sprig_silence_bus(struct pci_bus *bus)
{
	struct pci_dev *function;
	struct pci_bus *behind;
	u16 command;

	list_for_each_entry(function, &bus->devices, bus_list) {
		if (pci_bus_read_config_word(bus, function->devfn, PCI_COMMAND, &command))
			continue;
		if (command != U16_MAX && command & PCI_COMMAND_MASTER)
			pci_bus_write_config_word(bus, function->devfn, PCI_COMMAND, command & ~PCI_COMMAND_MASTER);
	}
	list_for_each_entry(behind, &bus->children, node)
		sprig_silence_bus(behind);
}

/* Only where no other core of this instance runs any more. */
void sprig_silence_devices(void)
{
	struct pci_bus *root;

	list_for_each_entry(root, &pci_root_buses, node)
		/* The first segment is reached by ports that all instances share, and none of ours is there. */
		if (pci_domain_nr(root))
			sprig_silence_bus(root);
}

#if IS_ENABLED(CONFIG_KPROBES)

/* Interrupts stay off for good. Nothing here may sleep or take a lock: this may be a panic within an NMI. */
static int sprig_guard_park(struct kprobe *probe, struct pt_regs *regs)
{
	local_irq_disable();
	pr_emerg("this instance asked to reset the machine, which would have reset the whole box; it ends alone\n");
	sprig_leave_box();
	/* Without a way back the others stop here: on the way of SysRq-B they still run. */
	if (!sprig_control_come_back(SPRIG_CAUSE_REBOOT))
		smp_send_stop();
	sprig_silence_devices();
	sprig_gate_leave();
	for (;;)
		asm volatile("cli; hlt" : : : "memory");
	return 0;
}
NOKPROBE_SYMBOL(sprig_guard_park);

/* Every reset passes the first function. The next two are those that it calls, for a kernel that does not pass the first. */
static struct kprobe sprig_guard_probe[] = {
	{ .symbol_name = "native_machine_emergency_restart", .pre_handler = sprig_guard_park },
	{ .symbol_name = "machine_real_restart", .pre_handler = sprig_guard_park },
	{ .symbol_name = "acpi_reboot", .pre_handler = sprig_guard_park },
};

static bool sprig_guard_set[ARRAY_SIZE(sprig_guard_probe)];

void sprig_guard_register(void)
{
	int i, error, missing = 0;

	sprig_stop_watch();
	for (i = 0; i < ARRAY_SIZE(sprig_guard_probe); i++) {
		error = register_kprobe(&sprig_guard_probe[i]);
		sprig_guard_set[i] = !error;
		/* Not every kernel has the functions that the first one calls. */
		if (error && (i == 0 || error != -ENOENT))
			missing = error;
	}
	if (missing)
		pr_warn("cannot guard the box against a reset (kprobes: error %d): `reboot -f` or a panic with panic=N here will reset every instance\n",
			missing);
}

void sprig_guard_unregister(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(sprig_guard_probe); i++)
		if (sprig_guard_set[i])
			unregister_kprobe(&sprig_guard_probe[i]);
	sprig_stop_forget();
	pr_notice("the box is no longer guarded against a reset by this instance\n");
}

#else

void sprig_guard_register(void)
{
	pr_warn("this kernel is built without CONFIG_KPROBES: `reboot -f` or a panic with panic=N here will reset every instance of the box\n");
}

void sprig_guard_unregister(void)
{
}

#endif

static int sprig_on_the_way_out(struct notifier_block *block, unsigned long event, void *data)
{
	switch (event) {
	case SYS_HALT:
		sprig_control_end(SPRIG_CAUSE_HALT);
		break;
	case SYS_POWER_OFF:
		sprig_control_end(SPRIG_CAUSE_POWER_OFF);
		break;
	}
	sprig_leave_box();
	return NOTIFY_DONE;
}

/* The other cores have been stopped. */
static int sprig_on_panic(struct notifier_block *block, unsigned long event, void *data)
{
	sprig_keep_registers(NULL);
	sprig_silence_devices();
	if (in_nmi())
		sprig_gate_close_here();
	/* A crash kernel may follow the notifiers; then this partition has not ended. */
	if (!kexec_crash_loaded())
		sprig_control_end(SPRIG_CAUSE_PANIC);
	sprig_leave_box();
	return NOTIFY_DONE;
}

static struct notifier_block sprig_panic_block = { .notifier_call = sprig_on_panic };
static struct notifier_block sprig_reboot_block = { .notifier_call = sprig_on_the_way_out };

static void sprig_guard_forget(void *data)
{
	unregister_reboot_notifier(&sprig_reboot_block);
	atomic_notifier_chain_unregister(&panic_notifier_list, &sprig_panic_block);
	WRITE_ONCE(sprig_watched, NULL);
}

/* From here to the device's removal the peers are rung when this instance ends. */
int sprig_guard_watch(struct sprig_vni *vni)
{
	if (sprig_watched)
		return dev_err_probe(vni->dev, -EBUSY,
				     "a second window in one instance; its firmware tables must announce exactly one\n");
	WRITE_ONCE(sprig_watched, vni);
	atomic_notifier_chain_register(&panic_notifier_list, &sprig_panic_block);
	register_reboot_notifier(&sprig_reboot_block);
	return devm_add_action_or_reset(vni->dev, sprig_guard_forget, NULL);
}
