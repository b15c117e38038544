#!/usr/bin/env bash
# Measures sockd beside Node's socket.io, python-socketio and a raw send loop, and writes BENCHMARKS.md.
#   run.sh [-only REGEXP] [-runs N] …     a few minutes; FULL=1 has all rows and longer runs (half an hour)
# Python's server comes from Debian (python3-socketio, python3-aiohttp); without it that column is left out.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here"
lock=package-lock.json
stamp=node_modules/.installed
if ! cmp -s "$lock" "$stamp"; then
  npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
  cp "$lock" "$stamp"
fi
python=/usr/bin/python3
if ! "$python" -c 'import socketio, aiohttp' 2>/dev/null; then
  echo 'bench: no python3-socketio, its column is left out' >&2
  python=
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
./build.sh "$dir"
full=()
[ -z "${FULL:-}" ] || full=(-full)
"$dir/run" -sockd "$dir/sockd" -raw "$dir/raw" -python "$python" -peers "$here/peers" -out "${OUT:-$here/../../BENCHMARKS.md}" "${full[@]}" "$@"
