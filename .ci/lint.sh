#!/usr/bin/env bash
# go vet, staticcheck, and the rules of this house that a program can check.
set -u
cd "$(dirname "$0")/.."
rc=0
fault() { printf '%s\n' "$*"; rc=1; }

go mod tidy -diff || fault 'go.mod or go.sum is not tidy'
go vet ./... || rc=1
go tool -modfile=.ci/tools.mod staticcheck ./... || rc=1
go run .ci/logkeys.go . || rc=1

sources() { find . -name '*.go' -not -path '*/node_modules/*' -not -path './.git/*' "$@"; }
if sources -print0 | xargs -0 grep -nE 'time\.Sleep\('; then
  fault 'time.Sleep: wait for a signal, or test under testing/synctest'
fi
if sources -print0 | xargs -0 grep -nwE 'TODO|FIXME|XXX'; then
  fault 'open ends belong into an issue'
fi
for dir in $(go list -f '{{if .GoFiles}}{{.Dir}}{{end}}' ./...); do
  [ -f "$dir/doc.go" ] || fault "${dir#"$PWD/"}: no doc.go"
done
exit $rc
