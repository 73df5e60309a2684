/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cblist.c - the segmented callback list, after kernel/rcu/rcu_segcblist.c@6.12.
 *
 * DONE is ready to be invoked. WAIT and NEXT_READY each carry the number of the grace period they wait for, so
 * at most two future grace periods stand in a CPU's list. NEXT has no number until it is accelerated. Whoever
 * calls holds the list's lock.
 */
#include "bench.h"

void segment_add(struct cb_segment *seg, struct plat_rcu_head *head, s64 objects)
{
	head->next = NULL;
	if (seg->tail)
		seg->tail->next = head;
	else
		seg->head = head;
	seg->tail = head;
	seg->nr++;
	seg->objects += objects;
}

struct plat_rcu_head *segment_pop(struct cb_segment *seg)
{
	struct plat_rcu_head *head = seg->head;

	seg->head = head->next;
	if (!seg->head)
		seg->tail = NULL;
	seg->nr--;
	return head;
}

void segment_splice(struct cb_segment *to, struct cb_segment *from)
{
	if (!from->nr)
		return;
	if (to->tail)
		to->tail->next = from->head;
	else
		to->head = from->head;
	to->tail = from->tail;
	to->nr += from->nr;
	to->objects += from->objects;
	*from = (struct cb_segment){ 0 };
}

/* rcu_segcblist_advance(): what waited for a grace period that has ended is done. */
static void advance(struct cblist *l, u64 completed)
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
 * rcu_accelerate_cbs(): give NEXT the number of the grace period that covers it, merging it with a segment that
 * waits for the same one, and ask for that grace period. With both numbered segments taken by earlier ones, NEXT
 * stays as it is.
 */
void rcu_accelerate(struct policy_run *run, struct cblist *l)
{
	int to = CB_WAIT;
	u64 gp;

	if (!l->seg[CB_NEXT].nr)
		return;
	if (l->seg[CB_WAIT].nr && l->seg[CB_NEXT_READY].nr && l->gp[CB_NEXT_READY] < gp_snap(run))
		return;
	gp = gp_request(run, l->seg[CB_NEXT].objects);
	while (to < CB_NEXT_READY && l->seg[to].nr && l->gp[to] < gp)
		to++;
	segment_splice(&l->seg[to], &l->seg[CB_NEXT]);
	l->gp[to] = gp;
}

/* rcu_advance_cbs() */
void rcu_advance(struct policy_run *run, struct cblist *l)
{
	advance(l, gp_completed(run));
	rcu_accelerate(run, l);
}
