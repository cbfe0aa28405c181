/* SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only */
/*
 * What the files of the shim share.
 *
 *	main.c      the device: from the ACPI node to the network interface, and back
 *	queues.c    what each queue has of its own: poll, tick, and the lock of its receivers
 *	tx.c        frames from the stack to a peer
 *	describe.c  such a frame as the core takes it
 *	rx.c        frames from the peers to the stack: the poll
 *	pace.c      when a queue is polled next
 *	links.c     links, carrier
 *	icr.c       interrupts to cores of other kernels
 *	doorbell.c  the interrupt that peers raise here, and the one raised at a peer
 *	cores.c     which cores each partition has
 *	guard.c     what keeps a reset of this instance from taking the box along
 *	kexec.c     what keeps the next kernel of this instance in its partition
 *	control.c   what this instance says of itself in the control page, and does because it was asked to
 *	device.c    /dev/sprig: what this instance asks of others
 *	hold.c      having another partition to oneself
 *	freeze.c    standing still, and the registers with which our cores do
 *	console.c   the terminal whose other end is in another partition; attach.c: that end
 *	fetch.c     brings cores to the resident part of the boot image
 *	watch.c     what becomes of the others when they end or hang
 *	gate.c      the way of this instance's cores to the resident part; jump.S: its last step
 *	stop.c      cores that are stopped for good go that way
 *	power.c     no sleep
 *	counters.c  what was counted, and the sums over it
 *	ethtool.c   what ethtool shows
 *	sysfs.c     what /sys/class/net/vni0/vni shows
 *	memory.c    where each partition's memory lies
 *
 * A *queue* is what one core serves: a doorbell, a poll, and with each peer a lane. All boxes have 1 to 8, and a flow stays
 * in one of them. A *lane* is a pair of rings with one peer, one for each direction: lane = queue * partitions + peer. Each
 * lane has the transmit queue of the same number, so that every peer has a qdisc, a lock and a flow control of its own, and
 * a stalled peer stops no other peer. The lane towards ourselves has no rings: the first one carries the frames that go to all.
 *
 * Locks. A lane's sender belongs to the holder of its transmit queue's lock; the receivers of a queue's lanes to the holder
 * of its receive lock; the links to the first queue's poll. A context that takes more than one takes them in this order:
 *
 *	receive locks, by queue
 *	the transmit lock of the lane to all
 *	transmit locks of one peer's lanes, by queue
 *
 * A receive lock is never held while frames go up the stack, which may send.
 */
#ifndef SPRIG_VNI_H
#define SPRIG_VNI_H

#include <linux/atomic.h>
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/notifier.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/u64_stats_sync.h>
#include <linux/version.h>
#include <linux/workqueue.h>

#include "sprig_vni_core.h"

#define SPRIG_VNI_VERSION "0.1.0"

#define SPRIG_OLD_BOX "boot this box with a Sprig as new as this driver"

/* Bounds the lock classes; the ring layout sets no such limit. */
#define SPRIG_MAX_QUEUES 8

/* The values of `sprig_offload` that the core's header gives in words. */
#define SPRIG_OFFLOAD_CSUM	1
#define SPRIG_GSO_TCPV4		1
#define SPRIG_GSO_TCPV6		4
#define SPRIG_GSO_UDP_L4	5
#define SPRIG_GSO_ECN		0x80

/* What peers refuse (vni/src/headers.rs): TCP cut into less, UDP cut into more. */
#define SPRIG_LEAST_TCP_SEGMENT	8
#define SPRIG_MOST_DATAGRAMS	128

/* ---- what differs between kernels, all of it ---- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
/* By default these move an interrupt only when it next arrives; ours can be moved at any time. */
#define SPRIG_IRQ_MOVES_AT_ONCE IRQ_MOVE_PCNTXT
#else
#define SPRIG_IRQ_MOVES_AT_ONCE 0
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define SPRIG_STOP_OPERATION	/* smp_ops.stop_this_cpu */
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define sprig_forbid_writing(area) ((area)->vm_flags &= ~VM_MAYWRITE)
#else
#define sprig_forbid_writing(area) vm_flags_clear(area, VM_MAYWRITE)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
typedef int sprig_tty_len;		/* bytes that a terminal is to write, and those that it has written */
typedef int sprig_tty_count;
#else
typedef size_t sprig_tty_len;
typedef ssize_t sprig_tty_count;
#endif

