/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - where a thread writes down what it did, and when. */
#define _GNU_SOURCE
#include "log.h"

#include <sys/mman.h>

#define LEAST_ROOM 65536

void log_setup(struct log *log, u64 expected)
{
	log->nr = 0;
	log->room = expected + LEAST_ROOM;
	log->at = reserve(log->room * sizeof(struct event));
	populate(log->at, log->room * sizeof(struct event));
}

/* Only addresses move, unless the kernel finds no room. */
void log_grow(struct log *log)
{
	void *more = mremap(log->at, log->room * sizeof(struct event), 2 * log->room * sizeof(struct event),
			    MREMAP_MAYMOVE);

	if (more == MAP_FAILED)
		fail_environment("out of memory: no room for a log of %llu events",
				 (unsigned long long)log->room * 2);
	log->at = more;
	log->room *= 2;
}

void log_free(struct log *log)
{
	unreserve(log->at, log->room * sizeof(struct event));
}
