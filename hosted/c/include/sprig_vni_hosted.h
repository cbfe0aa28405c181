/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An endpoint of Sprig's virtual Ethernet in an ordinary process.
 *
 *     sprig_vni_endpoint *e = sprig_vni_join("/run/box", -1);
 *     for (;;) {
 *             uint32_t n = sprig_vni_receive(e, peer, 0, frames, 64);
 *             ...
 *             if (n == 0 && sprig_vni_wait(e, 1000, NULL) < 0)
 *                     errx(1, "%s", sprig_vni_last_error());
 *     }
 *
 * Link with libsprig_vni_hosted.so, or with libsprig_vni_hosted.a and -lpthread -ldl -lm -lgcc_s.
 *
 * An endpoint is one thread's at a time. Give it time by sprig_vni_turn or sprig_vni_wait at least every few hundred
 * milliseconds, or its peers hold it to be dead. Null pointers are refused where they are not said to be allowed. What
 * fails says why in sprig_vni_last_error.
 */
#ifndef SPRIG_VNI_HOSTED_H
#define SPRIG_VNI_HOSTED_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of frames. */
#define SPRIG_VNI_MIN_FRAME 14
#define SPRIG_VNI_MAX_FRAME 65557
/* Pieces of a frame that is lent. */
#define SPRIG_VNI_MAX_PIECES 9

/* Why not all frames were taken. */
#define SPRIG_VNI_SENT 0
#define SPRIG_VNI_NO_ROOM 1
#define SPRIG_VNI_LINK_DOWN 2
#define SPRIG_VNI_BAD_LENGTH 3

/* How a link stands: nobody is there; shaking hands; frames cross; the peer's heartbeat has stopped. */
#define SPRIG_VNI_LINK_IS_DOWN 0
#define SPRIG_VNI_LINK_IS_CONNECTING 1
#define SPRIG_VNI_LINK_IS_UP 2
#define SPRIG_VNI_LINK_IS_STALLED 3

/* What is left to be done with a frame, with the meaning of struct virtio_net_hdr; all zero: nothing. */
typedef struct sprig_vni_offload {
	uint8_t flags;			/* 1: the checksum is still to be completed */
	uint8_t segmentation;		/* 0, or 1: TCP over IPv4, 4: TCP over IPv6, 5: UDP; with 0x80: ECN */
	uint16_t segment_size;		/* bytes of a segment's payload */
	uint16_t checksum_start;	/* where its range starts; it ends with the frame */
	uint16_t checksum_offset;	/* where it goes, from there */
} sprig_vni_offload;

/* A frame in your memory. */
typedef struct sprig_vni_frame {
	uint8_t *data;			/* never null */
	uint32_t room;			/* bytes of memory at data; when sending it means nothing */
	uint32_t len;			/* bytes of the frame */
	sprig_vni_offload offload;
} sprig_vni_frame;

/* Bytes of a frame, where they lie in the sender's memory. */
typedef struct sprig_vni_piece {
	const uint8_t *data;
	uint32_t len;
} sprig_vni_piece;

/* A frame that is lent. What `head` and these fields say stays as it is; the pieces' bytes are the sender's, who can change
 * them at any time: read only once what decides anything, and check the copy. */
typedef struct sprig_vni_lent {
	void *handle;			/* null once it was given back */
	const uint8_t *head;		/* its first bytes, which offload was held against: none if nothing is left to be done */
	uint32_t head_len;
	uint32_t len;			/* its bytes in all */
	sprig_vni_offload offload;
	sprig_vni_piece pieces[SPRIG_VNI_MAX_PIECES];	/* the bytes behind head, in their order */
	uint32_t piece_count;
} sprig_vni_lent;

/* Writes `len` bytes of a frame to `data`, and nothing beyond. */
typedef void (*sprig_vni_fill)(void *context, uint8_t *data, uint32_t len);

typedef struct sprig_vni_server sprig_vni_server;
typedef struct sprig_vni_endpoint sprig_vni_endpoint;

/* Why the last function that failed in this thread did, as one line; null if none has. It stays until the next fails. */
const char *sprig_vni_last_error(void);

/* Makes a window for so many partitions, and hands it out at a path until the server is closed. A window_len of 0: as long
 * as it should be. Null: failed. */
sprig_vni_server *sprig_vni_server_open(const char *path, const char *box_name, uint32_t partitions, uint32_t queues, uint64_t window_len);
/* Hands it out no longer. Whoever has joined keeps it. Null is allowed. */
void sprig_vni_server_close(sprig_vni_server *server);

