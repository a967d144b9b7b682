#!/bin/sh
# Classify an image over gRPC. grpcurl converts the message from JSON, in which bytes
# are base64, and gets its type by server reflection.
set -eu
image=${1:?usage: classify.sh IMAGE [HOST:PORT]}
address=${2:-localhost:8080}

exec <"$image" # fails on a missing file before anything is sent
# The request goes through a pipe because an image can exceed the length limit of a
# command line.
{
	printf '{"rawImage":"'
	base64 | tr -d '\n'
	printf '"}'
} | grpcurl -plaintext -d @ "$address" modelserving.Predictor/FastPredict
