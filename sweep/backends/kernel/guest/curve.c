/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * curve.c - what the kernel itself does: maps areas that cannot be merged, frees them by one munmap() or by
 * exiting, and says how long which part took and how many VMAs were there afterwards, when.
 *
 *   curve BLOCKS N...
 *
 * A block is, for each N, four trials of each kind: with probes, without, without, with. JSON lines on standard
 * output, first {"probes": {"exit_mmap": true, ...}, "object_bytes": [VMA, lock]}, the functions that this kernel
 * lets be probed, and then one per trial:
 *
 *   {"block": 0, "n": 40, "how": "exit", "touched": false, "probed": true, "wall_ns": 1, "before": [VMAs, locks],
 *    "slab": [[ns since the end, VMAs, locks], ...], "events": [["exit_begin", 1000], ...]}
 *
 * (slab: of trials without probes; events: CLOCK_MONOTONIC in ns, to 1000 ns), or {"error": "..."} at the first
 * thing that does not work.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRACING "/sys/kernel/tracing/"
#define PAGE 4096L
#define SETTLE_US 500000 /* the dead of one trial are freed before the next, where nobody looks */

/* What is waited for between one look at slabinfo and the next, after the end, in microseconds. */
static const useconds_t pauses_us[] = { 0, 2000, 3000, 5000, 10000, 20000, 60000, 400000, 1500000 };

/*
 * The removal of the VMAs begins when tlb_finish_mmu() returns. In exit_mmap() (mm/mmap.c, 6.12) it ends at the
 * tracepoint exit_mmap, before the empty tree is destroyed (since 6.18 the tracepoint stands behind that); in
 * vms_complete_munmap_vmas() (mm/vma.c, 6.12), where mmap_read_unlock() passes the tracepoint mmap_lock_released.
 * So there are few probes, and none per VMA.
 */
static const char *const probes[] = {
	"p:lab/exit_begin exit_mmap",	       "r:lab/exit_end exit_mmap",
	"p:lab/munmap_begin __x64_sys_munmap", "r:lab/munmap_end __x64_sys_munmap",
	"r:lab/tlb_end tlb_finish_mmu",
};
static const char *const switches[] = {
	TRACING "events/lab/enable",
	TRACING "events/mmap/exit_mmap/enable",
	TRACING "events/mmap_lock/mmap_lock_released/enable",
};
/* Those that remove VMAs. Asked for only: a probe in one that runs per VMA would cost more than what it times. */
static const char *const asked[] = {
	"exit_mmap",	"tlb_finish_mmu", "vms_complete_munmap_vmas", "remove_vma",
	"vm_area_free", "__vm_area_free", "vm_area_free_rcu_cb",      "__mt_destroy",
};

#define NR(array) (sizeof(array) / sizeof(*(array)))

struct shared {
	struct timespec begin, end;
};

struct trial {
	long block, n;
	bool exits, touched, probed;
};

static struct shared *shared;

/* Lines are written whole: nobody reads half of one before an error. */
static FILE *line;
static char *line_text;
static size_t line_length;

static void begin_line(void)
{
	line = open_memstream(&line_text, &line_length);
	if (!line)
		exit(1);
}

static void end_line(void)
{
	fclose(line);
	fwrite(line_text, 1, line_length, stdout);
	fflush(stdout);
	free(line_text);
}

static void die(const char *what)
{
	printf("{\"error\": \"%s: %s\"}\n", what, strerror(errno));
	fflush(stdout);
	_exit(0);
}

static bool try_write(const char *path, const char *text, int flags)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

static void write_file(const char *path, const char *text)
{
	if (!try_write(path, text, O_TRUNC))
		die(path);
}

static int64_t ns_of(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ns_of(t);
}

/* ---- probes ---- */

static bool may_be_probed(const char *function)
{
	char text[96];

	snprintf(text, sizeof(text), "p:asked/asked %s", function);
	if (!try_write(TRACING "kprobe_events", text, O_APPEND))
		return false;
	if (!try_write(TRACING "kprobe_events", "-:asked/asked", O_APPEND))
		die("remove a probe");
	return true;
}

static void set_probes_up(void)
{
	if (mount("tracefs", TRACING, "tracefs", 0, NULL) && errno != EBUSY)
		die("mount tracefs");
	write_file(TRACING "trace_clock", "mono");
	/* None may be there twice: this may run again in the same guest. */
	for (size_t i = 0; i < NR(probes); i++)
		if (!try_write(TRACING "kprobe_events", probes[i], O_APPEND) && errno != EEXIST)
			die(probes[i]);
}

static void set_probes(bool on)
{
	for (size_t i = 0; i < NR(switches); i++)
		write_file(switches[i], on ? "1" : "0");
}

static void print_events(void)
{
	FILE *file = fopen(TRACING "trace", "r");
	const char *separator = "";
	char text[512];

	if (!file)
		die("read the trace");
	while (fgets(text, sizeof(text), file)) {
		/* comm-pid [cpu] flags seconds.microseconds: name: ... */
		char *cpu = strstr(text, "] "), name[32];
		long seconds, us;

		if (text[0] == '#' || !cpu ||
		    sscanf(cpu + 2, "%*s %ld.%ld: %31[^:]", &seconds, &us, name) != 3)
			continue;
		fprintf(line, "%s[\"%s\", %lld]", separator, name, (seconds * 1000000LL + us) * 1000);
		separator = ", ";
	}
	fclose(file);
}

/* ---- slabs ---- */

struct slab {
	long objects, bytes; /* in use; of one */
};

struct slabs {
	struct slab vma, lock;
};

