#!/usr/bin/env bash
# Install perf_analyzer as DIRECTORY/perf_analyzer. Its wheels contain a program for
# Linux with glibc 2.38. On an older Debian, the program runs with the libraries of a
# newer release: apt downloads and verifies them, and this script unpacks them below
# DIRECTORY without installing them.
#
# usage: perf-analyzer.sh PYTHON DIRECTORY
set -euo pipefail

python=$1 directory=$2
lock=$PWD/internal/test/interop/perf-analyzer.txt
fetch=$PWD/internal/tools/fetch.sh
newer=trixie # the first Debian with sufficient libraries
libraries=(libc6 libgcc-s1 libssl3t64 libstdc++6 libzstd1 zlib1g)

if [ "$(uname -s)" != Linux ]; then
	echo "perf_analyzer is published for Linux only: make interop skips it"
	exit 0
fi

mkdir -p "$directory"
cd "$directory"
rm -rf perf-analyzer perf_analyzer
machine=$(uname -m)
"$fetch" pip "$python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps \
	--platform "manylinux_2_38_$machine" --platform "manylinux_2_17_$machine" --target perf-analyzer -r "$lock"
cd perf-analyzer
program=perf_analyzer/bin/perf_analyzer
chmod +x "$program"
mkdir lib
ln -s ../nvidia/cuda_runtime/lib/libcudart.so.12 lib/libcudart.so

# finish creates a command with the given line, if it runs the program successfully.
finish() {
	# shellcheck disable=SC2016 # the command expands these
	printf '#!/bin/sh\nhere=$(dirname "$(readlink -f "$0")")\n%s\n' "$1" >run
	chmod +x run
	version=$(./run --version 2>&1) && ln -s perf-analyzer/run ../perf_analyzer
}

# shellcheck disable=SC2016 # the command expands these
finish 'LD_LIBRARY_PATH="$here/lib:$LD_LIBRARY_PATH" exec "$here/'$program'" "$@"' && exit 0

# mirror prints the machine's Debian mirror, as known to apt.
mirror() {
	# shellcheck disable=SC2016 # apt expands it
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sort -u | head -n 1
}

from=
if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
	from=$(mirror)
	if [ -z "$from" ] && [ "$(id -u)" = 0 ]; then
		apt-get update -qq && from=$(mirror)
	fi
fi
if [ -z "$from" ]; then
	echo "perf_analyzer does not run on this machine: it needs glibc 2.38 and the libstdc++ of GCC 13 (Debian 13, Ubuntu 24.04)" >&2
	exit 1
fi

echo "downloading the C library for perf_analyzer"
apt=$PWD/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/packages"
echo "deb $from $newer main" >"$apt/sources.list"
newer_apt() {
	"$fetch" apt apt-get -qq -o APT::Update::Error-Mode=any -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$apt/lists" \
		-o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root "$@"
}
newer_apt update
(cd "$apt/packages" && newer_apt download "${libraries[@]}")
for package in "$apt"/packages/*.deb; do
	dpkg-deb --extract "$package" root
done
find root -name '*.so*' -not -path '*/gconv/*' \( -type f -o -type l \) -exec cp --no-clobber {} lib \;
rm -rf "$apt" root

# shellcheck disable=SC2016 # the command expands these
finish 'exec "$here"/lib/ld-linux-*.so.* --library-path "$here/lib" "$here/'$program'" "$@"' || {
	echo "perf_analyzer does not run with these libraries: $version" >&2
	exit 1
}
