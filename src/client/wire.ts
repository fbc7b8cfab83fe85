/** From the generated messages to the client's plain objects. */
import {RaftctlError} from '../errors.js'
import {toSafeNumber} from '../rpc/codec.js'
import type * as cluster from '../rpc/gen/raftctl/v1/cluster.js'
import type * as common from '../rpc/gen/raftctl/v1/common.js'
import type * as log from '../rpc/gen/raftctl/v1/log.js'
import type * as metrics from '../rpc/gen/raftctl/v1/metrics.js'
import type * as snapshot from '../rpc/gen/raftctl/v1/snapshot.js'
import type {
  AppliedMembership,
  EntryRanges,
  Latency,
  LogEntry,
  MembershipView,
  NodeStatus,
  PeerFigures,
  Progress,
  Sample,
  Snapshot,
  Stage,
} from './types.js'

const EMPTY_MEMBERSHIP: MembershipView = {
  index: 0,
  stage: 'uniform',
  members: [],
  voters: [],
  votersOutgoing: [],
  learners: [],
  observers: [],
  nextMemberId: 1,
  target: null,
}

export function nodeStatusOf(endpoint: string, wire: cluster.StatusResponse): NodeStatus {
  return {
    endpoint,
    clusterId: wire.clusterId,
    nodeId: toSafeNumber(wire.nodeId),
    storeId: wire.storeId,
    name: wire.name,
    address: wire.address,
    version: wire.version,
    raftRole: wire.role,
    term: toSafeNumber(wire.term),
    leaderId: idOrNull(wire.leaderId),
    firstIndex: toSafeNumber(wire.firstIndex),
    lastIndex: toSafeNumber(wire.lastIndex),
    commitIndex: toSafeNumber(wire.commitIndex),
    appliedIndex: toSafeNumber(wire.appliedIndex),
    snapshotIndex: toSafeNumber(wire.snapshotIndex),
    membership: membershipViewOf(wire.membership),
    progress: wire.progress.map(progressOf),
    time: timeOf(wire.timeMs),
    pid: toSafeNumber(wire.pid),
    uptimeMs: toSafeNumber(wire.uptimeSeconds) * 1000,
    diskFreeBytes: wire.diskTotalBytes === 0n ? null : toSafeNumber(wire.diskFreeBytes),
    diskTotalBytes: wire.diskTotalBytes === 0n ? null : toSafeNumber(wire.diskTotalBytes),
    diskLow: wire.diskLow,
    damagedFiles: wire.damagedFiles.map(({file, problem}) => ({file, problem})),
  }
}

export function membershipViewOf(wire: common.Membership | undefined): MembershipView {
  if (wire === undefined) return EMPTY_MEMBERSHIP
  return {
    index: toSafeNumber(wire.index),
    stage: stageOf(wire.stage),
    members: wire.members.map(({id, name, address, storeId, promoteWhenReady}) => ({
      id: toSafeNumber(id),
      name,
      address,
      storeId,
      promoteWhenReady,
    })),
    voters: ids(wire.voters),
    votersOutgoing: ids(wire.votersOutgoing),
    learners: ids(wire.learners),
    observers: ids(wire.observers),
    nextMemberId: toSafeNumber(wire.nextMemberId),
    target: wire.target === undefined ? null : targetOf(wire.target),
  }
}

function targetOf({voters, learners}: common.MembershipTarget) {
  return {voters: ids(voters), learners: ids(learners)}
}

export function appliedMembershipOf(wire: cluster.AppliedMembership): AppliedMembership {
  const {timeMs = 0n, actor = '', reason = ''} = wire.membership?.origin ?? {}
  return {
    term: toSafeNumber(wire.term),
    membership: membershipViewOf(wire.membership),
    time: timeMs === 0n ? null : timeOf(timeMs),
    actor,
    reason,
  }
}

export function entryRangesOf(wire: log.TermsResponse): EntryRanges {
  return {
    ranges: wire.ranges.map(range => ({
      first: toSafeNumber(range.firstIndex),
      last: toSafeNumber(range.lastIndex),
      firstTerm: toSafeNumber(range.firstTerm),
      lastTerm: toSafeNumber(range.lastTerm),
      checksum: Buffer.from(range.checksum).toString('hex'),
    })),
    firstIndex: toSafeNumber(wire.firstIndex),
    commitIndex: toSafeNumber(wire.commitIndex),
  }
}

function progressOf(wire: cluster.PeerProgress): Progress {
  const contact = Number(wire.lastContactMs)
  return {
    id: toSafeNumber(wire.id),
    matchIndex: toSafeNumber(wire.matchIndex),
    nextIndex: toSafeNumber(wire.nextIndex),
    state: wire.state,
    lastContactMs: contact < 0 ? null : contact,
    lag: toSafeNumber(wire.lag),
    lagging: wire.lagging,
    caughtUp: wire.caughtUp,
    entriesPerSecond: wire.entriesPerSecond,
    recentlyActive: wire.recentlyActive,
    connection: wire.connection,
  }
}

