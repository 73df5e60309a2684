// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * watch.c - what the kernel does by itself, seen through probes.
 *
 * A grace period ends with rcu_gp_cleanup() (kernel/rcu/tree.c), which runs once for each of them in
 * the grace-period kthread; distribution kernels have no CONFIG_RCU_TRACE, whose tracepoint would tell.
 * Slabs of a type-stable cache go through rcu_free_slab() (mm/slub.c). Softirqs, wake-ups and contended
 * locks have tracepoints.
 */
#include <linux/interrupt.h>
#include <linux/kprobes.h>
#include <linux/sched/signal.h>
#include <linux/tracepoint.h>
#include "lab.h"

static struct policy_run *watched; /* NULL: nothing is counted */

/* ---- ends of grace periods ---- */

static void starts_ready(struct policy_run *run, u64 t)
{
	unsigned long flags;
	u32 i = 0;

	raw_spin_lock_irqsave(&run->starts_lock, flags);
	while (i < run->nr_starts) {
		if (poll_state_synchronize_rcu(run->starts[i].cookie)) {
			record_change(run, ENTRY_READY, t, (s32)run->starts[i].n);
			record_served(run);
			run->starts[i] = run->starts[--run->nr_starts];
		} else {
			i++;
		}
	}
	raw_spin_unlock_irqrestore(&run->starts_lock, flags);
}

/* The time of the end is that of the entry, when every quiescent state has been seen: callbacks may be
 * invoked on other CPUs before the function returns. Its number has changed for cookies when it does. */
static int gp_ends(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct policy_run *run = READ_ONCE(watched);

	if (!run)
		return 0;
	WRITE_ONCE(run->last_gp_end, lab_now(run));
	if (READ_ONCE(run->measuring))
		atomic64_inc(&run->gps_ended);
	return 0;
}
NOKPROBE_SYMBOL(gp_ends);

static int gp_ended(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct policy_run *run = READ_ONCE(watched);

	if (!run)
		return 0;
	if (READ_ONCE(run->measuring))
		atomic64_add((s64)(lab_now(run) - run->last_gp_end), &run->gp_cleanup_ns);
	starts_ready(run, run->last_gp_end);
	return 0;
}
NOKPROBE_SYMBOL(gp_ended);

static struct kretprobe gp_probe = {
	.kp.symbol_name = "rcu_gp_cleanup",
	.entry_handler = gp_ends,
	.handler = gp_ended,
	.maxactive = 2,
};

static struct lab_cpu *measured_cpu(struct policy_run **run)
{
	*run = READ_ONCE(watched);
	return *run && READ_ONCE((*run)->measuring) ? this_cpu_ptr((*run)->cpus) : NULL;
}

/* ---- slabs that SLUB posts by itself ---- */

static_assert(!(sizeof(struct page) & (sizeof(struct page) - 1)));

/*
 * head: in a struct slab, which lies over a struct page and so begins at a multiple of its size. Its word
 * slab_cache is the second in 6.12 and the fourth in 6.1 (mm/slab.h); the other holds no pointer to a cache.
 */
static bool is_slab_of(const struct rcu_head *head, const struct kmem_cache *cache)
{
	unsigned long *words = (unsigned long *)((unsigned long)head & ~(sizeof(struct page) - 1));

	return words[1] == (unsigned long)cache || words[3] == (unsigned long)cache;
}
NOKPROBE_SYMBOL(is_slab_of);

static int slab_freed(struct kprobe *probe, struct pt_regs *regs)
{
	const struct rcu_head *head = (struct rcu_head *)regs_get_kernel_argument(regs, 0);
	struct policy_run *run;
	struct lab_cpu *c = measured_cpu(&run);

	if (!c || !is_slab_of(head, run->cache))
		return 0;
	c->slab_callbacks++;
	if (in_serving_softirq())
		c->softirq_callbacks++;
	return 0;
}
NOKPROBE_SYMBOL(slab_freed);

static struct kprobe slab_probe = {
	.symbol_name = "rcu_free_slab",
	.pre_handler = slab_freed,
};

/* ---- tracepoints ---- */

static void softirq_begins(void *data, unsigned int vector)
{
	struct policy_run *run;
	struct lab_cpu *c = vector == RCU_SOFTIRQ ? measured_cpu(&run) : NULL;

	if (!c)
		return;
	c->softirq_start = lab_now(run);
	c->softirq_callbacks = 0;
}

static void softirq_ends(void *data, unsigned int vector)
{
	struct policy_run *run;
	struct lab_cpu *c = vector == RCU_SOFTIRQ ? measured_cpu(&run) : NULL;
	u64 ns;

	if (!c || !c->softirq_callbacks)
		return;
	ns = lab_now(run) - c->softirq_start;
	c->softirq_ns += ns;
	c->max_stall = max(c->max_stall, ns);
}

