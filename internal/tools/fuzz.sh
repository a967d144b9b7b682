#!/usr/bin/env bash
# Run the given fuzz targets, or all, for the given time each.
#
# usage: fuzz.sh TIME [TARGET...]
set -euo pipefail

time=$1
shift
pattern='^Fuzz'
if [ $# -gt 0 ]; then
	pattern="^($(IFS='|'; echo "$*"))\$"
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# -fuzzminimizetime: by default the fuzzer spends up to a minute on minimizing each
# interesting input.
fuzz() {
	echo "fuzz ./$1 $2 for $time"
	if go test "./$1" -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 2s 2>&1 | tee "$log"; then
		return
	fi
	# Go before 1.27 may report the end of the time as a failure (golang/go#75804).
	grep -q '^ *context deadline exceeded$' "$log" && ! grep -qE 'Failing input|panic:' "$log"
}

run=0
for dir in $(grep -rlE '^func Fuzz' --include='*_test.go' cmd handler internal web | xargs -n1 dirname | sort -u); do
	listed=$(go test "./$dir" -list "$pattern")
	for target in $(grep '^Fuzz' <<<"$listed" || true); do
		fuzz "$dir" "$target"
		run=$((run + 1))
	done
done
if [ "$run" -eq 0 ] || { [ $# -gt 0 ] && [ "$run" -ne $# ]; }; then
	echo "found $run of $# fuzz targets: $*" >&2
	exit 1
fi
