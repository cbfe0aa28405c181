// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * The console of this partition: a terminal, /dev/ttySPRIG0, whose other end is `sprig console` in another partition
 * (attach.c there). So a partition without a serial port has one too.
 *
 * Between the two lie rings of bytes in memory of ours (control/src/console.rs), whose address stands in the control page.
 * What is printed never waits for anybody. What is typed is announced by the doorbell of the first queue, and so nothing
 * runs here while nobody types. Only while vni0 is down, which has no doorbell then, and the terminal is open, one looks
 * from time to time.
 *
 * An open terminal holds the module. To unload the driver, unbind the device before: that hangs up.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/tty.h>
#include <linux/tty_driver.h>
#include <linux/tty_flip.h>
#include <linux/tty_port.h>
#include <linux/workqueue.h>

#include "sprig_vni.h"

/* How much is taken from the ring at a time, and at most before others have their turn. */
#define SPRIG_CONSOLE_PIECE 64
#define SPRIG_CONSOLE_PIECES 16
/* How often one looks while there is no doorbell, or no room for what was typed. */
#define SPRIG_CONSOLE_LOOKS_PER_SECOND 20
/* What the terminal may print at once. */
#define SPRIG_CONSOLE_ROOM 4096
/* A neighbour that has just seen that the rings are there has written to them after this. */
#define SPRIG_CONSOLE_GRACE_MS 10

/* It lives until the device is gone and the terminal is closed. */
struct sprig_console {
	struct tty_port port;
	struct sprig_console_rings *rings;
	struct sprig_vni *vni;		/* as long as it has not ended */
	spinlock_t printing;
	spinlock_t looking;
	bool ended;			/* under `looking`: nobody looks any more */
	struct delayed_work look;
};

static struct tty_driver *sprig_tty_driver;
/* The console that is there now, and a lock for opening it while it goes. */
static struct sprig_console *sprig_console;
static DEFINE_MUTEX(sprig_console_opening);

static struct sprig_console *sprig_console_of(struct tty_port *port)
{
	return container_of(port, struct sprig_console, port);
}

/* ---- what is typed ---- */

/* In any context. */
static void sprig_console_look_after(struct sprig_console *console, unsigned long delay)
{
	unsigned long flags;

	spin_lock_irqsave(&console->looking, flags);
	if (!console->ended)
		mod_delayed_work(system_highpri_wq, &console->look, delay);
	spin_unlock_irqrestore(&console->looking, flags);
}

/* Moves a piece from the ring to the terminal, or to nowhere if it is closed, as a serial port does. False: there is
 * nothing, or no room. */
static bool sprig_console_move(struct sprig_console *console, struct tty_struct *tty)
{
	u8 piece[SPRIG_CONSOLE_PIECE];
	size_t len = sizeof(piece);

	if (tty)
		len = tty_throttled(tty) ? 0 : min_t(size_t, len, tty_buffer_request_room(&console->port, len));
	len = len ? sprig_console_take(console->rings, piece, len) : 0;
	if (tty && len)
		tty_insert_flip_string(&console->port, piece, len);
	return len;
}

static void sprig_console_look(struct work_struct *work)
{
	struct sprig_console *console = container_of(to_delayed_work(work), struct sprig_console, look);
	struct tty_struct *tty = tty_port_tty_get(&console->port);
	int pieces = 0;

	while (pieces < SPRIG_CONSOLE_PIECES && sprig_console_move(console, tty))
		pieces++;
	if (pieces)
		tty_flip_buffer_push(&console->port);
	if (pieces == SPRIG_CONSOLE_PIECES)
		sprig_console_look_after(console, 0);
	else if (tty && (sprig_console_has_input(console->rings) || !netif_running(console->vni->netdev)))
		sprig_console_look_after(console, HZ / SPRIG_CONSOLE_LOOKS_PER_SECOND);
	tty_kref_put(tty);
}

/* A doorbell has come, or there will be none from now on. In any context, as long as the device is there. */
void sprig_console_rung(struct sprig_vni *vni, bool by_doorbell)
{
	struct sprig_console *console = vni->console;

	if (console && (!by_doorbell || sprig_console_has_input(console->rings)))
		sprig_console_look_after(console, 0);
}

/* ---- the terminal ---- */

static int sprig_tty_install(struct tty_driver *driver, struct tty_struct *tty)
{
	struct sprig_console *console;
	int error = -ENODEV;

	mutex_lock(&sprig_console_opening);
	console = sprig_console;
	if (console)
		tty_port_get(&console->port);
	mutex_unlock(&sprig_console_opening);
	if (!console)
		return error;
	tty->driver_data = console;
	error = tty_port_install(&console->port, driver, tty);
	if (error)
		tty_port_put(&console->port);
	return error;
}

static void sprig_tty_cleanup(struct tty_struct *tty)
{
	struct sprig_console *console = tty->driver_data;

	tty_port_put(&console->port);
}

static int sprig_tty_open(struct tty_struct *tty, struct file *file)
{
	const struct sprig_console *console = tty->driver_data;

	/* Somebody still has the terminal of a device that was unbound. */
	if (READ_ONCE(console->ended))
		return -EIO;
	return tty_port_open(tty->port, tty, file);
}

static void sprig_tty_close(struct tty_struct *tty, struct file *file)
{
	tty_port_close(tty->port, tty, file);
}

