#!/usr/bin/env bash
# The architecture, checked: which package may import which. Imports go only downwards and only as listed; a package that is
# not listed is a fault, and so is a third-party module with another importer than its own. Tests are free.
set -eu
cd "$(dirname "$0")/.."
module=$(go list -m)

# package: what it may import of this module ("." is the whole list for a package that imports nothing of it)
ours='
cmd/sockd                     fleet fleet/control config config/watch
cmd/sockd/clients             .
cmd/sockd/figures             .
fleet                         fleet/control config instance instance/transport
fleet/control                 .
config                        .
config/watch                  .
instance                      config instance/broadcast instance/socketio instance/engineio instance/transport instance/lane instance/static
instance/broadcast            instance/socketio instance/engineio instance/lane
instance/lane                 .
instance/static               .
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
github.com/fsnotify/fsnotify     config/watch
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
