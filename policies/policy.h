/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * policy.h - the contract between a freeing policy and the platform it runs on.
 *
 * A policy decides how dead objects (objects that are unlinked, but that an RCU
 * reader may still look at) are collected, posted to RCU and given back to the
 * allocator. It is one C file that includes this header and nothing else. The
 * same file is compiled, unchanged, into
 *
 *   the simulator         every plat_*() call charges virtual time,
 *   the native benchmark  user space, liburcu, real CPUs,
 *   the kernel lab        a module: call_rcu(), SLUB, a real shrinker.
 *
 * So a policy uses no libc, no floating point, no global or static variable that
 * changes, and not more than about 1 KiB of stack. Several CPUs call a policy at
 * once: locking is the policy's own business, through plat_lock().
 *
 * FILE NAME = POLICY NAME. policies/foo.c defines `const struct policy policy_foo`.
 */
#ifndef POLICIES_POLICY_H
#define POLICIES_POLICY_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;
#endif

struct policy_run; /* one policy at work on one platform, with its parameters */

/* ------------------------------------------------------------------------- *
 * Dead objects
 * ------------------------------------------------------------------------- */

/* Two words that belong to RCU from plat_call_rcu() until its callback is invoked
 * (struct rcu_head; in vm_area_struct it is `vm_rcu`, laid over vm_start/vm_end). */
struct plat_rcu_head {
	struct plat_rcu_head *next;
	void (*func)(struct policy_run *run, struct plat_rcu_head *head);
};

/* What a policy may write to in a dead object: the first 32 bytes. Everything
 * behind them stays as readers saw it until the object is freed. */
struct dead_object {
	struct plat_rcu_head rcu;
	struct dead_object *next; /* the policy's */
	u64 word;		  /* the policy's, e.g. a grace-period cookie */
};

/* The state that an object is in, as the metric `retained_split` counts it.
 * Objects enter as DEAD_POSTPONED in dispose(); plat_call_rcu() and plat_gp_start()
 * move their nr_objects to waiting; the end of that grace period moves them to
 * DEAD_READY. The one who frees says which of the two they leave from. */
enum dead_state {
	DEAD_POSTPONED, /* never handed to call_rcu() or plat_gp_start() */
	DEAD_READY,	/* their grace period has ended */
};

/* ------------------------------------------------------------------------- *
 * The platform, as a policy sees it
 * ------------------------------------------------------------------------- */

/* Storage for the platform's own types; each platform asserts that its real type fits. */
struct plat_lock {
	u64 opaque[10];
};

/* Deferred work in process context (struct delayed_work). */
struct plat_work {
	void (*func)(struct policy_run *run, struct plat_work *work);
	u64 opaque[30];
};

/* What the shrinker of a policy declares and does (struct shrinker, mm/shrinker.c).
 * count() returns how many objects could be freed, scan() handles up to `nr` of
 * them and returns how many it handled, or PLAT_SHRINK_STOP. Neither may sleep. */
#define PLAT_SHRINK_STOP (~(u64)0)
struct plat_shrinker {
	u32 seeks; /* DEFAULT_SEEKS is 2; 0 proposes half of the objects at any priority */
	u32 batch; /* objects per scan call; 0 means SHRINK_BATCH, 128 */
	u64 (*count)(struct policy_run *run);
	u64 (*scan)(struct policy_run *run, u64 nr);
};

/* Where am I? Only ever used to choose a per-CPU structure: the task may be on another
 * CPU when the call returns, so per-CPU state has a lock of its own. */
u32 plat_cpu(struct policy_run *run);
u32 plat_nr_cpus(struct policy_run *run);
u64 plat_now_ns(struct policy_run *run);
u64 plat_jiffy_ns(struct policy_run *run);

/* Memory that the platform provides, zeroed, of the sizes that struct policy names. */
void *plat_state(struct policy_run *run);
void *plat_cpu_state(struct policy_run *run, u32 cpu);
s64 plat_param(struct policy_run *run, u32 index); /* by place in the policy's table */

/* Spinlocks that also keep callbacks of this CPU out (spin_lock_bh). */
void plat_lock_init(struct policy_run *run, struct plat_lock *lock);
void plat_lock(struct policy_run *run, struct plat_lock *lock);
void plat_unlock(struct policy_run *run, struct plat_lock *lock);

/*
 * call_rcu() and call_rcu_hurry(): invoke func(run, head) after a grace period, in
 * softirq context or in an rcuop kthread; it must not sleep. nr_objects is how many
 * dead objects ride on this callback: they are counted as waiting from now on.
 */
