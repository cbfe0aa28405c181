// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * /dev/sprig: stops and starts other partitions.
 *
 * Written to: `stop` or `start` and the name of a partition. The order is given in the control page, and the partition's
 * cores are fetched into the resident part, which carries it out: whoever writes need not wait for that. `list`, the name of
 * a partition that is stopped, and address and length in hexadecimal digits of a load list in its memory: by that it is
 * loaded from then on; `first` for the one that it was planned with. Mapped, read-only: the
 * control page, in which everybody says how he is.
 *
 *	write fails with
 *	EINVAL		no such verb, or a list that is not in the partition's memory
 *	EAGAIN		a list for a partition that is not stopped
 *	ENOENT		no such partition
 *	ELOOP		this very partition
 *	EBUSY		an order is pending, and not for so long that its asker must have died
 *	EOPNOTSUPP	it has the boot processor, which cannot be fetched: its driver is not loaded
 *	EINTR		a signal has ended the wait for one that is pending
 *	ETIMEDOUT	not all of its cores have come
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kprobes.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/property.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <asm/apicdef.h>
#include <asm/smp.h>
#include <asm/tsc.h>

#include "sprig_vni.h"

/* After this an order that is pending is taken for one whose asker, or whose partition, has died. */
#define SPRIG_PATIENCE_MS 10000
#define SPRIG_LONGEST_LINE 128

static struct sprig_control {
	struct sprig_vni *vni;		/* NULL: no box, or one whose control page is of another version */
	phys_addr_t start;
	u64 len;
	struct mutex asking;		/* one order of ours at a time */
	bool ended;			/* this kernel has said why it ends: what follows from it is no other cause */
} sprig_control = { .asking = __MUTEX_INITIALIZER(sprig_control.asking) };

/* ---- orders ---- */

/* Waits for an order that is pending, and takes its place when its asker, or its partition, must have died. */
static int sprig_give_order(const struct sprig_vni *vni, u32 partition, u32 command, u64 *order)
{
	unsigned long limit = jiffies + msecs_to_jiffies(SPRIG_PATIENCE_MS);
	u64 pending = 0, before = 0;

	for (;;) {
		if (!sprig_can_fetch(vni, partition))
			return -EOPNOTSUPP;
		*order = sprig_control_ask(vni->control, partition, command, vni->index, &pending);
		if (*order)
			return 0;
		if (pending != before)
			limit = jiffies + msecs_to_jiffies(SPRIG_PATIENCE_MS);
		else if (time_after(jiffies, limit))
			break;
		before = pending;
		if (msleep_interruptible(10))
			return -EINTR;
	}
	*order = sprig_control_supersede(vni->control, partition, command, vni->index, pending);
	return *order ? 0 : -EBUSY;
}

static int sprig_order(u32 partition, u32 command)
{
	const struct sprig_vni *vni = sprig_control.vni;
	u64 order;
	int error;

	if (partition == vni->index)
		return -ELOOP;
	error = sprig_give_order(vni, partition, command, &order);
	return error ?: sprig_fetch(vni, partition, order);
}

/* Where a partition that is stopped is loaded from when it starts again. */
static int sprig_relist(u32 partition, const char *place)
{
	const struct sprig_vni *vni = sprig_control.vni;
	u64 address = 0, len = 0;

	if (strcmp(place, "first") &&
	    (sscanf(place, "%llx %llx", &address, &len) != 2 || !sprig_memory_has(vni, partition, address, len)))
		return -EINVAL;
	if (!sprig_control_is_stopped(vni->control, partition))
		return -EAGAIN;
	sprig_control_load_by(vni->control, partition, address, len);
	return 0;
}

/* A device that is unbound may still be open. */
static int sprig_obey_locked(const char *verb, char *rest)
{
	const struct sprig_vni *vni = sprig_control.vni;
	const char *name = strsep(&rest, " ");
	int partition;

	if (!vni)
		return -ENODEV;
	partition = match_string(vni->names, vni->partitions, name);
	if (partition < 0)
		return -ENOENT;
	if (!strcmp(verb, "list") && rest)
		return sprig_relist(partition, strim(rest));
	if (rest)
		return -EINVAL;
	if (!strcmp(verb, "stop"))
		return sprig_order(partition, SPRIG_COMMAND_STOP);
	return strcmp(verb, "start") ? -EINVAL : sprig_order(partition, SPRIG_COMMAND_START);
}

static int sprig_obey(char *line)
{
	char *rest = strim(line);
	const char *verb = strsep(&rest, " ");
	int error;

	if (!rest)
		return -EINVAL;
	error = mutex_lock_interruptible(&sprig_control.asking);
	if (error)
		return error;
	error = sprig_obey_locked(verb, strim(rest));
	mutex_unlock(&sprig_control.asking);
	return error;
}

static ssize_t sprig_control_write(struct file *file, const char __user *from, size_t len, loff_t *at)
{
	char line[SPRIG_LONGEST_LINE];
	int error;

	if (len >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, from, len))
		return -EFAULT;
	line[len] = 0;
	error = sprig_obey(line);
	return error ?: len;
}

