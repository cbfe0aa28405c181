// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * /dev/sprig-console: the console of another partition (console.c there), as a file.
 *
 * The first that is written is `attach` and the name of a partition. From then on, what is written is typed there, and what
 * is read was printed there, from the oldest byte on that is kept. The position of the file is the count of bytes that were
 * printed: if it moves by more than was read, bytes were lost.
 *
 *	read gives	0		the console is gone: its kernel has ended, was stopped or is loaded anew
 *			EAGAIN		nothing was printed since
 *	write fails	EAGAIN		there is no room, until its kernel has taken what was typed before
 *			EPIPE		nothing can be typed, as its kernel does not run
 *	both fail	EBUSY		somebody else has attached since, and types
 *			ENODEV		the device of this partition is gone
 *	attaching	ENOENT		no such partition
 *			ELOOP		this very partition
 *			ENXIO		it has no console: its driver is not loaded
 *
 * Nothing but this driver writes to the other's memory: it looks, with interrupts off, whether that kernel runs and the
 * rings lie where they did, and only then writes, which takes microseconds. A partition that is loaded anew says so 10 ms and
 * more before its memory is touched.
 */

#include <linux/fs.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "sprig_vni.h"

#define SPRIG_ATTACH_PIECE 1024

/* Who has the box, and one lock for all that is done here: it is quickly done. */
static struct {
	struct mutex lock;
	struct sprig_vni *vni;		/* NULL: none */
} sprig_attaching = { .lock = __MUTEX_INITIALIZER(sprig_attaching.lock) };

/* Of one open file. */
struct sprig_attachment {
	struct sprig_console_rings *rings;	/* mapped; NULL: not attached yet */
	u64 address;
	u64 session;
	u32 partition;
	u8 piece[SPRIG_ATTACH_PIECE];
};

/* Whether the rings are those of the kernel that runs there. */
static bool sprig_attachment_is_there(const struct sprig_vni *vni, const struct sprig_attachment *attachment)
{
	return sprig_console_address(vni->control, attachment->partition) == attachment->address &&
	       sprig_console_is_open(attachment->rings);
}

static bool sprig_attachment_takes_input(const struct sprig_vni *vni, const struct sprig_attachment *attachment)
{
	return sprig_console_takes_input(vni->control, attachment->partition) &&
	       sprig_attachment_is_there(vni, attachment);
}

/* ---- attaching ---- */

static int sprig_attach_to(const struct sprig_vni *vni, struct sprig_attachment *attachment, u32 partition)
{
	u64 address = sprig_console_address(vni->control, partition);
	unsigned long flags;

	if (!address || !IS_ALIGNED(address, PAGE_SIZE) ||
	    !sprig_memory_has(vni, partition, address, SPRIG_CONSOLE_BYTES))
		return -ENXIO;
	attachment->rings = memremap(address, SPRIG_CONSOLE_BYTES, MEMREMAP_WB);
	if (!attachment->rings)
		return -ENOMEM;
	attachment->address = address;
	attachment->partition = partition;
	local_irq_save(flags);
	if (sprig_attachment_takes_input(vni, attachment))
		attachment->session = sprig_console_attach(attachment->rings, vni->index);
	local_irq_restore(flags);
	if (sprig_attachment_is_there(vni, attachment))
		return 0;
	memunmap(attachment->rings);
	attachment->rings = NULL;
	return -ENXIO;
}

static int sprig_attach(const struct sprig_vni *vni, struct sprig_attachment *attachment, char *line, loff_t *at)
{
	char *name = strim(line);
	int partition, error;

	if (strcmp(strsep(&name, " "), "attach") || !name)
		return -EINVAL;
	partition = match_string(vni->names, vni->partitions, name);
	if (partition < 0)
		return -ENOENT;
	if (partition == vni->index)
		return -ELOOP;
	error = sprig_attach_to(vni, attachment, partition);
	if (!error)
		*at = sprig_console_oldest(attachment->rings);
	return error;
}

/* ---- reading and writing ---- */

static bool sprig_attachment_is_lost(const struct sprig_attachment *attachment)
{
	return attachment->session && !sprig_console_is_attached(attachment->rings, attachment->session);
}

static ssize_t sprig_attach_read_locked(struct sprig_attachment *attachment, size_t len, loff_t *at)
{
	const struct sprig_vni *vni = sprig_attaching.vni;
	u64 cursor = *at;
	u64 read;

	if (!vni)
		return -ENODEV;
	if (!attachment->rings)
		return -EINVAL;
	if (!sprig_attachment_is_there(vni, attachment))
		return 0;
	read = sprig_console_read(attachment->rings, &cursor, attachment->piece, min_t(size_t, len, SPRIG_ATTACH_PIECE));
	/* Memory that is cleared meanwhile is none that was printed. */
	if (!sprig_attachment_is_there(vni, attachment))
		return 0;
	*at = cursor;
	if (read || !len)
		return read;
	if (sprig_attachment_is_lost(attachment))
		return -EBUSY;
	return attachment->session && sprig_attachment_takes_input(vni, attachment) ? -EAGAIN : 0;
}

