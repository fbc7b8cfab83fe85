import type {Snapshot} from '../../client/types.js'
import type {RestoredNodes} from '../../operator/restore-nodes.js'
import type {Restored, SavedSnapshot, SnapshotDescription} from '../../operator/snapshot-files.js'
import type {View} from '../output.js'

export function snapshotsView(snapshots: readonly Snapshot[]): View {
  return {
    table: {
      columns: [
        {title: 'id'},
        {title: 'member', align: 'right'},
        {title: 'index', align: 'right'},
        {title: 'term', align: 'right'},
        {title: 'bytes', align: 'right'},
        {title: 'created'},
      ],
      rows: snapshots.map(({id, nodeId, index, term, sizeBytes, created}) => [
        id,
        nodeId,
        index,
        term,
        sizeBytes,
        created,
      ]),
    },
    ids: snapshots.map(({id}) => id),
  }
}

export function deletedSnapshotView({id, address}: {id: string; address: string}): View {
  return {lines: [`snapshot ${id}  deleted from ${address}`], ids: [id]}
}

/** Of a file; what only a verification knows is left out otherwise. */
export function snapshotFileView(
  snapshot: SnapshotDescription & {sha256?: string; keys?: number; sessions?: number},
): View {
  const {id, clusterId, index, term, sizeBytes, created, voters, members} = snapshot
  const {sha256, keys, sessions} = snapshot
  const names = members.map(({id: member, name}) =>
    name === '' ? `${member}` : `${member} (${name})`,
  )
  return {
    lines: [
      `snapshot ${id}`,
      `cluster  ${clusterId}`,
      `position index ${index}, term ${term}`,
      `created  ${created}`,
      `bytes    ${sizeBytes}`,
      `members  ${names.join(', ')}; voters ${voters.join(', ')}`,
      ...(keys === undefined ? [] : [`content  ${keys} keys, ${sessions} sessions`]),
      ...(sha256 === undefined ? [] : [`sha256   ${sha256}`]),
    ],
    ids: [id],
  }
}

export function savedSnapshotView(saved: SavedSnapshot): View {
  return {
    lines: [
      `saved    ${saved.file ?? 'to standard output'}`,
      `cluster  ${saved.clusterId}`,
      `position index ${saved.index}, term ${saved.term}`,
      `bytes    ${saved.sizeBytes}`,
      `sha256   ${saved.sha256}`,
    ],
    ids: [saved.id],
  }
}

export function restoredView(restored: Restored, next: string): View {
  const {clusterId, dataDir, index, term, keys, sessions, fromClusterId} = restored
  return {
    lines: [
      `restored ${dataDir}`,
      `cluster  ${clusterId}, from ${fromClusterId}`,
      `position index ${index}, term ${term}; ${keys} keys, ${sessions} sessions`,
      `next     ${next}`,
    ],
    ids: [clusterId],
  }
}

export function restoredNodesView(restored: RestoredNodes): View {
  const {changed, clusterId, index, term, keys, sessions, fromClusterId, nodes, status} = restored
  return {
    lines: [
      changed ? `restored into ${nodes.length} nodes` : 'restored already; nothing was changed',
      `cluster  ${clusterId}, from ${fromClusterId}`,
      `position index ${index}, term ${term}; ${keys} keys, ${sessions} sessions`,
      ...nodes.map(({nodeId, address}) => `member   ${nodeId} at ${address}`),
      `leader   ${status.leaderId ?? 'none'}`,
    ],
    ids: [clusterId],
  }
}