static void sprig_tty_hangup(struct tty_struct *tty)
{
	tty_port_hangup(tty->port);
}

static sprig_tty_count sprig_tty_write(struct tty_struct *tty, const u8 *from, sprig_tty_len len)
{
	struct sprig_console *console = tty->driver_data;
	unsigned long flags;

	spin_lock_irqsave(&console->printing, flags);
	sprig_console_print(console->rings, from, len);
	spin_unlock_irqrestore(&console->printing, flags);
	return len;
}

static unsigned int sprig_tty_write_room(struct tty_struct *tty)
{
	return SPRIG_CONSOLE_ROOM;
}

static void sprig_tty_unthrottle(struct tty_struct *tty)
{
	sprig_console_look_after(tty->driver_data, 0);
}

static const struct tty_operations sprig_tty_operations = {
	.install	= sprig_tty_install,
	.cleanup	= sprig_tty_cleanup,
	.open		= sprig_tty_open,
	.close		= sprig_tty_close,
	.hangup		= sprig_tty_hangup,
	.write		= sprig_tty_write,
	.write_room	= sprig_tty_write_room,
	.unthrottle	= sprig_tty_unthrottle,
};

/* The first has opened it. What was typed before goes to nobody. */
static int sprig_console_activate(struct tty_port *port, struct tty_struct *tty)
{
	sprig_console_look_after(sprig_console_of(port), 0);
	return 0;
}

static void sprig_console_destruct(struct tty_port *port)
{
	struct sprig_console *console = sprig_console_of(port);

	free_pages_exact(console->rings, SPRIG_CONSOLE_BYTES);
	kfree(console);
}

static const struct tty_port_operations sprig_console_port_operations = {
	.activate	= sprig_console_activate,
	.destruct	= sprig_console_destruct,
};

/* ---- from probe to removal ---- */

static void sprig_console_remove(void *data)
{
	struct sprig_console *console = data;

	/* Neighbours look at the address before they write, so it is withdrawn long before the memory is given back. */
	sprig_console_publish(console->vni->control, console->vni->index, 0);
	console->vni->console = NULL;
	mutex_lock(&sprig_console_opening);
	sprig_console = NULL;
	mutex_unlock(&sprig_console_opening);
	tty_unregister_device(sprig_tty_driver, 0);
	tty_port_tty_vhangup(&console->port);
	spin_lock_irq(&console->looking);
	console->ended = true;
	spin_unlock_irq(&console->looking);
	cancel_delayed_work_sync(&console->look);
	msleep(SPRIG_CONSOLE_GRACE_MS);
	tty_port_put(&console->port);
}

static struct sprig_console *sprig_console_create(struct sprig_vni *vni)
{
	struct sprig_console *console = kzalloc(sizeof(*console), GFP_KERNEL);

	if (!console)
		return NULL;
	console->rings = alloc_pages_exact(SPRIG_CONSOLE_BYTES, GFP_KERNEL | __GFP_ZERO);
	if (!console->rings) {
		kfree(console);
		return NULL;
	}
	sprig_console_open(console->rings);
	console->vni = vni;
	spin_lock_init(&console->printing);
	spin_lock_init(&console->looking);
	INIT_DELAYED_WORK(&console->look, sprig_console_look);
	tty_port_init(&console->port);
	console->port.ops = &sprig_console_port_operations;
	return console;
}

int sprig_console_probe(struct sprig_vni *vni)
{
	struct sprig_console *console = sprig_console_create(vni);
	struct device *device;

	if (!console)
		return -ENOMEM;
	mutex_lock(&sprig_console_opening);
	sprig_console = console;
	mutex_unlock(&sprig_console_opening);
	device = tty_register_device(sprig_tty_driver, 0, vni->dev);
	if (IS_ERR(device)) {
		mutex_lock(&sprig_console_opening);
		sprig_console = NULL;
		mutex_unlock(&sprig_console_opening);
		tty_port_put(&console->port);
		return dev_err_probe(vni->dev, PTR_ERR(device), "cannot make /dev/ttySPRIG0\n");
	}
	vni->console = console;
	sprig_console_publish(vni->control, vni->index, virt_to_phys(console->rings));
	return devm_add_action_or_reset(vni->dev, sprig_console_remove, console);
}

int sprig_console_register(void)
{
	struct tty_driver *driver = tty_alloc_driver(1, TTY_DRIVER_RESET_TERMIOS | TTY_DRIVER_REAL_RAW |
						  TTY_DRIVER_DYNAMIC_DEV);
	int error;

	if (IS_ERR(driver))
		return PTR_ERR(driver);
	driver->driver_name = KBUILD_MODNAME;
	driver->name = "ttySPRIG";
	driver->type = TTY_DRIVER_TYPE_SERIAL;
	driver->subtype = SERIAL_TYPE_NORMAL;
	driver->init_termios = tty_std_termios;
	/* There is no line that could be lost. */
	driver->init_termios.c_cflag |= CLOCAL;
	tty_set_operations(driver, &sprig_tty_operations);
	error = tty_register_driver(driver);
	if (error) {
		tty_driver_kref_put(driver);
		return error;
	}
	sprig_tty_driver = driver;
	return 0;
}

void sprig_console_unregister(void)
{
	tty_unregister_driver(sprig_tty_driver);
	tty_driver_kref_put(sprig_tty_driver);
}
