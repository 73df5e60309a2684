/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slab.c - one SLUB cache, after mm/slub.c@6.12: an active slab and a list of partial slabs
 * per CPU, one node with a partial list under list_lock.
 *
 * Slabs are numbered, and object i of slab k has place k * objects_per_slab + i in one
 * reserved range of addresses: address order is allocation order, the same on every machine.
 */
#include "account.h"
#include "lock.h"

/* At worst every object that is born gets a slab of its own. */
size_t slab_room_bytes(sim *s, s64 births)
{
	size_t slabs = (size_t)s->m.nr_cpus + 64 + (size_t)births;

	return slabs * (size_t)s->m.objects_per_slab * sizeof(struct object);
}

void slab_setup(sim *s, s64 births)
{
	s->objects = arena_take(s, slab_room_bytes(s, births));
	s->unused_slabs = NO_SLAB;
	s->node_partial_head = s->node_partial_tail = NO_SLAB;
	for (s32 i = 0; i < s->nr_contexts; i++)
		s->cpus[i].slab = (struct slab_cpu){ NO_SLAB, NO_SLAB, 0 };
}

static u32 slab_new(sim *s)
{
	u32 number = s->unused_slabs;

	s->r.slabs_allocated++;
	if (number != NO_SLAB) {
		s->unused_slabs = s->slabs[number].next;
	} else {
		number = (u32)s->nr_slabs++;
		s->slabs = sim_grow(s, s->slabs, &s->room_slabs, s->nr_slabs, sizeof(*s->slabs));
		arena_commit(s, &s->objects[(size_t)s->nr_slabs * (size_t)s->m.objects_per_slab]);
	}
	s->slabs[number] = (struct slab){ .next = NO_SLAB, .prev = NO_SLAB, .active_on = NO_CPU };
	return number;
}

static void node_partial_add(sim *s, u32 number)
{
	struct slab *slab = &s->slabs[number];

	slab->place = SLAB_NODE_PARTIAL;
	slab->next = NO_SLAB;
	slab->prev = s->node_partial_tail;
	if (s->node_partial_tail != NO_SLAB)
		s->slabs[s->node_partial_tail].next = number;
	else
		s->node_partial_head = number;
	s->node_partial_tail = number;
	s->nr_node_partial++;
}

static void node_partial_remove(sim *s, u32 number)
{
	struct slab *slab = &s->slabs[number];

	if (slab->prev != NO_SLAB)
		s->slabs[slab->prev].next = slab->next;
	else
		s->node_partial_head = slab->next;
	if (slab->next != NO_SLAB)
		s->slabs[slab->next].prev = slab->prev;
	else
		s->node_partial_tail = slab->prev;
	s->nr_node_partial--;
}

/* The pages are back in the page allocator. */
static void slab_release(sim *s, u32 number)
{
	struct slab *slab = &s->slabs[number];

	account(s, ACCOUNT_PINNED, s->now, -s->m.slab_bytes);
	s->r.slabs_freed++;
	slab->place = SLAB_NONE;
	slab->next = s->unused_slabs;
	s->unused_slabs = number;
}

static void rcu_free_slab(struct policy_run *s, struct plat_rcu_head *head)
{
	s->now += s->m.slab_discard_ps;
	slab_release(s, ((struct object *)head)->slab);
}

/* discard_slab(): at once, or after a grace period where readers may still look (free_slab()).
 * All objects of the slab are free by then: the first one's memory carries the rcu_head. */
static void slab_discard(sim *s, u32 number)
{
	s->slabs[number].place = SLAB_DISCARDED;
	if (s->policy->flags & POLICY_TYPESAFE) {
		struct object *first = &s->objects[(size_t)number * (size_t)s->m.objects_per_slab];

		first->slab = number;
		first->dead.rcu.func = rcu_free_slab;
		rcu_post(s, &first->dead.rcu, 0, s->m.lazy);
		return;
	}
	s->now += s->m.slab_discard_ps;
	slab_release(s, number);
}

