/* SPDX-License-Identifier: Apache-2.0 */
/* events.c - the queue of things to come: a binary heap by (time, order of insertion). */
#include "sim.h"

static bool earlier(const struct event *a, const struct event *b)
{
	return a->t != b->t ? a->t < b->t : a->order < b->order;
}

void event_add(sim *s, s64 t, enum event_kind kind, u32 index, void *ptr, u64 arg)
{
	struct event e = { t, ++s->event_order, kind, index, ptr, arg };
	s64 room = s->room_events;
	s32 i;

	s->events = sim_grow(s, s->events, &room, s->nr_events + 1, sizeof(*s->events));
	s->room_events = (s32)room;
	for (i = s->nr_events++; i > 0; i = (i - 1) / 2) {
		if (!earlier(&e, &s->events[(i - 1) / 2]))
			break;
		s->events[i] = s->events[(i - 1) / 2];
	}
	s->events[i] = e;
	if (t < s->horizon)
		set_horizon(s, t);
}

struct event event_pop(sim *s)
{
	struct event first = s->events[0], last = s->events[--s->nr_events];
	s32 i = 0;

	for (;;) {
		s32 child = 2 * i + 1;

		if (child >= s->nr_events)
			break;
		if (child + 1 < s->nr_events && earlier(&s->events[child + 1], &s->events[child]))
			child++;
		if (!earlier(&s->events[child], &last))
			break;
		s->events[i] = s->events[child];
		i = child;
	}
	s->events[i] = last;
	return first;
}
