#!/usr/bin/env bash
# Run fuzz targets for the given time each: those that are named, or all.
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

# An input that finds new code is made smaller for a minute by default, in which
# nothing else is run.
fuzz() {
	echo "fuzz ./$1 $2 for $time"
	if go test "./$1" -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 2s 2>&1 | tee "$log"; then
		return
	fi
	# Go before 1.27 may take the end of the time for a failure (golang/go#75804).
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
	echo "there are $run targets of those that are to be run: $*" >&2
	exit 1
fi
