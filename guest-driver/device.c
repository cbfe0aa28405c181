// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * /dev/sprig: what this instance asks of other partitions.
 *
 * Written to: a verb and the name of a partition.
 *
 *	stop, start	The order is given in the control page, and the partition's cores are fetched into the resident part,
 *			which carries it out: whoever writes need not wait for that.
 *	freeze		Its cores stand still where they are, for as long as this file is open, or until `release`.
 *	hold		It is nobody else's, for as long: nobody starts it while another kernel is written there.
 *	release		The end of either.
 *	list		By a load list at that address and of that length, in hexadecimal digits, it is loaded from then on; by the
 *			one that it was planned with, if there is `first` instead. It is stopped, and held.
 *
 * Mapped, read-only: the control page, in which everybody says how he is.
 *
 *	write fails with
 *	EINVAL		no such verb, or a list that is not in the partition's memory
 *	EAGAIN		a list for a partition that is not stopped
 *	ENOENT		no such partition
 *	ELOOP		this very partition
 *	EBUSY		an order is pending, and not for so long that its asker must have died
 *	EUSERS		somebody has it to himself
 *	EOPNOTSUPP	it has the boot processor, which cannot be fetched, or is to stand still: its driver is not loaded
 *	EALREADY	this file holds one already
 *	ESTALE		what was held had ended before
 *	EINTR		a signal has ended the wait for one that is pending
 *	ETIMEDOUT	not all of its cores have come, or stand still
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "sprig_vni.h"

/* After this an order that is pending is taken for one whose asker, or whose partition, has died. */
#define SPRIG_PATIENCE_MS 10000
#define SPRIG_LONGEST_LINE 128

static struct {
	const struct sprig_vni *vni;	/* NULL: gone; a device that is unbound may still be open */
	struct mutex asking;		/* one order of ours at a time */
} sprig_device = { .asking = __MUTEX_INITIALIZER(sprig_device.asking) };

/* Whoever has the partition to himself meanwhile is asked in the same moment, or nearly so. EBUSY: another is pending. */
static int sprig_ask(const struct sprig_vni *vni, const struct sprig_hold *hold, u32 partition, u32 command, u64 *order,
		     u64 *pending)
{
	unsigned long flags;
	bool is_held;

	local_irq_save(flags);
	is_held = sprig_is_held_by_others(vni, hold, partition);
	*order = is_held ? 0 : sprig_control_ask(vni->control, partition, command, vni->index, pending);
	local_irq_restore(flags);
	if (is_held)
		return -EUSERS;
	return *order ? 0 : -EBUSY;
}