/* ---- counting ---- */

/* What a lane's transmit side counts. Keep sprig_tx_names[] in counters.c alike. */
enum sprig_tx_count {
	SPRIG_TX_FRAMES,	/* taken from the stack and sent */
	SPRIG_TX_BYTES,
	SPRIG_TX_COPIES,	/* of frames to all, that this peer was sent */
	SPRIG_TX_COPY_BYTES,
	SPRIG_TX_STOPPED,	/* times that the queue was stopped for want of room */
	SPRIG_TX_REQUEUED,	/* frames that the stack was given back for want of room */
	SPRIG_TX_DROPS,		/* from here on: frames dropped, by cause */
	SPRIG_TX_LINK_NOT_UP = SPRIG_TX_DROPS,
	SPRIG_TX_BAD_FRAME,
	SPRIG_TX_UNKNOWN_OFFLOAD,
	SPRIG_TX_NO_MEMORY,
	SPRIG_TX_TO_NOBODY,	/* a frame to all, while no link is up */
	SPRIG_TX_COPY_NO_ROOM,	/* a peer's copy of a frame to all */
	SPRIG_TX_COPY_LOCKED,	/* the same, while the peer's queue was taken and could not be waited for */
	SPRIG_TX_OTHER_QUEUE,	/* a frame put into another peer's queue, while its own had no room or was taken */
	SPRIG_TX_COUNTS
};

/* What a lane's receive side counts. Keep sprig_rx_names[] in counters.c alike. */
enum sprig_rx_count {
	SPRIG_RX_FRAMES,
	SPRIG_RX_BYTES,
	SPRIG_RX_MULTICAST,
	SPRIG_RX_FAULTS,	/* times that the peer broke a rule of the ring */
	SPRIG_RX_DROPS,		/* from here on: frames dropped, by cause */
	SPRIG_RX_NO_MEMORY = SPRIG_RX_DROPS,
	SPRIG_RX_REFUSED,	/* by the core: offload fields that do not fit the frame */
	SPRIG_RX_BAD_OFFLOAD,	/* the same, by Linux */
	SPRIG_RX_COUNTS
};

struct sprig_tx_counts {
	struct u64_stats_sync sync;	/* written under the queue's lock */
	u64_stats_t of[SPRIG_TX_COUNTS];
};

struct sprig_rx_counts {
	struct u64_stats_sync sync;	/* written by the queue's poll */
	u64_stats_t of[SPRIG_RX_COUNTS];
};

/* One cache line and more for each side: who sends and who polls run on different cores. */
struct sprig_lane {
	struct sprig_tx_counts tx ____cacheline_aligned_in_smp;
	struct sprig_rx_counts rx ____cacheline_aligned_in_smp;
} ____cacheline_aligned_in_smp;

/* What became of the rings that peers asked for. */
struct sprig_rings {
	u64 sent;
	u64 bad_vector;		/* from here on: refused, since the peer published what is not its own */
	u64 bad_core;
	u64 out_of_reach;
};

/* ---- the interface ---- */

/* Of one queue: who polls it next. The poll's, but for `due`. */
struct sprig_pace {
	struct task_struct *thread;
	bool due;			/* the thread is to poll; set by the poll, cleared by the thread */
	int free_running;		/* frames of this poll that nothing slows down but a full ring */
	int before;			/* the same of the last poll */
	u64 until;			/* by local_clock(): how long the thread looks on */
};

struct sprig_queue {
	struct sprig_vni *vni;
	u32 number;
	u32 next_peer;			/* where the next poll begins */
	u32 busy;			/* the poll's: a bit for each peer that would not ring for its next frame */
	bool look_at_all;		/* the next poll is to look at every peer, whoever has rung */
	spinlock_t receive;		/* of the core's receivers: held by the poll, and for the step of a link */
	struct napi_struct napi;
	struct sprig_pace pace;

	struct timer_list tick;
	struct irq_work kick;		/* schedules the poll from where that is not allowed */
	unsigned int irq;
	unsigned int home;		/* the core that the interrupt goes to */
	char irq_name[IFNAMSIZ + 4];

	u64_stats_t polls;		/* written by the poll */
	u64_stats_t doorbells;		/* received; written by the interrupt */
	u64_stats_t lost_wakeups;	/* written by the tick */
} ____cacheline_aligned_in_smp;

