/* SPDX-License-Identifier: Apache-2.0 */
/* heap.c - where objects come from and go to: our slab, or the malloc() that this process has. */
#include "log.h"

#include <stdlib.h>

struct object *object_alloc(struct policy_run *run, struct cpu *c)
{
	struct object *o;

	if (run->on_slab)
		return slab_alloc(run, c);
	o = malloc((size_t)run->m.object_bytes);
	if (!o)
		fail_environment("out of memory: malloc() of %d bytes", run->m.object_bytes);
	return o;
}

/* The last ones of the array that can be freed together; returns how many remain. malloc() knows no bulk. */
u32 object_gather(struct policy_run *run, struct dead_object **objects, u32 nr, struct detached *d)
{
	struct object *last = (struct object *)objects[nr - 1];

	if (run->on_slab)
		return slab_gather(run, objects, nr, d);
	*d = (struct detached){ last, last, 0, 1 };
	return nr - 1;
}

void object_free(struct policy_run *run, const struct detached *d)
{
	if (run->on_slab)
		slab_free(run, d);
	else
		free(d->first);
}

void object_free_live(struct policy_run *run)
{
	for (u32 i = 0; !run->on_slab && i < run->nr_objects; i++)
		free(atomic_load(&run->slots[i]));
}
