#!/bin/sh
# Builds the module, loads it, which disposes of the same objects through per_object and through the
# recommended policy, compares, unloads, and reads the kernel log for warnings. Root; on a test machine.
# Usage: ./confirm.sh [objects=N] [object_bytes=N] [PARAMETER=VALUE]
set -eu
cd "$(dirname "$0")"
[ "$(id -u)" = 0 ] || { echo "confirm.sh: loading a module needs root: sudo ./confirm.sh" >&2; exit 2; }
[ -d "/lib/modules/$(uname -r)/build" ] || {
	echo "confirm.sh: no headers of this kernel: apt-get install linux-headers-$(uname -r)" >&2
	exit 2
}
make >build.log 2>&1 || { cat build.log >&2; echo "confirm.sh: the module does not build" >&2; exit 1; }
mark="rcu_batch confirmation $$ $(date +%s)"
echo "$mark" >/dev/kmsg
trap 'rmmod rcu_batch 2>/dev/null || true' EXIT
loaded=yes
insmod ./rcu_batch.ko "$@" || loaded=no
[ "$loaded" = no ] || rmmod rcu_batch
log=$(dmesg | sed -n "/$mark/,\$p")
echo "$log" | grep 'rcu_batch: ' || true
if [ "$loaded" = no ]; then
	echo "confirm.sh: FAILED: the module's check did not pass; its words are above" >&2
	exit 1
fi
if echo "$log" | grep -E 'WARNING:|BUG|Oops|Objects remaining|rcu: INFO|Call Trace'; then
	echo "confirm.sh: FAILED: the kernel complained" >&2
	exit 1
fi
of() { echo "$log" | sed -n "s/.*role=$1 .*exit_ns_per_object=\([0-9]*\).*/\1/p" | tail -n 1; }
base=$(of baseline)
best=$(of recommended)
echo "exit, per object: per_object $base ns, recommended $best ns (one teardown each; repeat for a spread)"
if [ "$best" -le "$base" ]; then echo "confirmed: not slower than per_object"; else echo "not confirmed: slower than per_object"; exit 1; fi
