// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/* What was counted for each lane, by its one writer, and the sums over it. The core's own counters are not here. */

#include "sprig_vni.h"

/* Without a name: what the core counts too, under a name of its own. Here it is needed for the sums of ip -s link. */
const char *const sprig_tx_names[SPRIG_TX_COUNTS] = {
	[SPRIG_TX_FRAMES]		= "tx_frames",
	[SPRIG_TX_BYTES]		= "tx_bytes",
	[SPRIG_TX_COPIES]		= "tx_copies",
	[SPRIG_TX_COPY_BYTES]		= "tx_copy_bytes",
	[SPRIG_TX_STOPPED]		= "tx_queue_stopped",
	[SPRIG_TX_REQUEUED]		= "tx_requeued",
	[SPRIG_TX_UNKNOWN_OFFLOAD]	= "tx_drop_unknown_offload",
	[SPRIG_TX_NO_MEMORY]		= "tx_drop_no_memory",
	[SPRIG_TX_TO_NOBODY]		= "tx_drop_to_nobody",
	[SPRIG_TX_COPY_NO_ROOM]		= "tx_drop_copy_no_room",
	[SPRIG_TX_COPY_LOCKED]		= "tx_drop_copy_locked",
	[SPRIG_TX_OTHER_QUEUE]		= "tx_drop_other_queue",
};

const char *const sprig_rx_names[SPRIG_RX_COUNTS] = {
	[SPRIG_RX_FRAMES]	= "rx_frames",
	[SPRIG_RX_BYTES]	= "rx_bytes",
	[SPRIG_RX_MULTICAST]	= "rx_multicast",
	[SPRIG_RX_BAD_OFFLOAD]	= "rx_drop_stack_offload",
};

void sprig_tx_add(struct sprig_vni *vni, u32 lane, enum sprig_tx_count which, u64 count)
{
	struct sprig_tx_counts *tx = &vni->lane[lane].tx;

	u64_stats_update_begin(&tx->sync);
	u64_stats_add(&tx->of[which], count);
	u64_stats_update_end(&tx->sync);
}

void sprig_rx_add(struct sprig_vni *vni, u32 lane, enum sprig_rx_count which, u64 count)
{
	struct sprig_rx_counts *rx = &vni->lane[lane].rx;

	u64_stats_update_begin(&rx->sync);
	u64_stats_add(&rx->of[which], count);
	u64_stats_update_end(&rx->sync);
}

u64 sprig_tx_get(const struct sprig_vni *vni, u32 lane, enum sprig_tx_count which)
{
	const struct sprig_tx_counts *tx = &vni->lane[lane].tx;
	unsigned int begun;
	u64 count;

	do {
		begun = u64_stats_fetch_begin(&tx->sync);
		count = u64_stats_read(&tx->of[which]);
	} while (u64_stats_fetch_retry(&tx->sync, begun));
	return count;
}

u64 sprig_rx_get(const struct sprig_vni *vni, u32 lane, enum sprig_rx_count which)
{
	const struct sprig_rx_counts *rx = &vni->lane[lane].rx;
	unsigned int begun;
	u64 count;

	do {
		begun = u64_stats_fetch_begin(&rx->sync);
		count = u64_stats_read(&rx->of[which]);
	} while (u64_stats_fetch_retry(&rx->sync, begun));
	return count;
}

/* A frame to all is one frame here, however many peers were sent a copy. */
void sprig_vni_get_stats64(struct net_device *netdev, struct rtnl_link_stats64 *stats)
{
	const struct sprig_vni *vni = netdev_priv(netdev);
	u32 lane, which;

	for (lane = 0; lane < vni->lanes; lane++) {
		stats->tx_packets += sprig_tx_get(vni, lane, SPRIG_TX_FRAMES);
		stats->tx_bytes += sprig_tx_get(vni, lane, SPRIG_TX_BYTES);
		for (which = SPRIG_TX_DROPS; which < SPRIG_TX_COUNTS; which++)
			stats->tx_dropped += sprig_tx_get(vni, lane, which);

		stats->rx_packets += sprig_rx_get(vni, lane, SPRIG_RX_FRAMES);
		stats->rx_bytes += sprig_rx_get(vni, lane, SPRIG_RX_BYTES);
		stats->multicast += sprig_rx_get(vni, lane, SPRIG_RX_MULTICAST);
		stats->rx_errors += sprig_rx_get(vni, lane, SPRIG_RX_FAULTS);
		for (which = SPRIG_RX_DROPS; which < SPRIG_RX_COUNTS; which++)
			stats->rx_dropped += sprig_rx_get(vni, lane, which);
	}
}
