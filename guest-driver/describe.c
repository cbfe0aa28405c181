// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * A frame of the stack's as the core takes it: where its bytes lie, and what is left to do for it.
 *
 * What is left, a checksum and the cutting into segments, is the receiving kernel's work, or of the wire that it sends the
 * frame on to. It takes only what fits the headers (vni/src/headers.rs). So what it would drop is cut by our own stack.
 */

#include <linux/if_vlan.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "sprig_vni.h"

/* Whether peers take a frame that is to be cut: the rules of vni/src/headers.rs that Linux itself does not keep to. */
static bool sprig_peers_cut(const struct sk_buff *skb)
{
	const struct skb_shared_info *shared = skb_shinfo(skb);

	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return false;
	if (shared->gso_type & SKB_GSO_UDP_L4)
		return skb->len <= skb_checksum_start_offset(skb) + sizeof(struct udphdr) +
				   SPRIG_MOST_DATAGRAMS * shared->gso_size;
	return shared->gso_size >= SPRIG_LEAST_TCP_SEGMENT;
}

/* What no peer could take as one frame is cut by the stack. */
netdev_features_t sprig_vni_features_check(struct sk_buff *skb, struct net_device *netdev,
					   netdev_features_t features)
{
	if (skb->len > SPRIG_MAX_FRAME || (skb_is_gso(skb) && !sprig_peers_cut(skb)))
		features &= ~NETIF_F_GSO_MASK;
	return vlan_features_check(skb, features);
}

/* Bytes behind the transport header of a frame whose checksum is incomplete. */
static u32 sprig_payload_len(const struct sk_buff *skb)
{
	u32 start = skb_checksum_start_offset(skb), header = sizeof(struct udphdr);

	if (!(skb_shinfo(skb)->gso_type & SKB_GSO_UDP_L4))
		header = skb_headlen(skb) < start + sizeof(struct tcphdr) ?
			 sizeof(struct tcphdr) : __tcp_hdrlen((const struct tcphdr *)(skb->data + start));
	return skb->len > start + header ? skb->len - start - header : 0;
}

static bool sprig_describe_gso(const struct skb_shared_info *shared, struct sprig_offload *offload)
{
	if (shared->gso_type & SKB_GSO_TCPV4)
		offload->gso = SPRIG_GSO_TCPV4;
	else if (shared->gso_type & SKB_GSO_TCPV6)
		offload->gso = SPRIG_GSO_TCPV6;
	else if (shared->gso_type & SKB_GSO_UDP_L4)
		offload->gso = SPRIG_GSO_UDP_L4;
	else
		return false;
	if (shared->gso_type & SKB_GSO_TCP_ECN)
		offload->gso |= SPRIG_GSO_ECN;
	offload->gso_size = shared->gso_size;
	return true;
}

static bool sprig_describe_offload(const struct sk_buff *skb, struct sprig_offload *offload)
{
	memset(offload, 0, sizeof(*offload));
	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		offload->flags = SPRIG_OFFLOAD_CSUM;
		offload->csum_start = skb_checksum_start_offset(skb);
		offload->csum_offset = skb->csum_offset;
	}
	/* What makes one segment, as a program can have made it, is not to be cut. The stack would drop it as what it cannot
	 * cut, and so would the peer. */
	if (!skb_is_gso(skb) || sprig_payload_len(skb) <= skb_shinfo(skb)->gso_size)
		return true;
	return sprig_describe_gso(skb_shinfo(skb), offload);
}

static void sprig_describe_segments(const struct sk_buff *skb, struct sprig_outgoing *out)
{
	const struct skb_shared_info *shared = skb_shinfo(skb);
	u32 i;

	out->segment[0].at = skb->data;
	out->segment[0].len = skb_headlen(skb);
	for (i = 0; i < shared->nr_frags; i++) {
		out->segment[i + 1].at = skb_frag_address(&shared->frags[i]);
		out->segment[i + 1].len = skb_frag_size(&shared->frags[i]);
	}
	out->segments = i + 1;
}

/* SPRIG_TX_FRAMES, or the cause for which the frame is to be dropped. */
enum sprig_tx_count sprig_describe(struct sk_buff *skb, struct sprig_outgoing *out)
{
	/* Some kernels are built for more fragments than a frame may have segments here. */
	if (unlikely(skb_shinfo(skb)->nr_frags >= SPRIG_MAX_SEGMENTS) && skb_linearize(skb))
		return SPRIG_TX_NO_MEMORY;
	if (unlikely(!sprig_describe_offload(skb, &out->offload)))
		return SPRIG_TX_UNKNOWN_OFFLOAD;
	sprig_describe_segments(skb, out);
	return SPRIG_TX_FRAMES;
}
