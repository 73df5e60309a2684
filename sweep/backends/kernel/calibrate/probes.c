// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * probes.c - what stands in the place of policies while the lab is calibrated. Each probe does one thing to
 * each object that it is given, so that the difference of two probes in equal trials is that thing's
 * cost; `probe_steps` times steps by themselves, and leaves notes. What a probe has not freed is freed when the
 * address space is gone, outside of measured times.
 *
 * sweep/backends/kernel/calibration.py says what is made of it.
 */
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/mm.h>
#include "lab.h"

struct probe_mm {
	struct dead_list kept;
	struct dead_object *last;
};

static struct probe_mm *of(struct policy_call *call)
{
	return call->mm;
}

/* The least that can be done to an object: keep it. */
static void keep(struct probe_mm *mm, struct dead_object *object)
{
	object->next = mm->kept.head;
	mm->kept.head = object;
}

static void free_kept(struct policy_run *run, void *state)
{
	struct probe_mm *mm = state;
	struct dead_object *object = mm->kept.head;

	while (object) {
		struct dead_object *next = object->next;

		plat_free(run, object, DEAD_POSTPONED);
		object = next;
	}
	mm->kept.head = NULL;
}

static bool same_slab(const struct dead_object *a, const struct dead_object *b)
{
	return a && b && virt_to_head_page(a) == virt_to_head_page(b);
}

static void touch(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	keep(of(call), object);
}

static void link(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	dead_list_add(run, &of(call)->kept, object);
}

static void post(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	plat_call_rcu(run, &object->rcu, dead_free_one, 1);
}

static void free_each(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	plat_free(run, object, DEAD_POSTPONED);
}

/* All but the last object of each slab, which stays in use. */
static void free_but_last(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	struct probe_mm *mm = of(call);

	if (same_slab(mm->last, object))
		plat_free(run, mm->last, DEAD_POSTPONED);
	else if (mm->last)
		keep(mm, mm->last);
	mm->last = object;
}

static void keep_last(struct policy_run *run, struct policy_call *call)
{
	keep(of(call), of(call)->last);
}

static void gather(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	dead_list_add(run, &call->list, object);
}

static void free_in_bulk(struct policy_run *run, struct policy_call *call)
{
	dead_free_in_bulk(run, call->list.head, 16, DEAD_POSTPONED, PLAT_COST_LINK);
}

static void post_chain(struct policy_run *run, struct policy_call *call)
{
	dead_list_post(run, call->list);
}

/* ---- steps ---- */

enum {
	NOTE_CLOCK,
	NOTE_STORE,
	NOTE_COMPARE,
	NOTE_LOCK,
	NOTE_SNAPSHOT,
	NOTE_START,
	NOTE_POLL,
	NOTE_ALLOC,
	NOTE_RELEASE,
	NOTE_WORK,
	NOTE_WAKE,
	NOTE_WAKE_LATENCY,
	NOTE_ROUND_TRIP,
	NOTE_FREE_FAST,
	NOTE_SLUB_FAST,
	NOTE_IRQ_LOCK,
	NOTE_GP_INIT,
	NOTE_BYPASS_FLUSH,
	NOTE_PROBED
};

#define STEPS 64

/* Steps since `start`; of a trial's the shortest, as the others were interrupted. */
static void note_shortest(struct policy_run *run, u32 which, u64 start, u32 steps)
{
	u64 end = plat_now_ns(run), again = plat_now_ns(run);
	struct lab_note now = { end - start, steps }, *note = &run->notes[which];

	if (!note->n || now.ns * note->n < note->ns * now.n)
		*note = now;
	run->notes[NOTE_CLOCK].ns += again - end;
	run->notes[NOTE_CLOCK].n++;
}

/* What another thread has a part in; of a trial's the mean. */
static void note(struct policy_run *run, u32 which, u64 start)
{
	run->notes[which].ns += plat_now_ns(run) - start;
	run->notes[which].n++;
}

#define TIMED(run, which, steps, ...)                       \
	do {                                                \
		u64 start_ = plat_now_ns(run);              \
		u32 i_;                                     \
		for (i_ = 0; i_ < (steps); i_++) {          \
			__VA_ARGS__;                        \
		}                                           \
		note_shortest(run, which, start_, (steps)); \
	} while (0)