static bool has_room(sim *s, u32 number)
{
	return s->slabs[number].in_use < (u32)s->m.objects_per_slab;
}

/* ___slab_alloc(): the CPU's partial slabs, the node's (get_partial_node(): half of what the
 * CPU may keep), a new one. */
static u32 next_active(sim *s, struct slab_cpu *sc)
{
	u32 number = sc->partial;

	if (number != NO_SLAB) {
		sc->partial = s->slabs[number].next;
		sc->nr_partial--;
		return number;
	}
	number = s->node_partial_head;
	if (number == NO_SLAB)
		return slab_new(s);
	node_partial_remove(s, number);
	while (s->node_partial_head != NO_SLAB && sc->nr_partial < (u32)s->m.cpu_partial_slabs / 2) {
		u32 more = s->node_partial_head;

		node_partial_remove(s, more);
		s->slabs[more].place = SLAB_CPU_PARTIAL;
		s->slabs[more].next = sc->partial;
		sc->partial = more;
		sc->nr_partial++;
	}
	return number;
}

/* The CPU's active slab is full, or it has none yet. */
static noinline void change_active(sim *s, struct cpu *c)
{
	struct slab_cpu *sc = &c->slab;
	struct slab *slab;

	if (sc->active != NO_SLAB) {
		s->slabs[sc->active].place = SLAB_FULL;
		s->slabs[sc->active].active_on = NO_CPU;
	}
	sc->active = next_active(s, sc);
	slab = &s->slabs[sc->active];
	slab->place = SLAB_ACTIVE;
	slab->touched_by = slab->active_on = (uint16_t)c->id;
}

static void append(struct mm *mm, struct object *first, struct object *last)
{
	if (mm->tail)
		mm->tail->dead.next = &first->dead;
	else
		mm->head = first;
	mm->tail = last;
	last->dead.next = NULL;
}

/* Free objects are linked already, in the order in which they are given out. */
static void take_used(sim *s, struct slab *slab, struct mm *mm, u32 nr, uint16_t cpu)
{
	struct object *first = slab->free, *last = first;

	first->unlink_ps = s->now;
	first->born_on = cpu;
	for (u32 i = 1; i < nr; i++) {
		last = (struct object *)last->dead.next;
		last->unlink_ps = s->now;
		last->born_on = cpu;
	}
	slab->free = (struct object *)last->dead.next;
	slab->in_use += nr;
	append(mm, first, last);
}

static void take_virgin(sim *s, u32 number, struct mm *mm, u32 nr, uint16_t cpu)
{
	struct slab *slab = &s->slabs[number];
	struct object *first = &s->objects[(size_t)number * (size_t)s->m.objects_per_slab + slab->virgin];

	for (struct object *o = first; o < first + nr; o++) { /* the rest is for who unlinks it */
		o->dead.next = &o[1].dead;
		o->unlink_ps = s->now;
		o->slab = number;
		o->is_dead = o->from_exit = false;
		o->born_on = cpu;
	}
	append(mm, first, &first[nr - 1]);
	slab->virgin += nr;
	slab->in_use += nr;
}

/* `nr` objects are born into mm: from the active slab, and when that is full from the next one. */
void slab_alloc(sim *s, struct cpu *c, struct mm *mm, s32 nr)
{
	u32 left = (u32)nr;

	while (left) {
		struct slab *slab;
		u32 room, taken, used;

		if (c->slab.active == NO_SLAB || !has_room(s, c->slab.active))
			change_active(s, c);
		slab = &s->slabs[c->slab.active];
		room = (u32)s->m.objects_per_slab - slab->in_use;
		taken = left < room ? left : room;
		used = slab->virgin - slab->in_use;
		if (used > taken)
			used = taken;
		if (!slab->live && slab->was_used)
			account(s, ACCOUNT_PINNED, s->now, -s->m.slab_bytes);
		slab->was_used = true;
		if (used)
			take_used(s, slab, mm, used, (uint16_t)c->id);
		if (taken > used)
			take_virgin(s, c->slab.active, mm, taken - used, (uint16_t)c->id);
		slab->live += taken;
		left -= taken;
	}
}

