/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kthread.c - kernel threads: waking them, choosing a CPU for them, and delayed work.
 *
 * ksoftirqd and kworkers belong to their CPU. rcuog, rcuop, kswapd and the GP kthread run where
 * they ran last if that CPU is idle, else on another idle one, else they share their CPU with the
 * task there, and preempt it when they wake.
 */
#include "sim.h"

void kthread_wake(sim *s, struct kthread *k, s64 t)
{
	if (k->awake) {
		k->again = true;
		return;
	}
	k->awake = true;
	k->again = false;
	s->r.wakeups++;
	if (s->m.gp_constant && !s->m.wake_latency_ns)
		kthread_arrives(s, k, t);
	else
		event_add(s, t + s->m.wake_latency_ns * PS_PER_NS, EVENT_WAKE, 0, k, 0);
}

struct cpu *cpu_for_thread(sim *s, s32 last, s64 t)
{
	s32 allowed = s->m.nocb_housekeeping_cpus ? s->m.nocb_housekeeping_cpus : s->m.nr_cpus;

	for (s32 i = 0; i < allowed; i++) {
		struct cpu *c = &s->cpus[(last + i) % allowed];

		if (cpu_is_idle(s, c, t))
			return c;
	}
	return &s->cpus[last % allowed];
}

static struct cpu *choose_cpu(sim *s, struct kthread *k, s64 t)
{
	if (s->m.gp_constant)
		return &s->cpus[s->m.nr_cpus + k->home]; /* a shadow: disturbs no task */
	if (k->kind == KTHREAD_KSOFTIRQD || k->kind == KTHREAD_KWORKER)
		return &s->cpus[k->home];
	return cpu_for_thread(s, k->home, t);
}

void kthread_arrives(sim *s, struct kthread *k, s64 t)
{
	struct cpu *c = choose_cpu(s, k, t);

	k->home = c->id;
	k->next = NULL;
	if (c->rq_tail)
		c->rq_tail->next = k;
	else
		c->rq_head = k;
	c->rq_tail = k;
	c->now = max_s64(c->now, t) + s->m.context_switch_ps;
	s->cpu_callback_ps += s->m.context_switch_ps;
	c->kthread_turn = true;
	c->slice_end = c->now + s->m.sched_slice_ns * PS_PER_NS;
	gp_context_switch(c);
	cpu_changed(s, c);
}

bool kthread_step(sim *s, struct kthread *k)
{
	switch (k->kind) {
	case KTHREAD_RCUOG:
		return rcuog_step(s, &s->groups[k->index]);
	case KTHREAD_RCUOP:
		return rcuop_step(s, &s->cpus[k->index]);
	case KTHREAD_KSOFTIRQD:
		return ksoftirqd_step(s, &s->cpus[k->index]);
	case KTHREAD_KWORKER:
		return kworker_step(s, &s->cpus[k->index]);
	case KTHREAD_KSWAPD:
		return kswapd_step(s);
	case KTHREAD_CONSTANT:
		return constant_step(s, &s->cpus[k->index]);
	}
	return false;
}

void work_expires(sim *s, struct plat_work *work, u64 armed, struct cpu *c, s64 t)
{
	struct sim_work *w = (struct sim_work *)work->opaque;

	if (w->armed != armed)
		return; /* cancelled */
	w->armed = 0;
	w->queued = 1;
	w->next = NULL;
	if (c->work_tail)
		((struct sim_work *)c->work_tail->opaque)->next = work;
	else
		c->work_head = work;
	c->work_tail = work;
	kthread_wake(s, &c->kworker, t);
}

bool kworker_step(sim *s, struct cpu *c)
{
	struct plat_work *work = c->work_head;
	struct sim_work *w;

	if (!work)
		return false;
	w = (struct sim_work *)work->opaque;
	c->work_head = w->next;
	if (!c->work_head)
		c->work_tail = NULL;
	w->queued = 0;
	s->r.steps++;
	work->func(s, work);
	return c->work_head != NULL;
}