static int sprig_control_mmap(struct file *file, struct vm_area_struct *area)
{
	if (area->vm_flags & (VM_WRITE | VM_EXEC))
		return -EPERM;
	sprig_forbid_writing(area);
	return vm_iomap_memory(area, sprig_control.start, sprig_control.len);
}

static const struct file_operations sprig_control_file = {
	.owner	= THIS_MODULE,
	.write	= sprig_control_write,
	.mmap	= sprig_control_mmap,
	.llseek	= noop_llseek,
};

static struct miscdevice sprig_control_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "sprig",
	.mode	= 0600,
	.fops	= &sprig_control_file,
};

/* ---- what this instance says of itself ---- */

/* In any context, before the cores leave. */
void sprig_control_end(u32 cause)
{
	const struct sprig_vni *vni = READ_ONCE(sprig_control.vni);

	if (!vni || sprig_control.ended)
		return;
	sprig_control.ended = true;
	sprig_control_say(vni->control, vni->index, SPRIG_STATE_ENDED, cause, rdtsc());
}

/* In machine_kexec: another kernel follows, whose cores nothing brings here until its driver says so. */
void sprig_control_hand_over(u32 cause)
{
	const struct sprig_vni *vni = READ_ONCE(sprig_control.vni);

	if (!vni)
		return;
	sprig_gate_say_open(false);
	sprig_control_say(vni->control, vni->index, SPRIG_STATE_STARTING, cause, rdtsc());
}

/* An NMI has come: whether somebody wanted to know if this kernel's clock still goes. */
bool sprig_control_answer(void)
{
	const struct sprig_vni *vni = READ_ONCE(sprig_control.vni);

	return vni && sprig_control_answer_clock(vni->control, vni->index, jiffies);
}
NOKPROBE_SYMBOL(sprig_control_answer);

/* On a core of ours: does what another instance has asked of this one, if anything. Comes back if nothing is pending. */
void sprig_control_obey(void)
{
	const struct sprig_vni *vni = READ_ONCE(sprig_control.vni);
	u64 order = vni ? sprig_control_pending(vni->control, vni->index) : 0;

	if (!order)
		return;
	/* For good: on no other core than this one. */
	local_irq_disable();
	sprig_fetch_own(vni, order);
	sprig_gate_leave();
}
NOKPROBE_SYMBOL(sprig_control_obey);

/* This instance is to come up again at once: its cores are brought to where it is started, but for this one. If another
 * instance has asked for something meanwhile, that is what will be done. False: there is no control page, and no way.
 */
bool sprig_control_come_back(u32 cause)
{
	const struct sprig_vni *vni = READ_ONCE(sprig_control.vni);
	u64 pending = 0, order;

	if (!vni)
		return false;
	sprig_control_end(cause);
	order = sprig_control_ask(vni->control, vni->index, SPRIG_COMMAND_START, vni->index, &pending);
	sprig_fetch_own(vni, order ?: pending);
	return true;
}

/* At the end of a probe that has not failed. */
void sprig_control_run(const struct sprig_vni *vni)
{
	sprig_control_came_up(vni->control, vni->index, rdtsc());
}

/* ---- from probe to removal ---- */

static void sprig_control_forget(void *data)
{
	struct sprig_vni *vni = sprig_control.vni;

	sprig_gate_close();
	misc_deregister(&sprig_control_device);
	sprig_control_went(vni->control, vni->index, rdtsc());
	mutex_lock(&sprig_control.asking);
	WRITE_ONCE(sprig_control.vni, NULL);
	mutex_unlock(&sprig_control.asking);
}

static int sprig_map_control(struct sprig_vni *vni)
{
	u64 place[2];
	int error = device_property_read_u64_array(vni->dev, "sprig,control", place, ARRAY_SIZE(place));

	if (error)
		return dev_err_probe(vni->dev, error,
				     "\"sprig,control\" must be an address and a length; " SPRIG_OLD_BOX "\n");
	sprig_control.start = place[0];
	sprig_control.len = place[1];
	vni->control = devm_memremap(vni->dev, place[0], place[1], MEMREMAP_WB);
	if (IS_ERR(vni->control))
		return dev_err_probe(vni->dev, PTR_ERR(vni->control), "cannot map the control page at %#llx\n",
				     place[0]);
	if (!sprig_control_is_known(vni->control, place[1], vni->partitions))
		return dev_err_probe(vni->dev, -EPROTO, "the control page at %#llx has another version; " SPRIG_OLD_BOX "\n",
				     place[0]);
	return 0;
}

int sprig_control_probe(struct sprig_vni *vni)
{
	int error = sprig_map_control(vni);

	if (error)
		return error;
	sprig_control_has_cores(vni->control, vni->index);
	error = sprig_gate_open(vni, vni->control);
	if (error)
		return error;
	WRITE_ONCE(sprig_control.vni, vni);
	error = misc_register(&sprig_control_device);
	if (error) {
		sprig_gate_close();
		WRITE_ONCE(sprig_control.vni, NULL);
		return dev_err_probe(vni->dev, error, "cannot make /dev/sprig\n");
	}
	/* An order that was given before the gate was open. */
	sprig_control_obey();
	return devm_add_action_or_reset(vni->dev, sprig_control_forget, NULL);
}
