/* SPDX-License-Identifier: Apache-2.0 */
/* account.h - the part of metrics.c that runs several times per object. */
#ifndef SIM_ACCOUNT_H
#define SIM_ACCOUNT_H
#include "sim.h"

/* There is room for as many as the workload can bring (setup_arena()). */
static inline void values_add(struct values *v, s64 value)
{
	v->at[v->nr++] = value;
}

/* A peak is where something leaves after something has come. */
static inline void retained_falls(sim *s)
{
	if (s->retained_rose) {
		s64 objects =
			s->count[ACCOUNT_POSTPONED] + s->count[ACCOUNT_WAITING] + s->count[ACCOUNT_READY];

		s->retained_rose = false;
		s->retained_peak =
			max_s64(s->retained_peak, objects * s->m.object_bytes + s->count[ACCOUNT_OVERHEAD]);
	}
}

static inline void metrics_commit(sim *s, enum account account, s64 n)
{
	if (account != ACCOUNT_PINNED) {
		if (n > 0)
			s->retained_rose = true;
		else
			retained_falls(s);
	}
	s->count[account] += n;
	if (account == ACCOUNT_PINNED)
		s->pinned_peak = max_s64(s->pinned_peak, s->count[ACCOUNT_PINNED]);
}

/* n more (or fewer) of `account` from t on. */
static inline void account(sim *s, enum account account, s64 t, s64 n)
{
	s->integral[account] -= (s128)n * t;
	if (likely(t <= s->in_order_until))
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
	if (likely(t <= s->in_order_until)) {
		s->count[from] -= n;
		s->count[to] += n;
	} else {
		metrics_pending_move(s, t, from, to, n);
	}
}

/* An object was unlinked at t. */
static inline void metrics_unlink(sim *s, s64 t)
{
	s->integral[ACCOUNT_POSTPONED] -= (u64)t;
	if (likely(t <= s->in_order_until))
		metrics_commit(s, ACCOUNT_POSTPONED, 1);
	else
		metrics_pending(s, t, ACCOUNT_POSTPONED, 1, -1);
}

/* An object goes back to the allocator at t. */
static inline void metrics_free(sim *s, enum account account, s64 t, s64 age)
{
	s->integral[account] += (u64)t;
	if (likely(t <= s->in_order_until)) {
		metrics_commit(s, account, -1);
		values_add(&s->dead_age, age);
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
