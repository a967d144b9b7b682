#!/usr/bin/env bash
# Copy ONNX Runtime's shared library for the system that Go builds for out of the npm
# package onnxruntime-node.
#
# usage: onnxruntime.sh FILE
set -euo pipefail
cd "$(dirname "$0")/../.."

file=$1
system=$(go env GOOS)
machine=$(go env GOARCH)
# npm's names differ from Go's.
shopt -s nullglob
found=(node_modules/onnxruntime-node/bin/napi-v*/"$system/${machine/amd64/x64}/$(basename "$file")")
if [ ${#found[@]} -ne 1 ]; then
	cat >&2 <<END
npm's onnxruntime-node has no $(basename "$file") for $system/$machine.
Set TENSORWIRE_ONNXRUNTIME_LIB to the path of ONNX Runtime's shared library for this
system and run the same make target again. Releases for other systems are at
https://github.com/microsoft/onnxruntime/releases.
END
	exit 1
fi
# A server may have mapped the old file into its memory: replace it, never write to it.
mkdir -p "$(dirname "$file")"
trap 'rm -f "$file.part"' EXIT
cp "${found[0]}" "$file.part"
mv "$file.part" "$file"
