// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * device.c - /dev/rcu_sweep. A request is written (in pieces, as it comes), reading runs it and gives
 * the answer. One trial at a time; an open file holds a reference on the module.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include "lab.h"

#define MAX_REQUEST_BYTES (1u << 30)
#define ANSWER_BYTES 8192

static DEFINE_MUTEX(trial_lock); /* of the machine: trials one after the other */

struct session {
	struct mutex lock;
	struct kernel_request req;
	char *arrays;	/* what follows the request */
	size_t written; /* of the request with its arrays */
	size_t expected;
	char *answer_text;
	struct seq_buf answer;
	size_t given; /* of the answer */
};

/* ---- the layout of a request ---- */

static u64 padded(u64 bytes)
{
	return ALIGN(bytes, 8);
}

/* The next array, and behind it. */
static const void *next_array(const char **at, s64 nr, size_t element)
{
	const char *array = *at;

	*at += padded((u64)nr * element);
	return array;
}

/* `at` may be NULL, to count bytes. */
static struct lab_rows lay_out(const struct kernel_request *req, const char *at, u64 *bytes)
{
	const char *start = at;
	struct lab_rows rows;

	rows.params = next_array(&at, req->nr_params, sizeof(s64));
	rows.t_ns = next_array(&at, req->nr_rows, sizeof(s64));
	rows.cpu = next_array(&at, req->nr_rows, sizeof(s32));
	rows.mm = next_array(&at, req->nr_rows, sizeof(s32));
	rows.kind = next_array(&at, req->nr_rows, sizeof(u8));
	rows.n = next_array(&at, req->nr_rows, sizeof(s32));
	rows.section_ppm = next_array(&at, req->nr_section_quantiles, sizeof(s64));
	rows.section_ns = next_array(&at, req->nr_section_quantiles, sizeof(s64));
	rows.preempted_ppm_at = next_array(&at, req->nr_preempted_quantiles, sizeof(s64));
	rows.preempted_ns = next_array(&at, req->nr_preempted_quantiles, sizeof(s64));
	rows.pressure_t_ns = next_array(&at, req->nr_pressure, sizeof(s64));
	rows.pressure_permille = next_array(&at, req->nr_pressure, sizeof(s64));
	*bytes = (u64)(at - start);
	return rows;
}

static bool at_most(s64 value, s64 max)
{
	return value >= 0 && value <= max;
}

/* What is wrong with the header, or NULL. */
static const char *header_error(const struct kernel_request *req)
{
	if (memcmp(req->magic, REQUEST_MAGIC, sizeof(req->magic)))
		return "not a request: it does not begin with " REQUEST_MAGIC;
	if (req->version != REQUEST_VERSION || req->header_bytes != sizeof(*req))
		return "a request of another version: build module and program from the same sources";
	if (strnlen(req->policy, sizeof(req->policy)) == sizeof(req->policy))
		return "the policy's name does not end";
	if (req->object_bytes < (s32)sizeof(struct lab_object) || req->object_bytes > (s32)PAGE_SIZE)
		return "object_bytes is out of range: expected 48 to a page";
	if (!at_most(req->nr_rows, 1 << 26) || !at_most(req->nr_params, LAB_MAX_PARAMS) ||
	    !at_most(req->nr_section_quantiles, 4096) || !at_most(req->nr_preempted_quantiles, 4096) ||
	    !at_most(req->nr_pressure, 1 << 20))
		return "an array is too long";
	if (req->nr_cpus < 1 || req->nr_cpus > (s32)nr_cpu_ids || !at_most(req->nr_mms, 1 << 24))
		return "the workload has more CPUs than this machine, or too many address spaces";
	if (req->duration_ns < 1 || req->duration_ns > 3600 * (s64)NSEC_PER_SEC ||
	    req->sample_ns < (s64)NSEC_PER_MSEC || !at_most(req->max_drain_ns, 3600 * (s64)NSEC_PER_SEC))
		return "a time is out of range: at most an hour, and samples 1 ms apart";
	if (!at_most(req->readers_per_1000_faults, 1000000) ||
	    !at_most(req->background_readers_per_cpu_per_s, 100000000) ||
	    !at_most(req->preempted_ppm, 1000000))
		return "a rate of readers is out of range";
	return NULL;
}

/* ---- the file ---- */

static void forget_request(struct session *s)
{
	vfree(s->arrays);
	s->arrays = NULL;
	s->written = 0;
	s->expected = sizeof(s->req);
}

