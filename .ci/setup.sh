#!/usr/bin/env bash
# Installs what the tests need and does not find: Go modules, the official Socket.IO clients for Node (from the lock file)
# and for Python (from Debian). Does nothing, quickly, when all is there.
set -eu
cd "$(dirname "$0")/.."

have() { command -v "$1" >/dev/null 2>&1; }
die() { printf 'setup: %s\n' "$1" >&2; exit 1; }

install_packages() {
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    have sudo && root=(sudo -n) || die "install these packages, or run as root: $*"
  fi
  have apt-get || die "install these packages: $*"
  printf 'setup: installing %s\n' "$*"
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

have go || die 'Go is missing: install the version that go.mod names'
missing=()
have node || missing+=(nodejs)
have npm || missing+=(npm)
have cc || missing+=(gcc libc6-dev) # the race detector needs it
[ -x /usr/bin/python3 ] || missing+=(python3)
python_has() { [ -x /usr/bin/python3 ] && /usr/bin/python3 -c "import $1" 2>/dev/null; }
python_has socketio || missing+=(python3-socketio)
python_has aiohttp || missing+=(python3-aiohttp)     # its asyncio client
python_has requests || missing+=(python3-requests)   # its blocking client over polling
python_has websocket || missing+=(python3-websocket) # its blocking client over WebSocket
if [ ${#missing[@]} -gt 0 ]; then
  install_packages "${missing[@]}"
fi

go mod download
go mod download -modfile=.ci/tools.mod

lock=.ci/clients/package-lock.json
stamp=.ci/clients/node_modules/.installed
if ! cmp -s "$lock" "$stamp"; then
  printf 'setup: npm ci in .ci/clients\n'
  (cd .ci/clients && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error)
  cp "$lock" "$stamp"
fi
