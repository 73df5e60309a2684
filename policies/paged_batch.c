/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * paged_batch - kvfree_rcu(): pages full of pointers, per CPU, for a monitor to hand over.
 *
 * holds    per CPU: blocks of pointers, each with the grace-period snapshot of its newest
 *          object; a linked list where no page was to be had; `slots` batches in flight.
 * posts    the monitor runs `monitor_delay_ms` after the first object, or one jiffy after a
 *          block's worth is queued. It moves all that is held into a free slot, which takes
 *          one call_rcu_hurry(). When all slots are in flight it comes again.
 * frees    with `polling` the monitor first frees blocks whose snapshot has elapsed, without
 *          any callback. A slot's callback queues work, and the work frees in bulk.
 * bounds   the monitor's delay bounds the time of little; nothing bounds the space while all
 *          slots wait. The shrinker runs the monitor early, which returns nothing at once.
 *
 * Not as in the kernel: no cache of free pages (plat_alloc() stands for it), and the monitor
 * that comes sooner is work of its own, for want of mod_delayed_work().
 */
#include "policy.h"

enum { BLOCK_POINTERS, MONITOR_DELAY, SLOTS, POLLING };

#define MAX_SLOTS 8

static const struct policy_param params[] = {
	[BLOCK_POINTERS] = { "block_pointers", PARAM_INT, 8, 507, true, 507, "pointers",
			     "pointers per block; 507 fill a page of 4 KiB", NULL, NULL },
	[MONITOR_DELAY] = { "monitor_delay_ms", PARAM_INT, 1, 60000, true, 5000, "ms",
			    "delay of the monitor while less than a block is queued", NULL, NULL },
	[SLOTS] = { "slots", PARAM_INT, 1, MAX_SLOTS, false, 2, "batches",
		    "batches of one CPU that may be in flight", NULL, NULL },
	[POLLING] = { "polling", PARAM_BOOL, 0, 1, false, 1, "",
		      "free blocks whose grace period has elapsed without posting them", NULL, NULL },
};

struct block {
	struct plat_rcu_head rcu; /* first; used when the policy stops */
	struct block *next;	  /* newer */
	u64 cookie;		  /* of the newest object */
	u32 nr;
	struct dead_object *objects[];
};

/* Everything that is queued: blocks and the list, oldest first. */
struct queue {
	struct block *head, *tail;
	struct dead_list list;
	u64 list_cookie; /* of its newest object */
	u32 count;	 /* objects in blocks and list */
};

struct cpu;

struct slot {		       /* struct kfree_rcu_cpu_work */
	struct plat_work free; /* first, so that slot_work() finds its slot */
	struct plat_rcu_head rcu;
	struct cpu *cpu;
	struct queue queue;
	bool busy;  /* from the monitor's hand-over until the work has taken the queue */
	bool ready; /* the grace period is over, the work is queued */
};

struct cpu {
	struct plat_work late, soon; /* the monitor */
	struct plat_lock lock;	     /* of all that follows, slots included */
	struct queue queue;
	struct slot slots[MAX_SLOTS];
	bool stopping;
};

static u32 block_pointers(struct policy_run *run)
{
	return (u32)plat_param(run, BLOCK_POINTERS);
}

static size_t block_bytes(struct policy_run *run)
{
	return sizeof(struct block) + block_pointers(run) * sizeof(struct dead_object *);
}

static struct queue take_queue(struct queue *queue)
{
	static const struct queue empty;
	struct queue taken = *queue;

	*queue = empty;
	return taken;
}

static void free_queue(struct policy_run *run, struct queue queue, enum dead_state from)
{
	while (queue.head) {
		struct block *block = queue.head;

		queue.head = block->next;
		plat_charge(run, PLAT_COST_STORE, block->nr);
		plat_free_bulk(run, block->objects, block->nr, from);
		plat_release(run, block, block_bytes(run));
	}
	while (queue.list.head)
		plat_free(run, dead_list_pop(run, &queue.list), from);
}

/* Cut off what has elapsed. With the lock held. */
static struct queue take_elapsed(struct policy_run *run, struct cpu *cpu)
{
	struct queue *queue = &cpu->queue;
	struct queue elapsed = { NULL, NULL, { NULL, NULL, 0 }, 0, 0 };

