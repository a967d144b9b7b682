#!/bin/sh
# Classify an image with JSON, in which bytes are base64.
set -eu
image=${1:?usage: classify-json.sh IMAGE [HOST:PORT]}
address=${2:-localhost:8080}

exec <"$image" # fails on a missing file before anything is sent
# The request goes through a pipe because an image can exceed the length limit of a
# command line.
{
	printf '{"rawImage":"'
	base64 | tr -d '\n'
	printf '"}'
} | curl -sS --fail-with-body "http://$address/modelserving.Predictor/FastPredict" \
	-H 'Content-Type: application/json' --data-binary @- -w '\n'
