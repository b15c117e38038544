#!/usr/bin/env bash
# Prints the longest files and functions, tests left out, and fails for files over 700 lines and functions over 120.
set -eu
cd "$(dirname "$0")/.."
mapfile -t files < <(find . -name '*.go' -not -name '*_test.go' -not -path '*/node_modules/*' -not -path './.git/*' -not -path '*/testdata/*' | sort)
awk '
  FNR == 1 { if (file) lines[file] = last; file = FILENAME }
  { last = FNR }
  /^func / { name = $0; sub(/ \{.*/, "", name); start = FNR }
  /^func .*\}$/ { start = 0; total++; length_of[total] = 1; next }
  /^}/ && start { total++; length_of[total] = FNR - start + 1; label[total] = FILENAME ":" start "  " name; start = 0 }
  END {
    lines[file] = last
    for (f in lines) printf "file %d %s\n", lines[f], f
    for (i = 1; i <= total; i++) printf "func %d %s\n", length_of[i], label[i]
  }' "${files[@]}" | sort -k1,1 -k2,2nr | awk '
  { kind = $1; n = $2; sub(/^[^ ]+ [^ ]+ /, ""); count[kind]++; size[kind, count[kind]] = n; text[kind, count[kind]] = $0 }
  function quantile(kind, q) { i = int(count[kind] * (1 - q)) + 1; return size[kind, i > count[kind] ? count[kind] : i] }
  function show(kind, noun, limit,   i) {
    printf "%d %s, lines: median %d, p90 %d, p99 %d\n", count[kind], noun, quantile(kind, .5), quantile(kind, .9), quantile(kind, .99)
    for (i = 1; i <= count[kind] && (i <= 5 || size[kind, i] > limit); i++) {
      over = size[kind, i] > limit
      printf "  %4d  %.120s%s\n", size[kind, i], text[kind, i], over ? "  <- over " limit : ""
      bad = bad || over
    }
  }
  END { show("file", "files", 700); show("func", "functions", 120); exit bad }'