/* The kernel threads that disposal wakes; plat_gp_wait() counts the tasks itself. */
static bool serves_rcu(const struct task_struct *p)
{
	return (p->flags & PF_KTHREAD) && (!strncmp(p->comm, "rcu", 3) || !strncmp(p->comm, "ksoftirqd", 9) ||
					   !strncmp(p->comm, "kworker", 7));
}

static void woken(void *data, struct task_struct *p)
{
	struct policy_run *run;
	struct lab_cpu *c = serves_rcu(p) ? measured_cpu(&run) : NULL;

	if (c)
		c->wakeups++;
}

static void contended(void *data, void *lock, unsigned int flags)
{
	struct policy_run *run;
	struct lab_cpu *c = measured_cpu(&run);

	if (c)
		c->contended++;
}

static struct watch_point {
	const char *name;
	void *probe;
	struct tracepoint *tp;
} points[] = {
	{ "softirq_entry", softirq_begins, NULL },
	{ "softirq_exit", softirq_ends, NULL },
	{ "sched_wakeup", woken, NULL },
	{ "contention_begin", contended, NULL },
};

static void find_point(struct tracepoint *tp, void *data)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(points); i++)
		if (!strcmp(tp->name, points[i].name))
			points[i].tp = tp;
}

static void unregister_points(size_t nr)
{
	while (nr--)
		tracepoint_probe_unregister(points[nr].tp, points[nr].probe, NULL);
	tracepoint_synchronize_unregister();
}

static int register_points(void)
{
	size_t i;
	int error = 0;

	for_each_kernel_tracepoint(find_point, NULL);
	for (i = 0; i < ARRAY_SIZE(points) && !error; i++) {
		error = points[i].tp ? tracepoint_probe_register(points[i].tp, points[i].probe, NULL) :
				       -ENOENT;
		if (error)
			pr_err("cannot probe tracepoint %s (error %d)\n", points[i].name, error);
	}
	if (error)
		unregister_points(i - 1);
	return error;
}

int watch_register(void)
{
	int error = register_kretprobe(&gp_probe);

	if (error) {
		pr_err("cannot probe rcu_gp_cleanup() (error %d): the kernel needs CONFIG_KPROBES\n", error);
		return error;
	}
	error = register_kprobe(&slab_probe);
	if (error) {
		pr_err("cannot probe rcu_free_slab() (error %d): callbacks of slabs would not be seen\n",
		       error);
		unregister_kretprobe(&gp_probe);
		return error;
	}
	error = register_points();
	if (error) {
		unregister_kprobe(&slab_probe);
		unregister_kretprobe(&gp_probe);
	}
	return error;
}

void watch_unregister(void)
{
	unregister_points(ARRAY_SIZE(points));
	unregister_kprobe(&slab_probe);
	unregister_kretprobe(&gp_probe);
}

/* ---- one run ---- */

/* CPU time of the kthreads that invoke callbacks in the place of softirqs: the scheduler's count. */
static u64 kthread_ns(void)
{
	struct task_struct *p;
	u64 ns = 0;

	rcu_read_lock();
	for_each_process (p)
		if ((p->flags & PF_KTHREAD) &&
		    (!strncmp(p->comm, "rcuo", 4) || !strncmp(p->comm, "rcuc/", 5)))
			ns += p->se.sum_exec_runtime;
	rcu_read_unlock();
	return ns;
}

void watch_start(struct policy_run *run)
{
	run->kthread_ns_before = kthread_ns();
	WRITE_ONCE(run->measuring, true);
	smp_store_release(&watched, run);
}

void watch_cut(struct policy_run *run)
{
	struct lab_counts *counts = &run->counts;
	int cpu;

	WRITE_ONCE(run->measuring, false);
	synchronize_rcu(); /* no probe still counts: they run with preemption off */
	for_each_possible_cpu (cpu) {
		const struct lab_cpu *c = per_cpu_ptr(run->cpus, cpu);

		counts->softirq_ns += c->softirq_ns;
		counts->max_stall = max(counts->max_stall, c->max_stall);
		counts->callbacks += c->callbacks;
		counts->slab_callbacks += c->slab_callbacks;
		counts->wakeups += c->wakeups;
		counts->contended += c->contended;
	}
	counts->kthread_ns = kthread_ns() - run->kthread_ns_before;
	counts->wakeups += (u64)atomic64_read(&run->work_wakeups);
	counts->grace_periods = (u64)atomic64_read(&run->grace_periods);
	counts->gps_ended = (u64)atomic64_read(&run->gps_ended);
	counts->lock_waits = (u64)atomic64_read(&run->lock_waits);
	counts->violations = (u64)atomic64_read(&run->violations);
}

void watch_stop(struct policy_run *run)
{
	WRITE_ONCE(run->measuring, false);
	WRITE_ONCE(watched, NULL);
	synchronize_rcu();
}
