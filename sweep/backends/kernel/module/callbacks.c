// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * callbacks.c - call_rcu() as policies/policy.h has it.
 *
 * RCU calls a callback with its head alone. The run is one per module; the policy's function stands
 * where struct rcu_head has its own, and is replaced by one of a few trampolines that stand for it.
 * How many objects ride on a callback is kept in the object whose head it is, or beside it.
 */
#include <linux/interrupt.h>
#include "lab.h"

#define MAX_FUNCS 8

typedef void (*policy_func)(struct policy_run *run, struct plat_rcu_head *head);

struct rider { /* in policy_run.riders */
	struct hlist_node node;
	const void *head;
	u32 n;
};

static struct policy_run *the_run;
static policy_func funcs[MAX_FUNCS];

static_assert(sizeof(struct plat_rcu_head) == sizeof(struct rcu_head));

/* A head in a dead object: behind it lies the canary, which holds its own address. */
static struct lab_object *is_object(struct policy_run *run, const struct plat_rcu_head *head)
{
	struct lab_object *o = (struct lab_object *)head;
	const void *states_end = run->cpu_states + nr_cpu_ids * run->cpu_stride;

	if ((void *)head >= run->cpu_states && (void *)head < states_end)
		return NULL;
	return o->canary == lab_canary(o, o->id) ? o : NULL;
}

static void set_riders(struct policy_run *run, struct plat_rcu_head *head, u32 n)
{
	struct lab_object *o = is_object(run, head);
	struct rider *rider;

	if (o) {
		o->riders = n;
		return;
	}
	if (!n)
		return;
	rider = kmalloc(sizeof(*rider), GFP_ATOMIC);
	if (!rider) {
		lab_fail_environment(run, "no memory to note a callback with %u objects", n);
		return;
	}
	rider->head = head;
	rider->n = n;
	spin_lock_bh(&run->riders_lock);
	hash_add(run->riders, &rider->node, (unsigned long)head);
	spin_unlock_bh(&run->riders_lock);
}

static u32 take_riders(struct policy_run *run, struct plat_rcu_head *head)
{
	struct lab_object *o = is_object(run, head);
	struct rider *rider;
	u32 n = 0;

	if (o)
		return o->riders;
	spin_lock_bh(&run->riders_lock);
	hash_for_each_possible (run->riders, rider, node, (unsigned long)head) {
		if (rider->head != head)
			continue;
		n = rider->n;
		hash_del(&rider->node);
		kfree(rider);
		break;
	}
	spin_unlock_bh(&run->riders_lock);
	return n;
}

static void invoke(struct plat_rcu_head *head, policy_func func)
{
	struct policy_run *run = the_run;
	struct lab_cpu *c = this_cpu_ptr(run->cpus); /* callbacks run with bottom halves off */
	bool softirq = in_serving_softirq();
	u64 start = lab_now(run);

	record_change(run, ENTRY_READY, READ_ONCE(run->last_gp_end), (s32)take_riders(run, head));
	record_served(run);
	func(run, head);
	if (!READ_ONCE(run->measuring))
		return;
	c->callbacks++;
	if (softirq)
		c->softirq_callbacks++;
	else
		c->max_stall = max(c->max_stall, lab_now(run) - start);
}

#define TRAMPOLINE(i)                                           \
	static void trampoline_##i(struct rcu_head *head)       \
	{                                                       \
		invoke((struct plat_rcu_head *)head, funcs[i]); \
	}
TRAMPOLINE(0)
TRAMPOLINE(1)
TRAMPOLINE(2)
TRAMPOLINE(3)
TRAMPOLINE(4)
TRAMPOLINE(5)
TRAMPOLINE(6)
TRAMPOLINE(7)

static const rcu_callback_t trampolines[MAX_FUNCS] = {
	trampoline_0, trampoline_1, trampoline_2, trampoline_3,
	trampoline_4, trampoline_5, trampoline_6, trampoline_7
};

/* The trampoline that stands for a function; the first use of a function takes one. */
static rcu_callback_t trampoline_of(struct policy_run *run, policy_func func)
{
	u32 i;

	for (i = 0; i < MAX_FUNCS; i++) {
		policy_func there = READ_ONCE(funcs[i]);

		if (!there)
			there = cmpxchg(&funcs[i], NULL, func) ?: func;
		if (there == func)
			return trampolines[i];
	}
	return NULL;
}

static void post(struct policy_run *run, struct plat_rcu_head *head, policy_func func, u32 n, bool hurry)
{
	rcu_callback_t trampoline = trampoline_of(run, func);

	if (!trampoline) {
		lab_fail(run, "policy '%s' has more than %d kinds of callback", run->policy->name, MAX_FUNCS);
		return; /* its objects are taken back when the trial ends */
	}
	set_riders(run, head, n);
	record_change(run, ENTRY_POSTED, lab_now(run), (s32)n);
	if (hurry)
		call_rcu_hurry((struct rcu_head *)head, trampoline);
	else
		call_rcu((struct rcu_head *)head, trampoline);
}

void plat_call_rcu(struct policy_run *run, struct plat_rcu_head *head, policy_func func, u32 nr_objects)
{
	post(run, head, func, nr_objects, false);
}

void plat_call_rcu_hurry(struct policy_run *run, struct plat_rcu_head *head, policy_func func, u32 nr_objects)
{
	post(run, head, func, nr_objects, true);
}

void callbacks_start(struct policy_run *run)
{
	memset(funcs, 0, sizeof(funcs));
	the_run = run;
}

/* After rcu_barrier(): none is in flight. */
void callbacks_stop(struct policy_run *run)
{
	struct hlist_node *next;
	struct rider *rider;
	int bucket;

	hash_for_each_safe (run->riders, bucket, next, rider, node) {
		hash_del(&rider->node);
		kfree(rider);
	}
	the_run = NULL;
}
