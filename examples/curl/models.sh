#!/bin/sh
# Describe the server's models. The call has no side effects, so it can be a GET with
# the request, an empty message, in the URL. Caches can revalidate it with its ETag.
#
# usage: models.sh [HOST:PORT]
set -eu
address=${1:-localhost:8080}

curl -sS --fail-with-body -G "http://$address/modelserving.Predictor/ListModels" \
	--data-urlencode 'encoding=json' --data-urlencode 'message={}' -w '\n'
