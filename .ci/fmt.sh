#!/usr/bin/env bash
# Checks that all Go files are formatted; `fmt.sh fix` formats them.
set -eu
cd "$(dirname "$0")/.."
mapfile -t files < <(find . -name '*.go' -not -path '*/node_modules/*' -not -path './.git/*')
if [ "${1:-}" = fix ]; then
  gofmt -s -w "${files[@]}"
  exit
fi
bad=$(gofmt -s -l "${files[@]}")
if [ -n "$bad" ]; then
  printf 'not formatted (make fmt mends it):\n%s\n' "$bad"
  exit 1
fi
