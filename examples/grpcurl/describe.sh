#!/bin/sh
# Show the service and the message that classifies an image. grpcurl learns them
# from the server by reflection.
#
# usage: describe.sh [HOST:PORT]
set -eu
address=${1:-localhost:8080}

grpcurl -plaintext "$address" describe modelserving.Predictor
grpcurl -plaintext "$address" describe modelserving.FastInferenceRequest
