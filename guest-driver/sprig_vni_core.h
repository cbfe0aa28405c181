/* SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only */
/*
 * What the Rust core offers to the shim, and what it asks of it: plain integers and pointers only.
 *
 * src/abi.rs and the files below it define these functions, and say which context may call which. A test of that crate
 * (src/abi/tests/header.rs) fails when a prototype, a field or a constant differs from the Rust side.
 */
#ifndef SPRIG_VNI_CORE_H
#define SPRIG_VNI_CORE_H

#include <linux/types.h>

#define SPRIG_MAX_PARTITIONS 32
#define SPRIG_MAX_FRAME (65535 + 22)	/* the largest frame: MTU 65535, Ethernet header, two VLAN tags */
#define SPRIG_MAX_SEGMENTS 20		/* the most segments of a frame */

struct sprig_endpoint;			/* opaque; lies in memory that the shim allocates */

/* A part of a frame in private memory. */
struct sprig_segment {
	void *at;
	u64 len;
};

/* The meaning is that of virtio_net_hdr, without hdr_len: the receiver finds that itself. */
struct sprig_offload {
	u8 flags;			/* 1: the checksum is still to be completed */
	u8 gso;				/* 0 none, 1 TCPv4, 4 TCPv6, 5 UDP_L4; 0x80 (ECN) is added to 1 or 4 */
	u16 gso_size;
	u16 csum_start;
	u16 csum_offset;
};

/* ---- opening and closing ---- */
#define SPRIG_ENDPOINT_ALIGN 128
/* The size of the memory for an endpoint; 0: there is no such shape. */
u64 sprig_endpoint_bytes(u32 partitions, u32 queues);
/*
 * Makes an endpoint in memory: zeroed, of that size, aligned to SPRIG_ENDPOINT_ALIGN. window is the mapped window.
 * Returns 0 or a negative errno. Writes only our own part of the window.
 */
int sprig_endpoint_open(void *memory, void *window, u64 window_len, u32 partitions, u32 queues, u32 index,
			const u8 *box_name, u64 box_name_len);
/* ndo_open: we are present, and links begin their handshake with their next step. */
void sprig_endpoint_start(const struct sprig_endpoint *endpoint);
/* ndo_stop, unload, panic, reboot: we are absent, and every link is down at once. Takes no lock; any context may call it. */
void sprig_endpoint_stop(const struct sprig_endpoint *endpoint);

void sprig_mac(const struct sprig_endpoint *endpoint, u32 partition, u8 mac[6]);
/* The partition that a destination address leads to; -1: to all (multicast, broadcast, unknown). */
int sprig_partition_of(const struct sprig_endpoint *endpoint, const u8 mac[6]);

/* ---- doorbells: one for each queue; a link that has changed rings the first ---- */
#define SPRIG_LINK_QUEUE 0
/* Publishes our own address; vector 0: none. After a change also schedule the poll: a peer may have rung the old address. */
void sprig_doorbell_publish(const struct sprig_endpoint *endpoint, u32 queue, u32 apic_id, u32 vector);
/* At the start of each poll: exchanges the pending word for zero. */
u32 sprig_doorbell_take(const struct sprig_endpoint *endpoint, u32 queue);
/* The cores of a peer. */
struct sprig_cores {
	const u32 *apic_ids;
	u32 count;
	u32 most;			/* the highest APIC ID that this instance can send an interrupt to */
};

/* Nothing is to be sent: nobody need be rung, or what the peer published as its place is not one of its own. */
#define SPRIG_RING_NONE 0
#define SPRIG_RING_BAD_VECTOR 1
#define SPRIG_RING_BAD_CORE 2
#define SPRIG_RING_OUT_OF_REACH 3
/*
 * Sets our bit in the peer's pending word. Returns the address to send an IPI to, apic_id << 32 | vector, or one of the
 * above. After the IPI call sprig_ring_again: it returns the address for a second IPI if the peer has moved meanwhile.
 */
u64 sprig_ring(const struct sprig_endpoint *endpoint, u32 queue, u32 peer, const struct sprig_cores *cores);
u64 sprig_ring_again(const struct sprig_endpoint *endpoint, u32 queue, u32 peer, const struct sprig_cores *cores,
		     u64 sent_to);

/* ---- time and links: in NAPI context only ---- */
#define SPRIG_TICK_MS 100
/* From the timer, each SPRIG_TICK_MS: the heartbeat. Cheap; any context, one caller at a time. */
void sprig_tick(const struct sprig_endpoint *endpoint);
#define SPRIG_LINK_RING 1		/* our word has changed: ring the peer */
#define SPRIG_LINK_CHANGED 2		/* up has become not up, or the reverse: look at carrier and queues */
/* Looks at the peer's link word and heartbeat, and steps our end. The caller is the poll of the first
 * queue, and holds the receive locks of all queues and the transmit locks of all lanes to that peer. */