static struct slabs look_at_slabs(void)
{
	FILE *file = fopen("/proc/slabinfo", "r");
	struct slabs found = { 0 };
	char text[512], name[64];
	struct slab slab;

	if (!file)
		die("/proc/slabinfo");
	while (fgets(text, sizeof(text), file)) {
		if (sscanf(text, "%63s %ld %*s %ld", name, &slab.objects, &slab.bytes) != 3)
			continue;
		if (!strcmp(name, "vm_area_struct"))
			found.vma = slab;
		else if (!strcmp(name, "vma_lock"))
			found.lock = slab;
	}
	fclose(file);
	if (!found.vma.bytes) {
		errno = ENOENT;
		die("vm_area_struct in /proc/slabinfo");
	}
	return found;
}

static void describe(void)
{
	const struct slabs now = look_at_slabs();

	begin_line();
	fprintf(line, "{\"probes\": {");
	for (size_t i = 0; i < NR(asked); i++)
		fprintf(line, "%s\"%s\": %s", i ? ", " : "", asked[i],
			may_be_probed(asked[i]) ? "true" : "false");
	fprintf(line, "}, \"object_bytes\": [%ld, %ld]}\n", now.vma.bytes, now.lock.bytes);
	end_line();
}

/* ---- a trial ---- */

/* Neighbours differ in their protection, so that none can be merged. */
static void *map_areas(const struct trial *t)
{
	char *base = mmap(NULL, (size_t)(t->n * PAGE), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		die("mmap");
	for (long i = 1; i < t->n; i += 2)
		if (mprotect(base + i * PAGE, (size_t)PAGE, PROT_READ))
			die("mprotect an area");
	for (long i = 0; t->touched && i < t->n; i++) {
		volatile char *at = base + i * PAGE;

		if (i % 2)
			(void)*at;
		else
			*at = 1;
	}
	return base;
}

static void child(const struct trial *t, int ready, int go)
{
	void *base = map_areas(t);
	char byte = 0;

	if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1)
		_exit(1);
	clock_gettime(CLOCK_MONOTONIC, &shared->begin);
	if (!t->exits) {
		if (munmap(base, (size_t)(t->n * PAGE)))
			_exit(1);
		clock_gettime(CLOCK_MONOTONIC, &shared->end);
		byte = 0;
		if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1)
			_exit(1);
	}
	_exit(0);
}

static void wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status)) {
		errno = ECHILD;
		die("a trial's process failed");
	}
}

static void print_slabs(void)
{
	const int64_t end = ns_of(shared->end);

	for (size_t i = 0; i < NR(pauses_us); i++) {
		struct slabs now;

		usleep(pauses_us[i]);
		now = look_at_slabs();
		fprintf(line, "%s[%lld, %ld, %ld]", i ? ", " : "", (long long)(now_ns() - end),
			now.vma.objects, now.lock.objects);
	}
}

static pid_t start(const struct trial *t, int *ready, int *go)
{
	int from_child[2], to_child[2];
	char byte;
	pid_t pid;

	if (pipe(from_child) || pipe(to_child))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		child(t, from_child[1], to_child[0]);
	close(from_child[1]); /* so that its end is seen */
	close(to_child[0]);
	*ready = from_child[0];
	*go = to_child[1];
	if (read(*ready, &byte, 1) != 1)
		die("read from a trial's process");
	return pid;
}

static void trace(pid_t pid, bool probed)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	write_file(TRACING "set_event_pid", text);
	write_file(TRACING "trace", "");
	set_probes(probed);
}

static void run(const struct trial *t)
{
	const struct slabs before = look_at_slabs();
	char byte = 0;
	int ready, go;
	pid_t pid = start(t, &ready, &go);

	trace(pid, t->probed);
	if (write(go, &byte, 1) != 1)
		die("write to a trial's process");
	if (t->exits) {
		wait_for(pid);
		clock_gettime(CLOCK_MONOTONIC, &shared->end);
	} else if (read(ready, &byte, 1) != 1) {
		die("read from a trial's process");
	}
	begin_line();
	fprintf(line, "{\"block\": %ld, \"n\": %ld, \"how\": \"%s\", \"touched\": %s, \"probed\": %s, ",
		t->block, t->n, t->exits ? "exit" : "munmap", t->touched ? "true" : "false",
		t->probed ? "true" : "false");
	fprintf(line, "\"wall_ns\": %lld, \"before\": [%ld, %ld], \"slab\": [",
		(long long)(ns_of(shared->end) - ns_of(shared->begin)), before.vma.objects,
		before.lock.objects);
	if (t->probed)
		usleep(SETTLE_US);
	else
		print_slabs();
	set_probes(false);
	if (!t->exits) {
		if (write(go, &byte, 1) != 1)
			die("write to a trial's process");
		wait_for(pid);
	}
	close(ready);
	close(go);
	fprintf(line, "], \"events\": [");
	print_events();
	fprintf(line, "]}\n");
	end_line();
}

static void run_block(long block, long n)
{
	static const bool probed[] = { true, false, false, true };

	for (size_t kind = 0; kind < 4; kind++)
		for (size_t i = 0; i < NR(probed); i++)
			run(&(struct trial){ .block = block,
					     .n = n,
					     .exits = kind & 1,
					     .touched = kind & 2,
					     .probed = probed[i] });
}

int main(int argc, char **argv)
{
	const long blocks = argc > 1 ? strtol(argv[1], NULL, 10) : 0;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	write_file("/proc/sys/vm/max_map_count", "131072");
	set_probes_up();
	describe();
	for (long block = 0; block < blocks; block++)
		for (int i = 2; i < argc; i++)
			run_block(block, strtol(argv[i], NULL, 10));
	return 0;
}
