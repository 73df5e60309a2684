/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * harness - runs one policy from several threads and checks what it does with every object.
 *
 *   harness POLICY SEED MILLISECONDS     seed 0: default parameters, others: random ones
 *
 * The platform is as unkind as its contract allows: a task moves to another CPU between any
 * two calls, callbacks and work run on threads of their own, memory is often refused, the
 * shrinker comes at any time. Checked: every object is freed exactly once and not before a
 * grace period that began after its unlinking has ended (where the policy owes one), no
 * count of the retained ones ever goes below zero, nothing is written behind the first 32
 * bytes, no lock is held where that is forbidden, nothing is left, pending or posted after
 * stop(). Uses of freed memory and data races are the sanitizers' part.
 */
#include "harness.h"

struct mm {
	pthread_rwlock_t users; /* munmaps run side by side, exit alone */
	void *state;
};

static struct mm mms[NR_MMS];
static struct policy_run the_run;

/* ---- threads of the platform -------------------------------------------- */

static void *gp_thread(void *arg)
{
	struct policy_run *run = arg;

	random_state = 11;
	while (!run->over) {
		sleep_up_to(100);
		pthread_mutex_lock(&run->gp_lock);
		if (!run->waiting && random_below(4)) { /* else it is somebody else's grace period */
			pthread_mutex_unlock(&run->gp_lock);
			continue;
		}
		run->begun++;
		pthread_mutex_unlock(&run->gp_lock);
		sleep_up_to(200);
		pthread_mutex_lock(&run->gp_lock);
		run->ended = run->begun;
		for (struct callback **link = &run->waiting; *link;) {
			struct callback *callback = *link;

			if (callback->gp > run->ended) {
				link = &callback->next;
				continue;
			}
			*link = callback->next;
			take_from(&run->in_gp, callback->nr, "waiting");
			run->ready_objects += callback->nr;
			callback->next = run->ready;
			run->ready = callback;
		}
		pthread_cond_broadcast(&run->gp_ended);
		pthread_mutex_unlock(&run->gp_lock);
	}
	return NULL;
}

static void *callback_thread(void *arg)
{
	struct policy_run *run = arg;

	random_state = 12;
	while (!run->over) {
		struct callback *callback;

		pthread_mutex_lock(&run->gp_lock);
		callback = run->ready;
		if (callback)
			run->ready = callback->next;
		pthread_mutex_unlock(&run->gp_lock);
		if (!callback) {
			sleep_up_to(100);
			continue;
		}
		if (callback->func)
			callback->func(run, callback->head);
		check(!locks_held, "a callback returns with a lock held");
		free(callback);
		run->outstanding--;
	}
	return NULL;
}

/* Take some work that is due and not running already, or NULL. With the lock held. */
static struct plat_work *take_due_work(struct policy_run *run)
{
	u64 now = plat_now_ns(run);

	for (struct plat_work *work = run->works; work; work = work_of(work)->next) {
		if (work_of(work)->running || work_of(work)->due_ns > now)
			continue;
		unlink_work(run, work);
		work_of(work)->running = true;
		return work;
	}
	return NULL;
}

static void *work_thread(void *arg)
{
	struct policy_run *run = arg;

	random_state = 13;
	while (!run->over) {
		struct plat_work *work;

		pthread_mutex_lock(&run->work_lock);
		work = take_due_work(run);
		pthread_mutex_unlock(&run->work_lock);
		if (!work) {
			sleep_up_to(100);
			continue;
		}
		work->func(run, work);
		check(!locks_held, "work returns with a lock held");
		pthread_mutex_lock(&run->work_lock);
		work_of(work)->running = false;
		run->works_alive--;
		pthread_cond_broadcast(&run->work_done);
		pthread_mutex_unlock(&run->work_lock);
	}
	return NULL;
}

static void *reclaim_thread(void *arg)
{
	struct policy_run *run = arg;
	const struct plat_shrinker *shrinker = run->shrinker;

	random_state = 14;
	while (shrinker && !run->tasks_over) {
		u64 count = shrinker->count(run);

		if (count)
			shrinker->scan(run, 1 + random_below(count + 8));
		check(!locks_held, "a shrinker returns with a lock held");
		sleep_up_to(20000);
	}
	return NULL;
}

/* ---- tasks -------------------------------------------------------------- */

static void start_mm(struct policy_run *run, struct mm *mm)
{
	mm->state = calloc(1, run->policy->mm_size + 1);
	if (run->policy->mm_start)
		run->policy->mm_start(run, mm->state);
}

static void stop_mm(struct policy_run *run, struct mm *mm)
{
	if (run->policy->mm_stop)
		run->policy->mm_stop(run, mm->state);
	check(!locks_held, "mm_stop() returns with a lock held");
	free(mm->state);
}

static void dispose_of_one(struct policy_run *run, struct policy_call *call)
{
	struct object *object = malloc(sizeof(*object));

	memset(object, 0xee, sizeof(*object));
	object->canary = LIVE;
	object->exit = call->kind == CALL_EXIT;
	object->needs_gp = plat_gp_snapshot(run); /* unlinked now */
	for (int i = 0; i < PAYLOAD; i++)
		object->payload[i] = object->needs_gp + (u64)i;
	run->disposed++;
	run->postponed++;
	run->policy->dispose(run, call, &object->dead);
	check(!locks_held, "dispose() returns with a lock held");
}

