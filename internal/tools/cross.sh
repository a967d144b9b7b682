#!/usr/bin/env bash
# Compile every Go package for other systems, and vet it with its tests. That is without
# cgo, so that no C compiler for those systems is needed: internal/engine/onnx/ort then
# has no C code (see its nocgo.go). With the path of Zig's program, from PyPI's ziglang or
# https://ziglang.org, its C compiler compiles that package too. A whole program for macOS
# takes Apple's headers: Prometheus's client has C code that includes them.
#
# usage: cross.sh ZIG-OR-EMPTY GOOS/GOARCH...
set -euo pipefail

zig=$1
shift

# target GOOS/GOARCH: Zig's name of a system. Linux: the oldest glibc that Go supports.
target() {
	case $1 in
	linux/amd64) echo x86_64-linux-gnu.2.17 ;;
	linux/arm64) echo aarch64-linux-gnu.2.17 ;;
	darwin/amd64) echo x86_64-macos ;;
	darwin/arm64) echo aarch64-macos ;;
	windows/amd64) echo x86_64-windows-gnu ;;
	*) echo "cross.sh: Zig's name of $1 is unknown: add it" >&2 && return 1 ;;
	esac
}

export CGO_ENABLED=0
for system in "$@"; do
	export GOOS=${system%/*} GOARCH=${system#*/}
	echo "compile for $system"
	go build ./...
	go vet ./...
	if [ -n "$zig" ]; then
		echo "compile the C code for $system"
		CGO_ENABLED=1 CC="$zig cc -target $(target "$system")" go build ./internal/engine/onnx/ort
	fi
done
