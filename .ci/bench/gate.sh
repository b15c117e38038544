#!/usr/bin/env bash
# Fails when sockd's fan-out falls behind 30 % of a raw send loop that is measured in turns with it, or loses a message. Takes half a minute.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$here/build.sh" "$dir"
"$dir/run" -gate -sockd "$dir/sockd" -raw "$dir/raw" -peers "$here/peers" -runs "${RUNS:-3}" "$@"
