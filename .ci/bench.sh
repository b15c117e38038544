#!/usr/bin/env bash
# Runs the benchmarks COUNT times (6) and sums them up; with a file of an earlier run as argument, compares with it.
#   bench.sh [OLD.txt]        the raw output goes to bench.txt
set -eu
cd "$(dirname "$0")/.."
old=${1:-}
go test -run '^$' -bench "${BENCH:-.}" -benchmem -count "${COUNT:-6}" -timeout=60m ./... | tee bench.txt
go tool -modfile=.ci/tools.mod benchstat ${old:+"$old"} bench.txt
