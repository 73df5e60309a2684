/* SPDX-License-Identifier: Apache-2.0 */
/* values.c - mean, maximum and exact percentiles of many values. */
#include "result.h"

#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int by_u64(const void *a, const void *b)
{
	const u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

/* Nearest rank: the smallest value that at least percent % of the values do not exceed. */
static u64 nearest_rank(u64 nr, u64 percent)
{
	return (nr * percent + 99) / 100 - 1;
}

struct distribution describe(double *values, u64 nr)
{
	struct distribution d = { .count = nr };
	double sum = 0;

	if (!nr)
		return d;
	qsort(values, nr, sizeof(*values), by_value);
	for (u64 i = 0; i < nr; i++)
		sum += values[i];
	d.mean = sum / (double)nr;
	d.p50 = values[nearest_rank(nr, 50)];
	d.p99 = values[nearest_rank(nr, 99)];
	d.max = values[nr - 1];
	return d;
}
