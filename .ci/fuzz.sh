#!/usr/bin/env bash
# Runs each fuzz target for FUZZTIME (1m): `fuzz.sh [PACKAGE…]`.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- ./...
rc=0
for package in $(go list "$@"); do
  for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
    printf '== %s %s\n' "$package" "$target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-1m}" "$package" || rc=1
  done
done
exit $rc
