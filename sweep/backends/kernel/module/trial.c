// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * trial.c - one trial from its request to its report: set up, start the threads, wait, cut, drain,
 * check that nothing is left. However it ends, everything is given back.
 */
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include "lab.h"

#define NAP_NS (20 * NSEC_PER_MSEC)

/* ---- threads ---- */

bool lab_wait_until(struct policy_run *run, u64 t)
{
	while (!READ_ONCE(run->stopping)) {
		u64 now = lab_now(run);
		ktime_t until = ns_to_ktime(run->start + min(t, now + NAP_NS));

		if (now >= t)
			return true;
		set_current_state(TASK_IDLE);
		schedule_hrtimeout(&until, HRTIMER_MODE_ABS);
	}
	return false;
}

/* At work from the completion `go` on. cpu: -1, any. */
int lab_thread(struct policy_run *run, int (*func)(void *), void *arg, int cpu, const char *name)
{
	struct task_struct *thread = kthread_create(func, arg, "%s/%d", name, cpu);

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	if (cpu >= 0)
		kthread_bind(thread, (unsigned int)cpu);
	run->threads[run->nr_threads++] = thread;
	wake_up_process(thread);
	return 0;
}

int lab_thread_ends(void)
{
	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static int start_threads(struct policy_run *run)
{
	int error;

	run->threads = kvcalloc(2 * (size_t)run->req->nr_cpus + 2, sizeof(*run->threads), GFP_KERNEL);
	if (!run->threads)
		return -ENOMEM;
	atomic_set(&run->tasks_left, 1); /* ours, until all are there */
	error = tasks_start(run);
	if (!error)
		error = readers_start(run);
	if (!error)
		error = pressure_start(run);
	if (!error)
		error = record_samples_start(run);
	if (atomic_dec_and_test(&run->tasks_left))
		complete(&run->tasks_done);
	return error;
}

static void stop_threads(struct policy_run *run)
{
	u32 i;

	WRITE_ONCE(run->stopping, true);
	complete_all(&run->go); /* those that have not begun yet */
	for (i = 0; i < run->nr_threads; i++)
		kthread_stop(run->threads[i]);
	kvfree(run->threads);
}

/* ---- setting up ---- */

static int find_policy(struct policy_run *run)
{
	u32 i;

	for (i = 0; i < nr_all_policies; i++)
		if (!strcmp(all_policies[i]->name, run->req->policy))
			run->policy = all_policies[i];
	if (!run->policy) {
		lab_fail(run, "this module was built without policy '%s'", run->req->policy);
		return -EINVAL;
	}
	if (run->req->nr_params != (s32)run->policy->nr_params || run->req->nr_params > LAB_MAX_PARAMS) {
		lab_fail(run, "policy '%s' has %u parameters, not %d", run->policy->name,
			 run->policy->nr_params, run->req->nr_params);
		return -EINVAL;
	}
	memcpy(run->params, run->rows.params, run->policy->nr_params * sizeof(s64));
	return 0;
}

static int check_machine(struct policy_run *run)
{
	s32 cpu;

	for (cpu = 0; cpu < run->req->nr_cpus; cpu++)
		if (!cpu_possible(cpu) || !cpu_online(cpu)) {
			lab_fail_environment(run,
					     "the workload runs on %d CPUs, and CPU %d is not online here",
					     run->req->nr_cpus, cpu);
			return -EINVAL;
		}
	if (run->nr_objects &&
	    run->req->duration_ns + run->req->max_drain_ns > S64_MAX / 2 / (s64)run->nr_objects) {
		lab_fail(run, "%u objects for so long a time are more than can be added up", run->nr_objects);
		return -EINVAL;
	}
	return 0;
}

static int create_cache(struct policy_run *run)
{
	static atomic_t number;
	const bool typesafe = run->policy->flags & POLICY_TYPESAFE;
	void *object;

	snprintf(run->cache_name, sizeof(run->cache_name), "rcu_sweep_%d", atomic_inc_return(&number));
	run->cache =
		lab_cache_create(run->cache_name, (unsigned int)run->req->object_bytes,
				 (typesafe ? SLAB_TYPESAFE_BY_RCU : 0) | (run->req->memcg ? SLAB_ACCOUNT : 0),
				 offsetof(struct lab_object, dead.next));
	object = run->cache ? kmem_cache_alloc(run->cache, GFP_KERNEL) : NULL;
	if (!object)
		return -ENOMEM;
	run->slab_bytes = (u32)page_size(virt_to_head_page(object));
	kmem_cache_free(run->cache, object);
	run->slab_objects_before = slabs_objects(run);
	return 0;
}

static int set_up(struct policy_run *run)
{
	int error = find_policy(run) ?: tasks_deal(run);

	if (!error && !atomic_read(&run->failed))
		error = check_machine(run) ?: create_cache(run) ?: platform_start(run) ?: start_threads(run);
	if (error == -ENOMEM)
		lab_fail_environment(
			run, "no memory to set the trial up: give the guest more, or shorten the workload");
	else if (error)
		lab_fail_environment(run, "the trial could not be set up (error %d)", -error);
	return atomic_read(&run->failed) ? -EINVAL : 0;
}

/* ---- measuring ---- */

/* Until the tasks have ended, and then until t. False: whoever waits for the result was told to end. */
static bool wait_for_tasks(struct policy_run *run, u64 deadline)
{
	while (!wait_for_completion_timeout(&run->tasks_done, msecs_to_jiffies(20))) {
		if (signal_pending(current))
			return false;
		if (lab_now(run) > deadline && !READ_ONCE(run->stopping))
			lab_fail_environment(
				run,
				"the workload is late by more than %lld ms: this machine is too slow for it",
				div_s64(run->req->max_drain_ns, NSEC_PER_MSEC));
	}
	return true;
}

static bool wait_for_end(struct policy_run *run)
{
	const u64 duration = (u64)run->req->duration_ns;

	while (!READ_ONCE(run->stopping) && lab_now(run) < duration) {
		if (signal_pending(current))
			return false;
		lab_wait_until(run, min(duration, lab_now(run) + NAP_NS));
	}
	return true;
}

static int measure(struct policy_run *run)
{
	run->start = ktime_get_ns() - 1; /* so that no time is 0 */
	watch_start(run);
	complete_all(&run->go);
	if (!wait_for_tasks(run, (u64)run->req->duration_ns + (u64)run->req->max_drain_ns) ||
	    !wait_for_end(run))
		return -EINTR;
	run->end = lab_now(run);
	watch_cut(run);
	return 0;
}

/* ---- the end ---- */

static void drain(struct policy_run *run)
{
	s32 i;

	for (i = 0; run->mms && i < run->req->nr_mms; i++)
		if (run->mms[i].started)
			tasks_mm_stop(run, &run->mms[i]);
	platform_stop(run);
	synchronize_rcu(); /* the probe at the end of the last grace period has run, too */
	watch_stop(run);
}

/* Objects that are alive, and those that the policy forgot. */
static void free_objects(struct policy_run *run)
{
	u32 i;

	for (i = 0; run->where && i < run->nr_objects; i++) {
		if (run->where[i] && !run->freed[i])
			kmem_cache_free(run->cache, run->where[i]);
		cond_resched();
	}
}

static void tear_down(struct policy_run *run)
{
	kmem_cache_destroy(run->cache); /* says so on the console if anything is left in it */
	record_teardown(run);
	kvfree(run->row_order);
	kvfree(run->row_ordinal);
	kvfree(run->first_row);
	kvfree(run);
}

static void init_run(struct policy_run *run, const struct kernel_request *req, const struct lab_rows *rows)
{
	run->req = req;
	run->rows = *rows;
	run->start = ktime_get_ns();
	run->min_free_permille = U64_MAX;
	spin_lock_init(&run->riders_lock);
	raw_spin_lock_init(&run->starts_lock);
	hash_init(run->riders);
	init_completion(&run->go);
	init_completion(&run->tasks_done);
}

/* Runs the trial and writes its report. Returns -EINTR when the caller was told to end. */
int lab_trial(const struct kernel_request *req, const struct lab_rows *rows, struct seq_buf *out)
{
	struct policy_run *run = kvzalloc(sizeof(*run), GFP_KERNEL);
	int error;

	if (!run)
		return -ENOMEM;
	init_run(run, req, rows);
	error = set_up(run);
	if (!error)
		error = measure(run);
	stop_threads(run);
	drain(run);
	free_objects(run);
	slabs_check(run);
	if (!error && !atomic_read(&run->failed))
		error = metrics_report(run, out);
	if (atomic_read(&run->failed)) {
		seq_buf_printf(out, "{\"error\": \"%s\", \"cause\": \"%s\"}\n", run->message,
			       run->environment ? "environment" : "configuration");
		error = 0;
	}
	tear_down(run);
	return error;
}
