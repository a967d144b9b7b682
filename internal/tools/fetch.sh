#!/usr/bin/env bash
# Run a command that downloads, and print the remedy when it fails. The tools' own messages
# do not help: pip reports a package that it cannot reach as one that does not exist.
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
If a checksum differs: the download is not the locked version; do not use it.
Then run the same make target again. Complete downloads are kept.
EOF
exit $status
