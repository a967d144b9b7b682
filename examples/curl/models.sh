#!/bin/sh
# Describe the models that the server has. The call only reads, so it can be a GET
# with the request, an empty message, in the URL; caches keep it by its ETag.
#
# usage: models.sh [HOST:PORT]
set -eu
address=${1:-localhost:8080}

curl -sS --fail-with-body -G "http://$address/modelserving.Predictor/ListModels" \
	--data-urlencode 'encoding=json' --data-urlencode 'message={}' -w '\n'