struct sprig_vni {
	struct sprig_endpoint *endpoint;
	struct net_device *netdev;
	struct device *dev;
	struct sprig_queue *queue;	/* [queues] */
	struct sprig_lane *lane;	/* [lanes] */

	u32 partitions;
	u32 queues;
	u32 lanes;
	u32 index;			/* this partition */
	u32 peers;			/* a bit for each of the others */
	u32 sole_peer;			/* the other one of two; else our own index */
	unsigned long faulted;		/* a bit for each peer that broke a rule and whose link is not stepped yet */

	void *window;
	u64 window_len;
	const char *box;
	const char **names;		/* [partitions] */
	struct sprig_memory *memory;	/* [partitions] */

	struct notifier_block power;

	struct fwnode_handle *irq_node;
	struct irq_domain *irq_domain;

	struct sprig_control_page *control;
	phys_addr_t control_start;
	u64 control_len;
	struct sprig_console *console;
	struct sprig_cores *cores;	/* [partitions] */
	bool x2apic;			/* how this instance sends interrupts */
	struct sprig_rings __percpu *doorbells;	/* in any context, so each core has its own */
};

static inline u32 sprig_lane_of(const struct sprig_vni *vni, u32 queue, u32 peer)
{
	return queue * vni->partitions + peer;
}

static inline u32 sprig_peer_of(const struct sprig_vni *vni, u32 lane)
{
	return lane % vni->partitions;
}

static inline u32 sprig_queue_of(const struct sprig_vni *vni, u32 lane)
{
	return lane / vni->partitions;
}

/* ---- queues.c ---- */
void sprig_queues_init(struct sprig_vni *vni);
int sprig_queues_start(struct sprig_vni *vni);
void sprig_queues_stop(struct sprig_vni *vni);

/* ---- describe.c ---- */
/* A frame as the core takes it: where it lies, and what is left to do for it. */
struct sprig_outgoing {
	struct sprig_segment segment[SPRIG_MAX_SEGMENTS];
	u32 segments;
	struct sprig_offload offload;
};

enum sprig_tx_count sprig_describe(struct sk_buff *skb, struct sprig_outgoing *out);
netdev_features_t sprig_vni_features_check(struct sk_buff *skb, struct net_device *netdev,
					   netdev_features_t features);

/* ---- tx.c ---- */
netdev_tx_t sprig_vni_xmit(struct sk_buff *skb, struct net_device *netdev);
u16 sprig_vni_select_queue(struct net_device *netdev, struct sk_buff *skb, struct net_device *below);
void sprig_vni_set_lock_classes(struct sprig_vni *vni);
void sprig_vni_wake_queues(struct sprig_queue *queue);

/* ---- rx.c ---- */
int sprig_vni_poll(struct napi_struct *napi, int budget);

/* ---- pace.c ---- */
int sprig_pace_start(struct sprig_queue *queue);
void sprig_pace_stop(struct sprig_queue *queue);
int sprig_pace_budget(struct sprig_queue *queue, int budget);
bool sprig_pace_goes_on(struct sprig_queue *queue);

/* ---- links.c ---- */
void sprig_vni_blame(struct sprig_vni *vni, u32 peer);
void sprig_vni_step_links(struct sprig_vni *vni, u32 peers);
void sprig_vni_settle_links(struct sprig_vni *vni);
const char *sprig_vni_link_name(const struct sprig_vni *vni, u32 peer);
void sprig_vni_leave(struct sprig_vni *vni);

/* ---- icr.c ---- */
void sprig_icr_send(bool x2apic, u32 apic_id, u32 command);
void sprig_close_nmi_line(bool x2apic);

/* ---- doorbell.c ---- */
int sprig_doorbell_probe(struct sprig_vni *vni);
int sprig_doorbell_open(struct sprig_vni *vni);
void sprig_doorbell_close(struct sprig_vni *vni);
void sprig_doorbell_ring_peer(struct sprig_vni *vni, u32 queue, u32 peer);

/* ---- cores.c ---- */
int sprig_cores_probe(struct sprig_vni *vni);

/* ---- guard.c ---- */
void sprig_guard_register(void);
void sprig_guard_unregister(void);
int sprig_guard_watch(struct sprig_vni *vni);
void sprig_leave_box(void);
void sprig_silence_devices(void);

/* ---- kexec.c ---- */
void sprig_kexec_register(void);
void sprig_kexec_unregister(void);

