// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * Frames from the stack to a peer.
 *
 * A frame is copied into shared memory while the stack waits, so nothing of it is kept: there is no completion. Frames
 * of one burst are published together, and the peer is rung once for them. A queue stops while its peer leaves no room
 * for a largest frame, and the poll (rx.c) wakes it.
 *
 * The queue of our own number carries what goes to all. It takes each peer's queue lock in turn, inside its own.
 *
 * The peer is always chosen by the frame. We choose the queue by it too, but others may put a frame where they like: pktgen,
 * AF_XDP, `tc ... skbedit queue_mapping`. Such a frame goes to its own peer from there, or is dropped and counted.
 */

#include <linux/etherdevice.h>
#include <linux/skbuff.h>

#include "sprig_vni.h"

/* See the order of locks in sprig_vni.h. */
static struct lock_class_key sprig_queue_class[SPRIG_MAX_QUEUES];
static struct lock_class_key sprig_to_all_class;

void sprig_vni_set_lock_classes(struct sprig_vni *vni)
{
	u32 lane;

	for (lane = 0; lane < vni->lanes; lane++) {
		struct lock_class_key *class = &sprig_queue_class[sprig_queue_of(vni, lane)];

		if (sprig_peer_of(vni, lane) == vni->index)
			class = &sprig_to_all_class;
		lockdep_set_class(&netdev_get_tx_queue(vni->netdev, lane)->_xmit_lock, class);
	}
}

/*
 * All frames of a flow go into one queue, since queues have no order between them. So the sending core does not count: a
 * thread that moves to another would overtake its own frames. A forwarded frame stays in the queue that it came by, on
 * whose core we are: that card has separated flows already, and no other core takes this queue's lock. For all other
 * frames it is the flow's hash, which a TCP socket has at hand, so that the peer serves the flow on one core.
 */
static u32 sprig_queue_of_flow(const struct sprig_vni *vni, struct sk_buff *skb)
{
	if (skb_rx_queue_recorded(skb))
		return skb_get_rx_queue(skb) % vni->queues;
	return reciprocal_scale(skb_get_hash(skb), vni->queues);
}

/* The partition that a frame goes to; our own: to all. */
static u32 sprig_destination(const struct sprig_vni *vni, const struct sk_buff *skb)
{
	int peer = -1;

	if (likely(skb_headlen(skb) >= ETH_HLEN))
		peer = sprig_partition_of(vni->endpoint, skb->data);
	return peer < 0 || peer == vni->index ? vni->sole_peer : peer;
}

u16 sprig_vni_select_queue(struct net_device *netdev, struct sk_buff *skb, struct net_device *below)
{
	const struct sprig_vni *vni = netdev_priv(netdev);
	u32 peer = sprig_destination(vni, skb);
	u32 queue = 0;

	if (vni->queues > 1 && peer != vni->index)
		queue = sprig_queue_of_flow(vni, skb);
	return sprig_lane_of(vni, queue, peer);
}

static void sprig_drop(struct sprig_vni *vni, u32 lane, struct sk_buff *skb, enum sprig_tx_count cause)
{
	sprig_tx_add(vni, lane, cause, 1);
	dev_kfree_skb_any(skb);
}

/*
 * Under the queue's lock. The core's question is asked after the queue was stopped, as the poll looks the other way round:
 * it finds the queue stopped, or we find its room. Then we do what the poll would have done, and do not only undo our own
 * stop: a frame to all comes here also while the queue's own sender has stopped it, and its backlog waits to be scheduled.
 */
static void sprig_stop_until_room(struct sprig_vni *vni, u32 lane)
{
	struct netdev_queue *txq = netdev_get_tx_queue(vni->netdev, lane);

	netif_tx_stop_queue(txq);
	if (sprig_await_room(vni->endpoint, lane))
		netif_tx_wake_queue(txq);
	else
		sprig_tx_add(vni, lane, SPRIG_TX_STOPPED, 1);
}

static void sprig_flush(struct sprig_vni *vni, u32 lane)
{
	if (sprig_publish(vni->endpoint, lane))
		sprig_doorbell_ring_peer(vni, sprig_queue_of(vni, lane), sprig_peer_of(vni, lane));
}