u32 sprig_link_step(const struct sprig_endpoint *endpoint, u32 peer);
/* Whether the peer's word has changed, or a tick has passed. Cheap; takes no lock. */
bool sprig_link_wants_step(const struct sprig_endpoint *endpoint, u32 peer);
#define SPRIG_LINK_DOWN 0
#define SPRIG_LINK_INIT 1
#define SPRIG_LINK_READY 2
#define SPRIG_LINK_UP 3
#define SPRIG_LINK_STALLED 4
u32 sprig_link_state(const struct sprig_endpoint *endpoint, u32 peer);

/* ---- sending: under the TX lock of the lane, which is queue * partitions + peer ---- */
#define SPRIG_SENT 0
#define SPRIG_NO_ROOM 1			/* the ring or the pool is full, and nothing was taken */
#define SPRIG_LINK_NOT_UP 2		/* counted; drop the frame */
#define SPRIG_BAD_FRAME 3		/* too short or too long; counted */
u32 sprig_send(const struct sprig_endpoint *endpoint, u32 lane, const struct sprig_segment *segments, u32 count,
	       const struct sprig_offload *offload);
/* Ends a burst; true: ring the peer. */
bool sprig_publish(const struct sprig_endpoint *endpoint, u32 lane);
/* Takes back what the peer has consumed, and returns whether there is room for the largest frame. */
bool sprig_has_room(const struct sprig_endpoint *endpoint, u32 lane);
/* Asks to be rung when there is room; true: there is room already, go on. */
bool sprig_await_room(const struct sprig_endpoint *endpoint, u32 lane);

/* ---- receiving: in NAPI context ---- */
/* The frame that waits. */
struct sprig_frame {
	u32 len;
	struct sprig_offload offload;
};

#define SPRIG_EMPTY 0
#define SPRIG_FRAME 1
#define SPRIG_FAULT 2			/* the peer broke a rule: step the link, which goes down and counts the cause */
u32 sprig_peek(const struct sprig_endpoint *endpoint, u32 lane, struct sprig_frame *frame);
/*
 * Copies the frame that was peeked, and goes past it. False: the offload fields do not fit the copied headers; this is
 * counted, drop the frame. segments[0] holds the headers, at least min(len, 192) bytes.
 */
bool sprig_take(const struct sprig_endpoint *endpoint, u32 lane, const struct sprig_segment *segments, u32 count);
/* Goes past the frame that was peeked, for want of memory; counted. */
void sprig_skip(const struct sprig_endpoint *endpoint, u32 lane);
/* Gives slots back after a burst; true: ring the peer, which waits for room. */
bool sprig_release(const struct sprig_endpoint *endpoint, u32 lane);
/* Before sleeping; false: something has come, poll on. */
bool sprig_arm(const struct sprig_endpoint *endpoint, u32 lane);
/* For the watchdog: the lane is armed, frames were published past the arming point, and both held at the last call too. */
bool sprig_overdue(const struct sprig_endpoint *endpoint, u32 lane);

/* ---- counters ---- */
u32 sprig_counter_count(void);
/* At most 31 bytes and a NUL. */
const char *sprig_counter_name(u32 which);
u64 sprig_counter(const struct sprig_endpoint *endpoint, u32 which);

/* ---- the control page: src/abi/control.rs says what each does; any context ---- */
struct sprig_control_page;		/* opaque; mapped by the shim */

#define SPRIG_COMMAND_STOP 1
#define SPRIG_COMMAND_START 2
#define SPRIG_STATE_STARTING 1
#define SPRIG_STATE_ENDED 3
#define SPRIG_CAUSE_PANIC 2
#define SPRIG_CAUSE_REBOOT 3
#define SPRIG_CAUSE_HALT 4
#define SPRIG_CAUSE_POWER_OFF 5
bool sprig_control_is_known(const struct sprig_control_page *page, u64 len, u32 partitions);
u32 sprig_control_boot_processor(const struct sprig_control_page *page);
u32 sprig_control_trampoline(const struct sprig_control_page *page);
bool sprig_control_has_warm_reset(const struct sprig_control_page *page);
u64 sprig_control_gate(const struct sprig_control_page *page);
u64 sprig_control_root(const struct sprig_control_page *page);
/* Returns the order; 0: the one in pending is still to be carried out. */
u64 sprig_control_ask(const struct sprig_control_page *page, u32 index, u32 number, u32 asker, u64 *pending);
u64 sprig_control_supersede(const struct sprig_control_page *page, u32 index, u32 number, u32 asker, u64 pending);
void sprig_control_load_by(const struct sprig_control_page *page, u32 index, u64 address, u64 len);
bool sprig_control_is_stopped(const struct sprig_control_page *page, u32 index);
void sprig_control_dismiss(const struct sprig_control_page *page, u32 core);
bool sprig_control_has_answered(const struct sprig_control_page *page, u32 core, u64 order);
bool sprig_control_is_open(const struct sprig_control_page *page, u32 index, u64 order);
bool sprig_control_comes_by_nmi(const struct sprig_control_page *page, u32 core);
/* The order that is pending; 0: none. */
u64 sprig_control_pending(const struct sprig_control_page *page, u32 index);
void sprig_control_open_gate(const struct sprig_control_page *page, u32 core, bool open);
void sprig_control_has_cores(const struct sprig_control_page *page, u32 index);
void sprig_control_came_up(const struct sprig_control_page *page, u32 index, u64 now);
void sprig_control_went(const struct sprig_control_page *page, u32 index, u64 now);
void sprig_control_say(const struct sprig_control_page *page, u32 index, u32 state, u32 cause, u64 now);
/* Writes our clock, if somebody has asked for it. */
bool sprig_control_answer_clock(const struct sprig_control_page *page, u32 index, u64 clock);
u32 sprig_order_command(u64 order);

