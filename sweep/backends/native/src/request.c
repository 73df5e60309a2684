/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - what the program is asked: read whole, and checked before anything starts. */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES ((size_t)8 << 30)
#define MORE_MMS (1 << 20) /* than rows: so that a wrong number does not take all memory */
#define MAX_SLAB_BYTES (1 << 20)

struct bytes {
	char *at;
	size_t nr, room;
};

static struct bytes read_all(const char *path)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "rb") : stdin;
	struct bytes b = { NULL, 0, 0 };

	if (!file)
		fail_environment("cannot read the request %s: %s", path, strerror(errno));
	for (size_t got = 1; got; b.nr += got) {
		if (b.nr == b.room) {
			b.room = b.room ? 2 * b.room : 1 << 16;
			b.at = b.room > MAX_BYTES ? NULL : realloc(b.at, b.room);
			if (!b.at)
				fail_environment("out of memory: the request has over %zu bytes", b.nr);
		}
		got = fread(b.at + b.nr, 1, b.room - b.nr, file);
	}
	if (ferror(file))
		fail_environment("cannot read the request %s: %s", path, strerror(errno));
	if (file != stdin)
		fclose(file);
	return b;
}

/* The next array of the file; each begins at a multiple of 8. */
static const void *take(const struct bytes *b, size_t *at, int64_t nr, size_t element, const char *name)
{
	const void *array = b->at + *at;

	if (nr < 0 || (size_t)nr > (b->nr - *at) / element)
		fail_configuration(
			"the request ends in the middle of %s: %lld elements do not fit into the %zu "
			"bytes that are left",
			name, (long long)nr, b->nr - *at);
	*at += ((size_t)nr * element + 7) / 8 * 8;
	if (*at > b->nr)
		fail_configuration(
			"the request ends in the middle of %s: pad each array to a multiple of 8 bytes",
			name);
	return array;
}

#define TAKE(nr_, type, name) ((const type *)take(b, &at, (nr_), sizeof(type), name))

static void take_arrays(const struct bytes *b, struct input *input)
{
	const struct native_request *h = &input->header;
	struct sim_workload *w = &input->w;
	size_t at = sizeof(*h);

	*w = h->workload;
	input->params = TAKE(h->nr_params, int64_t, "params");
	input->cpu_set = TAKE(h->nr_cpu_set, int32_t, "cpu_set");
	w->t_ns = TAKE(w->nr_rows, int64_t, "t_ns");
	w->cpu = TAKE(w->nr_rows, int32_t, "cpu");
	w->mm = TAKE(w->nr_rows, int32_t, "mm");
	w->kind = TAKE(w->nr_rows, uint8_t, "kind");
	w->n = TAKE(w->nr_rows, int32_t, "n");
	w->section_ppm = TAKE(w->nr_section_quantiles, int64_t, "section_ppm");
	w->section_ns = TAKE(w->nr_section_quantiles, int64_t, "section_ns");
	w->preempted_ppm_at = TAKE(w->nr_preempted_quantiles, int64_t, "preempted_ppm_at");
	w->preempted_ns = TAKE(w->nr_preempted_quantiles, int64_t, "preempted_ns");
	w->pressure_t_ns = TAKE(w->nr_pressure, int64_t, "pressure_t_ns");
	w->pressure_permille = TAKE(w->nr_pressure, int64_t, "pressure_permille");
	if (at != b->nr)
		fail_configuration(
			"the request has %zu bytes behind its last array: not what its header says",
			b->nr - at);
}

static const struct policy *find_policy(const char *name)
{
	char names[1024] = "";

	for (unsigned i = 0; i < nr_all_policies; i++) {
		if (!strcmp(all_policies[i]->name, name))
			return all_policies[i];
		strncat(names, i ? ", " : "", sizeof(names) - strlen(names) - 1);
		strncat(names, all_policies[i]->name, sizeof(names) - strlen(names) - 1);
	}
	fail_configuration("no policy '%s' in this program; it has %s", name, names);
}