static void make_call(struct policy_run *run, struct mm *mm, enum policy_call_kind kind, u64 nr)
{
	struct policy_call call = { kind, mm->state, { NULL, NULL, 0 }, 0 };

	if (run->policy->call_begin)
		run->policy->call_begin(run, &call);
	while (nr--)
		dispose_of_one(run, &call);
	if (run->policy->call_end)
		run->policy->call_end(run, &call);
	check(!locks_held, "call_end() returns with a lock held");
}

static u64 some_objects(enum policy_call_kind kind)
{
	if (kind == CALL_MUNMAP)
		return random_below(16) ? 1 + random_below(4) : random_below(200);
	return random_below(16) ? random_below(200) : random_below(2000);
}

static void *task_thread(void *arg)
{
	struct policy_run *run = &the_run;

	random_state = (u64)(size_t)arg;
	while (!run->tasks_over) {
		struct mm *mm = &mms[random_below(NR_MMS)];
		enum policy_call_kind kind = random_below(8) ? CALL_MUNMAP : CALL_EXIT;

		if (kind == CALL_MUNMAP) {
			pthread_rwlock_rdlock(&mm->users);
			make_call(run, mm, kind, some_objects(kind));
		} else {
			pthread_rwlock_wrlock(&mm->users);
			make_call(run, mm, kind, some_objects(kind));
			stop_mm(run, mm);
			start_mm(run, mm);
		}
		pthread_rwlock_unlock(&mm->users);
		if (!random_below(32))
			sleep_up_to(5000); /* silence, in which only work and callbacks run */
	}
	return NULL;
}

/* ---- one run ------------------------------------------------------------ */

static const struct policy *find_policy(const char *name)
{
	for (unsigned i = 0; i < nr_all_policies; i++)
		if (!strcmp(all_policies[i]->name, name))
			return all_policies[i];
	fprintf(stderr, "harness: no policy %s\n", name);
	exit(2);
}

static s64 some_value(const struct policy_param *param)
{
	u64 span = (u64)(param->max - param->min);

	if (param->type == PARAM_BOOL)
		return (s64)random_below(2);
	if (random_below(2)) /* as in a log scale, small ones often */
		span >>= random_below((u64)(64 - __builtin_clzll(span | 1)));
	return param->min + (s64)random_below(span + 1);
}

static void choose_params(struct policy_run *run, u64 seed)
{
	check(run->policy->nr_params <= MAX_PARAMS, "too many parameters");
	random_state = seed * 1000003 + 1;
	printf("%s seed %llu:", run->policy->name, (unsigned long long)seed);
	for (u32 i = 0; i < run->policy->nr_params; i++) {
		run->params[i] = seed ? some_value(&run->policy->params[i]) : run->policy->params[i].def;
		printf(" %s=%lld", run->policy->params[i].name, (long long)run->params[i]);
	}
	printf("\n");
	fflush(stdout);
}

static void start(struct policy_run *run)
{
	pthread_mutex_init(&run->gp_lock, NULL);
	pthread_mutex_init(&run->work_lock, NULL);
	pthread_cond_init(&run->gp_ended, NULL);
	pthread_cond_init(&run->work_done, NULL);
	run->state = calloc(1, run->policy->state_size + 1);
	for (int i = 0; i < NR_CPUS; i++)
		run->cpus[i] = calloc(1, run->policy->cpu_size + 1);
	if (run->policy->start)
		run->policy->start(run);
	for (int i = 0; i < NR_MMS; i++) {
		pthread_rwlock_init(&mms[i].users, NULL);
		start_mm(run, &mms[i]);
	}
}

static void stop(struct policy_run *run)
{
	for (int i = 0; i < NR_MMS; i++)
		stop_mm(run, &mms[i]);
	if (run->policy->stop)
		run->policy->stop(run);
	run->stopped = true;
	check(!run->works_alive, "work is left after stop()");
	while (run->outstanding) /* rcu_barrier() */
		usleep(100);
}

static void check_balance(struct policy_run *run)
{
	check(run->disposed == run->freed, "%ld of %ld objects were never freed", run->disposed - run->freed,
	      run->disposed);
	check(!run->postponed && !run->in_gp && !run->ready_objects,
	      "unbalanced: %ld postponed, %ld waiting, %ld ready", run->postponed, run->in_gp,
	      run->ready_objects);
	check(!run->allocated, "%ld bytes are left", run->allocated);
}

int main(int argc, char **argv)
{
	struct policy_run *run = &the_run;
	void *(*const platform[])(void *) = { gp_thread, callback_thread, callback_thread, work_thread,
					      work_thread };
	pthread_t threads[5], tasks[NR_TASKS], reclaim;

	if (argc != 4) {
		fprintf(stderr, "usage: harness POLICY SEED MILLISECONDS\n");
		return 2;
	}
	run->policy = find_policy(argv[1]);
	choose_params(run, strtoull(argv[2], NULL, 10));
	start(run);
	for (int i = 0; i < 5; i++)
		pthread_create(&threads[i], NULL, platform[i], run);
	pthread_create(&reclaim, NULL, reclaim_thread, run);
	for (size_t i = 0; i < NR_TASKS; i++)
		pthread_create(&tasks[i], NULL, task_thread, (void *)(i + 101));

	usleep((useconds_t)atoi(argv[3]) * 1000);
	run->tasks_over = true;
	for (int i = 0; i < NR_TASKS; i++)
		pthread_join(tasks[i], NULL);
	pthread_join(reclaim, NULL);
	stop(run);
	run->over = true;
	for (int i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	check_balance(run);
	printf("%ld objects, %llu grace periods\n", run->freed, (unsigned long long)run->ended);
	free(run->state);
	for (int i = 0; i < NR_CPUS; i++)
		free(run->cpus[i]);
	return 0;
}
