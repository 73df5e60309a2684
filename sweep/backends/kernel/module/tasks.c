// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * tasks.c - the workload's rows in real time. One kernel thread per CPU plays all tasks of that CPU:
 * those that exit, and those that call munmap. A CPU's rows run one after the other, and so do an
 * address space's, whatever their CPUs. Births happen outside of all measured times.
 */
#include <linux/delay.h>
#include <linux/sched.h>
#include <linux/wait_bit.h>
#include "lab.h"

/* ---- dealing the rows to their CPUs ---- */

static const char *row_error(const struct policy_run *run, s64 i, s64 *live)
{
	const struct kernel_request *req = run->req;
	const struct lab_rows *rows = &run->rows;

	if (rows->cpu[i] < 0 || rows->cpu[i] >= req->nr_cpus)
		return "names a CPU that the workload does not have";
	if (rows->n[i] < 0 || rows->t_ns[i] > req->duration_ns || rows->t_ns[i] < (i ? rows->t_ns[i - 1] : 0))
		return "has a time that falls, or a negative count";
	if (rows->kind[i] > ROW_ALLOC)
		return "is of a kind that does not exist";
	if (rows->kind[i] == ROW_FAULTS)
		return NULL;
	if (rows->mm[i] < 0 || rows->mm[i] >= req->nr_mms)
		return "names an address space that does not exist";
	live[rows->mm[i]] += rows->kind[i] == ROW_ALLOC ? rows->n[i] : -rows->n[i];
	return live[rows->mm[i]] < 0 ? "frees more objects than its address space holds" : NULL;
}

/* Checks the rows, and counts what they bring. Before record_setup(). */
static int count_rows(struct policy_run *run)
{
	s64 *live = kvcalloc((size_t)run->req->nr_mms + 1, sizeof(*live), GFP_KERNEL);
	u64 births = 0;
	s64 i;

	if (!live)
		return -ENOMEM;
	for (i = 0; i < run->req->nr_rows; i++) {
		const char *error = row_error(run, i, live);

		if (error) {
			lab_fail(run, "row %lld of the workload %s", i, error);
			break;
		}
		if (run->rows.kind[i] == ROW_ALLOC)
			births += (u64)run->rows.n[i];
		else if (run->rows.kind[i] != ROW_FAULTS)
			run->nr_calls_room++;
	}
	kvfree(live);
	if (births > LAB_MAX_OBJECTS)
		lab_fail(run, "the workload brings %llu objects; expected at most %u", births,
			 LAB_MAX_OBJECTS);
	run->nr_objects = (u32)births;
	return 0;
}

int tasks_deal(struct policy_run *run)
{
	const u32 nr_rows = (u32)run->req->nr_rows, nr_cpus = (u32)run->req->nr_cpus;
	int error = count_rows(run);
	u32 i, cpu;

	if (error || atomic_read(&run->failed))
		return error;
	error = record_setup(run);
	run->row_order = kvcalloc(nr_rows + 1, sizeof(u32), GFP_KERNEL);
	run->row_ordinal = kvcalloc(nr_rows + 1, sizeof(u32), GFP_KERNEL);
	run->first_row = kvcalloc(nr_cpus + 2, sizeof(u32), GFP_KERNEL);
	if (error || !run->row_order || !run->row_ordinal || !run->first_row)
		return -ENOMEM;
	for (i = 0; i < nr_rows; i++) {
		run->first_row[run->rows.cpu[i] + 2]++;
		if (run->rows.kind[i] != ROW_FAULTS)
			run->row_ordinal[i] = run->mms[run->rows.mm[i]].nr_rows++;
	}
	for (cpu = 2; cpu <= nr_cpus; cpu++)
		run->first_row[cpu] += run->first_row[cpu - 1];
	for (i = 0; i < nr_rows; i++)
		run->row_order[run->first_row[run->rows.cpu[i] + 1]++] = i;
	return 0;
}

/* ---- address spaces ---- */

static void mm_start(struct policy_run *run, struct lab_mm *mm)
{
	mm->state = kvzalloc(run->policy->mm_size + 1, GFP_KERNEL);
	if (!mm->state) {
		lab_fail_environment(run, "no memory for an address space");
		return;
	}
	if (run->policy->mm_start)
		run->policy->mm_start(run, mm->state);
	mm->started = true;
	atomic_set_release(&mm->users, 1);
}

void tasks_mm_stop(struct policy_run *run, struct lab_mm *mm)
{
	if (run->policy->mm_stop)
		run->policy->mm_stop(run, mm->state);
	mm->started = false;
	kvfree(mm->state);
	mm->state = NULL;
}

static void birth(struct policy_run *run, struct lab_mm *mm, s32 mm_index, u32 id)
{
	struct lab_object *o = kmem_cache_alloc(run->cache, GFP_KERNEL);

	if (!o) {
		lab_fail_environment(run,
				     "no memory for an object: give the guest more, or shorten the workload");
		return;
	}
	o->id = id;
	o->dead.next = NULL;
	WRITE_ONCE(o->canary, lab_canary(o, id));
	if (mm->tail)
		mm->tail->dead.next = &o->dead;
	else
		mm->head = o;
	mm->tail = o;
	mm->live++;
	run->mm_of[id] = mm_index;
	run->birth[id] = lab_now(run);
	smp_store_release(&run->where[id], o); /* readers find it from here on */
}

