/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idle.c - CPUs that poll while they have nothing to do, as with idle=poll.
 *
 * A CPU that halts takes some time to wake up, and in a virtual machine it is given away: others run on its core
 * meanwhile, it comes back late, on another core, to caches that are theirs. So each CPU of a pass has a thread of
 * SCHED_IDLE, which anybody else preempts at once and whom the scheduler counts as idle when it looks for a CPU.
 * They end with the process: nobody can wait for one while its CPU is busy.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

static void *poll_idle(void *arg)
{
	const struct sched_param lowest = { 0 };

	(void)arg;
	if (sched_setscheduler(0, SCHED_IDLE, &lowest))
		fail_environment("no thread of SCHED_IDLE is permitted here (%s): measure with idle: halt",
				 strerror(errno));
	for (;;)
		cpu_relax();
	return NULL;
}

void idle_polls(const struct input *input)
{
	for (s32 i = 0; input->header.idle_polls && i < input->header.nr_cpu_set; i++) {
		pthread_t thread;
		int error = pthread_create(&thread, NULL, poll_idle, NULL);

		if (error)
			fail_environment("cannot create a thread: %s", strerror(error));
		bind_thread(thread, &input->cpu_set[i], 1);
		pthread_detach(thread);
	}
}