/* Sends, and counts what was dropped. The skb stays the caller's. */
static u32 sprig_send_described(struct sprig_vni *vni, u32 lane, const struct sprig_outgoing *out)
{
	u32 verdict = sprig_send(vni->endpoint, lane, out->segment, out->segments, &out->offload);

	if (verdict == SPRIG_LINK_NOT_UP)
		sprig_tx_add(vni, lane, SPRIG_TX_LINK_NOT_UP, 1);
	else if (verdict == SPRIG_BAD_FRAME)
		sprig_tx_add(vni, lane, SPRIG_TX_BAD_FRAME, 1);
	else if (verdict == SPRIG_NO_ROOM || !sprig_has_room(vni->endpoint, lane))
		sprig_stop_until_room(vni, lane);
	return verdict;
}

static netdev_tx_t sprig_xmit_to_peer(struct sprig_vni *vni, u32 lane, struct sk_buff *skb)
{
	struct sprig_outgoing out;
	enum sprig_tx_count cause = sprig_describe(skb, &out);
	u32 verdict;

	if (unlikely(cause != SPRIG_TX_FRAMES)) {
		sprig_drop(vni, lane, skb, cause);
		return NETDEV_TX_OK;
	}
	verdict = sprig_send_described(vni, lane, &out);
	if (likely(verdict == SPRIG_SENT)) {
		sprig_tx_add(vni, lane, SPRIG_TX_FRAMES, 1);
		sprig_tx_add(vni, lane, SPRIG_TX_BYTES, skb->len);
		skb_tx_timestamp(skb);
		dev_consume_skb_any(skb);
		return NETDEV_TX_OK;
	}
	if (verdict == SPRIG_NO_ROOM) {
		/* The queue was open since there was room, and another peer's queue took it out of the common pool. */
		sprig_tx_add(vni, lane, SPRIG_TX_REQUEUED, 1);
		return NETDEV_TX_BUSY;
	}
	dev_kfree_skb_any(skb);
	return NETDEV_TX_OK;
}

/*
 * Takes the lock of another lane than the one whose lock we hold. There is no waiting for it within the lock of a peer's
 * lane, which might be waited for in turn; nor with interrupts off, as when netpoll sends, perhaps from within another
 * transmission on this very core.
 */
static bool sprig_lock_lane(struct sprig_vni *vni, u32 held, u32 lane)
{
	struct netdev_queue *txq = netdev_get_tx_queue(vni->netdev, lane);

	if (lane == held)
		return true;
	if (irqs_disabled() || sprig_peer_of(vni, held) != vni->index)
		return __netif_tx_trylock(txq);
	__netif_tx_lock(txq, smp_processor_id());
	return true;
}

static void sprig_unlock_lane(struct sprig_vni *vni, u32 held, u32 lane)
{
	if (lane != held)
		__netif_tx_unlock(netdev_get_tx_queue(vni->netdev, lane));
}

static void sprig_send_copy(struct sprig_vni *vni, u32 lane, const struct sprig_outgoing *out, u32 len)
{
	u32 verdict = sprig_send_described(vni, lane, out);

	if (verdict == SPRIG_SENT) {
		sprig_tx_add(vni, lane, SPRIG_TX_COPIES, 1);
		sprig_tx_add(vni, lane, SPRIG_TX_COPY_BYTES, len);
	} else if (verdict == SPRIG_NO_ROOM) {
		sprig_tx_add(vni, lane, SPRIG_TX_COPY_NO_ROOM, 1);
	}
	sprig_flush(vni, lane);
}

/* The peers whose link is up; for each a copy was sent, or a drop counted. */
static u32 sprig_send_to_all(struct sprig_vni *vni, u32 held, const struct sprig_outgoing *out, u32 len)
{
	u32 peer, live = 0;

	for (peer = 0; peer < vni->partitions; peer++) {
		/* In the first queue, where the lane's number is the peer's. */
		if (peer == vni->index || sprig_link_state(vni->endpoint, peer) != SPRIG_LINK_UP)
			continue;
		live++;
		if (unlikely(!sprig_lock_lane(vni, held, peer))) {
			/* Counted on our own lane: the peer's counters belong to the holder of its lock. */
			sprig_tx_add(vni, held, SPRIG_TX_COPY_LOCKED, 1);
			continue;
		}
		sprig_send_copy(vni, peer, out, len);
		sprig_unlock_lane(vni, held, peer);
	}
	return live;
}