void plat_call_rcu(struct policy_run *run, struct plat_rcu_head *head,
		   void (*func)(struct policy_run *, struct plat_rcu_head *), u32 nr_objects);
void plat_call_rcu_hurry(struct policy_run *run, struct plat_rcu_head *head,
			 void (*func)(struct policy_run *, struct plat_rcu_head *), u32 nr_objects);

/*
 * Grace-period cookies. plat_gp_snapshot() is get_state_synchronize_rcu(): it names the
 * grace period that would protect what is unlinked now, and starts nothing.
 * plat_gp_start() is start_poll_synchronize_rcu(): it also asks for that grace period, and
 * counts nr_objects as waiting for it. plat_gp_done() is poll_state_synchronize_rcu().
 */
u64 plat_gp_snapshot(struct policy_run *run);
u64 plat_gp_start(struct policy_run *run, u32 nr_objects);
bool plat_gp_done(struct policy_run *run, u64 cookie);

/*
 * Let the calling task sleep until the cookie's grace period has ended. Only from
 * dispose() and call_end(), without a lock, and as the last thing done there: a platform
 * may put the wait off until the policy's function has returned.
 */
void plat_gp_wait(struct policy_run *run, u64 cookie);

/* kmem_cache_free() and kmem_cache_free_bulk(). With POLICY_TYPESAFE the cache is
 * SLAB_TYPESAFE_BY_RCU: objects may be reused at once, and only whole slabs wait. */
void plat_free(struct policy_run *run, struct dead_object *object, enum dead_state from);
void plat_free_bulk(struct policy_run *run, struct dead_object **objects, u32 nr, enum dead_state from);

/* kmalloc(GFP_NOWAIT) of at most one page: NULL when there is none, and the policy goes on
 * without. The bytes count as retained (they are there for the dead objects' sake). */
void *plat_alloc(struct policy_run *run, size_t bytes);
void plat_release(struct policy_run *run, void *memory, size_t bytes);

/* Deferred work. Queueing work that is pending leaves its expiry as it is and returns
 * false. Cancelling waits for a run in progress, and work that queues itself again does not
 * escape it; not under a lock that the work takes. */
void plat_work_init(struct policy_run *run, struct plat_work *work,
		    void (*func)(struct policy_run *, struct plat_work *));
bool plat_work_queue(struct policy_run *run, struct plat_work *work, u64 delay_ns);
void plat_work_cancel(struct policy_run *run, struct plat_work *work);

/* At most one shrinker per policy, from start(); the platform takes it out before stop().
 * `shrinker` must outlive the run. */
void plat_shrinker_register(struct policy_run *run, const struct plat_shrinker *shrinker);

/*
 * Accounting for work that a policy does by itself and that no other call shows. Costs
 * nothing on real platforms, where it takes real time; the simulator charges it.
 */
enum plat_cost {
	PLAT_COST_LINK,	   /* put a dead object that was just unlinked on a list (cache-hot) */
	PLAT_COST_WALK,	   /* follow a list to an object last touched long ago (cache-cold) */
	PLAT_COST_STORE,   /* store or load a pointer in an array */
	PLAT_COST_COMPARE, /* one comparison with its swap, in a sort */
};
void plat_charge(struct policy_run *run, enum plat_cost cost, u32 count);

/* ------------------------------------------------------------------------- *
 * The policy, as the platform sees it
 * ------------------------------------------------------------------------- */

enum policy_param_type {
	PARAM_INT,    /* min .. max, inclusive */
	PARAM_BOOL,   /* 0 or 1 */
	PARAM_CHOICE, /* index into `choices`, words separated by '|' */
};

struct policy_param {
	const char *name;
	enum policy_param_type type;
	s64 min, max;	       /* of PARAM_INT */
	bool log_scale;	       /* search in log space */
	s64 def;	       /* default */
	const char *unit;      /* "objects", "ms", ... or "" */
	const char *help;      /* one line */
	const char *choices;   /* of PARAM_CHOICE, else NULL */
	const char *only_with; /* name of a bool parameter that must be 1 for this one to matter, or NULL */
};

enum policy_call_kind {
	CALL_MUNMAP, /* frees objects of an address space that stays alive; mmap_lock is held */
	CALL_EXIT,   /* tears an address space down; its last user is gone */
};

/* A list of dead objects through ->next. */
struct dead_list {
	struct dead_object *head, *tail;
	u32 count;
};

/* One munmap or exit call in progress. Lives on the caller's stack, used by one task. */
struct policy_call {
	enum policy_call_kind kind;
	void *mm;	       /* the policy's state of this address space: mm_size bytes */
	struct dead_list list; /* the policy's, empty when the call begins */
	u64 word;	       /* the policy's, 0 when the call begins */
};

