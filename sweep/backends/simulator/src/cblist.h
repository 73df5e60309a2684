/* SPDX-License-Identifier: Apache-2.0 */
/* cblist.h - one segment of a callback list, with what every callback goes through. */
#ifndef SIM_CBLIST_H
#define SIM_CBLIST_H
#include "sim.h"

static inline void segment_add(struct cb_segment *seg, struct plat_rcu_head *head, s64 objects)
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

static inline struct plat_rcu_head *segment_pop(struct cb_segment *seg)
{
	struct plat_rcu_head *head = seg->head;

	seg->head = head->next;
	if (seg->head)
		prefetch_object(seg->head);
	else
		seg->tail = NULL;
	seg->nr--;
	return head;
}

static inline void segment_splice(struct cb_segment *to, struct cb_segment *from)
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

#endif
