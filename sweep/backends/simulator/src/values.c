/* SPDX-License-Identifier: Apache-2.0 */
/* values.c - mean, maximum and exact percentiles of many values. */
#include "sim.h"

#define MAX_SAMPLE 256

/* One turn of partition(): `to` is where the next value below the pivot goes. */
static inline s64 *part(s64 *value_at, s64 *to, s64 pivot)
{
	const s64 value = *value_at;

	*value_at = *to;
	*to = value;
	return to + (value < pivot);
}

/* Moves the values below `pivot` to the front, without a branch that depends on them. */
static s64 partition(s64 *v, s64 nr, s64 pivot)
{
	s64 *to = v, i = 0;

	for (; i + 4 <= nr; i += 4) { /* compilers leave a loop that carries a pointer as it is */
		to = part(&v[i], to, pivot);
		to = part(&v[i + 1], to, pivot);
		to = part(&v[i + 2], to, pivot);
		to = part(&v[i + 3], to, pivot);
	}
	for (; i < nr; i++)
		to = part(&v[i], to, pivot);
	return to - v;
}

/* Positions all over an array, in no step with what may recur in it. */
static s64 sample_at(s64 i, s64 nr)
{
	const u64 golden = 0x9e3779b97f4a7c15ull; /* 2^64 over the golden ratio */

	return (s64)((unsigned __int128)((u64)i * golden) * (u64)nr >> 64);
}

/*
 * A value near that rank, from a sorted sample: between the rank and the middle by so much that
 * the rank lies, most likely, on the smaller side of it.
 */
static s64 choose_pivot(const s64 *v, s64 nr, s64 rank)
{
	s64 sample[MAX_SAMPLE], size = min_s64(max_s64(nr / 64, 1), MAX_SAMPLE), at = rank * size / nr;

	for (s64 i = 0; i < size; i++) {
		s64 value = v[sample_at(i, nr)], j = i;

		for (; j > 0 && sample[j - 1] > value; j--)
			sample[j] = sample[j - 1];
		sample[j] = value;
	}
	at += 2 * at < size ? size / 12 : -(size / 12);
	return sample[at];
}

/* The value of that rank, 0 the smallest; it is then in its place, smaller ones before it. */
static s64 select_rank(s64 *v, s64 nr, s64 rank)
{
	for (;;) {
		s64 pivot = choose_pivot(v, nr, rank), below = partition(v, nr, pivot);

		if (rank < below) {
			nr = below;
			continue;
		}
		if (!below) { /* the smallest there is, and maybe often */
			below = partition(v, nr, pivot + 1);
			if (rank < below)
				return pivot;
		}
		v += below;
		nr -= below;
		rank -= below;
	}
}

/* Nearest rank: the smallest value that at least percent % of the values do not exceed. */
static s64 nearest_rank(const struct values *v, s64 percent)
{
	return (v->nr * percent + 99) / 100 - 1;
}

/* Of values that are not negative, in two halves so that it takes no carry. */
static s128 sum_of(const struct values *v)
{
	u64 low = 0, high = 0;

	for (s64 i = 0; i < v->nr; i++) {
		low += (u64)v->at[i] & UINT32_MAX;
		high += (u64)v->at[i] >> 32;
	}
	return ((s128)high << 32) + (s128)low;
}

/* Reorders the values: half of them lie before p50, and p99 is sought among the others. */
struct sim_distribution values_describe(struct values *v)
{
	struct sim_distribution d = { .count = v->nr };
	s64 p50 = nearest_rank(v, 50), p99 = nearest_rank(v, 99), largest = 0;

	if (!v->nr)
		return d;
	v->sum = sum_of(v);
	d.mean_ns = (double)v->sum / (double)v->nr / PS_PER_NS;
	d.p50_ns = (double)select_rank(v->at, v->nr, p50) / PS_PER_NS;
	d.p99_ns = (double)select_rank(v->at + p50, v->nr - p50, p99 - p50) / PS_PER_NS;
	for (s64 i = p99; i < v->nr; i++)
		largest = max_s64(largest, v->at[i]);
	d.max_ns = (double)largest / PS_PER_NS;
	return d;
}
