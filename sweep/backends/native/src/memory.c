/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - memory of the benchmark itself: made ready ahead, so that measured code does not fault it in. */
#define _GNU_SOURCE
#include "bench.h"

#include <stdlib.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

void *zalloc(size_t bytes)
{
	void *memory = NULL;

	bytes = (bytes + 127) / 128 * 128;
	if (posix_memalign(&memory, 128, bytes ? bytes : 128))
		fail_environment("out of memory: %zu bytes are not to be had", bytes);
	return __builtin_memset(memory, 0, bytes ? bytes : 128);
}

void *reserve(size_t bytes)
{
	void *memory = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		fail_environment("out of memory: %zu bytes of addresses are not to be had", bytes);
	return memory;
}

void populate(void *memory, size_t bytes)
{
	volatile char *at = memory;

	if (!bytes || !madvise(memory, bytes, MADV_POPULATE_WRITE))
		return;
	for (size_t i = 0; i < bytes; i += 4096)
		at[i] = at[i];
}

void unreserve(void *memory, size_t bytes)
{
	munmap(memory, bytes ? bytes : 1);
}
