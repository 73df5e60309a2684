/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * adaptive - batches that clock themselves by the grace periods of their own CPU.
 *
 * A call gathers on its own list and meets its CPU once, at its end: nothing is shared, and
 * an exiting task pays a list link per object, one lock, one call_rcu(). What then waits
 * waits for little, because posting early would gain little: an object posted while a grace
 * period runs must outlast the next one anyway.
 *
 * holds    the objects of a call in progress; per CPU fewer than `batch` others.
 * posts    at once what finds no callback of its CPU in flight (the clock), a batch that has
 *          reached `batch`, and what comes later than `hold_percent` of the measured grace
 *          period after the last post. So one exit is one list, a slow stream goes per
 *          object, and a fast one in groups that follow its rate. A large call is cut into
 *          lists of `max_stall_objects` that it posts together, so that one grace period
 *          serves them all: at its end, or when it has gone on for a grace period.
 * frees    in bulk, in callbacks. The clock's callback also takes what is still held: freed
 *          at once if the grace period has covered it (its cookie tells), else posted as the
 *          next clock. Hence no timer.
 * bounds   held: `batch` objects, and the clock's callback. Waiting: lazy callbacks, which
 *          RCU_LAZY keeps for 10 s, hold at most `lazy_objects` per CPU, above that posting
 *          hurries. While there is memory pressure nothing is held and all posting hurries.
 *          A callback frees at most `max_stall_objects` objects and the batch held: less than
 *          3 ms of softirq, even ten callbacks (blimit) in a row.
 */
#include "policy.h"

enum { BATCH, HOLD, MAX_STALL, LAZY_OBJECTS };

static const struct policy_param params[] = {
	[BATCH] = { "batch", PARAM_INT, 1, 1024, true, 32, "objects",
		    "hold back fewer than this per CPU; 1: nothing", NULL, NULL },
	[HOLD] = { "hold_percent", PARAM_INT, 0, 100, false, 12, "% of a grace period",
		   "post what comes later than this after the CPU's last post", NULL, NULL },
	[MAX_STALL] = { "max_stall_objects", PARAM_INT, 32, 8192, true, 1024, "objects",
			"one callback frees at most this many, and a batch", NULL, NULL },
	[LAZY_OBJECTS] = { "lazy_objects", PARAM_INT, 1, 65536, true, 256, "objects",
			   "what RCU_LAZY may keep waiting per CPU; beyond, call_rcu_hurry()", NULL, NULL },
};

#define FREE_BULK 32
#define PRESSURE_NS 100000000 /* reclaim that goes on asks the shrinker more often than this */
#define MAX_GP_JIFFIES 64     /* longer ones were lazy, or a reader was stuck */

struct cpu {
	struct plat_lock lock;
	struct dead_list held;
	u64 cookie; /* grace period that covers all that is held */
	u64 last_post_ns;
	u64 pressure_until_ns;
	s64 gp_ns;	  /* measured: from a post to its callback, moving average */
	u64 clock_ns;	  /* when the clock was posted */
	bool clock;	  /* a callback of this CPU is in flight that looks after what is held */
	u64 lazy_objects; /* posted since the last hurried callback, which takes the lazy ones along */
};

/* A list on its way to RCU, decided under the lock and posted without. */
struct posting {
	struct dead_list list;
	bool clock;
	bool hurry;
};

static void clock_over(struct policy_run *run, struct plat_rcu_head *head);

static void free_list(struct policy_run *run, struct plat_rcu_head *head)
{
	dead_free_in_bulk(run, dead_of(head), FREE_BULK, DEAD_READY, PLAT_COST_WALK);
}

static void post(struct policy_run *run, struct posting posting)
{
	void (*func)(struct policy_run *, struct plat_rcu_head *) = posting.clock ? clock_over : free_list;

	if (!posting.list.head)
		return;
	if (posting.hurry)
		plat_call_rcu_hurry(run, &posting.list.head->rcu, func, posting.list.count);
	else
		plat_call_rcu(run, &posting.list.head->rcu, func, posting.list.count);
}