/* Into falling order from a rising one: as many comparisons, each with its swap, as there are pairs. */
static void sort_steps(struct policy_run *run)
{
	u64 at[16], start;
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(at); i++)
		WRITE_ONCE(at[i], i);
	start = plat_now_ns(run);
	for (i = 1; i < ARRAY_SIZE(at); i++)
		for (j = i; j && READ_ONCE(at[j - 1]) < READ_ONCE(at[j]); j--)
			swap(at[j - 1], at[j]);
	note_shortest(run, NOTE_COMPARE, start, ARRAY_SIZE(at) * (ARRAY_SIZE(at) - 1) / 2);
}

struct errand {
	struct work_struct work;
	struct policy_run *run;
	u64 start;
};

static void errand_runs(struct work_struct *work)
{
	struct errand *errand = container_of(work, struct errand, work);

	note(errand->run, NOTE_WAKE_LATENCY, errand->start);
}

static void errand_idles(struct work_struct *work)
{
}

/* To the other CPU, which is idle; and to this one, and back. */
static void work_steps(struct policy_run *run)
{
	struct errand away = { .run = run }, here = { .run = run };
	struct plat_work *later = plat_state(run);
	u32 cpu = plat_cpu(run);

	INIT_WORK_ONSTACK(&away.work, errand_runs);
	INIT_WORK_ONSTACK(&here.work, errand_idles);
	away.start = plat_now_ns(run);
	queue_work_on(cpumask_any_but(cpu_online_mask, cpu), system_wq, &away.work);
	note(run, NOTE_WAKE, away.start);
	flush_work(&away.work);
	here.start = plat_now_ns(run);
	queue_work_on(cpu, system_wq, &here.work);
	flush_work(&here.work);
	note(run, NOTE_ROUND_TRIP, here.start);
	TIMED(run, NOTE_WORK, 1, plat_work_queue(run, later, 1000 * plat_jiffy_ns(run)));
	plat_work_cancel(run, later);
	destroy_work_on_stack(&away.work);
	destroy_work_on_stack(&here.work);
}

/* Of the slab that new objects come from: the one of the last object. */
static void free_steps(struct policy_run *run, struct probe_mm *mm)
{
	struct dead_object *object = mm->kept.head, *rest, *at[STEPS];
	u32 nr = 0;

	for (; nr < STEPS && object && same_slab(mm->kept.head, object); object = object->next)
		at[nr++] = object;
	rest = object;
	TIMED(run, NOTE_FREE_FAST, nr, plat_free(run, at[i_], DEAD_POSTPONED));
	mm->kept.head = rest;
	for (nr = 0; nr < 4; nr++)
		at[nr] = kmem_cache_alloc(run->cache, GFP_KERNEL);
	TIMED(run, NOTE_SLUB_FAST, 4, kmem_cache_free(run->cache, at[i_]));
}

/* As the list of a node's partial slabs is locked, one of which is moved. */
static void list_steps(struct policy_run *run)
{
	LIST_HEAD(from);
	LIST_HEAD(to);
	struct list_head slab;
	unsigned long flags;
	spinlock_t lock;

	spin_lock_init(&lock);
	list_add(&slab, &from);
	TIMED(run, NOTE_IRQ_LOCK, STEPS, spin_lock_irqsave(&lock, flags); list_move(&slab, &to);
	      spin_unlock_irqrestore(&lock, flags));
}

static void steps(struct policy_run *run, struct policy_call *call)
{
	struct plat_lock *lock = (struct plat_lock *)((struct plat_work *)plat_state(run) + 1);
	void *volatile at[STEPS];
	u64 cookie;

	free_steps(run, of(call));
	TIMED(run, NOTE_STORE, STEPS, at[i_] = run);
	sort_steps(run);
	TIMED(run, NOTE_LOCK, STEPS, plat_lock(run, lock); plat_unlock(run, lock));
	list_steps(run);
	TIMED(run, NOTE_SNAPSHOT, STEPS, plat_gp_snapshot(run));
	cookie = plat_gp_start(run, 0);
	TIMED(run, NOTE_START, STEPS, plat_gp_start(run, 0));
	TIMED(run, NOTE_POLL, STEPS, plat_gp_done(run, cookie));
	TIMED(run, NOTE_ALLOC, 16, at[i_] = plat_alloc(run, PAGE_SIZE));
	TIMED(run, NOTE_RELEASE, 16, plat_release(run, at[i_], PAGE_SIZE));
	work_steps(run);
}