	while (queue->head && plat_gp_done(run, queue->head->cookie)) {
		struct block *block = queue->head;

		queue->head = block->next;
		if (!queue->head)
			queue->tail = NULL;
		block->next = NULL;
		if (elapsed.tail)
			elapsed.tail->next = block;
		else
			elapsed.head = block;
		elapsed.tail = block;
		elapsed.count += block->nr;
	}
	if (queue->list.head && plat_gp_done(run, queue->list_cookie)) {
		elapsed.list = dead_list_take(&queue->list);
		elapsed.count += elapsed.list.count;
	}
	queue->count -= elapsed.count;
	return elapsed;
}

/* The work of a slot: its grace period is over. */
static void slot_work(struct policy_run *run, struct plat_work *work)
{
	struct slot *slot = (struct slot *)work;
	struct queue queue;

	plat_lock(run, &slot->cpu->lock);
	queue = take_queue(&slot->queue);
	slot->busy = false;
	slot->ready = false;
	plat_unlock(run, &slot->cpu->lock);
	free_queue(run, queue, DEAD_READY);
}

/* The callback of a slot: queue_rcu_work(). Nobody runs work any more once we stop. */
static void slot_ready(struct policy_run *run, struct plat_rcu_head *head)
{
	struct slot *slot = (struct slot *)((char *)head - offsetof(struct slot, rcu));
	bool stopping;

	plat_lock(run, &slot->cpu->lock);
	slot->ready = true;
	stopping = slot->cpu->stopping;
	if (!stopping)
		plat_work_queue(run, &slot->free, 0);
	plat_unlock(run, &slot->cpu->lock);
	if (stopping)
		slot_work(run, &slot->free);
}

static struct slot *free_slot(struct policy_run *run, struct cpu *cpu)
{
	u32 i;

	for (i = 0; i < plat_param(run, SLOTS); i++)
		if (!cpu->slots[i].busy)
			return &cpu->slots[i];
	return NULL;
}

/* Queue the monitor. With the lock held. */
static void queue_monitor(struct policy_run *run, struct cpu *cpu)
{
	if (cpu->queue.count >= block_pointers(run))
		plat_work_queue(run, &cpu->soon, plat_jiffy_ns(run));
	else
		plat_work_queue(run, &cpu->late, (u64)plat_param(run, MONITOR_DELAY) * 1000000);
}

static void monitor(struct policy_run *run, struct cpu *cpu)
{
	struct queue elapsed = { NULL, NULL, { NULL, NULL, 0 }, 0, 0 };
	struct slot *slot = NULL;
	u32 nr = 0;

	plat_lock(run, &cpu->lock);
	if (plat_param(run, POLLING))
		elapsed = take_elapsed(run, cpu);
	if (cpu->queue.count) {
		slot = free_slot(run, cpu);
		if (slot) {
			slot->busy = true;
			slot->queue = take_queue(&cpu->queue);
			nr = slot->queue.count;
		} else {
			queue_monitor(run, cpu);
		}
	}
	plat_unlock(run, &cpu->lock);

	if (slot) /* queue_rcu_work() is not lazy */
		plat_call_rcu_hurry(run, &slot->rcu, slot_ready, nr);
	free_queue(run, elapsed, DEAD_POSTPONED);
}

static void late_func(struct policy_run *run, struct plat_work *work)
{
	monitor(run, (struct cpu *)((char *)work - offsetof(struct cpu, late)));
}

static void soon_func(struct policy_run *run, struct plat_work *work)
{
	monitor(run, (struct cpu *)((char *)work - offsetof(struct cpu, soon)));
}

static u32 queued(struct policy_run *run, struct cpu *cpu)
{
	u32 count;

	plat_lock(run, &cpu->lock);
	count = cpu->queue.count;
	plat_unlock(run, &cpu->lock);
	return count;
}

static u64 shrinker_count(struct policy_run *run)
{
	u64 count = 0;
	u32 i;

	for (i = 0; i < plat_nr_cpus(run); i++)
		count += queued(run, plat_cpu_state(run, i));
	return count;
}

