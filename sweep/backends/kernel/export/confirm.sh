#!/bin/sh
# Builds the module and loads it, which disposes of the same objects through per_object and through the recommended
# policy in turns; unloads it, reads the kernel log for warnings, and judges the figures by what `stated` says of
# them. Root; on a test machine.
# Usage: ./confirm.sh [--built] [MODULE_PARAMETER=VALUE ...]
#   --built     the module was built elsewhere, against the headers of this machine's kernel
#   TOLERANCE   environment variable: how far beyond the stated range a ratio may be; default 0.25
set -eu
cd "$(dirname "$0")"
say() { echo "confirm.sh: $*" >&2; }
built=no
[ "${1:-}" != --built ] || { built=yes; shift; }
for each; do
	case $each in
	*=*) ;;
	*) say "$each: expected --built first, then MODULE_PARAMETER=VALUE ..."; exit 2 ;;
	esac
done
[ "$(id -u)" = 0 ] || { say "loading a module needs root: sudo ./confirm.sh"; exit 2; }
if [ "$built" = no ]; then
	[ -d "/lib/modules/$(uname -r)/build" ] || {
		say "no headers of this kernel: apt-get install linux-headers-$(uname -r)"
		exit 2
	}
	make >build.log 2>&1 || { cat build.log >&2; say "the module does not build"; exit 1; }
fi
[ -f rcu_batch.ko ] || { say "no rcu_batch.ko here: run make first, or leave --built out"; exit 2; }

# An object is as large as this kernel's VMAs, where the kernel shows that.
size=$(cat /sys/kernel/slab/vm_area_struct/object_size 2>/dev/null || true)
[ -z "$size" ] || set -- "object_bytes=$size" "$@"

mark="rcu_batch confirmation $$ $(date +%s)"
echo "$mark" >/dev/kmsg
trap 'rmmod rcu_batch 2>/dev/null || true' EXIT
loaded=yes
insmod ./rcu_batch.ko "$@" || loaded=no
[ "$loaded" = no ] || rmmod rcu_batch
log=$(dmesg | sed -n "/$mark/,\$p")
echo "$log" | grep 'rcu_batch: ' || true
if [ "$loaded" = no ]; then
	say "FAILED: the module was not loaded or its check did not pass; its words are above"
	exit 1
fi
if echo "$log" | grep -E 'WARNING:|BUG|Oops|Objects remaining|rcu: INFO|Call Trace'; then
	say "FAILED: the kernel complained"
	exit 1
fi
echo "$log" | awk -v tolerance="${TOLERANCE:-0.25}" -f judge.awk stated -
