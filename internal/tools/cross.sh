#!/usr/bin/env bash
# Compile every Go package for other systems, and vet it with its tests. That is without
# cgo, so that no C compiler for those systems is needed: internal/engine/onnx/ort then
# has no C code (see its nocgo.go). With the path of Zig's program, from PyPI's ziglang or
# https://ziglang.org, the whole program is built with its C code too.
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
		echo "build the program for $system with its C code"
		CGO_ENABLED=1 CC="$zig cc -target $(target "$system")" go build -trimpath -ldflags=-w -o "build/cross/$GOOS-$GOARCH/" ./cmd/tensorwire
	fi
done