/* As kfree_rcu_shrink_scan(): what was queued counts as handled. */
static u64 shrinker_scan(struct policy_run *run, u64 nr)
{
	u64 done = 0;
	u32 i;

	for (i = 0; i < plat_nr_cpus(run) && done < nr; i++) {
		struct cpu *cpu = plat_cpu_state(run, i);

		done += queued(run, cpu);
		monitor(run, cpu);
	}
	return done ? done : PLAT_SHRINK_STOP;
}

static const struct plat_shrinker shrinker = { 2, 0, shrinker_count, shrinker_scan };

static void start(struct policy_run *run)
{
	u32 i, s;

	for (i = 0; i < plat_nr_cpus(run); i++) {
		struct cpu *cpu = plat_cpu_state(run, i);

		plat_lock_init(run, &cpu->lock);
		plat_work_init(run, &cpu->late, late_func);
		plat_work_init(run, &cpu->soon, soon_func);
		for (s = 0; s < MAX_SLOTS; s++) {
			cpu->slots[s].cpu = cpu;
			plat_work_init(run, &cpu->slots[s].free, slot_work);
		}
	}
	plat_shrinker_register(run, &shrinker);
}

static void free_block(struct policy_run *run, struct plat_rcu_head *head)
{
	struct block *block = (struct block *)head;

	plat_free_bulk(run, block->objects, block->nr, DEAD_READY);
	plat_release(run, block, block_bytes(run));
}

static void stop_cpu(struct policy_run *run, struct cpu *cpu)
{
	struct queue held;
	bool ready;
	u32 s;

	plat_lock(run, &cpu->lock);
	cpu->stopping = true;
	plat_unlock(run, &cpu->lock);
	plat_work_cancel(run, &cpu->late);
	plat_work_cancel(run, &cpu->soon);

	for (s = 0; s < MAX_SLOTS; s++) {
		struct slot *slot = &cpu->slots[s];

		plat_work_cancel(run, &slot->free);
		plat_lock(run, &cpu->lock);
		ready = slot->ready; /* its work was queued, and we have cancelled it */
		plat_unlock(run, &cpu->lock);
		if (ready)
			slot_work(run, &slot->free);
	}

	/* The slots may be in flight, so each block goes by its own head. */
	plat_lock(run, &cpu->lock);
	held = take_queue(&cpu->queue);
	plat_unlock(run, &cpu->lock);
	while (held.head) {
		struct block *block = held.head;

		held.head = block->next;
		plat_call_rcu(run, &block->rcu, free_block, block->nr);
	}
	dead_list_post(run, held.list);
}

static void stop(struct policy_run *run)
{
	u32 i;

	for (i = 0; i < plat_nr_cpus(run); i++)
		stop_cpu(run, plat_cpu_state(run, i));
}

/* A block with room for one more, or NULL. With the lock held. */
static struct block *block_with_room(struct policy_run *run, struct queue *queue)
{
	struct block *block = queue->tail;

	if (block && block->nr < block_pointers(run))
		return block;
	block = plat_alloc(run, block_bytes(run));
	if (!block)
		return NULL;
	block->next = NULL;
	block->nr = 0;
	if (queue->tail)
		queue->tail->next = block;
	else
		queue->head = block;
	queue->tail = block;
	return block;
}

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	struct cpu *cpu = plat_cpu_state(run, plat_cpu(run));
	struct queue *queue = &cpu->queue;
	struct block *block;

	(void)call;
	plat_lock(run, &cpu->lock);
	block = block_with_room(run, queue);
	if (block) {
		block->objects[block->nr++] = object;
		block->cookie = plat_gp_snapshot(run);
		plat_charge(run, PLAT_COST_STORE, 1);
	} else {
		dead_list_add(run, &queue->list, object);
		queue->list_cookie = plat_gp_snapshot(run);
	}
	queue->count++;
	if (queue->count == 1 || queue->count == block_pointers(run))
		queue_monitor(run, cpu);
	plat_unlock(run, &cpu->lock);
}

const struct policy policy_paged_batch = {
	.name = "paged_batch",
	.origin = "kvfree_rcu(): Rezki, Fernandes; kernel/rcu/tree.c in Linux 6.12",
	.summary = "pages of pointers per CPU, a monitor, slots in flight, polling",
	.params = params,
	.nr_params = POLICY_NR(params),
	.cpu_size = sizeof(struct cpu),
	.start = start,
	.stop = stop,
	.dispose = dispose,
};
