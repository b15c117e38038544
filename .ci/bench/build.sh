#!/usr/bin/env bash
# Builds sockd and the raw send loop into the folder that is named.
#   build.sh DIR        SOCKD=path takes a binary that exists
set -eu
cd "$(dirname "$0")/../.."
dir=$1
if [ -n "${SOCKD:-}" ]; then
  cp "$SOCKD" "$dir/sockd"
else
  CGO_ENABLED=0 go build -trimpath -o "$dir/sockd" ./cmd/sockd
fi
if command -v cc >/dev/null; then
  cc -O2 -Wall -Wextra -o "$dir/raw" .ci/bench/peers/raw.c
else
  go build -o "$dir/raw" .ci/bench/peers/rawgo/main.go
fi
go build -o "$dir/run" .ci/bench/run/*.go
