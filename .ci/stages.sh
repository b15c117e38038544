#!/usr/bin/env bash
# Runs the named scripts one after the other, with name and time; goes on after a fault (not after one in setup) and ends
# non-zero if there was one.
set -u
cd "$(dirname "$0")/.."
failed=()
for stage in "$@"; do
  start=$(date +%s)
  printf '== %s\n' "$stage"
  ".ci/$stage.sh"; rc=$?
  took=$(($(date +%s) - start))
  if [ $rc -eq 0 ]; then
    printf '== %s: ok, %d s\n' "$stage" "$took"
  else
    printf '== %s: FAILED (exit %d), %d s\n' "$stage" $rc "$took"
    failed+=("$stage")
    [ "$stage" != setup ] || break
  fi
done
if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[*]}"
  exit 1
fi
printf 'all stages ok\n'
