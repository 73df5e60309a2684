/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slab.h - a slab's free list and counters, which change in one compare-and-swap: a word of the place of the first
 * free object, how many are in use, and whether it is some CPU's active slab.
 */
#ifndef NATIVE_SLAB_H
#define NATIVE_SLAB_H
#include "log.h"

#define FREE_MASK ((u64)UINT32_MAX) /* the first free object's offset, + 1; 0: none */
#define FROZEN ((u64)1 << 48)	    /* it is some CPU's active slab */

static inline struct object *slab_object(struct policy_run *run, u32 number, u64 place)
{
	return (struct object *)(run->slab_base + ((size_t)number << run->slab_shift) + place - 1);
}

static inline struct object *head_of(struct policy_run *run, u32 number, u64 state)
{
	return state & FREE_MASK ? slab_object(run, number, state & FREE_MASK) : NULL;
}

static inline u64 place_of(struct policy_run *run, u32 number, const struct object *o)
{
	return (u64)((const char *)o - run->slab_base) - ((u64)number << run->slab_shift) + 1;
}

static inline u32 in_use(u64 state)
{
	return (u32)(state >> 32) & 0xffff;
}

static inline u64 pack(u64 place, u64 in_use, u64 frozen)
{
	return place | in_use << 32 | frozen;
}

static inline struct object *next_of(const struct object *o)
{
	return (struct object *)o->dead.rcu.next;
}

static inline void set_next(struct object *o, struct object *next)
{
	o->dead.rcu.next = (struct plat_rcu_head *)next;
}

/* slab_pages.c */
u32 slab_new(struct policy_run *run);
void slab_discard(struct policy_run *run, u32 number);
void node_partial_add(struct policy_run *run, u32 number); /* under list_lock, as its removal */
void node_partial_remove(struct policy_run *run, u32 number);

#endif
