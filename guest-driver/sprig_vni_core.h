/* SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only */
#ifndef SPRIG_VNI_CORE_H
#define SPRIG_VNI_CORE_H

#include <linux/types.h>

/* What the Rust core offers to the shim, and what it asks of it. Plain integers and pointers only. */

#define SPRIG_MAX_PARTITIONS 32
#define SPRIG_MAX_FRAME   (65535 + 18)   /* largest frame: MTU 65535, Ethernet header, one VLAN tag */
#define SPRIG_MAX_SEGMENTS 20

struct sprig_station;                    /* opaque; lives in memory that the shim allocates */

struct sprig_segment { void *at; u64 len; };

/* Same meaning as virtio_net_hdr (no hdr_len: the receiver finds it itself). */
struct sprig_offload {
	u8  flags;                       /* 1: checksum to be completed */
	u8  gso;                         /* 0 none, 1 TCPv4, 4 TCPv6, 5 UDP_L4; 0x80 ECN added to 1 or 4 */
	u16 gso_size;
	u16 csum_start;
	u16 csum_offset;
};

/* ---- opening and closing ---- */
u64 sprig_station_bytes(u32 partitions, u32 queues); /* size of the memory for a station, alignment 128; 0: no such shape */
/* mem: zeroed, of that size. window: the mapped window. 0, or a negative errno. Writes nothing but our own part. */
int sprig_station_open(void *mem, void *window, u64 window_len, u32 partitions, u32 queues, u32 index,
		       const u8 *box_name, u64 box_name_len);
void sprig_station_start(struct sprig_station *);   /* ndo_open: present; links begin their handshake on the next step */
void sprig_station_stop(struct sprig_station *);    /* ndo_stop / unload / panic / reboot: absent, every link Down, at once. Lock-free, callable anywhere */

void sprig_mac(const struct sprig_station *, u32 partition, u8 mac[6]);
/* Which partition that destination address leads to; -1: to all (multicast, broadcast, unknown). */
int sprig_partition_of(const struct sprig_station *, const u8 mac[6]);

/* ---- doorbells, one for each queue; a link that has changed rings the first ---- */
#define SPRIG_LINK_QUEUE 0
/* Our own address; vector 0: none. After a change the shim must also schedule its poll (a peer may have rung the old one). */
void sprig_doorbell_publish(struct sprig_station *, u32 queue, u32 apic_id, u32 vector);
u32 sprig_doorbell_take(struct sprig_station *, u32 queue);     /* at the start of each poll: pending word exchanged to zero */
/* Raises our bit in the peer's pending word. Returns the address to send an IPI to, (apic_id << 32 | vector), or 0: none needed.
 * After sending the IPI call sprig_ring_again: the address to send a second one to if the peer has moved meanwhile, or 0. */
u64 sprig_ring(struct sprig_station *, u32 queue, u32 peer);
u64 sprig_ring_again(struct sprig_station *, u32 queue, u32 peer, u64 sent_to);

/* ---- time and links; in NAPI context only ---- */
#define SPRIG_TICK_MS 100
void sprig_tick(struct sprig_station *);             /* from the timer, each SPRIG_TICK_MS: heartbeat. Cheap, any context, one caller */
/* Looks at a peer's link word and heartbeat; steps ours. The caller holds that peer's TX lock (all its lanes). */
#define SPRIG_LINK_RING    1u                        /* peer must be rung: our word changed */
#define SPRIG_LINK_CHANGED 2u                        /* up <-> not up: carrier and queues are to be looked at */
u32 sprig_link_step(struct sprig_station *, u32 peer);
bool sprig_link_wants_step(const struct sprig_station *, u32 peer);  /* cheap, no lock: peer's word or heartbeat differs from what we know, or tick passed */
#define SPRIG_LINK_DOWN 0
#define SPRIG_LINK_INIT 1
#define SPRIG_LINK_READY 2
#define SPRIG_LINK_UP 3
#define SPRIG_LINK_STALLED 4
u32 sprig_link_state(const struct sprig_station *, u32 peer);

/* ---- sending; lane = queue * partitions + peer; under that lane's TX lock ---- */
#define SPRIG_SENT 0
#define SPRIG_NO_ROOM 1          /* ring or pool full: nothing was taken */
#define SPRIG_LINK_NOT_UP 2      /* counted; drop the frame */
#define SPRIG_BAD_FRAME 3        /* counted; too short, too long */
u32 sprig_send(struct sprig_station *, u32 lane, const struct sprig_segment *, u32 segments, const struct sprig_offload *);
bool sprig_publish(struct sprig_station *, u32 lane);      /* end of a burst; true: ring the peer */
bool sprig_has_room(struct sprig_station *, u32 lane);     /* reclaims; room for a largest frame? */
bool sprig_await_room(struct sprig_station *, u32 lane);   /* asks to be rung when there is room; true: there is room already, go on */

/* ---- receiving; in NAPI context ---- */
struct sprig_frame { u32 len; struct sprig_offload offload; };
#define SPRIG_EMPTY 0
#define SPRIG_FRAME 1
#define SPRIG_FAULT 2            /* the peer broke a rule: the link is to be stepped (it goes down, cause counted) */
u32 sprig_peek(struct sprig_station *, u32 lane, struct sprig_frame *);
/* Copies the frame that was peeked and goes past it. false: offload fields do not fit the copied headers: counted, drop the frame. segments[0] holds the headers (at least min(len, 192) bytes) */
bool sprig_take(struct sprig_station *, u32 lane, const struct sprig_segment *, u32 segments);
void sprig_skip(struct sprig_station *, u32 lane);         /* goes past it: no memory for it (counted by the shim) */
bool sprig_release(struct sprig_station *, u32 lane);      /* gives slots back after a burst; true: ring the peer (it waits for room) */
bool sprig_arm(struct sprig_station *, u32 lane);          /* before sleeping; false: something came, poll on */
bool sprig_overdue(const struct sprig_station *, u32 lane);/* watchdog: armed, frames are published past the arming point, and have been since the last call */

/* ---- counters ---- */
u32 sprig_counter_count(void);
const char *sprig_counter_name(u32 which);                 /* at most 31 bytes, NUL-terminated */
u64 sprig_counter(const struct sprig_station *, u32 which);

/* ---- the core asks ---- */
void sprig_core_panic(void);                               /* declared as returning */

#endif
