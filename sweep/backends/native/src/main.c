/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - the native benchmark: one request in, one JSON line per measured pass out (request.h). */
#define _GNU_SOURCE
#include "result.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define MARGIN_S \
	60 /* beyond the workload and its drain: setting up, and a machine that is busy with others */

static void on_alarm(int signal)
{
	static const char line[] =
		"{\"error\": \"the benchmark hangs: a pass has not ended a minute after the workload and "
		"the drain should have; either this machine is overloaded, or the policy waits "
		"for something that never comes\", \"cause\": \"environment\"}\n";

	(void)signal;
	if (write(STDOUT_FILENO, line, sizeof(line) - 1) < 0)
		_exit(3);
	_exit(2);
}

static void one_pass(const struct input *input, s64 nr_rows, s32 number)
{
	struct pass_result result;
	struct policy_run *run;

	alarm((unsigned)((input->w.duration_ns + input->header.max_drain_ns) / 1000000000 + MARGIN_S));
	run_pass(input, nr_rows, &result, &run);
	alarm(0);
	if (number >= 0)
		answer((u32)number, run, &result);
	pass_free(run);
}

int main(int argc, char **argv)
{
	static struct input input;

	if (argc != 2 || !strcmp(argv[1], "--help")) {
		fprintf(stderr,
			"usage: %s REQUEST    a file as sweep/backends/native/src/request.h says; - for "
			"standard input\n",
			argv[0]);
		return argc == 2 ? 0 : 2;
	}
	request_read(argv[1], &input);
	clock_calibrate();
	signal(SIGALRM, on_alarm);
	idle_polls(&input);
	if (input.header.allocator == NATIVE_ALLOC_MALLOC)
		readers_catch_faults();
	if (input.header.nr_warmup_rows)
		one_pass(&input, input.header.nr_warmup_rows, -1);
	for (s32 pass = 0; pass < input.header.passes; pass++)
		one_pass(&input, input.w.nr_rows, pass);
	printf("{\"done\": true}\n");
	return fflush(stdout) ? 3 : 0;
}
