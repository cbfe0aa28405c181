// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/* What ethtool shows. `-S` has the core's counters, those of the shim summed over all lanes, and the frames of each queue and peer. */

#include <linux/ethtool.h>
#include <linux/string.h>

#include "sprig_vni.h"

/* Memory has no line rate. Bonding and bridges want a number to weigh the link by: this is the order of magnitude. */
#define SPRIG_SPEED SPEED_100000

static const char *const sprig_event_names[] = {
	"doorbells_sent", "doorbell_bad_vector", "doorbell_bad_core", "doorbell_out_of_reach", "doorbells_received", "polls",
	"lost_wakeups",
};

static const char *const sprig_queue_formats[] = {
	"queue%u_polls", "queue%u_doorbells_received", "queue%u_tx_frames", "queue%u_rx_frames",
};

static const char *const sprig_peer_formats[] = {
	"peer%u_tx_frames", "peer%u_tx_bytes", "peer%u_tx_drops", "peer%u_rx_frames", "peer%u_rx_bytes", "peer%u_rx_drops",
};

static void sprig_get_drvinfo(struct net_device *netdev, struct ethtool_drvinfo *info)
{
	const struct sprig_vni *vni = netdev_priv(netdev);

	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
	strscpy(info->version, SPRIG_VNI_VERSION, sizeof(info->version));
	strscpy(info->bus_info, dev_name(vni->dev), sizeof(info->bus_info));
}

static void sprig_put_formats(u8 **at, const char *const *formats, u32 count, u32 number)
{
	u32 i;

	for (i = 0; i < count; i++)
		ethtool_sprintf(at, formats[i], number);
}

static u32 sprig_named(const char *const *names, u32 count)
{
	u32 i, named = 0;

	for (i = 0; i < count; i++)
		named += names[i] != NULL;
	return named;
}

static void sprig_put_names(u8 **at, const char *const *names, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (names[i])
			ethtool_sprintf(at, "%s", names[i]);
}

static int sprig_get_sset_count(struct net_device *netdev, int set)
{
	const struct sprig_vni *vni = netdev_priv(netdev);

	if (set != ETH_SS_STATS)
		return -EOPNOTSUPP;
	return sprig_counter_count() + ARRAY_SIZE(sprig_event_names) + sprig_named(sprig_tx_names, SPRIG_TX_COUNTS) +
	       sprig_named(sprig_rx_names, SPRIG_RX_COUNTS) + vni->queues * ARRAY_SIZE(sprig_queue_formats) +
	       vni->partitions * ARRAY_SIZE(sprig_peer_formats);
}

static void sprig_get_strings(struct net_device *netdev, u32 set, u8 *at)
{
	const struct sprig_vni *vni = netdev_priv(netdev);
	u32 i;

	if (set != ETH_SS_STATS)
		return;
	for (i = 0; i < sprig_counter_count(); i++)
		ethtool_sprintf(&at, "%s", sprig_counter_name(i));
	sprig_put_names(&at, sprig_event_names, ARRAY_SIZE(sprig_event_names));
	sprig_put_names(&at, sprig_tx_names, SPRIG_TX_COUNTS);
	sprig_put_names(&at, sprig_rx_names, SPRIG_RX_COUNTS);
	for (i = 0; i < vni->queues; i++)
		sprig_put_formats(&at, sprig_queue_formats, ARRAY_SIZE(sprig_queue_formats), i);
	for (i = 0; i < vni->partitions; i++)
		sprig_put_formats(&at, sprig_peer_formats, ARRAY_SIZE(sprig_peer_formats), i);
}

static u64 sprig_tx_sum(const struct sprig_vni *vni, enum sprig_tx_count which)
{
	u64 sum = 0;
	u32 lane;

	for (lane = 0; lane < vni->lanes; lane++)
		sum += sprig_tx_get(vni, lane, which);
	return sum;
}

static u64 sprig_rx_sum(const struct sprig_vni *vni, enum sprig_rx_count which)
{
	u64 sum = 0;
	u32 lane;

	for (lane = 0; lane < vni->lanes; lane++)
		sum += sprig_rx_get(vni, lane, which);
	return sum;
}

/* In the order of sprig_event_names[]. */
static u64 *sprig_put_events(const struct sprig_vni *vni, u64 *at)
{
	unsigned int cpu;
	u32 i;

	for_each_possible_cpu(cpu) {
		const struct sprig_rings *rings = per_cpu_ptr(vni->doorbells, cpu);

		at[0] += READ_ONCE(rings->sent);
		at[1] += READ_ONCE(rings->bad_vector);
		at[2] += READ_ONCE(rings->bad_core);
		at[3] += READ_ONCE(rings->out_of_reach);
	}
	for (i = 0; i < vni->queues; i++) {
		at[4] += u64_stats_read(&vni->queue[i].doorbells);
		at[5] += u64_stats_read(&vni->queue[i].polls);
		at[6] += u64_stats_read(&vni->queue[i].lost_wakeups);
	}
	return at + ARRAY_SIZE(sprig_event_names);
}

