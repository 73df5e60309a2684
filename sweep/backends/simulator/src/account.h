/* SPDX-License-Identifier: Apache-2.0 */
/* account.h - the part of metrics.c that runs several times per object. */
#ifndef SIM_ACCOUNT_H
#define SIM_ACCOUNT_H
#include "sim.h"

static inline void values_add(sim *s, struct values *v, s64 value)
{
	if (unlikely(v->nr == v->room))
		sim_fail(s, "more than the %lld values that there is room for", (long long)v->room);
	v->at[v->nr++] = value;
}

static inline void metrics_commit(sim *s, enum account account, s64 n)
{
	s->count[account] += n;
	if (account == ACCOUNT_PINNED) {
		s->pinned_peak = max_s64(s->pinned_peak, s->count[ACCOUNT_PINNED]);
	} else if (n > 0) { /* what leaves makes no peak */
		s64 objects =
			s->count[ACCOUNT_POSTPONED] + s->count[ACCOUNT_WAITING] + s->count[ACCOUNT_READY];

		s->retained_peak =
			max_s64(s->retained_peak, objects * s->m.object_bytes + s->count[ACCOUNT_OVERHEAD]);
	}
}

/* n more (or fewer) of `account` from t on. */
static inline void account(sim *s, enum account account, s64 t, s64 n)
{
	s->integral[account] -= (s128)n * t;
	if (likely(t <= s->horizon && !s->nr_pending))
		metrics_commit(s, account, n);
	else
		metrics_pending(s, t, account, n, -1);
}

/* n objects go over from one account to another: as many are retained as before. */
static inline void account_move(sim *s, enum account from, enum account to, s64 t, s64 n)
{
	s128 product = (s128)n * t;

	s->integral[from] += product;
	s->integral[to] -= product;
	if (likely(t <= s->horizon && !s->nr_pending)) {
		s->count[from] -= n;
		s->count[to] += n;
	} else {
		metrics_pending(s, t, from, -n, -1);
		metrics_pending(s, t, to, n, -1);
	}
}

/* An object goes back to the allocator at t. */
static inline void metrics_free(sim *s, enum account account, s64 t, s64 age)
{
	s->frees_executed++;
	s->integral[account] += t;
	if (unlikely(s->phase != PHASE_MEASURE))
		return;
	if (likely(t <= s->horizon && !s->nr_pending)) {
		metrics_commit(s, account, -1);
		values_add(s, &s->dead_age, age);
	} else {
		metrics_pending(s, t, account, -1, age);
	}
}

static inline void metrics_flush(sim *s, s64 upto)
{
	if (s->nr_pending)
		metrics_flush_pending(s, upto);
}

#endif
