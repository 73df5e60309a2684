/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* compat.h - what differs between the kernels that the module is built for: 6.1 and 6.12. */
#ifndef LAB_COMPAT_H
#define LAB_COMPAT_H
#include <linux/rcupdate.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/version.h>

/* call_rcu_hurry() came with RCU_LAZY in 6.2: before, no callback was lazy. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define call_rcu_hurry call_rcu
#endif

/* A cache of its own slabs. SLAB_NOLEAKTRACE also forbids merging, before SLAB_NO_MERGE (6.6). */
#ifdef SLAB_NO_MERGE
#define LAB_SLAB_FLAGS SLAB_NO_MERGE
#else
#define LAB_SLAB_FLAGS SLAB_NOLEAKTRACE
#endif

/*
 * The free pointer of a type-stable cache lies behind the object, unless the cache says where it may
 * overlay it (6.12): mm/vma_init.c of 6.15 does. Without, objects are 8 bytes larger.
 */
static inline struct kmem_cache *lab_cache_create(const char *name, unsigned int bytes, slab_flags_t flags,
						  unsigned int freeptr_offset)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	struct kmem_cache_args args = {
		.freeptr_offset = freeptr_offset,
		.use_freeptr_offset = !!(flags & SLAB_TYPESAFE_BY_RCU),
	};

	return kmem_cache_create(name, bytes, &args, flags | LAB_SLAB_FLAGS);
#else
	return kmem_cache_create(name, bytes, 0, flags | LAB_SLAB_FLAGS, NULL);
#endif
}

/* Shrinkers are allocated since 6.7, and registered in place before. */
struct lab_shrinker {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	struct shrinker *shrinker;
#else
	struct shrinker shrinker;
#endif
	void *run;
};

typedef unsigned long (*lab_shrink_func)(struct shrinker *shrinker, struct shrink_control *sc);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
static inline void *lab_shrinker_run(struct shrinker *shrinker)
{
	return shrinker->private_data;
}

static inline int lab_shrinker_register(struct lab_shrinker *s, lab_shrink_func count, lab_shrink_func scan,
					int seeks, long batch)
{
	s->shrinker = shrinker_alloc(0, "rcu_sweep");
	if (!s->shrinker)
		return -ENOMEM;
	s->shrinker->count_objects = count;
	s->shrinker->scan_objects = scan;
	s->shrinker->seeks = seeks;
	s->shrinker->batch = batch;
	s->shrinker->private_data = s->run;
	shrinker_register(s->shrinker);
	return 0;
}

static inline void lab_shrinker_unregister(struct lab_shrinker *s)
{
	shrinker_free(s->shrinker);
}
#else
static inline void *lab_shrinker_run(struct shrinker *shrinker)
{
	return container_of(shrinker, struct lab_shrinker, shrinker)->run;
}

static inline int lab_shrinker_register(struct lab_shrinker *s, lab_shrink_func count, lab_shrink_func scan,
					int seeks, long batch)
{
	s->shrinker.count_objects = count;
	s->shrinker.scan_objects = scan;
	s->shrinker.seeks = seeks;
	s->shrinker.batch = batch;
	return register_shrinker(&s->shrinker, "rcu_sweep");
}

static inline void lab_shrinker_unregister(struct lab_shrinker *s)
{
	unregister_shrinker(&s->shrinker);
}
#endif

#endif