/* In the order of sprig_queue_formats[]. */
static u64 *sprig_put_queue(const struct sprig_vni *vni, u32 queue, u64 *at)
{
	u32 peer;

	at[0] = u64_stats_read(&vni->queue[queue].polls);
	at[1] = u64_stats_read(&vni->queue[queue].doorbells);
	for (peer = 0; peer < vni->partitions; peer++) {
		u32 lane = sprig_lane_of(vni, queue, peer);

		if (peer == vni->index)
			continue;
		at[2] += sprig_tx_get(vni, lane, SPRIG_TX_FRAMES) + sprig_tx_get(vni, lane, SPRIG_TX_COPIES);
		at[3] += sprig_rx_get(vni, lane, SPRIG_RX_FRAMES);
	}
	return at + ARRAY_SIZE(sprig_queue_formats);
}

/* In the order of sprig_peer_formats[]. The numbers of our own index are those of the queue to all. */
static u64 *sprig_put_peer(const struct sprig_vni *vni, u32 peer, u64 *at)
{
	u32 queue, which;

	for (queue = 0; queue < vni->queues; queue++) {
		u32 lane = sprig_lane_of(vni, queue, peer);

		at[0] += sprig_tx_get(vni, lane, SPRIG_TX_FRAMES) + sprig_tx_get(vni, lane, SPRIG_TX_COPIES);
		at[1] += sprig_tx_get(vni, lane, SPRIG_TX_BYTES) + sprig_tx_get(vni, lane, SPRIG_TX_COPY_BYTES);
		for (which = SPRIG_TX_DROPS; which < SPRIG_TX_COUNTS; which++)
			at[2] += sprig_tx_get(vni, lane, which);
		at[3] += sprig_rx_get(vni, lane, SPRIG_RX_FRAMES);
		at[4] += sprig_rx_get(vni, lane, SPRIG_RX_BYTES);
		for (which = SPRIG_RX_DROPS; which < SPRIG_RX_COUNTS; which++)
			at[5] += sprig_rx_get(vni, lane, which);
	}
	return at + ARRAY_SIZE(sprig_peer_formats);
}

/* The numbers come zeroed. */
static void sprig_get_stats(struct net_device *netdev, struct ethtool_stats *stats, u64 *at)
{
	const struct sprig_vni *vni = netdev_priv(netdev);
	u32 i;

	for (i = 0; i < sprig_counter_count(); i++)
		*at++ = sprig_counter(vni->endpoint, i);
	at = sprig_put_events(vni, at);
	for (i = 0; i < SPRIG_TX_COUNTS; i++)
		if (sprig_tx_names[i])
			*at++ = sprig_tx_sum(vni, i);
	for (i = 0; i < SPRIG_RX_COUNTS; i++)
		if (sprig_rx_names[i])
			*at++ = sprig_rx_sum(vni, i);
	for (i = 0; i < vni->queues; i++)
		at = sprig_put_queue(vni, i, at);
	for (i = 0; i < vni->partitions; i++)
		at = sprig_put_peer(vni, i, at);
}

static int sprig_get_link_ksettings(struct net_device *netdev, struct ethtool_link_ksettings *settings)
{
	ethtool_link_ksettings_zero_link_mode(settings, supported);
	ethtool_link_ksettings_zero_link_mode(settings, advertising);
	settings->base.speed = SPRIG_SPEED;
	settings->base.duplex = DUPLEX_FULL;
	settings->base.port = PORT_OTHER;
	settings->base.autoneg = AUTONEG_DISABLE;
	return 0;
}

/* A doorbell rings when a core sleeps and not otherwise, so there is nothing to tune: the numbers say "at once". */
static int sprig_get_coalesce(struct net_device *netdev, struct ethtool_coalesce *coalesce,
			      struct kernel_ethtool_coalesce *more, struct netlink_ext_ack *ack)
{
	coalesce->rx_coalesce_usecs = 0;
	coalesce->rx_max_coalesced_frames = 1;
	coalesce->tx_max_coalesced_frames = 1;
	return 0;
}

static void sprig_get_channels(struct net_device *netdev, struct ethtool_channels *channels)
{
	const struct sprig_vni *vni = netdev_priv(netdev);

	channels->max_rx = vni->queues;
	channels->max_tx = vni->lanes;
	channels->rx_count = vni->queues;
	channels->tx_count = vni->lanes;
}

const struct ethtool_ops sprig_vni_ethtool_ops = {
	/* Named so that ethtool shows the zero; there is no setting it. */
	.supported_coalesce_params = ETHTOOL_COALESCE_RX_USECS,
	.get_drvinfo		= sprig_get_drvinfo,
	.get_link		= ethtool_op_get_link,
	.get_link_ksettings	= sprig_get_link_ksettings,
	.get_sset_count		= sprig_get_sset_count,
	.get_strings		= sprig_get_strings,
	.get_ethtool_stats	= sprig_get_stats,
	.get_coalesce		= sprig_get_coalesce,
	.get_channels		= sprig_get_channels,
	.get_ts_info		= ethtool_op_get_ts_info,
};
