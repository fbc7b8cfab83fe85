#!/bin/sh
# Saves the cluster into DIRECTORY, tries the file out, and forgets those that are older than two
# weeks.   nightly-backup.sh DIRECTORY
set -eu
file="$1/raftctl-$(date -u +%Y%m%dT%H%M%SZ).snap"
drill="drill-$(date -u +%Y%m%d%H%M%S)"
raftctl snapshot save "$file"
trap 'raftctl cluster destroy "$drill" --yes >/dev/null 2>&1 || true' EXIT
raftctl snapshot restore "$file" --local "$drill" --yes
raftctl wait ready --context "$drill" --timeout 5m
raftctl kv scan --context "$drill" --limit 1 >/dev/null
find "$1" -name 'raftctl-*.snap' -mtime +14 -delete
