// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * slabs.c - the cache's own counts, from sysfs: how many slabs it has, and at the end of a trial that
 * no object is left in it, whatever the lab's own accounts say.
 */
#include <linux/fs.h>
#include "lab.h"

static long read_number(const char *path)
{
	struct file *file = filp_open(path, O_RDONLY, 0);
	char text[32] = "";
	loff_t at = 0;
	long number = -1;

	if (IS_ERR(file))
		return -1;
	if (kernel_read(file, text, sizeof(text) - 1, &at) > 0 && sscanf(text, "%ld", &number) != 1)
		number = -1;
	filp_close(file, NULL);
	return number;
}

/* count: a file of /sys/kernel/slab/CACHE. -1: without sysfs, or CONFIG_SLUB_DEBUG. */
long slabs_read(struct policy_run *run, const char *count)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/%s", run->cache_name, count);
	return read_number(path);
}

/* Free objects in the slabs of CPUs count as in use: shrinking the cache puts these away. */
long slabs_objects(struct policy_run *run)
{
	if (!run->cache)
		return -1;
	kmem_cache_shrink(run->cache);
	return slabs_read(run, "objects");
}

/* After the last free: as many objects as before the first. */
void slabs_check(struct policy_run *run)
{
	run->slab_objects_after = slabs_objects(run);
	if (run->slab_objects_after > run->slab_objects_before && run->slab_objects_before >= 0)
		lab_fail_environment(
			run, "%ld objects have leaked: %s held %ld before the trial, and %ld after it",
			run->slab_objects_after - run->slab_objects_before, run->cache_name,
			run->slab_objects_before, run->slab_objects_after);
}
