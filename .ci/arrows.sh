#!/usr/bin/env bash
# The architecture, checked: which package may import which. Imports go only downwards and only as listed; a package that is
# not listed is a fault, and so is a third-party module with another importer than its own. Tests are free.
set -eu
cd "$(dirname "$0")/.."
module=$(go list -m)

# package: what it may import of this module ("." is the whole list for a package that imports nothing of it)
ours='
cmd/sockd                     fleet fleet/control fleet/service fleet/admin config config/watch instance/rule instance/worker instance/worker/interpreter cmd/sockd/bench
cmd/sockd/bench               .
cmd/sockd/clients             .
cmd/sockd/figures             .
fleet                         fleet/control config instance instance/transport
fleet/control                 .
fleet/admin                   fleet/control
fleet/service                 .
config                        .
config/watch                  .
instance                      config instance/broadcast instance/socketio instance/engineio instance/transport instance/lane instance/static instance/rule instance/auth instance/ingest instance/worker instance/journal
instance/broadcast            instance/socketio instance/engineio instance/lane
instance/lane                 .
instance/static               .
instance/rule                 config
instance/auth                 .
instance/ingest               .
instance/journal              .
instance/worker               instance/worker/interpreter
instance/worker/interpreter   .
examples/embed                instance/transport instance/socketio instance/engineio
instance/transport            instance/engineio
instance/socketio             instance/engineio
instance/engineio             .
instance/engineio/enginetest  instance/engineio
'

# module outside the standard library: its only importer
theirs='
github.com/urfave/cli/v2         cmd/sockd
github.com/gofrs/flock           cmd/sockd
golang.org/x/term                cmd/sockd
github.com/BurntSushi/toml       config
github.com/agnivade/levenshtein  config
gopkg.in/natefinch/lumberjack.v2 cmd/sockd
github.com/prometheus/client_golang  fleet/admin
github.com/coreos/go-systemd/v22 fleet/service
github.com/fsnotify/fsnotify     config/watch
github.com/itchyny/gojq          instance/rule
github.com/tidwall/gjson         instance/rule
github.com/santhosh-tekuri/jsonschema/v6  instance/rule
github.com/golang-jwt/jwt/v5     instance/auth
github.com/subosito/gotenv       instance/worker
github.com/bmatcuk/doublestar/v4 instance/worker
github.com/lesismal/nbio         instance/transport
github.com/gobwas/ws             instance/transport
'

go list -f '{{.ImportPath}}{{range .Imports}} {{.}}{{end}}' ./... |
  awk -v module="$module" -v ours="$ours" -v theirs="$theirs" '
    BEGIN {
      n = split(ours, lines, "\n")
      for (i = 1; i <= n; i++) {
        m = split(lines[i], w, " ")
        if (m) listed[w[1]] = 1
        for (j = 2; j <= m; j++) allowed[w[1], w[j]] = 1
      }
      n = split(theirs, lines, "\n")
      for (i = 1; i <= n; i++) if (split(lines[i], w, " ") == 2) importer[w[1]] = w[2]
    }
    function fault(text) { print text; bad = 1 }
    function belongs(path, m) { return path == m || index(path, m "/") == 1 }
    {
      from = substr($1, length(module) + 2)
      if (!(from in listed)) fault(from ": not in the list of .ci/arrows.sh")
      for (i = 2; i <= NF; i++) {
        if (belongs($i, module)) {
          to = substr($i, length(module) + 2)
          if (!((from, to) in allowed)) fault(from " must not import " to)
          continue
        }
        split($i, part, "/")
        if (part[1] !~ /\./) continue # standard library
        owner = ""
        for (m in importer) if (belongs($i, m)) owner = importer[m]
        if (owner == "") fault(from " imports " $i ", which is not in the list of .ci/arrows.sh")
        else if (owner != from) fault(from " imports " $i ", which only " owner " may")
      }
    }
    END { exit bad }'
