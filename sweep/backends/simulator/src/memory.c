/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c - arrays that grow, and the arena for what grows with the workload.
 *
 * The arena is one reserved range of addresses, made usable from its beginning on, as far as it
 * is needed. Fresh pages took a fifth of a run, so one arena is kept for the process's next run.
 * What a run finds in it is left over from others.
 */
#include "sim.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *sim_grow(sim *s, void *array, s64 *room, s64 need, size_t element)
{
	s64 more = *room ? *room + *room / 2 : 64;

	if (need <= *room)
		return array;
	if (more < need)
		more = need;
	array = realloc(array, (size_t)more * element);
	if (!array)
		sim_fail(s, "out of memory: %lld elements of %zu bytes", (long long)more, element);
	*room = more;
	return array;
}

void *sim_zalloc(sim *s, size_t bytes)
{
	void *memory = calloc(1, bytes ? bytes : 1);

	if (!memory)
		sim_fail(s, "out of memory: %zu bytes", bytes);
	return memory;
}

void queue_make_room(sim *s, struct queue *q, size_t element)
{
	if (2 * q->first > q->end) {
		q->end -= q->first;
		memmove(q->at, (char *)q->at + (size_t)q->first * element, (size_t)q->end * element);
		q->first = 0;
	} else {
		q->at = sim_grow(s, q->at, &q->room, q->end + 1, element);
	}
}

/* ---- the arena ---- */

#define ALIGNMENT ((size_t)64)
#define COMMIT_STEP ((size_t)2 << 20) /* a huge page, where there are any */
#define KEEP_AT_MOST ((size_t)64 << 20)

struct arena { /* at the beginning of its own memory */
	size_t reserved, usable, taken;
};

static _Atomic(struct arena *) kept;

static void unmap(struct arena *a)
{
	if (a)
		munmap(a, a->reserved);
}

static struct arena *reserve(sim *s, size_t bytes)
{
	char *from = mmap(NULL, bytes + COMMIT_STEP, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			  -1, 0);
	size_t before = (size_t)(-(uintptr_t)from % COMMIT_STEP);
	struct arena *a;

	if (from == MAP_FAILED)
		sim_fail(s, "cannot reserve %zu bytes of addresses for the objects", bytes);
	a = (struct arena *)(from + before);
	if (before)
		munmap(from, before);
	munmap(from + before + bytes, COMMIT_STEP - before);
	madvise(a, bytes, MADV_HUGEPAGE);
	if (mprotect(a, COMMIT_STEP, PROT_READ | PROT_WRITE)) {
		munmap(a, bytes);
		sim_fail(s, "out of memory: %zu bytes for the objects", COMMIT_STEP);
	}
	*a = (struct arena){ .reserved = bytes, .usable = COMMIT_STEP };
	return a;
}

/* Addresses for arrays of `bytes` in all. */
void arena_open(sim *s, size_t bytes)
{
	struct arena *a = atomic_exchange(&kept, NULL);

	bytes = (bytes + sizeof(*a) + 16 * ALIGNMENT + COMMIT_STEP - 1) / COMMIT_STEP * COMMIT_STEP;
	if (a && a->reserved < bytes) {
		unmap(a);
		a = NULL;
	}
	s->arena = a ? a : reserve(s, bytes);
	s->arena->taken = sizeof(*a);
}

/* The next `bytes`, none of them usable yet. */
void *arena_take(sim *s, size_t bytes)
{
	size_t at = (s->arena->taken + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

	s->arena->taken = at + bytes;
	return (char *)s->arena + at;
}

/* Everything before `end` is usable from now on. */
void arena_commit(sim *s, const void *end)
{
	struct arena *a = s->arena;
	size_t need = (size_t)((const char *)end - (const char *)a);

	if (need <= a->usable)
		return;
	need = (need + COMMIT_STEP - 1) / COMMIT_STEP * COMMIT_STEP;
	if (mprotect(a, need, PROT_READ | PROT_WRITE))
		sim_fail(s, "out of memory: %zu bytes for the objects", need);
	a->usable = need;
}

void arena_close(sim *s)
{
	struct arena *a = s->arena;

	if (a && a->usable <= KEEP_AT_MOST)
		a = atomic_exchange(&kept, a);
	unmap(a);
}
