/* Joins the window at argv[1] and sends every frame back with its bytes turned round, until the peer goes. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "sprig_vni_hosted.h"

#define BURST 16
#define PEER 0

static void fail(const char *what)
{
	const char *why = sprig_vni_last_error();

	fprintf(stderr, "%s: %s\n", what, why ? why : "no reason was given");
	exit(1);
}

static void turn_round(sprig_vni_frame *frame)
{
	for (uint32_t at = 0; at < frame->len / 2; at++) {
		uint8_t byte = frame->data[at];

		frame->data[at] = frame->data[frame->len - 1 - at];
		frame->data[frame->len - 1 - at] = byte;
	}
}

static void wait_for_more(sprig_vni_endpoint *endpoint)
{
	struct pollfd set = { .fd = sprig_vni_fd(endpoint), .events = POLLIN };
	int may_wait = sprig_vni_arm(endpoint);

	if (may_wait < 0 || (may_wait && poll(&set, 1, 60000) != 1) || sprig_vni_turn(endpoint, NULL) < 0)
		fail("wait");
}

static void send_all(sprig_vni_endpoint *endpoint, const sprig_vni_frame *frames, uint32_t count)
{
	uint32_t why = SPRIG_VNI_SENT;
	uint32_t sent = sprig_vni_send(endpoint, PEER, 0, frames, count, &why);

	while (sent < count) {
		if (why != SPRIG_VNI_NO_ROOM)
			fail("send");
		if (sprig_vni_await_room(endpoint, PEER, 0) == 0)
			wait_for_more(endpoint);
		sent += sprig_vni_send(endpoint, PEER, 0, frames + sent, count - sent, &why);
	}
}

static void echo(sprig_vni_endpoint *endpoint)
{
	static uint8_t memory[BURST][SPRIG_VNI_MAX_FRAME];
	sprig_vni_frame frames[BURST];
	int was_up = 0;

	for (int at = 0; at < BURST; at++)
		frames[at] = (sprig_vni_frame){ .data = memory[at], .room = SPRIG_VNI_MAX_FRAME };
	for (;;) {
		int is_up = sprig_vni_link(endpoint, PEER) == SPRIG_VNI_LINK_IS_UP;
		uint32_t count;

		if (was_up && !is_up)
			return;
		was_up |= is_up;
		/* What comes first may come before we can answer: it waits. */
		count = is_up ? sprig_vni_receive(endpoint, PEER, 0, frames, BURST) : 0;
		for (uint32_t at = 0; at < count; at++)
			turn_round(&frames[at]);
		send_all(endpoint, frames, count);
		if (count == 0)
			wait_for_more(endpoint);
	}
}

int main(int argc, char **argv)
{
	sprig_vni_endpoint *endpoint;
	uint8_t mac[6];

	if (argc != 2)
		return 2;
	if (sprig_vni_join(argv[1], 7) || !sprig_vni_last_error())
		return 3;
	printf("refused: %s\n", sprig_vni_last_error());
	endpoint = sprig_vni_join(argv[1], -1);
	if (!endpoint || sprig_vni_mac(endpoint, 1, mac) < 0)
		fail("join");
	printf("joined: %d of %d, mac ends with %d\n", sprig_vni_index(endpoint), sprig_vni_partitions(endpoint), mac[5]);
	fflush(stdout);
	echo(endpoint);
	printf("received: %llu\n", (unsigned long long)sprig_vni_counter(endpoint, "rx_ring_frames"));
	sprig_vni_close(endpoint);
	return 0;
}
