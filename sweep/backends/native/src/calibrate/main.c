/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - the calibration program: rounds of all probes, so that slow drift of the machine meets each alike. */
#define _GNU_SOURCE
#include "calibrate.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define MAX_SECONDS_PER_ROUND 1000 /* 30 s, but for waiting until the CPUs are near each other */

static const char *const names[NR_SERIES] = {
	[S_UNLINK] = "unlink",
	[S_UNLINK_OLD] = "unlink_old",
	[S_UNLINK_ELSEWHERE] = "unlink_elsewhere",
	[S_UNLINK_IDLE] = "unlink_idle",
	[S_STAMP] = "stamp",
	[S_NOW] = "now",
	[S_STORE] = "store",
	[S_LINK] = "link",
	[S_LINK_OLD] = "link_old",
	[S_LOCK] = "lock",
	[S_LOCK_OLD] = "lock_old",
	[S_SNAPSHOT] = "snapshot",
	[S_POLL] = "poll",
	[S_START] = "start",
	[S_ALLOC] = "alloc",
	[S_POST] = "post",
	[S_POST_OLD] = "post_old",
	[S_FREE] = "free",
	[S_FREE_OLD] = "free_old",
	[S_RELEASE] = "release",
	[S_WALK_FREE] = "walk_free",
	[S_CALLBACK_FREE] = "callback_free",
	[S_CALLBACK_NOTHING] = "callback_nothing",
	[S_CALLBACK_FREE_AWAY] = "callback_free_away",
	[S_SORT] = "sort",
	[S_BULK_HOT] = "bulk_hot",
	[S_BULK_HOT_TURNS] = "bulk_hot_turns",
	[S_BULK_COLD] = "bulk_cold",
	[S_ARRAY_BULK_COLD] = "array_bulk_cold",
	[S_SLAB_FIRST] = "slab_first",
	[S_SLAB_FLUSH] = "slab_flush",
	[S_SLAB_OTHERS] = "slab_others",
	[S_SLAB_FAST] = "slab_fast",
	[S_SLAB_REMOTE_FIRST] = "slab_remote_first",
	[S_SLAB_REMOTE_OTHERS] = "slab_remote_others",
	[S_SOFTIRQ] = "softirq",
	[S_WORK] = "work",
	[S_GP_BEGIN] = "gp_begin",
	[S_READERS] = "readers",
	[S_GP_LENGTH] = "gp_length",
	[S_POST_DIRECT] = "post_direct",
	[S_POST_BYPASS] = "post_bypass",
	[S_FLUSH] = "flush",
	[S_SCAN] = "scan",
	[S_LOCK_ALONE] = "lock_alone",
	[S_LOCK_HANDOFF] = "lock_handoff",
	[S_WAKE] = "wake",
	[S_WAKE_LATENCY] = "wake_latency",
	[S_SWITCH] = "switch",
	[S_PREEMPT_LATENCY] = "preempt_latency",
};

/* ---- series ---- */

#define MAX_SAMPLES 200000
#define ATTEMPTS 3 /* at a probe, in a round */
#define SLOW_LOOK_NS 5000000
#define MAX_SLOW_LOOKS 100

static struct sample {
	enum series series;
	u32 objects;
	double ns;
	u64 at; /* units */
} samples[MAX_SAMPLES];
static atomic_u32 nr_samples; /* threads of the benchmark add to them, seldom two at once */

static double full_speed; /* speed.h; units */

static bool slow(void)
{
	return speed_is_slow(full_speed, (double)speed_look());
}

/* A CPU that is slow is so for some 20 to 150 ms. */
void await_full_speed(void)
{
	for (u32 i = 0; i < MAX_SLOW_LOOKS && slow(); i++)
		sleep_ns(SLOW_LOOK_NS);
}

void series_add(enum series series, u32 objects, double ns)
{
	u32 place;

	if (slow())
		return;
	place = atomic_fetch_add(&nr_samples, 1);
	if (place < MAX_SAMPLES)
		samples[place] = (struct sample){ series, objects, ns, clock_now() };
}

static u32 nr_added(void)
{
	const u32 nr = atomic_load(&nr_samples);

	return nr < MAX_SAMPLES ? nr : MAX_SAMPLES;
}

void series_of(void (*probe)(const struct input *, struct placement *), const struct input *input)
{
	static struct placement placement;
	u32 kept = nr_added();

	for (u32 left = ATTEMPTS; left; left--) {
		const u32 before = kept;
		u32 all;

		await_full_speed();
		probe(input, &placement);
		all = nr_added();
		for (u32 i = before; i < all; i++)
			if (placement_near(&placement, &input->header, samples[i].at))
				samples[kept++] = samples[i];
		atomic_store(&nr_samples, kept);
		if (kept > before && kept - before >= (all - before) / 2)
			return;
	}
}

static int by_series(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	if (x->series != y->series)
		return (int)x->series - (int)y->series;
	return (x->objects > y->objects) - (x->objects < y->objects);
}

void series_print(u32 round)
{
	const u32 nr = nr_added();

	qsort(samples, nr, sizeof(*samples), by_series);
	for (u32 i = 0; i < nr; i++) {
		const struct sample *s = &samples[i];
		const bool first = !i || by_series(&s[-1], s);

		if (first)
			printf("{\"round\": %u, \"series\": \"%s\", \"objects\": %u, \"ns\": [", round,
			       names[s->series], s->objects);
		printf("%s%.2f", first ? "" : ", ", s->ns);
		if (i + 1 == nr || by_series(s, &s[1]))
			printf("]}\n");
	}
	fflush(stdout);
	atomic_store(&nr_samples, 0);
}

/* ---- */

#define PAIRS 10000

double fenced_ns;

/* The least of some means: the clock may advance in steps of 10 ns, and the CPU be slow for a while. */
static void calibrate_fenced(void)
{
	fenced_ns = 1e9;
	for (u32 k = 0; k < 10; k++) {
		u64 sum = 0;

		for (u32 i = 0; i < PAIRS; i++) {
			const u64 begin = clock_fenced(), took = clock_fenced() - begin;

			sum += took < clock_of_ns(1000) ? took : 0;
		}
		if (clock_to_ns(sum) / PAIRS < fenced_ns)
			fenced_ns = clock_to_ns(sum) / PAIRS;
		sleep_ns(10000000);
	}
}

static void on_alarm(int signal)
{
	static const char line[] = "{\"error\": \"the calibration hangs: a round takes some 30 s\", "
				   "\"cause\": \"environment\"}\n";

	(void)signal;
	if (write(STDOUT_FILENO, line, sizeof(line) - 1) < 0)
		_exit(3);
	_exit(2);
}

int main(int argc, char **argv)
{
	static struct input input;
	long rounds = argc == 3 ? strtol(argv[2], NULL, 10) : 0;

	if (rounds < 1 || rounds > 10000) {
		fprintf(stderr, "usage: %s REQUEST ROUNDS    - for standard input\n", argv[0]);
		return 2;
	}
	request_read(argv[1], &input);
	if (input.header.machine.nr_cpus < 2)
		fail_configuration(
			"calibration needs a machine profile with two CPUs at least: some costs arise between them");
	clock_calibrate();
	full_speed = input.header.work_ns / clock_scale.ns_per_unit;
	calibrate_fenced();
	signal(SIGALRM, on_alarm);
	idle_polls(&input);
	for (u32 round = 0; round < (u32)rounds; round++) {
		alarm(MAX_SECONDS_PER_ROUND);
		probe_objects(&input);
		probe_threads(&input);
		series_print(round);
	}
	printf("{\"done\": true}\n");
	return fflush(stdout) ? 3 : 0;
}
