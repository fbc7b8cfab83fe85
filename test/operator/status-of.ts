import {mergeStatus} from '../../src/client/cluster-status.js'
import type {ClusterStatus, NodeStatus} from '../../src/client/types.js'

export interface Shape {
  readonly voters: readonly number[]
  readonly learners?: readonly number[]
  /** Members that nobody hears; the leader is the first voter that is not among them. */
  readonly dead?: readonly number[]
  /** Voters that answer, but lag too far behind to count. */
  readonly lagging?: readonly number[]
  readonly names?: Readonly<Record<number, string>>
  readonly nextMemberId?: number
}

/** The status that a client would see of a cluster of this shape. */
export function statusOf(shape: Shape): ClusterStatus {
  return mergeStatus('c1', {answers: answersOf(shape), failures: new Map(), strangers: []})
}

/** What each node of it that answers would say. */
export function answersOf({
  voters,
  learners = [],
  dead = [],
  lagging = [],
  names = {},
  nextMemberId,
}: Shape): NodeStatus[] {
  const ids = [...voters, ...learners].sort((a, b) => a - b)
  const leader = voters.find(id => !dead.includes(id) && !lagging.includes(id))!
  const membership = {
    index: 10,
    stage: 'uniform' as const,
    members: ids.map(id => ({
      id,
      name: names[id] ?? `n${id}`,
      address: `10.0.0.${id}:7400`,
      storeId: `store-${id}`,
      promoteWhenReady: false,
    })),
    voters,
    votersOutgoing: [],
    learners,
    observers: [],
    nextMemberId: nextMemberId ?? Math.max(...ids) + 1,
    target: null,
  }
  return ids
    .filter(id => !dead.includes(id))
    .map(
      (id): NodeStatus => ({
        endpoint: `10.0.0.${id}:7400`,
        clusterId: 'c1',
        nodeId: id,
        storeId: `store-${id}`,
        name: names[id] ?? `n${id}`,
        address: `10.0.0.${id}:7400`,
        version: '0.0.0',
        raftRole: id === leader ? 'leader' : 'follower',
        term: 3,
        leaderId: leader,
        firstIndex: 1,
        lastIndex: 5000,
        commitIndex: 5000,
        appliedIndex: 5000,
        snapshotIndex: 0,
        membership,
        progress:
          id !== leader
            ? []
            : ids
                .filter(peer => peer !== leader)
                .map(peer => ({
                  id: peer,
                  matchIndex: lagging.includes(peer) ? 1 : 5000,
                  nextIndex: 5001,
                  state: 'replicate',
                  lastContactMs: 10,
                  lag: lagging.includes(peer) ? 4999 : 0,
                  lagging: lagging.includes(peer),
                  caughtUp: false,
                  entriesPerSecond: 0,
                  recentlyActive: !dead.includes(peer),
                  connection: dead.includes(peer) ? 'connecting' : 'connected',
                })),
        time: '2026-01-01T00:00:00.000Z',
        pid: 100 + id,
        uptimeMs: 1000,
        diskFreeBytes: null,
        diskTotalBytes: null,
        diskLow: false,
        damagedFiles: [],
      }),
    )
}