/* Decide how a list goes. With the lock held. */
static struct posting prepare(struct policy_run *run, struct cpu *cpu, struct dead_list list, u64 now)
{
	struct posting posting = { list, false, false };

	if (!list.head)
		return posting;
	cpu->last_post_ns = now;
	cpu->lazy_objects += list.count;
	if (cpu->lazy_objects > (u64)plat_param(run, LAZY_OBJECTS) || now < cpu->pressure_until_ns) {
		cpu->lazy_objects = 0;
		posting.hurry = true;
	}
	if (!cpu->clock) {
		cpu->clock = true;
		cpu->clock_ns = now;
		list.head->word = (u64)(uintptr_t)cpu;
		posting.clock = true;
	}
	return posting;
}

static void measure(struct policy_run *run, struct cpu *cpu, u64 now)
{
	s64 max_ns = (s64)(MAX_GP_JIFFIES * plat_jiffy_ns(run));
	s64 sample_ns = (s64)(now - cpu->clock_ns);

	if (sample_ns > max_ns)
		sample_ns = max_ns;
	cpu->gp_ns += (sample_ns - cpu->gp_ns) / 8;
}

/* Posts under the lock: once stop() has had the lock, no callback posts any more. */
static void clock_over(struct policy_run *run, struct plat_rcu_head *head)
{
	struct cpu *cpu = (struct cpu *)(uintptr_t)dead_of(head)->word;
	struct dead_list covered = { NULL, NULL, 0 };
	u64 now = plat_now_ns(run);

	plat_lock(run, &cpu->lock);
	measure(run, cpu, now);
	cpu->clock = false;
	if (cpu->held.head && plat_gp_done(run, cpu->cookie))
		covered = dead_list_take(&cpu->held);
	post(run, prepare(run, cpu, dead_list_take(&cpu->held), now));
	plat_unlock(run, &cpu->lock);

	dead_free_in_bulk(run, dead_of(head), FREE_BULK, DEAD_READY, PLAT_COST_WALK);
	dead_free_in_bulk(run, covered.head, FREE_BULK, DEAD_POSTPONED, PLAT_COST_WALK);
}

/* Is it time to post what is held? With the lock held. */
static bool due(struct policy_run *run, struct cpu *cpu, u64 now)
{
	u64 hold_ns = (u64)cpu->gp_ns * (u64)plat_param(run, HOLD) / 100;

	return !cpu->clock || cpu->held.count >= plat_param(run, BATCH) ||
	       now >= cpu->last_post_ns + hold_ns || now < cpu->pressure_until_ns;
}

/* Full lists of a call wait on a stack: call->word is the head of the newest, and each head
 * holds the one before in rcu.next and the time at which the oldest was full in word. */
static struct dead_object *newest_full(struct policy_call *call)
{
	return (struct dead_object *)(uintptr_t)call->word;
}

static void post_full(struct policy_run *run, struct policy_call *call, u64 now)
{
	struct cpu *cpu = plat_cpu_state(run, plat_cpu(run));
	struct dead_object *head = newest_full(call);

	call->word = 0;
	while (head) {
		struct dead_list list = { head, NULL, (u32)plat_param(run, MAX_STALL) };
		struct posting posting;

		plat_charge(run, PLAT_COST_WALK, 1);
		head = (struct dead_object *)head->rcu.next;
		plat_lock(run, &cpu->lock);
		posting = prepare(run, cpu, list, now);
		plat_unlock(run, &cpu->lock);
		post(run, posting);
	}
}

