/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.h - what goes into one simulated trial and what comes out.
 *
 * Python reads this file with cffi (preprocessor lines are dropped), so it holds plain
 * structures only. Field names are the contract: binding.py fills every structure by name
 * from the values of sweep.machine and workloads, and fails on a name that has no value.
 *
 * Units: *_ns nanoseconds, *_ps picoseconds of virtual time, *_bytes bytes.
 */
#ifndef SIM_ENGINE_H
#define SIM_ENGINE_H
#include <stdint.h>

/* A machine profile, every derived value resolved (sweep/machine.py has the formulas). */
struct sim_machine {
	int32_t nr_cpus;
	int64_t jiffy_ns; /* 1e9 / HZ */

	/* [rcu] grace periods */
	int32_t gp_constant; /* 1: every callback waits exactly gp_constant_ns; for proofs */
	int64_t gp_constant_ns;
	int32_t preemptible_kernel; /* 1: a tick in kernel mode outside a reader is a quiescent state */
	int32_t jiffies_till_first_fqs;
	int32_t jiffies_till_next_fqs;
	int32_t jiffies_till_sched_qs;
	int64_t gp_init_ns;    /* from the new number to CPUs seeing it */
	int64_t gp_cleanup_ns; /* from waking who waits for a grace period's end until the next one may begin */

	/* [rcu] callbacks */
	int32_t blimit, qhimark, qlowmark, qovld, rcu_divisor;
	int64_t rcu_resched_ns;

	/* [nocb] offloading: all CPUs or none */
	int32_t nocb;
	int32_t lazy; /* CONFIG_RCU_LAZY and enable_rcu_lazy */
	int32_t nocb_nobypass_lim_per_jiffy;
	int32_t lazy_flush_jiffies;
	int32_t nocb_gp_stride;		/* CPUs per rcuog kthread */
	int32_t nocb_housekeeping_cpus; /* kthreads run on the first n CPUs only; 0: anywhere */

	/* [sched] */
	int64_t wake_latency_ns;  /* from a wake-up to the kthread running on an idle CPU */
	int64_t sched_slice_ns;	  /* two runnable tasks on a CPU alternate by this slice */
	int32_t woken_runs_first; /* 1: a kthread that another wakes runs before that one goes on */

	/* [slab] */
	int32_t object_bytes;
	int32_t slab_bytes;
	int32_t objects_per_slab;
	int32_t cpu_partial_slabs;
	int32_t min_partial;

	/* [memory] */
	int64_t page_bytes;
	int64_t watermark_min_pages, watermark_low_pages, watermark_high_pages;
	int64_t kswapd_pass_ns; /* time of one balancing pass at one priority */

	/* [costs] */
	int64_t unlink_ps;	  /* per object, all that a call does beside the policy */
	int64_t call_cold_ps;	  /* on top, per call whose CPU has run no policy for call_cool_ps */
	int64_t object_cold_ps;	  /* on top, per object that nobody has touched for object_cool_ps */
	int64_t object_remote_ps; /* on top, per object that was born on another CPU */
	int64_t lock_cold_ps, call_rcu_cold_ps,
		free_cold_ps; /* on top, for the first such step of a CPU after call_cool_ps */
	int64_t call_cool_ps, /* until what is not used has left the caches; the costs above rise linearly up to it */
		object_cool_ps;
	int64_t link_ps, walk_ps, store_ps, compare_ps;
	int64_t clock_ps;	    /* plat_now_ns() */
	int64_t lock_ps;	    /* lock and unlock, nobody else there */
	int64_t lock_handoff_ps;    /* on top, when somebody else held it or had it last */
	int64_t call_rcu_ps;	    /* not offloaded */
	int64_t call_rcu_nocb_ps;   /* offloaded, under nocb_lock */
	int64_t call_rcu_bypass_ps; /* offloaded, onto the bypass list */
	int64_t bypass_flush_ps;
	int64_t wake_ps; /* what the waker pays */
	int64_t context_switch_ps;
	int64_t softirq_ps;	      /* entry and exit of one RCU softirq */
	int64_t callback_ps;	      /* dequeue and indirect call, per callback */
	int64_t callback_bh_ps;	      /* on top, per callback in rcuop: local_bh_enable .. disable */
	int64_t nocb_gp_scan_ps;      /* rcuog, per CPU of its group and pass */
	int64_t alloc_ps, release_ps; /* plat_alloc and plat_release */
	int64_t gp_snapshot_ps, gp_start_ps, gp_poll_ps;
	int64_t work_queue_ps;	     /* arm a delayed work */
	int64_t free_fast_ps;	     /* kmem_cache_free to this CPU's active slab */
	int64_t free_slow_ps;	     /* ... to another slab, that this CPU touched last */
	int64_t free_remote_ps;	     /* ... to a slab that another CPU touched last */
	int64_t free_bulk_object_ps; /* per object in build_detached_freelist */
	int64_t free_hook_ps;	     /* per object, bulk or not: memcg uncharge */
	int64_t list_lock_ps;	     /* node partial list, taken and released */
	int64_t slab_discard_ps;     /* a slab goes back to the page allocator */
};

