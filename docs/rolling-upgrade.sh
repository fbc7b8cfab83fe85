#!/bin/sh
# Runs COMMAND ID HOST:PORT for one member after the other, the leader last, and stops at the first
# trouble. COMMAND upgrades and restarts that member. No write is lost.   rolling-upgrade.sh COMMAND...
set -eu
members=$(raftctl member list -q --leader-last)
for id in $members; do
  raftctl wait safe-to-stop "$id" --timeout "${WAIT:-5m}"
  raftctl leader transfer --away-from "$id"
  "$@" "$id" "$(raftctl member list | awk -F '\t' -v id="$id" '$1 == id { print $5 }')"
  raftctl wait caught-up "$id" --timeout "${WAIT:-5m}"
done
raftctl doctor --fail-on warning