static void stack_full(struct policy_run *run, struct policy_call *call)
{
	struct dead_object *before = newest_full(call);
	struct dead_object *head = dead_list_take(&call->list).head;
	struct cpu *cpu = plat_cpu_state(run, plat_cpu(run));
	u64 now = plat_now_ns(run);
	u64 gp_ns;

	head->rcu.next = (struct plat_rcu_head *)before;
	head->word = before ? before->word : now;
	call->word = (u64)(uintptr_t)head;

	plat_lock(run, &cpu->lock);
	gp_ns = (u64)cpu->gp_ns;
	plat_unlock(run, &cpu->lock);
	if (now - head->word > gp_ns)
		post_full(run, call, now);
}

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	dead_list_add(run, &call->list, object);
	if (call->list.count >= plat_param(run, MAX_STALL))
		stack_full(run, call);
}

static void call_end(struct policy_run *run, struct policy_call *call)
{
	struct posting posting = { { NULL, NULL, 0 }, false, false };
	struct cpu *cpu;
	u64 now;

	now = plat_now_ns(run);
	if (call->word)
		post_full(run, call, now);
	if (!call->list.head)
		return;
	cpu = plat_cpu_state(run, plat_cpu(run));
	plat_lock(run, &cpu->lock);
	dead_list_join(&cpu->held, dead_list_take(&call->list));
	if (due(run, cpu, now))
		posting = prepare(run, cpu, dead_list_take(&cpu->held), now);
	else
		cpu->cookie = plat_gp_snapshot(run);
	plat_unlock(run, &cpu->lock);
	post(run, posting);
}

/* Being asked is the sign of memory pressure, whatever the answer. */
static u64 shrinker_count(struct policy_run *run)
{
	u64 now = plat_now_ns(run);
	u64 count = 0;
	u32 i;

	for (i = 0; i < plat_nr_cpus(run); i++) {
		struct cpu *cpu = plat_cpu_state(run, i);

		plat_lock(run, &cpu->lock);
		cpu->pressure_until_ns = now + PRESSURE_NS;
		count += cpu->held.count;
		plat_unlock(run, &cpu->lock);
	}
	return count;
}

static u64 shrinker_scan(struct policy_run *run, u64 nr)
{
	u64 now = plat_now_ns(run);
	u64 done = 0;
	u32 i;

	for (i = 0; i < plat_nr_cpus(run) && done < nr; i++) {
		struct cpu *cpu = plat_cpu_state(run, i);
		struct posting posting;

		plat_lock(run, &cpu->lock);
		posting = prepare(run, cpu, dead_list_take(&cpu->held), now);
		plat_unlock(run, &cpu->lock);
		done += posting.list.count;
		post(run, posting);
	}
	return done ? done : PLAT_SHRINK_STOP;
}

/* Any number of objects is worth a scan, at any priority: a CPU holds few. */
static const struct plat_shrinker shrinker = { 0, 1, shrinker_count, shrinker_scan };

static void start(struct policy_run *run)
{
	u32 i;

	for (i = 0; i < plat_nr_cpus(run); i++) {
		struct cpu *cpu = plat_cpu_state(run, i);

		plat_lock_init(run, &cpu->lock);
		cpu->gp_ns = (s64)plat_jiffy_ns(run);
	}
	plat_shrinker_register(run, &shrinker);
}

static void stop(struct policy_run *run)
{
	u32 i;

	for (i = 0; i < plat_nr_cpus(run); i++) {
		struct cpu *cpu = plat_cpu_state(run, i);
		struct dead_list held;

		plat_lock(run, &cpu->lock);
		held = dead_list_take(&cpu->held);
		plat_unlock(run, &cpu->lock);
		dead_list_post(run, held);
	}
}

const struct policy policy_adaptive = {
	.name = "adaptive",
	.origin = "this project: held by a fraction of the grace period, clocked by the CPU's own callbacks",
	.summary = "per-CPU batches that follow the free rate, the grace period and memory pressure",
	.params = params,
	.nr_params = POLICY_NR(params),
	.cpu_size = sizeof(struct cpu),
	.start = start,
	.stop = stop,
	.dispose = dispose,
	.call_end = call_end,
};
