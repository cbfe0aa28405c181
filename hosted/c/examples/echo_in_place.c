/* As echo.c, with one copy for a frame that comes and goes: it is read where the peer has put it, and written where the
 * peer will read it. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "sprig_vni_hosted.h"

#define BURST 16
#define PEER 0

/* A frame on its way back, and how much of it has been written. */
struct echo {
	const sprig_vni_lent *from;
	uint32_t written;
};

static void fail(const char *what)
{
	const char *why = sprig_vni_last_error();

	fprintf(stderr, "%s: %s\n", what, why ? why : "no reason was given");
	exit(1);
}

static uint8_t byte_at(const sprig_vni_lent *frame, uint32_t at)
{
	if (at < frame->head_len)
		return frame->head[at];
	at -= frame->head_len;
	for (uint32_t number = 0; number < frame->piece_count; number++) {
		if (at < frame->pieces[number].len)
			return frame->pieces[number].data[at];
		at -= frame->pieces[number].len;
	}
	return 0;
}

static void turn_round(void *context, uint8_t *data, uint32_t len)
{
	struct echo *echo = context;

	for (uint32_t at = 0; at < len; at++)
		data[at] = byte_at(echo->from, echo->from->len - 1 - echo->written++);
}

static void wait_for_more(sprig_vni_endpoint *endpoint)
{
	struct pollfd set = { .fd = sprig_vni_fd(endpoint), .events = POLLIN };
	int may_wait = sprig_vni_arm(endpoint);

	if (may_wait < 0 || (may_wait && poll(&set, 1, 60000) != 1) || sprig_vni_turn(endpoint, NULL) < 0)
		fail("wait");
}

static void send_back(sprig_vni_endpoint *endpoint, const sprig_vni_lent *frame)
{
	for (;;) {
		struct echo echo = { .from = frame };
		int outcome = sprig_vni_send_in_place(endpoint, PEER, 0, frame->len, NULL, turn_round, &echo);

		if (outcome == SPRIG_VNI_SENT)
			return;
		if (outcome != SPRIG_VNI_NO_ROOM || sprig_vni_publish(endpoint, PEER, 0) < 0)
			fail("send");
		if (sprig_vni_await_room(endpoint, PEER, 0) == 0)
			wait_for_more(endpoint);
	}
}

static void echo(sprig_vni_endpoint *endpoint)
{
	sprig_vni_lent frames[BURST];
	int was_up = 0;

	for (;;) {
		int is_up = sprig_vni_link(endpoint, PEER) == SPRIG_VNI_LINK_IS_UP;
		uint32_t count;

		if (was_up && !is_up)
			return;
		was_up |= is_up;
		/* What comes first may come before we can answer: it waits. */
		count = is_up ? sprig_vni_borrow(endpoint, PEER, 0, frames, BURST) : 0;
		for (uint32_t at = 0; at < count; at++)
			send_back(endpoint, &frames[at]);
		if (sprig_vni_publish(endpoint, PEER, 0) < 0 || sprig_vni_give_back(frames, count) < 0 ||
		    sprig_vni_release(endpoint, PEER, 0) < 0)
			fail("give back");
		if (count == 0)
			wait_for_more(endpoint);
	}
}

int main(int argc, char **argv)
{
	sprig_vni_endpoint *endpoint;

	if (argc != 2) {
		fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
		return 2;
	}
	endpoint = sprig_vni_join(argv[1], -1);
	if (!endpoint)
		fail("join");
	echo(endpoint);
	printf("received: %llu\n", (unsigned long long)sprig_vni_counter(endpoint, "rx_ring_frames"));
	sprig_vni_close(endpoint);
	return 0;
}