static netdev_tx_t sprig_xmit_to_all(struct sprig_vni *vni, u32 lane, struct sk_buff *skb)
{
	struct sprig_outgoing out;
	enum sprig_tx_count cause = sprig_describe(skb, &out);

	if (likely(cause == SPRIG_TX_FRAMES) && !sprig_send_to_all(vni, lane, &out, skb->len))
		cause = SPRIG_TX_TO_NOBODY;
	if (unlikely(cause != SPRIG_TX_FRAMES)) {
		sprig_drop(vni, lane, skb, cause);
		return NETDEV_TX_OK;
	}
	sprig_tx_add(vni, lane, SPRIG_TX_FRAMES, 1);
	sprig_tx_add(vni, lane, SPRIG_TX_BYTES, skb->len);
	skb_tx_timestamp(skb);
	dev_consume_skb_any(skb);
	return NETDEV_TX_OK;
}

/* Under the lock of a lane that leads elsewhere: sends by the lane of the same queue that leads to the frame's peer. */
static netdev_tx_t sprig_xmit_elsewhere(struct sprig_vni *vni, u32 held, u32 lane, struct sk_buff *skb)
{
	struct sprig_outgoing out;
	enum sprig_tx_count cause = sprig_describe(skb, &out);
	u32 verdict = SPRIG_NO_ROOM;

	if (unlikely(cause != SPRIG_TX_FRAMES)) {
		sprig_drop(vni, held, skb, cause);
		return NETDEV_TX_OK;
	}
	if (sprig_lock_lane(vni, held, lane)) {
		verdict = sprig_send_described(vni, lane, &out);
		if (verdict == SPRIG_SENT) {
			sprig_tx_add(vni, lane, SPRIG_TX_FRAMES, 1);
			sprig_tx_add(vni, lane, SPRIG_TX_BYTES, skb->len);
		}
		sprig_flush(vni, lane);
		sprig_unlock_lane(vni, held, lane);
	}
	if (verdict == SPRIG_SENT) {
		skb_tx_timestamp(skb);
		dev_consume_skb_any(skb);
		return NETDEV_TX_OK;
	}
	/* Other causes are counted already. */
	if (verdict == SPRIG_NO_ROOM)
		sprig_tx_add(vni, held, SPRIG_TX_OTHER_QUEUE, 1);
	dev_kfree_skb_any(skb);
	return NETDEV_TX_OK;
}

netdev_tx_t sprig_vni_xmit(struct sk_buff *skb, struct net_device *netdev)
{
	struct sprig_vni *vni = netdev_priv(netdev);
	u32 lane = skb_get_queue_mapping(skb);
	u32 peer = sprig_destination(vni, skb);
	bool more = netdev_xmit_more();
	netdev_tx_t result;

	if (peer == vni->index)
		result = sprig_xmit_to_all(vni, lane, skb);
	else if (likely(peer == sprig_peer_of(vni, lane)))
		result = sprig_xmit_to_peer(vni, lane, skb);
	else
		result = sprig_xmit_elsewhere(vni, lane, sprig_lane_of(vni, sprig_queue_of(vni, lane), peer), skb);
	/* Whatever became of this frame, it may have been the last of a burst, or the last that finds room. */
	if (!more || result == NETDEV_TX_BUSY || netif_xmit_stopped(netdev_get_tx_queue(netdev, lane)))
		sprig_flush(vni, lane);
	return result;
}

/* In a queue's poll: opens each lane to a busy peer that waits for room, if there is some, and else asks again to be rung. */
void sprig_vni_wake_queues(struct sprig_queue *queue)
{
	struct sprig_vni *vni = queue->vni;
	u32 peer;

	for (peer = 0; peer < vni->partitions; peer++) {
		u32 lane = sprig_lane_of(vni, queue->number, peer);
		struct netdev_queue *txq = netdev_get_tx_queue(vni->netdev, lane);

		if (!(queue->busy & BIT(peer)) || likely(!netif_tx_queue_stopped(txq)))
			continue;
		__netif_tx_lock(txq, smp_processor_id());
		if (netif_tx_queue_stopped(txq) && sprig_await_room(vni->endpoint, lane))
			netif_tx_wake_queue(txq);
		__netif_tx_unlock(txq);
	}
}