static ssize_t sprig_attach_read(struct file *file, char __user *to, size_t len, loff_t *at)
{
	struct sprig_attachment *attachment = file->private_data;
	ssize_t read;

	if (mutex_lock_interruptible(&sprig_attaching.lock))
		return -ERESTARTSYS;
	read = sprig_attach_read_locked(attachment, len, at);
	if (read > 0 && copy_to_user(to, attachment->piece, read))
		read = -EFAULT;
	mutex_unlock(&sprig_attaching.lock);
	return read;
}

static ssize_t sprig_attach_type(struct sprig_vni *vni, struct sprig_attachment *attachment, size_t len)
{
	unsigned long flags;
	ssize_t typed = -EPIPE;

	if (!sprig_attachment_is_there(vni, attachment))
		return -EPIPE;
	if (sprig_attachment_is_lost(attachment))
		return -EBUSY;
	local_irq_save(flags);
	if (attachment->session && sprig_attachment_takes_input(vni, attachment))
		typed = sprig_console_type(attachment->rings, attachment->piece, len);
	local_irq_restore(flags);
	if (typed > 0)
		sprig_doorbell_ring_peer(vni, SPRIG_LINK_QUEUE, attachment->partition);
	return typed ?: -EAGAIN;
}

static ssize_t sprig_attach_write_locked(struct sprig_attachment *attachment, const char __user *from, size_t len,
					 loff_t *at)
{
	struct sprig_vni *vni = sprig_attaching.vni;
	int error;

	if (!vni)
		return -ENODEV;
	len = min_t(size_t, len, SPRIG_ATTACH_PIECE - 1);
	if (copy_from_user(attachment->piece, from, len))
		return -EFAULT;
	if (!len || attachment->rings)
		return len ? sprig_attach_type(vni, attachment, len) : 0;
	attachment->piece[len] = 0;
	error = sprig_attach(vni, attachment, (char *)attachment->piece, at);
	return error ?: len;
}

static ssize_t sprig_attach_write(struct file *file, const char __user *from, size_t len, loff_t *at)
{
	ssize_t written;

	if (mutex_lock_interruptible(&sprig_attaching.lock))
		return -ERESTARTSYS;
	written = sprig_attach_write_locked(file->private_data, from, len, at);
	mutex_unlock(&sprig_attaching.lock);
	return written;
}

static int sprig_attach_open(struct inode *inode, struct file *file)
{
	file->private_data = kzalloc(sizeof(struct sprig_attachment), GFP_KERNEL);
	return file->private_data ? 0 : -ENOMEM;
}

static int sprig_attach_release(struct inode *inode, struct file *file)
{
	struct sprig_attachment *attachment = file->private_data;
	unsigned long flags;

	if (attachment->rings) {
		mutex_lock(&sprig_attaching.lock);
		local_irq_save(flags);
		if (sprig_attaching.vni && attachment->session &&
		    sprig_attachment_takes_input(sprig_attaching.vni, attachment))
			sprig_console_detach(attachment->rings, attachment->session);
		local_irq_restore(flags);
		mutex_unlock(&sprig_attaching.lock);
		memunmap(attachment->rings);
	}
	kfree(attachment);
	return 0;
}

static const struct file_operations sprig_attach_file = {
	.owner		= THIS_MODULE,
	.open		= sprig_attach_open,
	.read		= sprig_attach_read,
	.write		= sprig_attach_write,
	.release	= sprig_attach_release,
	.llseek		= noop_llseek,
};

static struct miscdevice sprig_attach_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "sprig-console",
	.mode	= 0600,
	.fops	= &sprig_attach_file,
};

/* ---- from probe to removal ---- */

static void sprig_attach_set(struct sprig_vni *vni)
{
	mutex_lock(&sprig_attaching.lock);
	sprig_attaching.vni = vni;
	mutex_unlock(&sprig_attaching.lock);
}

static void sprig_attach_remove(void *unused)
{
	misc_deregister(&sprig_attach_device);
	sprig_attach_set(NULL);
}

int sprig_attach_probe(struct sprig_vni *vni)
{
	int error;

	sprig_attach_set(vni);
	error = misc_register(&sprig_attach_device);
	if (error) {
		sprig_attach_set(NULL);
		return dev_err_probe(vni->dev, error, "cannot make /dev/sprig-console\n");
	}
	return devm_add_action_or_reset(vni->dev, sprig_attach_remove, NULL);
}
