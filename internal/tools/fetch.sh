#!/usr/bin/env bash
# Run a command that downloads, and print a remedy if it fails. The tools' own messages
# are not helpful; pip reports an unreachable package as one that does not exist.
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
apt) settings="'apt-get update', which must succeed first" ;;
esac
cat >&2 <<EOF

failed: $*
If it could not connect, or found no package: check the network, and $settings.
If a checksum differs: the download does not match the lock file; do not use it.
Then run the same make target again; complete downloads are not repeated.
EOF
exit $status
