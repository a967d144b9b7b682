#!/usr/bin/env bash
# Run every fuzz target for the given time.
#
# usage: fuzz.sh TIME
set -euo pipefail

grep -rlE '^func Fuzz' --include='*_test.go' cmd handler internal web | xargs -n1 dirname | sort -u | while read -r dir; do
	go test "./$dir" -list '^Fuzz' | grep '^Fuzz' | while read -r target; do
		echo "fuzz ./$dir $target for $1"
		go test "./$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$1"
	done
done
