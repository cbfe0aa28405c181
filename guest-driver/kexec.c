// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * What keeps the next kernel of this instance in its partition: one that kexec starts, at once or after a panic.
 *
 * The next kernel finds its memory and its firmware tables by itself, but not the words of the command line that the
 * partitioner has put there: without the rate of its clock it hangs, and without `no_ipi_broadcast` an interrupt to all its
 * cores reaches those of the others. Whoever loads it may give a line of his own. So these words, which the firmware tables
 * repeat, are put in front of every line that kexec_file_load() is given.
 *
 * With kexec_load() user space makes the whole boot data itself, so there is no line to be found: it is refused. kexec(8)
 * asks for it only if it is told so (-c), or if the kernel lacks the other. Whoever puts words on his line that undo ours
 * is not kept from it.
 *
 * When the next kernel starts, nothing of this one may work on: the peers are told, and devices that nobody has stopped,
 * as after a panic, are silenced.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/acpi.h>
#include <linux/kexec.h>
#include <linux/kmemleak.h>
#include <linux/kprobes.h>
#include <linux/property.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/setup.h>

#include "sprig_vni.h"

#if IS_ENABLED(CONFIG_KPROBES) && IS_ENABLED(CONFIG_KEXEC_FILE)

/* What the partitioner has put in front of our own line. It stays for as long as the firmware tables do. */
static const char *sprig_words;

/* One kernel is loaded at a time, under a lock of the kernel's, which may still read this when the module goes: it is
 * never freed. */
static char *sprig_next_line;

/* Longer than any kernel takes, and short enough to be added to. */
#define SPRIG_TOO_LONG (1UL << 30)

/*
 * void *bzImage64_load(struct kimage *image, char *kernel, unsigned long kernel_len, char *initrd, unsigned long initrd_len,
 *			char *cmdline, unsigned long cmdline_len)
 *
 * The length counts the closing zero. The seventh argument lies behind the return address.
 */
static int sprig_add_words(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned long *len = (unsigned long *)regs->sp + 1;
	const char *line = *len ? (const char *)regs->r9 : "";
	int needed;

	if (str_has_prefix(line, sprig_words))
		return 0;
	needed = snprintf(sprig_next_line, COMMAND_LINE_SIZE, "%s %s", sprig_words, line);
	if (needed >= COMMAND_LINE_SIZE) {
		pr_err("the next kernel's command line has no room for what keeps it in its partition (%zu bytes); shorten it\n",
		       strlen(sprig_words));
		*len = SPRIG_TOO_LONG;
		return 0;
	}
	regs->r9 = (unsigned long)sprig_next_line;
	*len = needed + 1;
	return 0;
}
NOKPROBE_SYMBOL(sprig_add_words);

/*
 * int kexec_add_buffer(struct kexec_buf *kbuf)
 *
 * Some kernels look for room from the lowest address on. What little an instance has below 1 MiB must be left to the next
 * one, whose cores start there.
 */
static int sprig_keep_low_memory(struct kprobe *probe, struct pt_regs *regs)
{
	struct kexec_buf *buffer = (struct kexec_buf *)regs->di;

	buffer->buf_min = max(buffer->buf_min, (unsigned long)SZ_1M);
	return 0;
}
NOKPROBE_SYMBOL(sprig_keep_low_memory);

/*
 * System calls: long entry(struct pt_regs *of_user), whose second argument is how many segments there are. None: a kernel
 * is to be unloaded. More than there can be: the call itself refuses it, which holds for every kind of kprobe, while not
 * all let a handler return in its place.
 */
static int sprig_refuse_segments(unsigned long *segments)
{
	if (*segments) {
		pr_err("kexec_load: refused, since the next kernel could not be told what keeps it in its partition; use kexec_file_load (kexec -s)\n");
		*segments = KEXEC_SEGMENT_MAX + 1;
	}
	return 0;
}
NOKPROBE_SYMBOL(sprig_refuse_segments);

static int sprig_refuse_64(struct kprobe *probe, struct pt_regs *regs)
{
	return sprig_refuse_segments(&((struct pt_regs *)regs->di)->si);
}
NOKPROBE_SYMBOL(sprig_refuse_64);

static int sprig_refuse_32(struct kprobe *probe, struct pt_regs *regs)
{
	return sprig_refuse_segments(&((struct pt_regs *)regs->di)->cx);
}
NOKPROBE_SYMBOL(sprig_refuse_32);

/* The last function before the next kernel, with interrupts off and the other cores stopped. */
static int sprig_hand_over(struct kprobe *probe, struct pt_regs *regs)
{
	const struct kimage *image = (struct kimage *)regs->di;

	sprig_leave_box();
	sprig_silence_devices();
	sprig_control_hand_over(image->type == KEXEC_TYPE_CRASH ? SPRIG_CAUSE_PANIC : SPRIG_CAUSE_REBOOT);
	return 0;
}
NOKPROBE_SYMBOL(sprig_hand_over);

static struct kprobe sprig_kexec_probe[] = {
	{ .symbol_name = "bzImage64_load", .pre_handler = sprig_add_words },
	{ .symbol_name = "kexec_add_buffer", .pre_handler = sprig_keep_low_memory },
	{ .symbol_name = "machine_kexec", .pre_handler = sprig_hand_over },
	/* From here on: not every kernel has these, and one that has not cannot be asked by them. */
	{ .symbol_name = "__x64_sys_kexec_load", .pre_handler = sprig_refuse_64 },
	{ .symbol_name = "__x64_compat_sys_kexec_load", .pre_handler = sprig_refuse_64 },
	{ .symbol_name = "__ia32_compat_sys_kexec_load", .pre_handler = sprig_refuse_32 },
};
#define SPRIG_KEXEC_NEEDED 3

static bool sprig_kexec_set[ARRAY_SIZE(sprig_kexec_probe)];

static const char *sprig_find_words(void)
{
	struct acpi_device *node = acpi_dev_get_first_match_dev("SPRG0001", NULL, -1);
	const char *words = NULL;

	if (!node)
		return NULL;
	if (fwnode_property_read_string(acpi_fwnode_handle(node), "sprig,command-line", &words))
		words = NULL;
	acpi_dev_put(node);
	return words;
}

void sprig_kexec_register(void)
{
	int i, error;

	sprig_words = sprig_find_words();
	sprig_next_line = kmalloc(COMMAND_LINE_SIZE, GFP_KERNEL);
	kmemleak_not_leak(sprig_next_line);
	if (!sprig_words || !sprig_next_line) {
		pr_warn("\"sprig,command-line\" is missing; " SPRIG_OLD_BOX ", or kexec will end the whole box\n");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(sprig_kexec_probe); i++) {
		error = register_kprobe(&sprig_kexec_probe[i]);
		sprig_kexec_set[i] = !error;
		if (error && (i < SPRIG_KEXEC_NEEDED || error != -ENOENT))
			pr_warn("cannot guard the box against kexec (%s: error %d): it will end the whole box\n",
				sprig_kexec_probe[i].symbol_name, error);
	}
}

void sprig_kexec_unregister(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(sprig_kexec_probe); i++)
		if (sprig_kexec_set[i])
			unregister_kprobe(&sprig_kexec_probe[i]);
}

#else

void sprig_kexec_register(void)
{
	if (IS_ENABLED(CONFIG_KEXEC))
		pr_warn("this kernel is built without CONFIG_KPROBES or CONFIG_KEXEC_FILE: kexec here will end the whole box\n");
}

void sprig_kexec_unregister(void)
{
}

#endif
