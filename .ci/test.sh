#!/usr/bin/env bash
# All Go tests, fuzz seeds included, under the race detector and in random order; the client matrix is conformance.sh.
set -eu
cd "$(dirname "$0")/.."
mapfile -t packages < <(go list ./... | grep -v '/cmd/sockd/clients$')
go test -race -shuffle=on -timeout=10m "$@" "${packages[@]}"