export function logEntryOf(wire: common.LogEntry): LogEntry {
  const {kind} = wire
  if (kind !== 'blank' && kind !== 'command' && kind !== 'membership') {
    throw new RaftctlError('RAFTCTL_FORMAT_NEWER', `the node sent an entry of kind "${kind}"`, {
      hint: 'The node is newer than this raftctl: update raftctl.',
    })
  }
  return {index: toSafeNumber(wire.index), term: toSafeNumber(wire.term), kind, data: wire.data}
}

export function snapshotOf(wire: snapshot.Snapshot): Snapshot {
  return {
    id: wire.id,
    index: toSafeNumber(wire.index),
    term: toSafeNumber(wire.term),
    sizeBytes: toSafeNumber(wire.sizeBytes),
    created: timeOf(wire.createdMs),
    nodeId: toSafeNumber(wire.nodeId),
  }
}

export function sampleOf(wire: metrics.MetricsSample): Sample {
  return {
    nodeId: toSafeNumber(wire.nodeId),
    time: timeOf(wire.timeMs),
    role: wire.role,
    term: toSafeNumber(wire.term),
    leaderId: idOrNull(wire.leaderId),
    firstIndex: toSafeNumber(wire.firstIndex),
    lastIndex: toSafeNumber(wire.lastIndex),
    commitIndex: toSafeNumber(wire.commitIndex),
    appliedIndex: toSafeNumber(wire.appliedIndex),
    snapshotIndex: toSafeNumber(wire.snapshotIndex),
    proposalsTotal: toSafeNumber(wire.proposalsTotal),
    proposalsRefusedTotal: toSafeNumber(wire.proposalsRefusedTotal),
    entriesAppendedTotal: toSafeNumber(wire.entriesAppendedTotal),
    entriesAppliedTotal: toSafeNumber(wire.entriesAppliedTotal),
    logSyncsTotal: toSafeNumber(wire.logSyncsTotal),
    logSyncMsTotal: wire.logSyncMsTotal,
    logBytesTotal: toSafeNumber(wire.logBytesTotal),
    electionsTotal: toSafeNumber(wire.electionsTotal),
    leaderChangesTotal: toSafeNumber(wire.leaderChangesTotal),
    messagesSentTotal: toSafeNumber(wire.messagesSentTotal),
    messagesReceivedTotal: toSafeNumber(wire.messagesReceivedTotal),
    snapshotsCreatedTotal: toSafeNumber(wire.snapshotsCreatedTotal),
    snapshotsInstalledTotal: toSafeNumber(wire.snapshotsInstalledTotal),
    diskFreeBytes: wire.diskTotalBytes === 0n ? null : toSafeNumber(wire.diskFreeBytes),
    diskLow: wire.diskLow,
    residentBytes: toSafeNumber(wire.residentBytes),
    eventLoopDelayMs: wire.eventLoopDelayMs,
    persistedIndex: toSafeNumber(wire.persistedIndex),
    proposalsPending: toSafeNumber(wire.proposalsPending),
    connections: wire.connections,
    cpuSecondsTotal: wire.cpuSecondsTotal,
    eventLoopUtilization: wire.eventLoopUtilization,
    latencies: wire.latencies.map(latencyOf),
    peers: wire.peers.map(peerFiguresOf),
    prometheus: wire.prometheus === '' ? null : wire.prometheus,
  }
}

function latencyOf({name, ...wire}: metrics.Latency): Latency {
  const recentCount = toSafeNumber(wire.recentCount)
  const known = (ms: number) => (recentCount === 0 ? null : ms)
  return {
    name,
    count: toSafeNumber(wire.count),
    sumMs: wire.sumMs,
    recentCount,
    p50Ms: known(wire.p50Ms),
    p99Ms: known(wire.p99Ms),
    maxMs: known(wire.maxMs),
  }
}

function peerFiguresOf(wire: metrics.PeerFigures): PeerFigures {
  return {
    id: toSafeNumber(wire.id),
    connected: wire.connected,
    queuedBytes: toSafeNumber(wire.queuedBytes),
    droppedMessagesTotal: toSafeNumber(wire.droppedMessagesTotal),
    roundTripMs: wire.roundTripMs < 0 ? null : wire.roundTripMs,
    inFlight: wire.inFlight,
    matchIndex: toSafeNumber(wire.matchIndex),
    lag: toSafeNumber(wire.lag),
  }
}

function timeOf(ms: bigint): string {
  const date = new Date(toSafeNumber(ms))
  return Number.isNaN(date.getTime()) ? new Date(0).toISOString() : date.toISOString()
}

function ids(wire: readonly bigint[]): number[] {
  return wire.map(id => toSafeNumber(id))
}

function idOrNull(wire: bigint): number | null {
  return wire === 0n ? null : toSafeNumber(wire)
}

function stageOf(wire: string): Stage {
  return wire === 'joint' || wire === 'learner-sync' ? wire : 'uniform'
}
