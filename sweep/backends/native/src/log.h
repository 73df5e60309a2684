/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - what every thread does several times per object: read the clock, write down, count. */
#ifndef NATIVE_LOG_H
#define NATIVE_LOG_H
#include "bench.h"

/*
 * A reading of the clock for what is written down. In a loop that waits for memory it costs some ns, back to back 10,
 * so taking off its cost would be wrong either way; instead every policy has the same: one per object that
 * is unlinked, which dispose() uses for whatever it does, and one per FREES_PER_STAMP objects that are freed.
 */
static inline u64 stamp(struct context *ctx)
{
	if (!ctx->keeps_stamp)
		ctx->last_stamp = clock_now();
	return ctx->last_stamp;
}

#define FREES_PER_STAMP 16 /* less than a microsecond, where grace periods take milliseconds */

static inline u64 stamp_free(struct context *ctx)
{
	if (ctx->frees_to_stamp) {
		ctx->frees_to_stamp--;
		return ctx->last_stamp;
	}
	ctx->frees_to_stamp = FREES_PER_STAMP - 1;
	return stamp(ctx);
}

static inline void count(atomic_u64 *counter, u64 n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline void count_max(atomic_u64 *counter, u64 value)
{
	if (unlikely(value > atomic_load_explicit(counter, memory_order_relaxed)))
		atomic_store_explicit(counter, value, memory_order_relaxed);
}

static inline void log_event(struct context *ctx, u64 t, enum account from, enum account to, s64 n, u32 what)
{
	struct log *log = &ctx->log;

	if (unlikely(log->nr == log->room))
		log_grow(log);
	log->at[log->nr++] = (struct event){ t, (s32)n, what, (u8)from, (u8)to };
}

/*
 * Objects begin to wait for a grace period. What a call posts, in dispose() or when it ends, comes before the end of the
 * measured span, and only its sum matters: so no policy writes anything down in a call that one with fewer callbacks
 * would not, nor does it read the clock once more.
 */
static inline void log_posted(struct context *ctx, s64 objects)
{
	u64 now;

	if (ctx->call) {
		now = ctx->in_softirq ? stamp(ctx) : ctx->last_stamp;
		ctx->posted += objects;
		ctx->posted_at_sum += (s128)objects * (s64)now;
		return;
	}
	now = stamp(ctx);
	if (objects)
		log_event(ctx, now, POSTPONED, WAITING, objects, 0);
}

/* The lock waits that count are those of kernel locks and of the policy's. */
static inline void take_counted(struct lock *lock)
{
	if (unlikely(lock_take(lock)))
		count(&here->count.lock_waits, 1);
}

static inline bool flag(const atomic_bool *b)
{
	return atomic_load_explicit(b, memory_order_relaxed);
}

static inline void set_flag(atomic_bool *b, bool value)
{
	atomic_store_explicit(b, value, memory_order_relaxed);
}

/* Since time 0 of the workload; policies are started before it. */
static inline u64 since_start(const struct policy_run *run, u64 now)
{
	return now > run->t0 ? now - run->t0 : 0;
}

static inline s64 jiffies_at(const struct policy_run *run, struct context *ctx, u64 now)
{
	const u64 t = since_start(run, now);

	if (unlikely(t - ctx->jiffy_start >= run->jiffy_units)) {
		ctx->jiffy = (s64)(t / run->jiffy_units);
		ctx->jiffy_start = (u64)ctx->jiffy * run->jiffy_units;
	}
	return ctx->jiffy;
}

static inline u64 time_of_jiffy(const struct policy_run *run, s64 jiffy)
{
	return run->t0 + (u64)jiffy * run->jiffy_units;
}

/* A timer armed at `now` for `jiffies` fires at a tick, never early: __mod_timer() rounds up (calc_index(),
 * kernel/time/timer.c@6.12), so it takes between jiffies and jiffies + 1. */
static inline s64 timer_expiry(const struct policy_run *run, struct context *ctx, u64 now, s64 jiffies)
{
	return jiffies_at(run, ctx, now) + 1 + jiffies;
}

#endif
