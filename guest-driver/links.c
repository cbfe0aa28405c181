// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * Links, carrier, and the tick.
 *
 * The core agrees with each peer on the state of their link. What follows from it for Linux is done here: the carrier
 * is on while any link is up, and a queue towards a link that changed is opened, so that frames waiting in it are sent
 * or dropped, and counted, instead of waiting for room that never comes.
 */

#include <linux/netdevice.h>

#include "sprig_vni.h"

/* Down, Init, Ready, Up, and a look at the other end after each. */
#define SPRIG_STEPS 4

const char *sprig_vni_link_name(const struct sprig_vni *vni, u32 peer)
{
	if (peer == vni->index)
		return "self";
	switch (sprig_link_state(vni->station, peer)) {
	case SPRIG_LINK_DOWN:
		return "down";
	case SPRIG_LINK_INIT:
		return "init";
	case SPRIG_LINK_READY:
		return "ready";
	case SPRIG_LINK_UP:
		return "up";
	case SPRIG_LINK_STALLED:
		return "stalled";
	default:
		return "unknown";
	}
}

static bool sprig_any_link_up(const struct sprig_vni *vni)
{
	u32 peer;

	for (peer = 0; peer < vni->partitions; peer++)
		if (peer != vni->index && sprig_link_state(vni->station, peer) == SPRIG_LINK_UP)
			return true;
	return false;
}

static void sprig_follow_link(struct sprig_vni *vni, u32 peer)
{
	u32 queue;

	if (sprig_any_link_up(vni))
		netif_carrier_on(vni->netdev);
	else
		netif_carrier_off(vni->netdev);
	for (queue = 0; queue < vni->queues; queue++)
		netif_tx_wake_queue(netdev_get_tx_queue(vni->netdev, sprig_lane_of(vni, queue, peer)));
	/* A peer may flap as often as it likes, but not fill our log. */
	if (net_ratelimit())
		netdev_info(vni->netdev, "link to partition %u (%s) is %s\n", peer, vni->names[peer],
			    sprig_vni_link_name(vni, peer));
}

/* In the poll. A step may take rings away, so nobody may be sending to this peer: its queues are locked in order. */
void sprig_vni_step_link(struct sprig_vni *vni, u32 peer)
{
	u32 queue, todo;

	for (queue = 0; queue < vni->queues; queue++)
		__netif_tx_lock(netdev_get_tx_queue(vni->netdev, sprig_lane_of(vni, queue, peer)),
				smp_processor_id());
	todo = sprig_link_step(vni->station, peer);
	while (queue--)
		__netif_tx_unlock(netdev_get_tx_queue(vni->netdev, sprig_lane_of(vni, queue, peer)));

	if (todo & SPRIG_LINK_CHANGED)
		sprig_follow_link(vni, peer);
	if (todo & SPRIG_LINK_RING)
		sprig_doorbell_ring_peer(vni, peer);
}

/* A handshake in which the other end answers at once goes all its way in one call, and no further: a peer that changes
 * its mind without end waits for the next poll.
 */
void sprig_vni_step_links(struct sprig_vni *vni)
{
	u32 peer, steps;

	for (peer = 0; peer < vni->partitions; peer++)
		for (steps = 0; steps < SPRIG_STEPS; steps++) {
			if (peer == vni->index || !sprig_link_wants_step(vni->station, peer))
				break;
			sprig_vni_step_link(vni, peer);
		}
}

/* After leaving, in the place of a poll that is disabled: nothing is sent any more, and the links show as down. */
void sprig_vni_settle_links(struct sprig_vni *vni)
{
	u32 peer;

	local_bh_disable();
	for (peer = 0; peer < vni->partitions; peer++)
		if (peer != vni->index)
			sprig_vni_step_link(vni, peer);
	local_bh_enable();
}

/* Frames that nobody rang for, while nobody polls: counted as the fault that it is, and cured by the poll below. */
static void sprig_look_for_lost_wakeups(struct sprig_vni *vni)
{
	bool idle = !test_bit(NAPI_STATE_SCHED, &vni->napi.state);
	u32 lane;

	for (lane = 0; lane < vni->lanes; lane++)
		if (sprig_peer_of(vni, lane) != vni->index && sprig_overdue(vni->station, lane) && idle)
			atomic64_inc(&vni->lost_wakeups);
}

void sprig_vni_tick(struct timer_list *tick)
{
	struct sprig_vni *vni = container_of(tick, struct sprig_vni, tick);

	sprig_tick(vni->station);
	sprig_look_for_lost_wakeups(vni);
	napi_schedule(&vni->napi);
	mod_timer(&vni->tick, jiffies + msecs_to_jiffies(SPRIG_TICK_MS));
}

/* Absent from now on, and every peer told so. In any context, also the last one of a dying instance. */
void sprig_vni_leave(struct sprig_vni *vni)
{
	u32 peer;

	sprig_station_stop(vni->station);
	for (peer = 0; peer < vni->partitions; peer++)
		if (peer != vni->index)
			sprig_doorbell_ring_peer(vni, peer);
}
