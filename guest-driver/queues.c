// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * Queues: each has a poll, a doorbell and a tick of its own, and the lanes of its number.
 *
 * The doorbell's interrupt says on which core a queue is served, from the start another one for each queue. The tick
 * runs on that same core: a poll stays where it was scheduled for as long as frames keep coming, so a tick elsewhere
 * would draw queue after queue to its own core.
 */

#include <linux/cpumask.h>
#include <linux/smp.h>

#include "sprig_vni.h"

/* Receive locks are taken in the order of their queues. */
static struct lock_class_key sprig_receive_class[SPRIG_MAX_QUEUES];

/* Finds frames that came without a ring while the queue is not polled. It counts them as a fault and schedules a poll. */
static void sprig_look_for_lost_wakeups(struct sprig_queue *queue)
{
	bool idle = !test_bit(NAPI_STATE_SCHED, &queue->napi.state);
	struct sprig_vni *vni = queue->vni;
	u32 peer;

	for (peer = 0; peer < vni->partitions; peer++)
		if (peer != vni->index && sprig_overdue(vni->endpoint, sprig_lane_of(vni, queue->number, peer)) && idle)
			u64_stats_inc(&queue->lost_wakeups);
}

/* Nothing may take the core down between the question and the timer: it would wait there for its core to come back. */
static void sprig_start_tick(struct sprig_queue *queue, unsigned long delay)
{
	unsigned int here = get_cpu(), home = READ_ONCE(queue->home);

	queue->tick.expires = jiffies + delay;
	add_timer_on(&queue->tick, cpu_online(home) ? home : here);
	put_cpu();
}

static void sprig_queue_tick(struct timer_list *tick)
{
	struct sprig_queue *queue = container_of(tick, struct sprig_queue, tick);

	/* Time is the links', and so the first queue's. */
	if (queue->number == SPRIG_LINK_QUEUE)
		sprig_tick(queue->vni->endpoint);
	sprig_look_for_lost_wakeups(queue);
	WRITE_ONCE(queue->look_at_all, true);
	napi_schedule(&queue->napi);
	sprig_start_tick(queue, msecs_to_jiffies(SPRIG_TICK_MS));
}

/* Before anything may ring: the polls are disabled until the interface is opened. */
void sprig_queues_init(struct sprig_vni *vni)
{
	u32 i;

	for (i = 0; i < vni->queues; i++) {
		struct sprig_queue *queue = &vni->queue[i];

		queue->vni = vni;
		queue->number = i;
		queue->home = cpumask_local_spread(i, NUMA_NO_NODE);
		spin_lock_init(&queue->receive);
		lockdep_set_class(&queue->receive, &sprig_receive_class[i]);
		timer_setup(&queue->tick, sprig_queue_tick, TIMER_PINNED);
		netif_napi_add(vni->netdev, &queue->napi, sprig_vni_poll);
	}
}

int sprig_queues_start(struct sprig_vni *vni)
{
	u32 i;

	for (i = 0; i < vni->queues; i++) {
		int error = sprig_pace_start(&vni->queue[i]);

		if (error) {
			while (i--)
				sprig_pace_stop(&vni->queue[i]);
			return error;
		}
	}
	for (i = 0; i < vni->queues; i++)
		napi_enable(&vni->queue[i].napi);
	for (i = 0; i < vni->queues; i++)
		sprig_start_tick(&vni->queue[i], 0);
	return 0;
}

/* When it returns nothing polls, and nothing will. */
void sprig_queues_stop(struct sprig_vni *vni)
{
	u32 i;

	for (i = 0; i < vni->queues; i++)
		napi_disable(&vni->queue[i].napi);
	for (i = 0; i < vni->queues; i++)
		timer_delete_sync(&vni->queue[i].tick);
	for (i = 0; i < vni->queues; i++)
		sprig_pace_stop(&vni->queue[i]);
}