/* ---- control.c ---- */
int sprig_control_probe(struct sprig_vni *vni);
void sprig_control_run(const struct sprig_vni *vni);
void sprig_control_end(u32 cause);
void sprig_control_obey(void);
bool sprig_control_come_back(u32 cause);
void sprig_control_hand_over(u32 cause);
bool sprig_control_answer(void);
const struct sprig_vni *sprig_control_enter(void);
void sprig_control_leave(void);

/* ---- device.c ---- */
int sprig_device_probe(struct sprig_vni *vni);

/* ---- hold.c ---- */
/* What an open file has to itself. */
struct sprig_hold {
	struct mutex lock;		/* it is taken, or ended */
	struct delayed_work renewing;
	u32 partition;
	u32 purpose;			/* 0: nothing */
};

void sprig_hold_init(struct sprig_hold *hold);
bool sprig_holds(const struct sprig_hold *hold, u32 partition);
bool sprig_is_held_by_others(const struct sprig_vni *vni, const struct sprig_hold *hold, u32 partition);
int sprig_hold_take(const struct sprig_vni *vni, struct sprig_hold *hold, u32 partition, u32 purpose);
int sprig_hold_freeze(const struct sprig_vni *vni, struct sprig_hold *hold, u32 partition);
int sprig_hold_end(struct sprig_hold *hold);
bool sprig_hold_is_sure(const struct sprig_vni *vni, const struct sprig_hold *hold, u32 partition);

/* ---- freeze.c ---- */
int sprig_freeze_probe(struct sprig_vni *vni);
void sprig_keep_registers(struct pt_regs *regs);
bool sprig_stand_still(struct pt_regs *regs);

/* ---- console.c ---- */
int sprig_console_register(void);
void sprig_console_unregister(void);
int sprig_console_probe(struct sprig_vni *vni);
void sprig_console_rung(struct sprig_vni *vni, bool by_doorbell);

/* ---- attach.c ---- */
int sprig_attach_probe(struct sprig_vni *vni);

/* ---- fetch.c ---- */
int sprig_fetch(const struct sprig_vni *vni, u32 partition, u64 order);
void sprig_fetch_own(const struct sprig_vni *vni, u64 order);
bool sprig_can_fetch(const struct sprig_vni *vni, u32 partition);
void sprig_ask_for_clock(const struct sprig_vni *vni, u32 partition);
void sprig_call_to_stand_still(const struct sprig_vni *vni, u32 partition);

/* ---- watch.c ---- */
int sprig_watch_begin(struct sprig_vni *vni);

/* ---- host.c ---- */
void sprig_host_begin(struct sprig_vni *vni);
void sprig_host_end(void);
bool sprig_host_on_nmi(void);

/* ---- gate.c, jump.S ---- */
int sprig_gate_open(struct sprig_vni *vni, const struct sprig_control_page *page);
void sprig_gate_close(void);
void sprig_gate_leave(void);
void sprig_gate_say_closed(void);
void sprig_gate_close_here(void);
void sprig_jump(u64 map, u64 to);

/* ---- stop.c ---- */
void sprig_stop_watch(void);
void sprig_stop_forget(void);

/* ---- power.c ---- */
int sprig_power_watch(struct sprig_vni *vni);

/* ---- counters.c ---- */
extern const char *const sprig_tx_names[SPRIG_TX_COUNTS];
extern const char *const sprig_rx_names[SPRIG_RX_COUNTS];
void sprig_tx_add(struct sprig_vni *vni, u32 lane, enum sprig_tx_count which, u64 count);
void sprig_rx_add(struct sprig_vni *vni, u32 lane, enum sprig_rx_count which, u64 count);
u64 sprig_tx_get(const struct sprig_vni *vni, u32 lane, enum sprig_tx_count which);
u64 sprig_rx_get(const struct sprig_vni *vni, u32 lane, enum sprig_rx_count which);
void sprig_vni_get_stats64(struct net_device *netdev, struct rtnl_link_stats64 *stats);

/* ---- memory.c ---- */
int sprig_memory_probe(struct sprig_vni *vni);
bool sprig_memory_has(const struct sprig_vni *vni, u32 partition, u64 start, u64 len);
extern const struct attribute_group *sprig_memory_groups[];

/* ---- ethtool.c, sysfs.c ---- */
extern const struct ethtool_ops sprig_vni_ethtool_ops;
extern const struct attribute_group sprig_vni_sysfs_group;

#endif
