/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * init.c - the only program of the guest. It loads the module, and does what comes over the
 * virtio-serial port: frames of a type and a length, then so many bytes.
 *
 *   TRIAL   bytes go to /dev/rcu_sweep as they are; JSON lines come back, the last is {"done": true}
 *   ABORT   whoever runs the trial is killed: {"aborted": true}
 *   UNLOAD  the module is unloaded: {"caches_left": 0}, how many of its slab caches are there after all, then
 *           {"unloaded": 0}, or the error number
 *   LOAD    ... and loaded again: {"loaded": 0}
 *   CURVE   /curve runs with the words of the frame; its JSON lines, then {"done": true}
 *   OFF     the guest ends
 *
 * A trial runs in a child, so that this process can be told to abort it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

enum frame_type { FRAME_TRIAL = 1, FRAME_ABORT, FRAME_UNLOAD, FRAME_LOAD, FRAME_OFF, FRAME_CURVE };

struct frame {
	uint32_t type;
	uint32_t padding;
	uint64_t length;
};

static const char device_path[] = "/dev/rcu_sweep";
static const char module_path[] = "/rcu_sweep.ko";
static int port;

static void die(const char *what)
{
	fprintf(stderr, "init: %s: %s\n", what, strerror(errno));
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void mount_or_die(const char *type, const char *where)
{
	mkdir(where, 0755);
	if (mount(type, where, type, 0, NULL))
		die(where);
}

static void read_exactly(void *to, size_t nr)
{
	while (nr) {
		ssize_t got = read(port, to, nr);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			die("read from the port");
		to = (char *)to + got;
		nr -= (size_t)got;
	}
}

static void write_exactly(int fd, const void *from, size_t nr, const char *what)
{
	while (nr) {
		ssize_t done = write(fd, from, nr);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			die(what);
		from = (const char *)from + done;
		nr -= (size_t)done;
	}
}

static void say(const char *format, long number)
{
	char line[128];

	write_exactly(port, line, (size_t)snprintf(line, sizeof(line), format, number), "write to the port");
}

/* ---- the module ---- */

static int load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		error = errno;
	if (fd >= 0)
		close(fd);
	return error;
}

/* Of the port, where the kernel has them as modules; in the order of their needs. */
static void load_drivers(void)
{
	char path[32];

	for (int i = 0; snprintf(path, sizeof(path), "/driver%d.ko", i), !access(path, R_OK); i++) {
		errno = load(path);
		if (errno)
			die(path);
	}
}

static int unload(void)
{
	return syscall(SYS_delete_module, "rcu_sweep", O_NONBLOCK) ? errno : 0;
}

/* Every trial has a cache of its own, rcu_sweep_N, and destroys it. */
static long count_caches(void)
{
	FILE *file = fopen("/proc/slabinfo", "r");
	char text[512];
	long nr = 0;

	if (!file)
		die("/proc/slabinfo");
	while (fgets(text, sizeof(text), file))
		nr += !strncmp(text, "rcu_sweep_", 10);
	fclose(file);
	return nr;
}

/* ---- the port ---- */

/* The port of our name: /sys/class/virtio-ports/vportXpY/name says which it is. */
static int open_port(void)
{
	for (int tries = 0; tries < 500; tries++) {
		for (int i = 0; i < 8; i++) {
			char path[96], name[32] = "";
			FILE *file;

			snprintf(path, sizeof(path), "/sys/class/virtio-ports/vport0p%d/name", i);
			file = fopen(path, "r");
			if (!file)
				continue;
			if (fscanf(file, "%31s", name) != 1)
				name[0] = 0;
			fclose(file);
			if (strcmp(name, "rcu_sweep"))
				continue;
			snprintf(path, sizeof(path), "/dev/vport0p%d", i);
			return open(path, O_RDWR | O_CLOEXEC);
		}
		usleep(10000);
	}
	errno = ENODEV;
	return -1;
}

/* ---- a trial ---- */

/* The device is closed before the answer is given: who has it may unload the module. */
static void answer(int device)
{
	static char text[65536];
	size_t length = 0;
	ssize_t got;

	while ((got = read(device, text + length, sizeof(text) - length)) > 0)
		length += (size_t)got;
	if (got < 0)
		die("read the answer");
	close(device);
	write_exactly(port, text, length, "write the answer");
	_exit(0);
}

/* The request goes straight from the port to the device; an error of the device shows in its answer. */
static pid_t start_trial(uint64_t left)
{
	static char bytes[65536];
	int device = open(device_path, O_RDWR | O_CLOEXEC);
	int error = device < 0 ? errno : 0, refused = error;
	pid_t child;

	while (left) {
		size_t nr = left < sizeof(bytes) ? (size_t)left : sizeof(bytes);

		read_exactly(bytes, nr);
		for (size_t done = 0; !refused && done < nr;) {
			ssize_t got = write(device, bytes + done, nr - done);

			refused = got <= 0;
			done += refused ? 0 : (size_t)got;
		}
		left -= nr;
	}
	if (device < 0) {
		say("{\"error\": \"/dev/rcu_sweep cannot be opened (error %ld)\", \"cause\": \"environment\"}\n"
		    "{\"done\": true}\n",
		    error);
		return 0;
	}
	child = fork();
	if (child < 0)
		die("fork");
	if (!child)
		answer(device);
	close(device);
	return child;
}

/* ---- what the kernel itself does ---- */

static void run_curve(char *words)
{
	char *arguments[64] = { "/curve" };
	int nr = 1;

	for (char *word = strtok(words, " "); word && nr < 63; word = strtok(NULL, " "))
		arguments[nr++] = word;
	if (dup2(port, STDOUT_FILENO) < 0)
		die("dup2");
	execv(arguments[0], arguments);
	die(arguments[0]);
}

static void curve(uint64_t length)
{
	static char words[1024];
	pid_t child;

	if (length >= sizeof(words)) {
		errno = E2BIG;
		die("the words of a curve");
	}
	read_exactly(words, (size_t)length);
	words[length] = 0;
	child = fork();
	if (child < 0)
		die("fork");
	if (!child)
		run_curve(words);
	waitpid(child, NULL, 0);
	say("{\"done\": true}\n", 0);
}

static void reap(pid_t *child)
{
	if (*child && waitpid(*child, NULL, 0) == *child)
		*child = 0;
}

static void obey(const struct frame *frame, pid_t *child)
{
	int error;

	switch (frame->type) {
	case FRAME_TRIAL:
		reap(child);
		*child = start_trial(frame->length);
		break;
	case FRAME_ABORT:
		if (*child)
			kill(*child, SIGKILL);
		reap(child);
		say("{\"aborted\": true}\n", 0);
		break;
	case FRAME_UNLOAD:
		error = unload();
		say("{\"caches_left\": %ld}\n", error ? 0 : count_caches());
		say("{\"unloaded\": %ld}\n", error);
		break;
	case FRAME_LOAD:
		say("{\"loaded\": %ld}\n", load(module_path));
		break;
	case FRAME_CURVE:
		reap(child);
		curve(frame->length);
		break;
	default:
		sync();
		reboot(RB_POWER_OFF);
	}
}

int main(void)
{
	pid_t child = 0;
	int error;

	mount_or_die("proc", "/proc");
	mount_or_die("sysfs", "/sys");
	mount_or_die("devtmpfs", "/dev");
	load_drivers();
	error = load(module_path);
	port = open_port();
	if (port < 0)
		die("open the virtio-serial port");
	say("{\"ready\": %ld}\n", error);
	for (;;) {
		struct frame frame;

		read_exactly(&frame, sizeof(frame));
		obey(&frame, &child);
	}
}
