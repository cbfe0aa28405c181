// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * Links and carrier: the business of the first queue's poll alone.
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
	switch (sprig_link_state(vni->endpoint, peer)) {
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
		if (peer != vni->index && sprig_link_state(vni->endpoint, peer) == SPRIG_LINK_UP)
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
	for (queue = 0; queue < vni->queues; queue++) {
		/* Whatever it has rung for before. */
		WRITE_ONCE(vni->queue[queue].look_at_all, true);
		netif_tx_wake_queue(netdev_get_tx_queue(vni->netdev, sprig_lane_of(vni, queue, peer)));
	}
	/* A peer may flap as often as it likes, but not fill our log. */
	if (net_ratelimit())
		netdev_info(vni->netdev, "link to partition %u (%s) is %s\n", peer, vni->names[peer],
			    sprig_vni_link_name(vni, peer));
}

/*
 * A step may reset rings, so no context may send to this peer or receive from it meanwhile. The other queues' polls are
 * not stopped for that, they are locked out: a lock that only its own poll takes, except for a step now and then, costs
 * that poll next to nothing for a burst, and a step never waits for more than a burst.
 */
static void sprig_lock_peer(struct sprig_vni *vni, u32 peer)
{
	u32 queue;

	for (queue = 0; queue < vni->queues; queue++)
		spin_lock(&vni->queue[queue].receive);
	for (queue = 0; queue < vni->queues; queue++)
		__netif_tx_lock(netdev_get_tx_queue(vni->netdev, sprig_lane_of(vni, queue, peer)),
				smp_processor_id());
}

static void sprig_unlock_peer(struct sprig_vni *vni, u32 peer)
{
	u32 queue;

	for (queue = vni->queues; queue--;)
		__netif_tx_unlock(netdev_get_tx_queue(vni->netdev, sprig_lane_of(vni, queue, peer)));
	for (queue = vni->queues; queue--;)
		spin_unlock(&vni->queue[queue].receive);
}

static void sprig_step_link(struct sprig_vni *vni, u32 peer)
{
	u32 todo;

	sprig_lock_peer(vni, peer);
	todo = sprig_link_step(vni->endpoint, peer);
	sprig_unlock_peer(vni, peer);

	if (todo & SPRIG_LINK_CHANGED)
		sprig_follow_link(vni, peer);
	if (todo & SPRIG_LINK_RING)
		sprig_doorbell_ring_peer(vni, SPRIG_LINK_QUEUE, peer);
}

/* In any queue's poll: the peer broke a rule, and is to lose its link. */
void sprig_vni_blame(struct sprig_vni *vni, u32 peer)
{
	set_bit(peer, &vni->faulted);
	napi_schedule(&vni->queue[SPRIG_LINK_QUEUE].napi);
}

/*
 * In the first queue's poll, for those that are busy or broke a rule. A handshake in which the other end answers at once
 * goes all its way in one call, and no further: a peer that changes its mind without end waits for the next poll.
 */
void sprig_vni_step_links(struct sprig_vni *vni, u32 peers)
{
	unsigned long faulted = READ_ONCE(vni->faulted) ? xchg(&vni->faulted, 0) : 0;
	u32 peer, steps;

	for (peer = 0; peer < vni->partitions; peer++) {
		if (!((peers | faulted) & BIT(peer)))
			continue;
		if (unlikely(faulted & BIT(peer)))
			sprig_step_link(vni, peer);
		for (steps = 0; steps < SPRIG_STEPS && sprig_link_wants_step(vni->endpoint, peer); steps++)
			sprig_step_link(vni, peer);
	}
}

/* After leaving, in the place of the polls, which are disabled: nothing is sent any more, and the links show as down. */
void sprig_vni_settle_links(struct sprig_vni *vni)
{
	u32 peer;

	local_bh_disable();
	for (peer = 0; peer < vni->partitions; peer++)
		if (peer != vni->index)
			sprig_step_link(vni, peer);
	local_bh_enable();
}

/* Makes us absent, and rings every peer for it. Any context may call it, also the last one of a dying instance. */
void sprig_vni_leave(struct sprig_vni *vni)
{
	u32 peer;

	sprig_endpoint_stop(vni->endpoint);
	for (peer = 0; peer < vni->partitions; peer++)
		if (peer != vni->index)
			sprig_doorbell_ring_peer(vni, SPRIG_LINK_QUEUE, peer);
}