/* Joins the window at a path as partition `index`; negative: the first that is free. Null: failed. */
sprig_vni_endpoint *sprig_vni_join(const char *path, int32_t index);
/* Takes its links down and gives the partition back. Null is allowed. */
void sprig_vni_close(sprig_vni_endpoint *endpoint);

/* Sends frames as one burst: how many were taken; 0 if it fails, of which sprig_vni_last_error tells. `why`, if it is not null, gets the reason for the first that was not. */
uint32_t sprig_vni_send(sprig_vni_endpoint *endpoint, uint32_t peer, uint32_t queue, const sprig_vni_frame *frames, uint32_t count, uint32_t *why);
/* Receives frames as one burst, and sets `len` and `offload` of each: how many came. One that is longer than its room is
 * dropped and counted (rx_drop_no_memory). */
uint32_t sprig_vni_receive(sprig_vni_endpoint *endpoint, uint32_t peer, uint32_t queue, sprig_vni_frame *frames, uint32_t count);
/* After SPRIG_VNI_NO_ROOM, before waiting: asks to be rung for room. 1: there is room already; 0: wait; -1: failed. */
int sprig_vni_await_room(sprig_vni_endpoint *endpoint, uint32_t peer, uint32_t queue);

/* Borrows frames where they lie: how many came. Until a frame is given back it holds up the buffers of all that came after it
 * from that peer; so give back soon. It may outlive the endpoint. */
uint32_t sprig_vni_borrow(sprig_vni_endpoint *endpoint, uint32_t peer, uint32_t queue, sprig_vni_lent *frames, uint32_t count);
/* Gives frames back, in any order and by any thread; one whose handle is null is passed over, so never give back a copy of the
 * struct as well. Wakes who waits on the endpoint. 0, or -1: failed. */
int sprig_vni_give_back(sprig_vni_lent *frames, uint32_t count);
/* Tells the sender what was given back. 0, or -1: failed. */
int sprig_vni_release(sprig_vni_endpoint *endpoint, uint32_t peer, uint32_t queue);
/* Has `fill` write a frame of `len` bytes where it will lie, in pieces of 8 KiB or less. offload may be null: nothing is left
 * to be done. What `fill` leaves as it was is what an earlier frame, perhaps to another peer, has left there.
 * SPRIG_VNI_SENT, or why it was not taken, and fill was not called; -1: failed. */
int sprig_vni_send_in_place(sprig_vni_endpoint *endpoint, uint32_t peer, uint32_t queue, uint32_t len, const sprig_vni_offload *offload, sprig_vni_fill fill, void *context);
/* Publishes what was sent in place since the last time, as one burst, and rings the peer if it sleeps. 0, or -1: failed. */
int sprig_vni_publish(sprig_vni_endpoint *endpoint, uint32_t peer, uint32_t queue);

/* The file descriptor that becomes readable when there is something to do. It stays the endpoint's. -1: failed. */
int sprig_vni_fd(sprig_vni_endpoint *endpoint);
/* Before waiting on it: asks to be rung for the next frame. 1: wait, then call sprig_vni_turn; 0: something has come
 * already; -1: failed. */
int sprig_vni_arm(sprig_vni_endpoint *endpoint);
/* Gives time: hears the doorbell, lets the heartbeat go on, steps links. 0, or -1: failed. `changed`, if it is not null,
 * gets a bit for each peer whose link has come up or gone down. */
int sprig_vni_turn(sprig_vni_endpoint *endpoint, uint32_t *changed);
/* Arms, waits for at most so many milliseconds, gives time. It returns at every tick of 100 ms too. */
int sprig_vni_wait(sprig_vni_endpoint *endpoint, uint32_t limit_ms, uint32_t *changed);

/* Our partition; how many partitions there are; how many queues each pair has. -1: failed. */
int sprig_vni_index(sprig_vni_endpoint *endpoint);
int sprig_vni_partitions(sprig_vni_endpoint *endpoint);
int sprig_vni_queues(sprig_vni_endpoint *endpoint);
/* The six bytes of a partition's address. 0, or -1: failed. */
int sprig_vni_mac(sprig_vni_endpoint *endpoint, uint32_t partition, uint8_t *mac);
/* How the link to a peer stands. -1: failed. */
int sprig_vni_link(sprig_vni_endpoint *endpoint, uint32_t peer);
/* What a counter has come to, by the names that docs/src/hosted.md lists; 0 if there is none of that name. */
uint64_t sprig_vni_counter(sprig_vni_endpoint *endpoint, const char *name);

#ifdef __cplusplus
}
#endif

#endif