static s64 last_choice(const struct policy_param *p)
{
	s64 last = 0;

	for (const char *c = p->choices; *c; c++)
		last += *c == '|';
	return last;
}

static void check_params(const struct input *input)
{
	const struct policy *policy = input->policy;

	if (input->header.nr_params != (s32)policy->nr_params)
		fail_configuration("policy '%s' has %u parameters, not %d", policy->name, policy->nr_params,
				   input->header.nr_params);
	for (u32 i = 0; i < policy->nr_params; i++) {
		const struct policy_param *p = &policy->params[i];
		s64 min = p->type == PARAM_INT ? p->min : 0;
		s64 max = p->type == PARAM_INT ? p->max : p->type == PARAM_BOOL ? 1 : last_choice(p);

		if (input->params[i] < min || input->params[i] > max)
			fail_configuration("%s of policy '%s' is %lld; expected %lld .. %lld", p->name,
					   policy->name, (long long)input->params[i], (long long)min,
					   (long long)max);
	}
}

static void check_machine(const struct native_request *h)
{
	const struct sim_machine *m = &h->machine;

	if (m->gp_constant)
		fail_configuration(
			"constant grace periods (rcu.gp_constant) are the simulator's: real ones take "
			"what they take; choose another machine profile");
	if (m->nr_cpus < 1 || m->jiffy_ns < 1 || m->nocb_gp_stride < 1 || m->object_bytes < 1)
		fail_configuration(
			"the machine needs at least one CPU, a jiffy, CPUs per rcuog and bytes per object");
	if (m->object_bytes < MIN_OBJECT_BYTES || m->object_bytes % 8)
		fail_configuration(
			"objects of %d bytes: expected a multiple of 8 from %d on, for what a policy and "
			"the readers need",
			m->object_bytes, MIN_OBJECT_BYTES);
	if (h->allocator != NATIVE_ALLOC_SLAB)
		return;
	if (m->slab_bytes < 4096 || m->slab_bytes > MAX_SLAB_BYTES || (m->slab_bytes & (m->slab_bytes - 1)))
		fail_configuration("slabs of %d bytes: expected a power of two, 4096 .. %d", m->slab_bytes,
				   MAX_SLAB_BYTES);
	if (m->objects_per_slab < 1 || m->objects_per_slab > INT16_MAX ||
	    (s64)m->objects_per_slab * m->object_bytes > m->slab_bytes)
		fail_configuration("%d objects of %d bytes do not fit into a slab of %d", m->objects_per_slab,
				   m->object_bytes, m->slab_bytes);
}

static void check_cpus(const struct input *input)
{
	const struct native_request *h = &input->header;
	cpu_set_t allowed;

	if (h->nr_cpu_set < h->machine.nr_cpus)
		fail_environment(
			"the machine profile has %d CPUs, but only %d real ones are given: choose a smaller "
			"profile or more CPUs",
			h->machine.nr_cpus, h->nr_cpu_set);
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		fail_environment("sched_getaffinity: %s", strerror(errno));
	for (s32 i = 0; i < h->nr_cpu_set; i++) {
		if (input->cpu_set[i] < 0 || input->cpu_set[i] >= CPU_SETSIZE ||
		    !CPU_ISSET((size_t)input->cpu_set[i], &allowed))
			fail_environment(
				"this process may not use CPU %d (its affinity, or the cpuset of its cgroup, "
				"does not have it)",
				input->cpu_set[i]);
		for (s32 k = 0; k < i; k++)
			if (input->cpu_set[i] == input->cpu_set[k])
				fail_configuration("CPU %d is given twice", input->cpu_set[i]);
	}
}

static void check_quantiles(const int64_t *ppm, const int64_t *ns, s32 nr, const char *name)
{
	for (s32 i = 0; i < nr; i++)
		if (ns[i] < 0 || ppm[i] < (i ? ppm[i - 1] : 0) || ppm[i] > 1000000)
			fail_configuration(
				"%s: parts per million must rise from 0 to 1000000, times not be negative",
				name);
}

