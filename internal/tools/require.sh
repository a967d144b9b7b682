#!/usr/bin/env bash
# Check that programs are installed. On Debian, as root, install missing ones; elsewhere
# print what to install.
#
# usage: require.sh PROGRAM...    programs: go cc node npm python3 chromium curl h2load nginx haproxy caddy
set -euo pipefail

# at_least FOUND MINIMUM: compares versions.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

has() {
	case $1 in
	go) at_least "$(go env GOVERSION | sed 's/^go//')" 1.21 ;; # downloads the version in go.mod
	node) at_least "$(node --version | sed 's/^v//')" 20 ;;
	chromium) command -v chromium || command -v chromium-browser || command -v google-chrome || [ -n "${CHROMIUM:-}" ] ;;
	python3) python3 -c 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10)' ;;
	*) command -v "$1" ;;
	esac >/dev/null 2>&1
}

# The program's Debian packages; empty if Debian's version is too old.
package() {
	case $1 in
	cc) echo gcc libc6-dev ;;
	python3) echo python3 python3-venv ;;
	chromium | curl | nginx | haproxy | caddy) echo "$1" ;;
	h2load) echo nghttp2-client ;;
	esac
}

advice() {
	case $1 in
	go) echo "Go 1.26 or newer, from https://go.dev/dl" ;;
	cc) echo "a C compiler (gcc or clang), which cgo needs to call ONNX Runtime" ;;
	node | npm) echo "Node.js 20 or newer with npm, from https://nodejs.org" ;;
	python3) echo "Python 3.10 or newer with its venv module" ;;
	chromium) echo "Chromium or Chrome (or set CHROMIUM to its path), for the page's tests" ;;
	nginx | haproxy | caddy) echo "$1, for the tests with proxies" ;;
	h2load) echo "h2load, from nghttp2, for the HTTP/2 tests" ;;
	*) echo "$1" ;;
	esac
}

missing=0
for program in "$@"; do
	has "$program" && continue
	packages=$(package "$program")
	if [ -n "$packages" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		echo "installing $packages"
		# shellcheck disable=SC2086 # several packages are several words
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null; } ||
			echo "apt-get could not install $packages" >&2
		has "$program" && continue
	fi
	echo "missing: $(advice "$program")" >&2
	missing=1
done
exit $missing
