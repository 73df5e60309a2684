// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * record.c - what is written down while a trial runs: nothing is added up before its end, so that no
 * counter is shared and the end of the measured span cuts exactly.
 */
#include <linux/vmalloc.h>
#include "lab.h"

/* A place in the log of this CPU; NULL when the log is full. With interrupts off. */
static struct lab_entry *next_entry(struct policy_run *run, struct lab_cpu *c)
{
	u32 at;

	if (!c->room) {
		at = (u32)atomic_add_return(LAB_CHUNK, &run->log_used);
		if (at > run->log_room)
			return NULL;
		c->chunk = run->log + at - LAB_CHUNK;
		c->room = LAB_CHUNK;
	}
	c->room--;
	return c->chunk++;
}

void record_change(struct policy_run *run, enum entry_kind kind, u64 t, s32 n)
{
	struct lab_entry *entry;
	unsigned long flags;

	if (!n)
		return;
	local_irq_save(flags);
	entry = next_entry(run, this_cpu_ptr(run->cpus));
	if (entry)
		*entry = (struct lab_entry){ t, n, kind };
	local_irq_restore(flags);
	if (!entry)
		lab_fail_environment(run, "the log is full: shorten the workload");
}

void record_call(struct policy_run *run, u64 latency, u32 n, bool exits)
{
	u32 at = (u32)atomic_inc_return(&run->nr_calls) - 1;

	run->calls[at] = (struct lab_call){ latency, n, exits };
}

/* ---- the cache's own count of its slabs ---- */

/* Without sysfs there are no samples, and the metric is said not to have been measured. */
static int sampler(void *arg)
{
	struct policy_run *run = arg;
	u64 t;

	wait_for_completion(&run->go);
	for (t = 0; run->nr_samples < run->room_samples && lab_wait_until(run, t);
	     t = lab_now(run) + run->req->sample_ns) {
		long slabs = slabs_read(run, "slabs");

		if (slabs < 0)
			break;
		run->samples[run->nr_samples++] = (struct lab_sample){ lab_now(run), (u32)slabs, 0 };
	}
	return lab_thread_ends();
}

int record_samples_start(struct policy_run *run)
{
	return lab_thread(run, sampler, run, -1, "lab-sampler");
}

/* ---- memory ---- */

static void *array(u64 nr, size_t element)
{
	return kvcalloc(nr + 1, element, GFP_KERNEL);
}

/* Per object: posted and ready, each once, and what the policy allocates; policies that post an
 * object twice (as a part of a block) are within the spare third. */
int record_setup(struct policy_run *run)
{
	u64 nr = run->nr_objects;

	run->log_room = (u32)(3 * nr + (num_possible_cpus() + 16) * LAB_CHUNK);
	run->room_samples = (u32)div64_u64((u64)run->req->duration_ns + (u64)run->req->max_drain_ns,
					   (u64)run->req->sample_ns) +
			    2;
	run->where = array(nr, sizeof(*run->where));
	run->birth = array(nr, sizeof(*run->birth));
	run->unlink = array(nr, sizeof(*run->unlink));
	run->freed = array(nr, sizeof(*run->freed));
	run->mm_of = array(nr, sizeof(*run->mm_of));
	run->mms = array((u64)run->req->nr_mms, sizeof(*run->mms));
	run->calls = array(run->nr_calls_room, sizeof(*run->calls));
	run->samples = array(run->room_samples, sizeof(*run->samples));
	run->log = vmalloc(array_size(run->log_room, sizeof(*run->log)));
	run->cpus = alloc_percpu(struct lab_cpu);
	if (run->req->stress)
		run->cookie = array(nr, sizeof(*run->cookie));
	if (!run->where || !run->birth || !run->unlink || !run->freed || !run->mm_of || !run->mms ||
	    !run->calls || !run->samples || !run->log || !run->cpus || (run->req->stress && !run->cookie))
		return -ENOMEM;
	return 0;
}

void record_teardown(struct policy_run *run)
{
	kvfree(run->where);
	kvfree(run->birth);
	kvfree(run->unlink);
	kvfree(run->freed);
	kvfree(run->mm_of);
	kvfree(run->mms);
	kvfree(run->calls);
	kvfree(run->samples);
	kvfree(run->cookie);
	vfree(run->log);
	free_percpu(run->cpus);
}

/* A grace period that a policy started by itself, and how many objects wait for it. */
void record_start(struct policy_run *run, unsigned long cookie, u32 n)
{
	unsigned long flags;

	record_change(run, ENTRY_POSTED, lab_now(run), (s32)n);
	raw_spin_lock_irqsave(&run->starts_lock, flags);
	if (run->nr_starts < LAB_MAX_STARTS)
		run->starts[run->nr_starts++] = (struct lab_start){ cookie, n };
	else
		lab_fail(run, "more than %d grace periods are waited for at once", LAB_MAX_STARTS);
	raw_spin_unlock_irqrestore(&run->starts_lock, flags);
}

/* Something of the policy had waited for the grace period that ended last: it counts, once. Others in the
 * kernel have grace periods of their own, which say nothing of the policy. */
void record_served(struct policy_run *run)
{
	s64 counted = atomic64_read(&run->gp_served), ended = atomic64_read(&run->gps_ended);

	if (READ_ONCE(run->measuring) && ended > counted &&
	    atomic64_cmpxchg(&run->gp_served, counted, ended) == counted)
		atomic64_inc(&run->grace_periods);
}

/* An object may be freed: it is one, it is dead, and it has not been freed before. */
bool record_free(struct policy_run *run, struct lab_object *o, u64 t, enum dead_state from)
{
	u32 id = o->id;

	if (o->canary != lab_canary(o, id) || !run->unlink[id] || run->freed[id]) {
		lab_fail(run, "policy '%s' frees an object that is not dead (freed twice?)",
			 run->policy->name);
		return false;
	}
	if (run->cookie && !poll_state_synchronize_rcu(run->cookie[id]))
		atomic64_inc(&run->freed_early);
	run->freed[id] = 2 * t + (from == DEAD_READY);
	WRITE_ONCE(o->canary, 0); /* what a reader that is still here sees */
	return true;
}
