/* SPDX-License-Identifier: Apache-2.0 */
/*
 * urcu.c - liburcu: its memb flavour's readers and grace periods for every mode, and in mode liburcu its own
 * call_rcu() as well, one worker per CPU.
 *
 * The library's workers poll every 10 ms, run all that is ready without a limit, and know neither lazy callbacks nor
 * hurry. Up to 0.15 a worker that is created for a CPU is bound to it only after some 256 grace periods, so ours are
 * created free and bound here.
 */
#define _GNU_SOURCE
#include "log.h"

#include <urcu/urcu-memb.h>

/* What the library queues: struct plat_rcu_head has no room for it, because its second word holds the policy's
 * function with another signature. Made ready ahead and used once each, at the price of a pointer's increment. */
struct urcu_record {
	struct rcu_head head;
	struct plat_rcu_head *callback;
	struct context *worker;
	s64 objects;
	atomic_uint ready; /* hands the record over, for those who cannot see into the library */
};

static struct call_rcu_data **workers;

/* The library orders a section before the end of a grace period that waits for it, and a worker's callbacks before
 * call_rcu_data_free(). ThreadSanitizer cannot see into it, and has to be told. */
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#define HAPPENS_BEFORE(what) __tsan_release(&(what))
#define HAPPENS_AFTER(what) __tsan_acquire(&(what))
#else
#define HAPPENS_BEFORE(what) ((void)(what))
#define HAPPENS_AFTER(what) ((void)(what))
#endif

static char sections, callbacks;

struct urcu_chunk {
	struct urcu_chunk *next;
	u64 nr, used;
	struct urcu_record records[];
};

#define MORE_RECORDS 4096

static void new_chunk(struct context *ctx, u64 nr)
{
	const size_t bytes = sizeof(struct urcu_chunk) + nr * sizeof(struct urcu_record);
	struct urcu_chunk *chunk = reserve(bytes);

	populate(chunk, bytes);
	chunk->nr = nr;
	chunk->next = ctx->chunk;
	ctx->chunk = chunk;
}

static struct urcu_record *new_record(void)
{
	if (unlikely(here->chunk->used == here->chunk->nr))
		new_chunk(here, MORE_RECORDS);
	return &here->chunk->records[here->chunk->used++];
}

static void free_chunks(struct context *ctx)
{
	while (ctx->chunk) {
		struct urcu_chunk *chunk = ctx->chunk;

		ctx->chunk = chunk->next;
		unreserve(chunk, sizeof(*chunk) + chunk->nr * sizeof(struct urcu_record));
	}
}

void urcu_setup(struct policy_run *run)
{
	if (run->kernel_like)
		return;
	workers = zalloc(run->nr_cpus * sizeof(*workers));
	for (u32 i = 0; i < run->nr_cpus; i++) {
		struct context *ctx = run->cpus[i].urcu_worker;

		workers[i] = urcu_memb_create_call_rcu_data(0, -1);
		if (!workers[i])
			fail_environment("liburcu cannot create a call_rcu() worker");
		ctx->thread = urcu_memb_get_call_rcu_thread(workers[i]);
		bind_thread(ctx->thread, &run->cpus[i].real, 1);
		new_chunk(ctx, 1); /* a callback may post another one */
	}
}

void urcu_teardown(struct policy_run *run)
{
	for (u32 i = 0; !run->kernel_like && i < run->nr_cpus; i++)
		urcu_memb_call_rcu_data_free(workers[i]);
	for (u32 i = 0; i < run->nr_contexts; i++)
		free_chunks(&run->contexts[i]);
	HAPPENS_AFTER(callbacks);
	free(workers);
	workers = NULL;
}

void urcu_enter(struct context *ctx)
{
	const struct policy_run *run = ctx->run;

	urcu_memb_register_thread();
	if (run->kernel_like)
		return;
	urcu_memb_set_thread_call_rcu_data(workers[ctx->cpu ? ctx->cpu->id : 0]);
	new_chunk(ctx, ctx->role == ROLE_CPU ? run->nr_objects / run->nr_cpus + MORE_RECORDS : 1);
}

void urcu_leave(struct context *ctx)
{
	if (!ctx->run->kernel_like)
		urcu_memb_set_thread_call_rcu_data(NULL);
	urcu_memb_unregister_thread();
}

static void invoke(struct rcu_head *head)
{
	struct urcu_record *record = caa_container_of(head, struct urcu_record, head);
	u64 start;

	atomic_load_explicit(&record->ready, memory_order_acquire);
	HAPPENS_AFTER(sections);
	here = record->worker;
	start = stamp(here);
	if (record->objects)
		log_event(here, start, WAITING, READY, record->objects, 0);
	here->frees_to_stamp = 0;
	callback_invoke(here->run, record->callback);
	count_max(&here->count.max_stall, stamp(here) - start);
	HAPPENS_BEFORE(callbacks);
}

void call_rcu_urcu(struct policy_run *run, struct plat_rcu_head *head, s64 objects)
{
	struct urcu_record *record = new_record();

	record->callback = head;
	record->worker = cpu_here(run)->urcu_worker;
	record->objects = objects;
	atomic_store_explicit(&record->ready, 1, memory_order_release);
	if (objects)
		log_event(here, stamp(here), POSTPONED, WAITING, objects, 0);
	urcu_memb_call_rcu(&record->head, invoke);
}

void reader_enters(void)
{
	urcu_memb_read_lock();
}

void reader_leaves(void)
{
	HAPPENS_BEFORE(sections);
	urcu_memb_read_unlock();
}

void wait_for_readers(void)
{
	urcu_memb_synchronize_rcu();
	HAPPENS_AFTER(sections);
}
