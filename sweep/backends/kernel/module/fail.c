// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * fail.c - how a trial is said to have failed: by its policy, or by what it ran in.
 */
#include "lab.h"

static __printf(3, 0) void fail(struct policy_run *run, bool environment, const char *format, va_list args)
{
	if (!atomic_cmpxchg(&run->failed, 0, 1)) { /* the first one counts */
		vscnprintf(run->message, sizeof(run->message), format, args);
		run->environment = environment;
	}
	WRITE_ONCE(run->stopping, true);
}

void lab_fail(struct policy_run *run, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail(run, false, format, args);
	va_end(args);
}

void lab_fail_environment(struct policy_run *run, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail(run, true, format, args);
	va_end(args);
}
