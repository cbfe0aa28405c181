// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * Frames from the peers to the stack: the poll.
 *
 * Each queue's poll serves everything that its doorbell may mean: links first, in the first queue, then frames, a burst
 * of each of its lanes in turn until the budget is spent, then its lanes that wait for room. Each poll begins with another
 * peer, so that none starves another.
 *
 * Whatever a peer says has been checked by the core. What is left here is to find memory, and to let Linux judge.
 */

#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>

#include "sprig_vni.h"

/* Frames taken from one lane before the next lane has its turn; slots are given back once for a burst. */
#define SPRIG_BURST 16

/* Frames up to here are copied into one piece of memory. Longer ones lie in pages, behind a head that holds all headers
 * that the core and Linux look at. */
#define SPRIG_LINEAR_MAX 2048
#define SPRIG_HEAD_LEN 256

static struct sk_buff *sprig_paged_skb(u32 len)
{
	struct sk_buff *skb;
	int error;

	skb = alloc_skb_with_frags(NET_SKB_PAD + NET_IP_ALIGN + SPRIG_HEAD_LEN, len - SPRIG_HEAD_LEN,
				   PAGE_ALLOC_COSTLY_ORDER, &error, GFP_ATOMIC | __GFP_NOWARN);
	if (unlikely(!skb))
		return NULL;
	skb_reserve(skb, NET_SKB_PAD + NET_IP_ALIGN);
	skb_put(skb, SPRIG_HEAD_LEN);
	skb->data_len = len - SPRIG_HEAD_LEN;
	skb->len = len;
	return skb;
}

static struct sk_buff *sprig_skb(struct sprig_queue *queue, u32 len)
{
	struct sk_buff *skb;

	if (len > SPRIG_LINEAR_MAX)
		return sprig_paged_skb(len);
	skb = napi_alloc_skb(&queue->napi, len);
	if (likely(skb))
		skb_put(skb, len);
	return skb;
}

static u32 sprig_segments_of(struct sk_buff *skb, struct sprig_segment *segment)
{
	const struct skb_shared_info *shared = skb_shinfo(skb);
	u32 i;

	segment[0].at = skb->data;
	segment[0].len = skb_headlen(skb);
	for (i = 0; i < shared->nr_frags; i++) {
		segment[i + 1].at = skb_frag_address(&shared->frags[i]);
		segment[i + 1].len = skb_frag_size(&shared->frags[i]);
	}
	return i + 1;
}

static u32 sprig_gso_type(u8 gso)
{
	switch (gso & ~SPRIG_GSO_ECN) {
	case SPRIG_GSO_TCPV4:
		return SKB_GSO_TCPV4;
	case SPRIG_GSO_TCPV6:
		return SKB_GSO_TCPV6;
	case SPRIG_GSO_UDP_L4:
		return SKB_GSO_UDP_L4;
	default:
		return 0;
	}
}

/* Before the Ethernet header is pulled, as offsets count from it. A checksum that the sender has completed is verified
 * like any other: the frame may have come to the peer over a real wire. */
static bool sprig_apply_offload(struct sk_buff *skb, const struct sprig_offload *offload)
{
	struct skb_shared_info *shared = skb_shinfo(skb);
	u32 type;

	if (offload->flags & SPRIG_OFFLOAD_CSUM &&
	    (!pskb_may_pull(skb, offload->csum_start + offload->csum_offset + sizeof(__sum16)) ||
	     !skb_partial_csum_set(skb, offload->csum_start, offload->csum_offset)))
		return false;
	if (!offload->gso)
		return true;

	type = sprig_gso_type(offload->gso);
	if (!type || !offload->gso_size || skb->ip_summed != CHECKSUM_PARTIAL)
		return false;
	/* What fits one segment needs no cutting. */
	if (skb->len <= offload->gso_size)
		return true;
	if (offload->gso & SPRIG_GSO_ECN)
		type |= SKB_GSO_TCP_ECN;
	shared->gso_size = offload->gso_size;
	/* Let the stack look at the headers, and count the segments, should it have to cut. */
	shared->gso_type = type | SKB_GSO_DODGY;
	shared->gso_segs = 0;
	return true;
}

/* Whether its sender stops by itself when it gets no answer, as TCP does. Frames with a VLAN tag are not examined. */
static bool sprig_has_brake(const struct sk_buff *skb)
{
	if (skb->protocol == htons(ETH_P_IP) && skb_headlen(skb) >= sizeof(struct iphdr))
		return ((const struct iphdr *)skb->data)->protocol == IPPROTO_TCP;
	if (skb->protocol == htons(ETH_P_IPV6) && skb_headlen(skb) >= sizeof(struct ipv6hdr))
		return ((const struct ipv6hdr *)skb->data)->nexthdr == IPPROTO_TCP;
	return false;
}

static void sprig_hand_up(struct sprig_queue *queue, u32 lane, struct sk_buff *skb)
{
	struct sprig_vni *vni = queue->vni;
	u32 len = skb->len;

	skb->protocol = eth_type_trans(skb, vni->netdev);
	queue->pace.free_running += !sprig_has_brake(skb);
	skb_record_rx_queue(skb, queue->number);
	sprig_rx_add(vni, lane, SPRIG_RX_FRAMES, 1);
	sprig_rx_add(vni, lane, SPRIG_RX_BYTES, len);
	if (skb->pkt_type == PACKET_MULTICAST)
		sprig_rx_add(vni, lane, SPRIG_RX_MULTICAST, 1);
	napi_gro_receive(&queue->napi, skb);
}