static int session_open(struct inode *inode, struct file *file)
{
	struct session *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return -ENOMEM;
	s->answer_text = kmalloc(ANSWER_BYTES, GFP_KERNEL);
	if (!s->answer_text) {
		kfree(s);
		return -ENOMEM;
	}
	seq_buf_init(&s->answer, s->answer_text, ANSWER_BYTES);
	mutex_init(&s->lock);
	forget_request(s);
	file->private_data = s;
	return nonseekable_open(inode, file);
}

static int session_release(struct inode *inode, struct file *file)
{
	struct session *s = file->private_data;

	forget_request(s);
	kfree(s->answer_text);
	kfree(s);
	return 0;
}

/* The header is complete: how much follows it. */
static int header_complete(struct session *s)
{
	const char *error = header_error(&s->req);
	u64 bytes;

	if (error) {
		seq_buf_printf(&s->answer,
			       "{\"error\": \"%s\", \"cause\": \"environment\"}\n{\"done\": true}\n", error);
		forget_request(s);
		return -EINVAL;
	}
	lay_out(&s->req, NULL, &bytes);
	if (bytes > MAX_REQUEST_BYTES)
		return -EFBIG;
	s->arrays = vmalloc(bytes + 8);
	if (!s->arrays)
		return -ENOMEM;
	s->expected = sizeof(s->req) + bytes;
	return 0;
}

static ssize_t take_bytes(struct session *s, const char __user *from, size_t nr)
{
	bool header = s->written < sizeof(s->req);
	char *to = header ? (char *)&s->req + s->written : s->arrays + (s->written - sizeof(s->req));
	int error = 0;

	nr = min(nr, s->expected - s->written);
	if (!nr)
		return -EBUSY; /* the answer has not been read */
	if (copy_from_user(to, from, nr))
		return -EFAULT;
	s->written += nr;
	if (s->written == sizeof(s->req) && header) {
		seq_buf_clear(&s->answer);
		s->given = 0;
		error = header_complete(s);
	}
	return error ?: (ssize_t)nr;
}

static ssize_t session_write(struct file *file, const char __user *from, size_t nr, loff_t *at)
{
	struct session *s = file->private_data;
	ssize_t done;

	if (mutex_lock_interruptible(&s->lock))
		return -EINTR;
	done = take_bytes(s, from, nr);
	mutex_unlock(&s->lock);
	return done;
}

static int run_trial(struct session *s)
{
	struct lab_rows rows;
	u64 bytes;
	int error;

	if (mutex_lock_interruptible(&trial_lock))
		return -EINTR;
	rows = lay_out(&s->req, s->arrays, &bytes);
	error = lab_trial(&s->req, &rows, &s->answer);
	mutex_unlock(&trial_lock);
	forget_request(s);
	if (error == -ENOMEM) {
		seq_buf_printf(&s->answer, "{\"error\": \"out of memory\", \"cause\": \"environment\"}\n");
		error = 0;
	}
	if (!error)
		seq_buf_printf(&s->answer, "{\"done\": true}\n");
	return error;
}

/* End of file when there is nothing to run and nothing to give. */
static ssize_t give_bytes(struct session *s, char __user *to, size_t nr)
{
	int error = 0;

	if (s->arrays && s->written == s->expected)
		error = run_trial(s);
	if (error)
		return error;
	nr = min_t(size_t, nr, seq_buf_used(&s->answer) - s->given);
	if (copy_to_user(to, s->answer_text + s->given, nr))
		return -EFAULT;
	s->given += nr;
	return (ssize_t)nr;
}

static ssize_t session_read(struct file *file, char __user *to, size_t nr, loff_t *at)
{
	struct session *s = file->private_data;
	ssize_t done;

	if (mutex_lock_interruptible(&s->lock))
		return -EINTR;
	done = give_bytes(s, to, nr);
	mutex_unlock(&s->lock);
	return done;
}

static const struct file_operations session_operations = {
	.owner = THIS_MODULE,
	.open = session_open,
	.release = session_release,
	.read = session_read,
	.write = session_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "rcu_sweep",
	.fops = &session_operations,
	.mode = 0600,
};

static int __init lab_init(void)
{
	int error = watch_register();

	if (error)
		return error;
	error = misc_register(&device);
	if (error)
		watch_unregister();
	return error;
}

/* No file is open, so no trial runs; what it posted has been waited for. */
static void __exit lab_exit(void)
{
	misc_deregister(&device);
	watch_unregister();
	rcu_barrier();
}

module_init(lab_init);
module_exit(lab_exit);
MODULE_DESCRIPTION(
	"Policies that batch frees until an RCU grace period, measured on the kernel's own RCU and SLUB");
MODULE_LICENSE("GPL");
