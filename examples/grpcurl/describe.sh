#!/bin/sh
# Show the service and the request message for an image. grpcurl gets them by server
# reflection.
#
# usage: describe.sh [HOST:PORT]
set -eu
address=${1:-localhost:8080}

grpcurl -plaintext "$address" describe modelserving.Predictor
grpcurl -plaintext "$address" describe modelserving.FastInferenceRequest