/* Waits for an order that is pending, and takes its place when its asker, or its partition, must have died. */
static int sprig_give_order(const struct sprig_vni *vni, const struct sprig_hold *hold, u32 partition, u32 command,
			    u64 *order)
{
	unsigned long limit = jiffies + msecs_to_jiffies(SPRIG_PATIENCE_MS);
	u64 pending = 0, before = 0;
	int error;

	for (;;) {
		if (!sprig_can_fetch(vni, partition))
			return -EOPNOTSUPP;
		error = sprig_ask(vni, hold, partition, command, order, &pending);
		if (error != -EBUSY)
			return error;
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

static int sprig_order(struct sprig_hold *hold, u32 partition, u32 command)
{
	const struct sprig_vni *vni = sprig_device.vni;
	u64 order;
	int error;

	if (!sprig_hold_is_sure(vni, hold, partition))
		return -ESTALE;
	error = sprig_give_order(vni, hold, partition, command, &order);
	return error ?: sprig_fetch(vni, partition, order);
}

static int sprig_stop_partition(struct sprig_hold *hold, u32 partition, const char *rest)
{
	return sprig_order(hold, partition, SPRIG_COMMAND_STOP);
}

static int sprig_start_partition(struct sprig_hold *hold, u32 partition, const char *rest)
{
	return sprig_order(hold, partition, SPRIG_COMMAND_START);
}

static int sprig_freeze_partition(struct sprig_hold *hold, u32 partition, const char *rest)
{
	return sprig_hold_freeze(sprig_device.vni, hold, partition);
}

static int sprig_hold_partition(struct sprig_hold *hold, u32 partition, const char *rest)
{
	return sprig_hold_take(sprig_device.vni, hold, partition, SPRIG_PURPOSE_LOAD);
}

/* Where a partition that is stopped is loaded from when it starts again. */
static int sprig_relist(struct sprig_hold *hold, u32 partition, const char *place)
{
	const struct sprig_vni *vni = sprig_device.vni;
	u64 address = 0, len = 0;

	if (strcmp(place, "first") &&
	    (sscanf(place, "%llx %llx", &address, &len) != 2 || !sprig_memory_has(vni, partition, address, len)))
		return -EINVAL;
	if (sprig_is_held_by_others(vni, hold, partition))
		return -EUSERS;
	if (!sprig_hold_is_sure(vni, hold, partition))
		return -ESTALE;
	if (!sprig_holds(hold, partition) || !sprig_control_is_stopped(vni->control, partition))
		return -EAGAIN;
	sprig_control_load_by(vni->control, partition, address, len);
	return 0;
}

static const struct {
	const char *word;
	int (*obey)(struct sprig_hold *hold, u32 partition, const char *rest);
	bool has_rest;
} sprig_verbs[] = {
	{ "stop", sprig_stop_partition },
	{ "start", sprig_start_partition },
	{ "freeze", sprig_freeze_partition },
	{ "hold", sprig_hold_partition },
	{ "list", sprig_relist, true },
};

static int sprig_obey_locked(struct sprig_hold *hold, const char *verb, const char *name, char *rest)
{
	const struct sprig_vni *vni = sprig_device.vni;
	int partition, i;

	if (!vni)
		return -ENODEV;
	partition = match_string(vni->names, vni->partitions, name);
	if (partition < 0)
		return -ENOENT;
	if (partition == vni->index)
		return -ELOOP;
	for (i = 0; i < ARRAY_SIZE(sprig_verbs); i++)
		if (!strcmp(verb, sprig_verbs[i].word) && !rest == !sprig_verbs[i].has_rest)
			return sprig_verbs[i].obey(hold, partition, rest ? strim(rest) : NULL);
	return -EINVAL;
}

/* This waits for nobody's order: as long as it has not come, a partition may stand still. */
static int sprig_release_named(struct sprig_hold *hold, const char *name)
{
	const struct sprig_vni *vni = sprig_control_enter();
	int partition = vni ? match_string(vni->names, vni->partitions, name) : -ENODEV;

	sprig_control_leave();
	if (partition < 0)
		return vni ? -ENOENT : -ENODEV;
	return sprig_holds(hold, partition) ? sprig_hold_end(hold) : -ENOENT;
}

static int sprig_obey(struct sprig_hold *hold, char *line)
{
	char *rest = strim(line);
	const char *verb = strsep(&rest, " "), *name;
	int error;

	if (!rest)
		return -EINVAL;
	rest = strim(rest);
	name = strsep(&rest, " ");
	if (!strcmp(verb, "release") && !rest)
		return sprig_release_named(hold, name);
	error = mutex_lock_interruptible(&sprig_device.asking);
	if (error)
		return error;
	error = sprig_obey_locked(hold, verb, name, rest);
	mutex_unlock(&sprig_device.asking);
	return error;
}

static ssize_t sprig_device_write(struct file *file, const char __user *from, size_t len, loff_t *at)
{
	char line[SPRIG_LONGEST_LINE];
	int error;

	if (len >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, from, len))
		return -EFAULT;
	line[len] = 0;
	error = sprig_obey(file->private_data, line);
	return error ?: len;
}

static int sprig_device_open(struct inode *inode, struct file *file)
{
	struct sprig_hold *hold = kzalloc(sizeof(*hold), GFP_KERNEL);

	if (!hold)
		return -ENOMEM;
	sprig_hold_init(hold);
	file->private_data = hold;
	return 0;
}

/* Whoever has died, or was killed, holds nothing any more. */
static int sprig_device_release(struct inode *inode, struct file *file)
{
	struct sprig_hold *hold = file->private_data;

	sprig_hold_end(hold);
	kfree(hold);
	return 0;
}

static int sprig_map_page(struct vm_area_struct *area)
{
	const struct sprig_vni *vni = sprig_control_enter();
	int error = vni ? vm_iomap_memory(area, vni->control_start, vni->control_len) : -ENODEV;

	sprig_control_leave();
	return error;
}

static int sprig_device_mmap(struct file *file, struct vm_area_struct *area)
{
	if (area->vm_flags & (VM_WRITE | VM_EXEC))
		return -EPERM;
	sprig_forbid_writing(area);
	return sprig_map_page(area);
}

static const struct file_operations sprig_device_file = {
	.owner		= THIS_MODULE,
	.open		= sprig_device_open,
	.release	= sprig_device_release,
	.write		= sprig_device_write,
	.mmap		= sprig_device_mmap,
	.llseek		= noop_llseek,
};

static struct miscdevice sprig_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "sprig",
	.mode	= 0600,
	.fops	= &sprig_device_file,
};

static void sprig_device_forget(void *data)
{
	misc_deregister(&sprig_misc);
	mutex_lock(&sprig_device.asking);
	sprig_device.vni = NULL;
	mutex_unlock(&sprig_device.asking);
}

int sprig_device_probe(struct sprig_vni *vni)
{
	int error;

	sprig_device.vni = vni;
	error = misc_register(&sprig_misc);
	if (error) {
		sprig_device.vni = NULL;
		return dev_err_probe(vni->dev, error, "cannot make /dev/sprig\n");
	}
	return devm_add_action_or_reset(vni->dev, sprig_device_forget, NULL);
}
