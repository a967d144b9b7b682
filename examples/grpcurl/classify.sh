#!/bin/sh
# Classify an image over gRPC. grpcurl makes the message from JSON, in which bytes
# are base64, and learns its type from the server by reflection.
set -eu
image=${1:?usage: classify.sh IMAGE [HOST:PORT]}
address=${2:-localhost:8080}

exec <"$image" # so that a missing file ends here, before anything is sent
# The request goes through a pipe: an image can be longer than a command line.
{
	printf '{"rawImage":"'
	base64 | tr -d '\n'
	printf '"}'
} | grpcurl -plaintext -d @ "$address" modelserving.Predictor/FastPredict