/* ---- having a partition to oneself: the same ---- */
#define SPRIG_PURPOSE_FREEZE 1
#define SPRIG_PURPOSE_LOAD 2
bool sprig_control_take(const struct sprig_control_page *page, u32 index, u32 holder, u32 purpose, u64 now);
bool sprig_control_renew(const struct sprig_control_page *page, u32 index, u32 holder, u32 purpose, u64 now);
bool sprig_control_end_hold(const struct sprig_control_page *page, u32 index, u32 holder, u32 purpose, u64 now);
/* Its index, and 1; 0: nobody. */
u32 sprig_control_holder(const struct sprig_control_page *page, u32 index, u64 now);
bool sprig_control_is_frozen(const struct sprig_control_page *page, u32 index, u64 now);
void sprig_control_stand_still(const struct sprig_control_page *page, u32 core, bool still);
bool sprig_control_has_open_gate(const struct sprig_control_page *page, u32 core);
bool sprig_control_has_gate(const struct sprig_control_page *page, u32 index);
bool sprig_control_all_stand_still(const struct sprig_control_page *page, u32 index);
void sprig_control_keeps_registers(const struct sprig_control_page *page, u32 index, u64 address);
#define SPRIG_REGISTERS_BYTES 256	/* for each core; zeroed at first, aligned to as many */
#define SPRIG_REGISTERS 27
/* words: so many, in the order of elf_gregset_t. */
void sprig_registers_keep(void *registers, u32 slot, const u64 *words, u64 process);
void sprig_registers_drop(void *registers, u32 slot);

/* ---- consoles: src/abi/console.rs says what each does; any context, but one at a time prints, and one takes ---- */
struct sprig_console_rings;		/* opaque; ours in memory of the shim, that of another mapped by it */

#define SPRIG_CONSOLE_BYTES 20480	/* the memory of one, aligned to a page */
/* Where the console of a partition lies, as an address; 0: it has none. */
u64 sprig_console_address(const struct sprig_control_page *page, u32 index);
void sprig_console_publish(const struct sprig_control_page *page, u32 index, u64 address);
/* False: the memory may be about to be another's, and nothing is to be written there. */
bool sprig_console_takes_input(const struct sprig_control_page *page, u32 index);
void sprig_console_open(const struct sprig_console_rings *console);
bool sprig_console_is_open(const struct sprig_console_rings *console);
void sprig_console_print(const struct sprig_console_rings *console, const u8 *from, u64 len);
u64 sprig_console_take(const struct sprig_console_rings *console, u8 *into, u64 len);
bool sprig_console_has_input(const struct sprig_console_rings *console);
u64 sprig_console_oldest(const struct sprig_console_rings *console);
/* The cursor is moved behind the last byte. It moves by more than is returned if bytes were lost. */
u64 sprig_console_read(const struct sprig_console_rings *console, u64 *cursor, u8 *into, u64 len);
/* Returns the session, which is not 0. It ends when another is begun. */
u64 sprig_console_attach(const struct sprig_console_rings *console, u32 index);
void sprig_console_detach(const struct sprig_console_rings *console, u64 session);
bool sprig_console_is_attached(const struct sprig_console_rings *console, u64 session);
u64 sprig_console_type(const struct sprig_console_rings *console, const u8 *from, u64 len);

/* ---- what the host of an emulated machine asks for: any context ---- */
u64 sprig_control_host_nmis(const struct sprig_control_page *page);
bool sprig_control_seeks_hand(const struct sprig_control_page *page);
/* Returns the order for which the cores of `index` are to be fetched; 0: none. */
u64 sprig_control_lend_hand(const struct sprig_control_page *page, u32 index, u32 hand);

/* ---- watching the others: in process context, one caller at a time ---- */
#define SPRIG_WATCH_BYTES 40		/* what is known of a partition: zeroed at first, aligned to 8 */
#define SPRIG_LOOKS_PER_SECOND 5
#define SPRIG_STEP_NONE 0
#define SPRIG_STEP_PROBE 1		/* send its boot core an NMI */
bool sprig_watch_is_needed(const struct sprig_control_page *page, u32 index);
/* Returns one of the above, or the order that was given: fetch its cores. */
u64 sprig_watch_look(void *watch, const struct sprig_control_page *page, u32 index, u32 own, bool stalled, bool in_reach,
		     u64 now);

/* ---- what the core asks of the shim ---- */
/* Declared as returning, so that objtool can follow the instruction after the call. */
void sprig_core_panic(void);

#endif