void slab_unlink(sim *s, struct object *o)
{
	if (!--s->slabs[o->slab].live)
		account(s, ACCOUNT_PINNED, s->now, s->m.slab_bytes);
}

/* put_partials(): a CPU's list is full, its slabs go to the node; empty ones are discarded
 * when the node has enough. */
static void flush_cpu_partial(sim *s, struct slab_cpu *sc)
{
	u32 number = sc->partial;

	sim_lock_take(s, &s->list_lock, s->m.list_lock_ps);
	sim_lock_drop(s, &s->list_lock);
	sc->partial = NO_SLAB;
	sc->nr_partial = 0;
	while (number != NO_SLAB) {
		u32 next = s->slabs[number].next;

		if (!s->slabs[number].in_use && s->nr_node_partial >= (u32)s->m.min_partial)
			slab_discard(s, number);
		else
			node_partial_add(s, number);
		number = next;
	}
}

/* What was full goes to the CPU's partial list; what is empty on the node's, to the page allocator. */
static noinline void slab_moves(sim *s, u32 number)
{
	struct slab *slab = &s->slabs[number];
	struct slab_cpu *sc = &s->cpus[s->cpu->id].slab;

	if (slab->place == SLAB_FULL) {
		if (sc->nr_partial >= (u32)s->m.cpu_partial_slabs)
			flush_cpu_partial(s, sc);
		slab->place = SLAB_CPU_PARTIAL;
		slab->next = sc->partial;
		sc->partial = number;
		sc->nr_partial++;
	} else if (slab->place == SLAB_NODE_PARTIAL && !slab->in_use &&
		   s->nr_node_partial >= (u32)s->m.min_partial) {
		sim_lock_take(s, &s->list_lock, s->m.list_lock_ps);
		node_partial_remove(s, number);
		sim_lock_drop(s, &s->list_lock);
		slab_discard(s, number);
	}
}

/* __slab_free() of `nr` objects of one slab. */
static inline void slab_free_group(sim *s, u32 number, u32 nr)
{
	struct slab *slab = &s->slabs[number];
	const s32 here = s->cpu->id;

	if (slab->active_on == here)
		s->now += s->m.free_fast_ps;
	else if (slab->touched_by == here)
		s->now += s->m.free_slow_ps;
	else
		s->now += s->m.free_remote_ps;
	slab->touched_by = (uint16_t)here;
	slab->in_use -= nr;
	if (unlikely(slab->place >= SLAB_NODE_PARTIAL))
		slab_moves(s, number);
}

static inline void to_free_list(sim *s, struct object *o)
{
	struct slab *slab = &s->slabs[o->slab];

	o->is_dead = false;
	o->dead.next = (struct dead_object *)slab->free;
	slab->free = o;
}

void slab_free_object(sim *s, struct object *o)
{
	u32 number = o->slab;

	__builtin_prefetch(o + 5, 1);
	s->now += s->m.free_hook_ps;
	to_free_list(s, o);
	slab_free_group(s, number, 1);
}

/*
 * One turn of kmem_cache_free_bulk(): build_detached_freelist() gathers objects of the last
 * one's slab from the end of the array, giving up at the third of another slab. Returns how
 * many objects remain; the gathered ones have been moved behind them, and freed.
 */
u32 slab_free_detached(sim *s, struct dead_object **p, u32 size)
{
	u32 number = ((struct object *)p[--size])->slab, same = size, nr = 1;
	int lookahead = 3;

	while (size) {
		struct dead_object *candidate = p[--size];

		s->now += s->m.free_bulk_object_ps;
		if (((struct object *)candidate)->slab == number) {
			nr++;
			same--;
			if (size != same) {
				p[size] = p[same];
				p[same] = candidate;
			}
			continue;
		}
		if (!--lookahead)
			break;
	}
	for (u32 i = 0; i < nr; i++)
		to_free_list(s, (struct object *)p[same + i]);
	s->now += nr * s->m.free_hook_ps;
	slab_free_group(s, number, nr);
	return same;
}