static void births(struct policy_run *run, struct lab_mm *mm, s32 mm_index, u32 n)
{
	u32 id = (u32)atomic_fetch_add((int)n, &run->born);

	if (!mm->started)
		mm_start(run, mm);
	for (; n && !READ_ONCE(run->stopping); n--) {
		birth(run, mm, mm_index, id++);
		cond_resched();
	}
}

/* ---- calls ---- */

/* Under mm_ref, an exit begins when the last reader has dropped its reference. */
static void await_readers(struct policy_run *run, struct lab_mm *mm)
{
	atomic_dec(&mm->users);
	while (atomic_read(&mm->users) && !READ_ONCE(run->stopping))
		usleep_range(10, 20);
}

/* As exit_mmap() and vms_complete_munmap_vmas(): a loop over remove_vma(), in which only exit may be
 * preempted by choice (cond_resched() for each VMA). */
static void dispose(struct policy_run *run, struct policy_call *call, struct lab_mm *mm, u32 n)
{
	for (; n; n--) {
		struct lab_object *o = mm->head;

		mm->head = (struct lab_object *)o->dead.next;
		if (!mm->head)
			mm->tail = NULL;
		mm->live--;
		WRITE_ONCE(run->unlink[o->id], lab_now(run)); /* no reader finds it any more */
		if (run->cookie)
			run->cookie[o->id] = get_state_synchronize_rcu();
		run->policy->dispose(run, call, &o->dead);
		if (call->kind == CALL_EXIT)
			cond_resched();
	}
}

/* Time in which the task itself ran: not the softirqs on top of it, and not others on its CPU. */
struct own_time {
	u64 start, softirq, waited;
};

static struct own_time own_time(struct policy_run *run)
{
	return (struct own_time){ lab_now(run), raw_cpu_ptr(run->cpus)->softirq_ns,
				  current->sched_info.run_delay };
}

static void call(struct policy_run *run, struct lab_mm *mm, enum policy_call_kind kind, u32 n)
{
	struct policy_call call = { .kind = kind };
	struct own_time before, after;

	if (!mm->started)
		mm_start(run, mm);
	if (kind == CALL_EXIT)
		await_readers(run, mm);
	if (!mm->started || n > mm->live) /* the trial is being stopped */
		return;
	call.mm = mm->state;
	before = own_time(run);
	if (run->policy->call_begin)
		run->policy->call_begin(run, &call);
	dispose(run, &call, mm, n);
	if (run->policy->call_end)
		run->policy->call_end(run, &call);
	after = own_time(run);
	record_call(run, after.start - before.start, n, kind == CALL_EXIT);
	atomic64_add((s64)(after.start - before.start - (after.softirq - before.softirq) -
			   (after.waited - before.waited)),
		     &run->freeing_ns);
	if (kind == CALL_EXIT)
		tasks_mm_stop(run, mm);
}

static void run_row(struct policy_run *run, u32 row)
{
	const struct lab_rows *rows = &run->rows;
	struct lab_mm *mm = &run->mms[rows->mm[row]];
	u64 lag;

	wait_var_event(&mm->rows_done,
		       atomic_read(&mm->rows_done) == (int)run->row_ordinal[row] || READ_ONCE(run->stopping));
	if (!lab_wait_until(run, (u64)rows->t_ns[row]))
		return;
	lag = lab_now(run) - (u64)rows->t_ns[row];
	if (lag > (u64)atomic64_read(&run->max_lag))
		atomic64_set(&run->max_lag, (s64)lag);
	if (rows->kind[row] == ROW_ALLOC)
		births(run, mm, rows->mm[row], (u32)rows->n[row]);
	else
		call(run, mm, rows->kind[row] == ROW_EXIT ? CALL_EXIT : CALL_MUNMAP, (u32)rows->n[row]);
	atomic_inc(&mm->rows_done);
	wake_up_var(&mm->rows_done);
}

static void wake_waiting(struct policy_run *run)
{
	s32 i;

	for (i = 0; i < run->req->nr_mms; i++)
		wake_up_var(&run->mms[i].rows_done);
}

struct task_arg {
	struct policy_run *run;
	u32 cpu;
};

static int task(void *data)
{
	struct task_arg *arg = data;
	struct policy_run *run = arg->run;
	u32 at = run->first_row[arg->cpu], end = run->first_row[arg->cpu + 1];

	kfree(arg);
	wait_for_completion(&run->go);
	for (; at < end && !READ_ONCE(run->stopping); at++)
		if (run->rows.kind[run->row_order[at]] != ROW_FAULTS)
			run_row(run, run->row_order[at]);
	if (READ_ONCE(run->stopping))
		wake_waiting(run);
	if (atomic_dec_and_test(&run->tasks_left))
		complete(&run->tasks_done);
	return lab_thread_ends();
}

int tasks_start(struct policy_run *run)
{
	s32 cpu;

	for (cpu = 0; cpu < run->req->nr_cpus; cpu++) {
		struct task_arg *arg = kmalloc(sizeof(*arg), GFP_KERNEL);
		int error = -ENOMEM;

		if (arg) {
			*arg = (struct task_arg){ run, (u32)cpu };
			error = lab_thread(run, task, arg, cpu, "lab-task");
		}
		if (error) {
			kfree(arg);
			return error;
		}
		atomic_inc(&run->tasks_left);
	}
	return 0;
}
