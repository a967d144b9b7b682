#!/usr/bin/env bash
# Run a command that downloads, and say what to do where it fails: the tools' own
# messages are of packages and sockets, and pip calls a package that it cannot reach
# one that does not exist.
#
# usage: fetch.sh SOURCE COMMAND...    sources: pip npm go apt
set -uo pipefail

source=$1
shift
printf '%s\n' "$*"
"$@" && exit 0
status=$?

case $source in
pip) settings="PIP_INDEX_URL, HTTPS_PROXY and 'pip config list'" ;;
npm) settings="HTTPS_PROXY and 'npm config get registry'" ;;
go) settings="HTTPS_PROXY and 'go env GOPROXY'" ;;
apt) settings="'apt-get update', which must work first" ;;
esac
cat >&2 <<EOF

failed: $*
If it could not connect, or found no package at all: check the network, and $settings.
If a checksum differs: what was downloaded is not what is locked; do not go on with it.
Then run the same make target again; what is complete is not fetched anew.
EOF
exit $status