/* Rows sorted by time. Kinds: 0 munmap-like call, 1 exit, 2 faults (n page faults on that
 * CPU in the window that ends at t), 3 alloc (n objects are born into mm, free of cost). */
struct sim_workload {
	int64_t nr_rows;
	const int64_t *t_ns;
	const int32_t *cpu;
	const int32_t *mm; /* 0 .. nr_mms - 1; -1 for faults */
	const uint8_t *kind;
	const int32_t *n;
	int32_t nr_mms;
	int64_t duration_ns; /* at least the last row's time */
	int64_t fault_window_ns;

	/* readers */
	int32_t rcu_only; /* 0: mm_ref, exits have no readers */
	int64_t readers_per_1000_faults;
	int64_t background_readers_per_cpu_per_s;
	int32_t nr_section_quantiles; /* length of a section: piecewise linear between (ppm, ns) */
	const int64_t *section_ppm;
	const int64_t *section_ns;
	int64_t preempted_ppm; /* of the readers, how many are preempted inside */
	int32_t nr_preempted_quantiles;
	const int64_t *preempted_ppm_at;
	const int64_t *preempted_ns;

	/* memory pressure: free pages, piecewise linear, in 1/1000 of the high watermark */
	int32_t nr_pressure; /* 0: none */
	const int64_t *pressure_t_ns;
	const int64_t *pressure_permille;
};

struct sim_request {
	int32_t policy; /* place in sim_policy_name() */
	int32_t nr_params;
	const int64_t *params; /* in the order of the policy's table */
	uint64_t seed;
	int64_t max_steps;	    /* bound on events and objects handled; 0: none */
	int64_t max_drain_ns;	    /* bound on virtual time after the end of the workload */
	int64_t series_interval_ns; /* 0: none */
};

struct sim_distribution { /* nearest-rank percentiles; all 0 where count is 0 */
	int64_t count;
	double mean_ns, p50_ns, p99_ns, max_ns;
};

struct sim_sample { /* one point of a series */
	int64_t t_ns;
	int64_t postponed_bytes, waiting_bytes, ready_bytes, overhead_bytes, pinned_slab_bytes;
};

struct sim_call_record {
	int64_t t_ns;
	int64_t latency_ps;
	int32_t cpu, mm, n, kind;
};

struct sim_result {
	int64_t duration_ns; /* measured span: the workload's, or to the end of its last call */

	struct sim_distribution exit_latency, munmap_latency, dead_age;
	double exit_ns_per_object_mean, exit_ns_per_object_p50, exit_ns_per_object_p99,
		exit_ns_per_object_max;

	double retained_bytes_mean, retained_bytes_peak;
	double retained_postponed_bytes_mean, retained_waiting_bytes_mean, retained_ready_bytes_mean;
	double overhead_bytes_mean; /* policy's own memory (plat_alloc), part of retained_bytes */
	double pinned_slab_bytes_mean, pinned_slab_bytes_peak;

	double cpu_ns_per_object, cpu_freeing_ns_per_object, cpu_callback_ns_per_object;
	double max_stall_ns;

	int64_t grace_periods, callbacks, wakeups, lock_waits, violations;
	int64_t bypass_enqueues, nocb_enqueues, bypass_flushes, fqs_scans;
	int64_t shrinker_calls, shrinker_scanned, shrinker_first_priority; /* -1: never proposed any */
	int64_t slabs_allocated, slabs_freed;

	/* conservation: unlinked = freed + retained_at_end, and drain frees the rest */
	int64_t objects_unlinked, objects_freed, objects_retained_at_end;
	int64_t objects_leaked;	     /* never freed, not even after stop() and a full drain */
	int64_t objects_freed_early; /* before a grace period after their unlinking had ended */
	double dead_age_sum_ns;	     /* up to the end of the measured span, for Little's law */
	int64_t steps;

	int64_t nr_samples;
	struct sim_sample *samples;
	int64_t nr_calls;
	struct sim_call_record *calls; /* only with a series */
};

int32_t sim_nr_policies(void);
const char *sim_policy_name(int32_t policy);

/* 0, or an error with its text in `message` (at most message_bytes, with the final 0).
 * Thread-safe; keeps nothing between calls but memory for the next one. Pair with
 * sim_result_free(). */
int32_t sim_run(const struct sim_machine *machine, const struct sim_workload *workload,
		const struct sim_request *request, struct sim_result *result, char *message,
		int32_t message_bytes);
void sim_result_free(struct sim_result *result);

#endif