#define POLICY_TYPESAFE (1u << 0) /* the cache is SLAB_TYPESAFE_BY_RCU; readers revalidate */

struct policy {
	const char *name;    /* the file's name without .c */
	const char *origin;  /* where the idea comes from, one line */
	const char *summary; /* what it does, one line */
	const struct policy_param *params;
	u32 nr_params;
	u32 flags;
	u32 state_size, cpu_size, mm_size; /* bytes, each zeroed by the platform */

	/* Any of these but dispose may be NULL. */
	void (*start)(struct policy_run *run);
	/* No more calls will come, every mm has been stopped: cancel work, and post or free
	 * whatever is still held. The platform then waits for all callbacks (rcu_barrier). */
	void (*stop)(struct policy_run *run);
	/* An address space appears / is gone (its exit call has ended). After mm_stop the
	 * memory is reused: a callback must not look at it. */
	void (*mm_start)(struct policy_run *run, void *mm);
	void (*mm_stop)(struct policy_run *run, void *mm);
	void (*call_begin)(struct policy_run *run, struct policy_call *call);
	/* One object has just been unlinked; the policy owns it from here. */
	void (*dispose)(struct policy_run *run, struct policy_call *call, struct dead_object *object);
	void (*call_end)(struct policy_run *run, struct policy_call *call);
};

#define POLICY_NR(array) ((u32)(sizeof(array) / sizeof((array)[0])))

/* ------------------------------------------------------------------------- *
 * Lists, as most policies use them
 * ------------------------------------------------------------------------- */

static inline struct dead_object *dead_of(struct plat_rcu_head *head)
{
	return (struct dead_object *)head; /* rcu is the first member */
}

/* Append, so that a chain is in the order of unlinking. */
static inline void dead_list_add(struct policy_run *run, struct dead_list *list, struct dead_object *object)
{
	object->next = NULL;
	if (list->tail)
		list->tail->next = object;
	else
		list->head = object;
	list->tail = object;
	list->count++;
	plat_charge(run, PLAT_COST_LINK, 1);
}

/* Take the whole list away, leaving it empty. */
static inline struct dead_list dead_list_take(struct dead_list *list)
{
	struct dead_list taken = *list;

	list->head = NULL;
	list->tail = NULL;
	list->count = 0;
	return taken;
}

/* Put `list` behind `to`. */
static inline void dead_list_join(struct dead_list *to, struct dead_list list)
{
	if (!list.head)
		return;
	if (to->tail)
		to->tail->next = list.head;
	else
		to->head = list.head;
	to->tail = list.tail;
	to->count += list.count;
}

static inline struct dead_object *dead_list_pop(struct policy_run *run, struct dead_list *list)
{
	struct dead_object *object = list->head;

	if (!object)
		return NULL;
	plat_charge(run, PLAT_COST_WALK, 1);
	list->head = object->next;
	if (!list->head)
		list->tail = NULL;
	list->count--;
	return object;
}

/* RCU callbacks that suit most policies. */
static inline void dead_free_one(struct policy_run *run, struct plat_rcu_head *head)
{
	plat_free(run, dead_of(head), DEAD_READY);
}

/* `head` is the first object of a chain through ->next. */
static inline void dead_free_chain(struct policy_run *run, struct plat_rcu_head *head)
{
	struct dead_object *object = dead_of(head);

	while (object) {
		struct dead_object *next = object->next;

		plat_charge(run, PLAT_COST_WALK, 1);
		plat_free(run, object, DEAD_READY);
		object = next;
	}
}

/* One call_rcu() for the list, if there is anything on it. */
static inline void dead_list_post(struct policy_run *run, struct dead_list list)
{
	if (list.head)
		plat_call_rcu(run, &list.head->rcu, dead_free_chain, list.count);
}

/* Free a chain through ->next in arrays of up to `bulk` (1 .. DEAD_BULK_MAX) objects.
 * `touch` is PLAT_COST_LINK if the objects were linked just now and are cache-hot, else
 * PLAT_COST_WALK. */
#define DEAD_BULK_MAX 64

static inline void dead_free_in_bulk(struct policy_run *run, struct dead_object *object, u32 bulk,
				     enum dead_state from, enum plat_cost touch)
{
	struct dead_object *array[DEAD_BULK_MAX];
	u32 nr;

	while (object) {
		for (nr = 0; object && nr < bulk; object = object->next)
			array[nr++] = object;
		plat_charge(run, touch, nr);
		plat_charge(run, PLAT_COST_STORE, nr);
		plat_free_bulk(run, array, nr, from);
	}
}

#endif /* POLICIES_POLICY_H */
