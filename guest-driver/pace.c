// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * When a queue is polled next: when it is rung, or when its thread has its turn.
 *
 * A poll that follows every doorbell has two faults under load. It costs an interrupt for a handful of frames; and, since
 * an interrupt comes before all else, a core that also runs the program which reads the frames spends its time on frames
 * that this program never comes to read (J. Mogul, K. Ramakrishnan, "Eliminating receive livelock in an interrupt-driven
 * kernel", 1996). So while frames come in numbers that nothing slows down, which are all but those of TCP, a queue is
 * polled by a thread of its own, which yields to programs:
 *
 * - Peers do not ring meanwhile, because the queue has not asked them to.
 * - Programs that read come first. If none reads, rings and pools fill up, the peers' queues stop, and their programs wait
 *   until they may send: nothing is lost for want of a reader.
 * - The scheduler gives polls a share of a core that a program would have for itself.
 *
 * When frames no longer come, the thread goes on looking for a short time, if no other task wants the core, and then asks
 * to be rung. A single frame after a silence never waits for the thread.
 */

#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>

#include "sprig_vni.h"

/* What the thread takes before other tasks have a turn: half of what a socket's buffer holds by default. */
#define SPRIG_PACED_BUDGET 32

/* Frames of two polls in a row from which on they come in numbers. */
#define SPRIG_IN_NUMBERS 5

/* A tenth of a core that one program wants, too (sched(7), "The nice value"). */
#define SPRIG_NICE 10

/* How long the thread looks on when there is nothing: some times what an interrupt costs. */
#define SPRIG_LINGER_NS (50 * NSEC_PER_USEC)

static int sprig_pace_thread(void *data)
{
	struct sprig_queue *queue = data;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		if (!READ_ONCE(queue->pace.due)) {
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		WRITE_ONCE(queue->pace.due, false);
		/* The poll itself runs here, where softirqs are let in again. */
		local_bh_disable();
		napi_schedule(&queue->napi);
		local_bh_enable();
		/* Also to whom the poll has just woken, and whom the scheduler would let wait for its next tick. */
		yield();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

int sprig_pace_start(struct sprig_queue *queue)
{
	struct sprig_pace *pace = &queue->pace;

	pace->due = false;
	pace->free_running = 0;
	pace->before = 0;
	pace->thread = kthread_create(sprig_pace_thread, queue, "%s-%u", queue->vni->netdev->name, queue->number);
	if (IS_ERR(pace->thread))
		return PTR_ERR(pace->thread);
	set_user_nice(pace->thread, SPRIG_NICE);
	wake_up_process(pace->thread);
	return 0;
}

/* Once polls are disabled: nothing wakes it any more. */
void sprig_pace_stop(struct sprig_queue *queue)
{
	kthread_stop(queue->pace.thread);
}

/* What this poll may take. */
int sprig_pace_budget(struct sprig_queue *queue, int budget)
{
	return current == queue->pace.thread ? min(budget, SPRIG_PACED_BUDGET) : budget;
}

/* Whether the thread is to have the next poll. */
static bool sprig_pace_wants_thread(struct sprig_pace *pace)
{
	int recent = pace->before + pace->free_running;

	pace->before = pace->free_running;
	pace->free_running = 0;
	if (recent >= SPRIG_IN_NUMBERS) {
		pace->until = local_clock() + SPRIG_LINGER_NS;
		return true;
	}
	return current == pace->thread && !need_resched() && local_clock() < pace->until;
}

/* In the poll, at its end. True: it will be polled again without being rung. */
bool sprig_pace_goes_on(struct sprig_queue *queue)
{
	struct sprig_pace *pace = &queue->pace;

	if (!sprig_pace_wants_thread(pace))
		return false;
	WRITE_ONCE(pace->due, true);
	/* A full barrier, before it looks whether the thread sleeps. */
	wake_up_process(pace->thread);
	return true;
}