/* Under the receive lock. The frame that was peeked; NULL: it was dropped, and counted. */
static struct sk_buff *sprig_receive_one(struct sprig_queue *queue, u32 lane, const struct sprig_frame *frame)
{
	struct sprig_segment segment[MAX_SKB_FRAGS + 1];
	struct sk_buff *skb = sprig_skb(queue, frame->len);
	struct sprig_vni *vni = queue->vni;

	if (unlikely(!skb)) {
		sprig_skip(vni->endpoint, lane);
		sprig_rx_add(vni, lane, SPRIG_RX_NO_MEMORY, 1);
		return NULL;
	}
	if (unlikely(!sprig_take(vni->endpoint, lane, segment, sprig_segments_of(skb, segment)))) {
		sprig_rx_add(vni, lane, SPRIG_RX_REFUSED, 1);
		kfree_skb(skb);
		return NULL;
	}
	if (unlikely(!sprig_apply_offload(skb, &frame->offload))) {
		sprig_rx_add(vni, lane, SPRIG_RX_BAD_OFFLOAD, 1);
		kfree_skb(skb);
		return NULL;
	}
	return skb;
}

/* Takes what is there, up to `limit`, and gives its slots back before the stack has it. */
static int sprig_take_burst(struct sprig_queue *queue, u32 lane, int limit, struct sk_buff_head *frames)
{
	struct sprig_vni *vni = queue->vni;
	u32 found = SPRIG_EMPTY;
	struct sprig_frame frame;
	struct sk_buff *skb;
	int done = 0;
	bool ring;

	spin_lock(&queue->receive);
	while (done < limit) {
		found = sprig_peek(vni->endpoint, lane, &frame);
		if (found != SPRIG_FRAME)
			break;
		skb = sprig_receive_one(queue, lane, &frame);
		if (likely(skb))
			__skb_queue_tail(frames, skb);
		done++;
	}
	/* Whether there was a frame or not: the core may have gone past some that mean nothing to it. */
	ring = sprig_release(vni->endpoint, lane);
	spin_unlock(&queue->receive);

	if (ring)
		sprig_doorbell_ring_peer(vni, queue->number, sprig_peer_of(vni, lane));
	if (unlikely(found == SPRIG_FAULT)) {
		sprig_rx_add(vni, lane, SPRIG_RX_FAULTS, 1);
		sprig_vni_blame(vni, sprig_peer_of(vni, lane));
	}
	return done;
}

static int sprig_receive_burst(struct sprig_queue *queue, u32 lane, int limit)
{
	struct sk_buff_head frames;
	struct sk_buff *skb;
	int done;

	__skb_queue_head_init(&frames);
	done = sprig_take_burst(queue, lane, limit, &frames);
	while ((skb = __skb_dequeue(&frames)))
		sprig_hand_up(queue, lane, skb);
	return done;
}

/* Rounds over the busy peers, until one brings nothing or the budget is spent. Dropped frames count: they are work too. */
static int sprig_receive(struct sprig_queue *queue, int budget)
{
	struct sprig_vni *vni = queue->vni;
	u32 first = queue->next_peer, i;
	int done = 0, before;

	queue->next_peer = (first + 1) % vni->partitions;
	do {
		before = done;
		for (i = 0; i < vni->partitions && done < budget; i++) {
			u32 peer = (first + i) % vni->partitions;

			if (queue->busy & BIT(peer))
				done += sprig_receive_burst(queue, sprig_lane_of(vni, queue->number, peer),
							    min(budget - done, SPRIG_BURST));
		}
	} while (done != before && done < budget);
	return done;
}

/* True if every peer will ring for its next frame. Those that will are not looked at again until they have. */
static bool sprig_arm_all(struct sprig_queue *queue)
{
	struct sprig_vni *vni = queue->vni;
	u32 peer;

	spin_lock(&queue->receive);
	for (peer = 0; peer < vni->partitions; peer++)
		if (queue->busy & BIT(peer) && sprig_arm(vni->endpoint, sprig_lane_of(vni, queue->number, peer)))
			queue->busy &= ~BIT(peer);
	spin_unlock(&queue->receive);
	return !queue->busy;
}

/*
 * Finds out whom to look at: who has rung, who was not asked to, and at every tick everybody. So an idle peer costs a poll
 * nothing, and what comes without a ring is found all the same.
 */
static void sprig_look_around(struct sprig_queue *queue)
{
	struct sprig_vni *vni = queue->vni;

	queue->busy |= sprig_doorbell_take(vni->endpoint, queue->number) & vni->peers;
	if (READ_ONCE(queue->look_at_all) && xchg(&queue->look_at_all, false))
		queue->busy = vni->peers;
}

/*
 * Arming comes before completion: once completed, this poll may run on another core, and what it does besides receiving
 * has one owner. A doorbell between the two is not lost: the interrupt finds the poll scheduled and has it run again.
 */
int sprig_vni_poll(struct napi_struct *napi, int budget)
{
	struct sprig_queue *queue = container_of(napi, struct sprig_queue, napi);
	int done;

	/* netpoll asks for transmit completions only, perhaps under a queue's lock. There are none. */
	if (unlikely(!budget))
		return 0;

	u64_stats_inc(&queue->polls);
	sprig_look_around(queue);
	if (queue->number == SPRIG_LINK_QUEUE) {
		sprig_vni_step_links(queue->vni, queue->busy);
		sprig_console_rung(queue->vni, true);
	}
	done = sprig_receive(queue, sprig_pace_budget(queue, budget));
	sprig_vni_wake_queues(queue);
	if (!sprig_pace_goes_on(queue) && (done >= budget || !sprig_arm_all(queue)))
		return budget;
	/* Who completes says that it has not used up its budget. */
	done = min(done, budget - 1);
	napi_complete_done(napi, done);
	return done;
}
