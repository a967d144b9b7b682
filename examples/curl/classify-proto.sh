#!/bin/sh
# Classify an image with Protobuf: a constant, the image's length, and its unchanged
# bytes. The response is an InferenceResponse in Protobuf. To read it:
#
#   classify-proto.sh IMAGE >response.binpb
#   buf convert api --type modelserving.InferenceResponse --from response.binpb
set -eu
image=${1:?usage: classify-proto.sh IMAGE [HOST:PORT]}
address=${2:-localhost:8080}

# byte N: writes a byte with the value N.
byte() {
	# shellcheck disable=SC2059 # the format is the byte, in octal
	printf "\\$(printf '%03o' "$1")"
}

# varint N: writes an integer as a Protobuf varint: seven bits in each byte, the lowest
# first; all bytes but the last have the eighth bit set.
varint() {
	n=$1
	while [ "$n" -gt 127 ]; do
		byte $((n % 128 + 128))
		n=$((n / 128))
	done
	byte "$n"
}

size=$(wc -c <"$image")
{
	byte 10 # field 1 of FastInferenceRequest, raw_image: 1 << 3 | 2 (length-delimited)
	# shellcheck disable=SC2086 # some wc write spaces before the number
	varint $size
	cat "$image"
} | curl -sS --fail-with-body "http://$address/modelserving.Predictor/FastPredict" \
	-H 'Content-Type: application/proto' --data-binary @-