static void check_workload(const struct input *input)
{
	const struct sim_workload *w = &input->w;

	if (w->nr_rows > UINT32_MAX - 1 || w->nr_mms < 0 || w->nr_mms > w->nr_rows + MORE_MMS ||
	    w->duration_ns < 0 || w->fault_window_ns < 0 || w->readers_per_1000_faults < 0 ||
	    w->background_readers_per_cpu_per_s < 0)
		fail_configuration("the workload's numbers are out of range");
	check_quantiles(w->section_ppm, w->section_ns, w->nr_section_quantiles, "section lengths");
	check_quantiles(w->preempted_ppm_at, w->preempted_ns, w->nr_preempted_quantiles,
			"preempted sections");
	for (s32 i = 1; i < w->nr_pressure; i++)
		if (w->pressure_t_ns[i] <= w->pressure_t_ns[i - 1])
			fail_configuration("the times of memory pressure must rise");
	for (s64 i = 0; i < w->nr_rows; i++) {
		bool on_mm = w->kind[i] != ROW_FAULTS;

		if (w->cpu[i] < 0 || w->cpu[i] >= input->header.machine.nr_cpus || w->kind[i] > ROW_ALLOC ||
		    w->n[i] < 0 || w->t_ns[i] > w->duration_ns || w->t_ns[i] < (i ? w->t_ns[i - 1] : 0) ||
		    (on_mm && (w->mm[i] < 0 || w->mm[i] >= w->nr_mms)))
			fail_configuration(
				"row %lld of the workload: CPU %d of %d, address space %d of %d, kind %d, %d "
				"objects at %lld ns; times must not fall, and numbers be in range",
				(long long)i, w->cpu[i], input->header.machine.nr_cpus, w->mm[i], w->nr_mms,
				w->kind[i], w->n[i], (long long)w->t_ns[i]);
	}
}

void request_read(const char *path, struct input *input)
{
	struct bytes b = read_all(path);
	struct native_request *h = &input->header;

	if (b.nr < sizeof(*h))
		fail_configuration("the request has %zu bytes; its header alone has %zu", b.nr, sizeof(*h));
	memcpy(h, b.at, sizeof(*h));
	if (memcmp(h->magic, NATIVE_MAGIC, sizeof(h->magic)) || h->version != NATIVE_VERSION ||
	    h->header_bytes != sizeof(*h))
		fail_configuration(
			"not a request of version %d with a header of %zu bytes: this program and what "
			"calls it are of different builds",
			NATIVE_VERSION, sizeof(*h));
	if (!memchr(h->policy, 0, sizeof(h->policy)))
		fail_configuration("the policy's name does not end");
	if (h->rcu < NATIVE_RCU_SOFTIRQ || h->rcu > NATIVE_RCU_LIBURCU || h->allocator < NATIVE_ALLOC_SLAB ||
	    h->allocator > NATIVE_ALLOC_MALLOC || h->passes < 1 || h->nr_warmup_rows < 0 ||
	    h->nr_warmup_rows > h->workload.nr_rows || h->max_drain_ns < 0 || !(h->line_from_ns >= 0) ||
	    !(h->line_to_ns >= 0) || h->line_patience_ns < 0 || !(h->work_ns >= 0))
		fail_configuration("rcu %d, allocator %d, passes %d, nr_warmup_rows %d: out of range", h->rcu,
				   h->allocator, h->passes, h->nr_warmup_rows);
	take_arrays(&b, input);
	input->policy = find_policy(h->policy);
	if (input->policy->flags & POLICY_TYPESAFE && h->allocator != NATIVE_ALLOC_SLAB)
		fail_configuration(
			"policy '%s' needs the slab allocator: type-stable memory is a property of slabs",
			h->policy);
	check_params(input);
	check_machine(h);
	check_cpus(input);
	check_workload(input);
}