/* ---- functions of the kernel, by kretprobes ---- */

static noinline void probed(void)
{
	barrier();
}

static struct policy_run *probed_run;

struct probed_call {
	u64 start;
};

static int call_begins(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	((struct probed_call *)instance->data)->start = ktime_get_ns();
	return 0;
}
NOKPROBE_SYMBOL(call_begins);

static void call_ends(struct kretprobe_instance *instance, u32 which)
{
	u64 ns = ktime_get_ns() - ((struct probed_call *)instance->data)->start;
	struct policy_run *run = READ_ONCE(probed_run);

	if (!run)
		return;
	run->notes[which].ns += ns;
	run->notes[which].n++;
}
NOKPROBE_SYMBOL(call_ends);

#define PROBED(name, which, ...)                                                          \
	static int name##_ends(struct kretprobe_instance *instance, struct pt_regs *regs) \
	{                                                                                 \
		call_ends(instance, which);                                               \
		return 0;                                                                 \
	}                                                                                 \
	NOKPROBE_SYMBOL(name##_ends);                                                     \
	static struct kretprobe name##_probe = { .entry_handler = call_begins,            \
						 .handler = name##_ends,                  \
						 .data_size = sizeof(struct probed_call), \
						 .maxactive = 8,                          \
						 __VA_ARGS__ }
PROBED(init, NOTE_GP_INIT, .kp.symbol_name = "rcu_gp_init");
PROBED(flush, NOTE_BYPASS_FLUSH, .kp.symbol_name = "rcu_nocb_do_flush_bypass");
PROBED(empty, NOTE_PROBED, .kp.addr = (kprobe_opcode_t *)probed);

static struct kretprobe *const probes[] = { &init_probe, &flush_probe, &empty_probe };
static u32 nr_probes; /* that are set */

static void functions_start(struct policy_run *run)
{
	u32 i;

	WRITE_ONCE(probed_run, run);
	for (nr_probes = 0; nr_probes < ARRAY_SIZE(probes); nr_probes++) {
		struct kretprobe *probe = probes[nr_probes];
		int error;

		if (probe->kp.symbol_name) /* as before the last run, which has filled these in */
			probe->kp.addr = NULL;
		probe->kp.flags = 0;
		error = register_kretprobe(probe);
		if (error) {
			lab_fail_environment(run, "%s() cannot be probed (error %d)",
					     probe->kp.symbol_name ?: "probed", error);
			break;
		}
	}
	for (i = 0; i < STEPS; i++)
		probed();
}

static void functions_stop(struct policy_run *run)
{
	while (nr_probes)
		unregister_kretprobe(probes[--nr_probes]);
	WRITE_ONCE(probed_run, NULL);
}

static void later_runs(struct policy_run *run, struct plat_work *work)
{
}

static void steps_start(struct policy_run *run)
{
	struct plat_work *later = plat_state(run);

	plat_work_init(run, later, later_runs);
	plat_lock_init(run, (struct plat_lock *)(later + 1));
}

#define PROBE(probe, ...)                                                                \
	const struct policy policy_probe_##probe = { .name = "probe_" #probe,            \
						     .mm_size = sizeof(struct probe_mm), \
						     .mm_stop = free_kept,               \
						     __VA_ARGS__ }
PROBE(touch, .dispose = touch);
PROBE(link, .dispose = link);
PROBE(post, .dispose = post);
PROBE(free, .dispose = free_each);
PROBE(but_last, .dispose = free_but_last, .call_end = keep_last);
PROBE(bulk, .dispose = gather, .call_end = free_in_bulk);
PROBE(chain, .dispose = gather, .call_end = post_chain);
PROBE(functions, .dispose = post, .start = functions_start, .stop = functions_stop);
PROBE(steps, .dispose = touch, .call_end = steps, .start = steps_start,
      .state_size = sizeof(struct plat_work) + sizeof(struct plat_lock));
