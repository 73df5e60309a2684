/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cblist.c - the segmented callback list, after kernel/rcu/rcu_segcblist.c@6.12.
 *
 * DONE is ready to be invoked. WAIT and NEXT_READY each carry the number of the grace
 * period they wait for, so at most two future grace periods stand in a CPU's list. NEXT has
 * no number until it is accelerated.
 */
#include "cblist.h"

/* rcu_segcblist_advance(): what waited for a grace period that has ended is done. */
void cblist_advance(struct cblist *l, u64 completed)
{
	for (int i = CB_WAIT; i < CB_NEXT; i++)
		if (l->seg[i].nr && l->gp[i] <= completed)
			segment_splice(&l->seg[CB_DONE], &l->seg[i]);
	if (!l->seg[CB_WAIT].nr && l->seg[CB_NEXT_READY].nr) {
		l->seg[CB_WAIT] = l->seg[CB_NEXT_READY];
		l->gp[CB_WAIT] = l->gp[CB_NEXT_READY];
		l->seg[CB_NEXT_READY] = (struct cb_segment){ 0 };
	}
}

bool cblist_pending(const struct cblist *l)
{
	return l->seg[CB_WAIT].nr || l->seg[CB_NEXT_READY].nr || l->seg[CB_NEXT].nr;
}

bool cblist_untagged(const struct cblist *l)
{
	return l->seg[CB_NEXT].nr != 0;
}

bool cblist_next_gp(const struct cblist *l, u64 *gp)
{
	for (int i = CB_WAIT; i < CB_NEXT; i++)
		if (l->seg[i].nr) {
			*gp = l->gp[i];
			return true;
		}
	return false;
}

/*
 * rcu_accelerate_cbs(): give NEXT the number of the grace period that covers it, merging it
 * with a segment that waits for the same one, and ask for that grace period. With both
 * numbered segments taken by earlier ones, NEXT stays as it is.
 */
bool rcu_accelerate(sim *s, struct cblist *l)
{
	u64 gp = gp_snap(s, max_s64(s->now, l->newest_ps));
	int to = CB_WAIT;

	if (!l->seg[CB_NEXT].nr)
		return false;
	while (to < CB_NEXT && l->seg[to].nr && l->gp[to] < gp)
		to++;
	if (to == CB_NEXT)
		return false;
	s->gp.waiting_on[gp & 7] += l->seg[CB_NEXT].objects;
	segment_splice(&l->seg[to], &l->seg[CB_NEXT]);
	l->gp[to] = gp;
	gp_request(s, gp, s->now);
	return true;
}

/* rcu_advance_cbs() */
bool rcu_advance(sim *s, struct cblist *l)
{
	cblist_advance(l, s->gp.completed);
	return rcu_accelerate(s, l);
}
