#!/usr/bin/env bash
# The client matrix: official Socket.IO clients, of several versions and languages, through a running sockd.
set -eu
cd "$(dirname "$0")/.."
go test -race -count=1 -timeout=10m "$@" ./cmd/sockd/clients
