/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work.c - timers, and delayed work with one kworker thread per CPU.
 *
 * One thread wakes at every tick and fires what is due (deferred wake-ups of rcuog, delayed work), as the timer
 * interrupt does. So arming a timer wakes nobody.
 */
#include "log.h"

_Static_assert(sizeof(struct work) <= sizeof(((struct plat_work *)0)->opaque), "plat_work is too small");

static struct work *work_of(struct plat_work *work)
{
	return (struct work *)work->opaque;
}

static void append(struct work_list *list, struct plat_work *work)
{
	work_of(work)->next = NULL;
	if (list->tail)
		work_of(list->tail)->next = work;
	else
		list->head = work;
	list->tail = work;
}

static void take_out(struct work_list *list, struct plat_work *work)
{
	struct plat_work **link = &list->head, *before = NULL;

	while (*link != work) {
		before = *link;
		link = &work_of(*link)->next;
	}
	*link = work_of(work)->next;
	if (list->tail == work)
		list->tail = before;
}

/* With the lock held. */
static void queue(struct policy_run *run, struct plat_work *work)
{
	struct cpu *c = &run->cpus[work_of(work)->cpu];

	work_of(work)->state = WORK_QUEUED;
	append(&c->queued, work);
	kick(&c->kworker);
}

void plat_work_init(struct policy_run *run, struct plat_work *work,
		    void (*func)(struct policy_run *, struct plat_work *))
{
	(void)run;
	work->func = func;
	*work_of(work) = (struct work){ 0 };
}

/* A timer of the kernel fires at a tick (kernel/time/timer.c). */
bool plat_work_queue(struct policy_run *run, struct plat_work *work, u64 delay_ns)
{
	struct work *w = work_of(work);
	const s64 jiffies = (s64)((delay_ns + (u64)run->m.jiffy_ns - 1) / (u64)run->m.jiffy_ns);
	bool queued;

	lock_take(&run->work_lock);
	queued = w->state == WORK_IDLE && !w->cancelling;
	if (queued) {
		w->cpu = cpu_here(run)->id;
		w->expires = timer_expiry(run, here, clock_now(), jiffies);
		if (delay_ns) {
			w->state = WORK_ARMED;
			append(&run->armed, work);
		} else {
			queue(run, work);
		}
	}
	lock_drop(&run->work_lock);
	return queued;
}

void plat_work_cancel(struct policy_run *run, struct plat_work *work)
{
	struct work *w = work_of(work);

	if (here->locks_held)
		fail_configuration("policy '%s' cancels work with a lock held: it may have to wait",
				   run->policy->name);
	lock_take(&run->work_lock);
	w->cancelling++;
	while (w->running) {
		const unsigned ticket = waiter_ticket(&run->work_done);

		lock_drop(&run->work_lock);
		waiter_sleep(&run->work_done, ticket,
			     clock_now() + clock_of_ns(1e6)); /* or others may be woken */
		lock_take(&run->work_lock);
	}
	if (w->state == WORK_ARMED)
		take_out(&run->armed, work);
	else if (w->state == WORK_QUEUED)
		take_out(&run->cpus[w->cpu].queued, work);
	w->state = WORK_IDLE;
	w->cancelling--;
	lock_drop(&run->work_lock);
}

static void expire(struct policy_run *run, s64 jiffy)
{
	struct plat_work *work, *next;

	lock_take(&run->work_lock);
	for (work = run->armed.head; work; work = next) {
		next = work_of(work)->next;
		if (work_of(work)->expires > jiffy)
			continue;
		take_out(&run->armed, work);
		queue(run, work);
	}
	lock_drop(&run->work_lock);
}

void timer_main(struct context *ctx)
{
	struct policy_run *run = ctx->run;
	struct waiter nobody = { 0 };

	while (!flag(&run->over)) {
		const s64 jiffy = jiffies_at(run, ctx, stamp(ctx));

		if (run->offloaded)
			nocb_timers(run, jiffy);
		expire(run, jiffy);
		waiter_sleep(&nobody, 0, time_of_jiffy(run, jiffy + 1));
	}
}

static struct plat_work *take_first(struct policy_run *run, struct cpu *c)
{
	struct plat_work *work;

	lock_take(&run->work_lock);
	work = c->queued.head;
	if (work) {
		take_out(&c->queued, work);
		work_of(work)->state = WORK_IDLE; /* it may queue itself again */
		work_of(work)->running++;
	}
	lock_drop(&run->work_lock);
	return work;
}

void kworker_main(struct context *ctx)
{
	struct policy_run *run = ctx->run;
	struct cpu *c = ctx->cpu;

	while (!flag(&run->over)) {
		const unsigned ticket = waiter_ticket(&c->kworker);
		struct plat_work *work = take_first(run, c);

		if (!work) {
			waiter_sleep(&c->kworker, ticket, NEVER);
			continue;
		}
		kthread_arrives(run);
		here->frees_to_stamp = 0;
		work->func(run, work);
		check_no_locks(run, "its work");
		kthread_leaves(c);
		lock_take(&run->work_lock);
		work_of(work)->running--;
		lock_drop(&run->work_lock);
		waiter_kick(&run->work_done);
	}
}

/* After stop(): nothing may be pending. */
void works_check(struct policy_run *run)
{
	bool any;

	lock_take(&run->work_lock);
	any = run->armed.head;
	for (u32 i = 0; i < run->nr_cpus; i++)
		any |= run->cpus[i].queued.head != NULL;
	lock_drop(&run->work_lock);
	if (any)
		fail_configuration("policy '%s' leaves work pending after stop()", run->policy->name);
}
