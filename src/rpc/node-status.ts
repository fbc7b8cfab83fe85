import {pid} from 'node:process'
import type {NodeHost} from '../node/api.js'
import type {PeerStatus, RaftStatus} from '../raft/status.js'
import type {NodeId} from '../raft/types.js'
import {membershipToWire, toWireNumber} from './codec.js'
import type {PeerConnection, PeerProgress, StatusResponse} from './gen/raftctl/v1/cluster.js'
import type {PeerConnectionStatus} from './peer/connection-status.js'

export interface StatusView {
  readonly host: NodeHost
  readonly connections: ReadonlyMap<NodeId, PeerConnectionStatus>
  /** Milliseconds of one tick of the core. */
  readonly tickMs: number
  /** Milliseconds since 1970. */
  readonly nowMs: number
}

/** What a node says of itself, pristine ones included: their term and indexes are 0. */
export function statusToWire(view: StatusView): StatusResponse {
  const {host, nowMs} = view
  const {identity, runtime} = host
  const status = runtime?.status()
  return {
    clusterId: identity?.clusterId ?? '',
    nodeId: toWireNumber(identity?.nodeId ?? 0),
    storeId: host.storeId,
    name: nameOf(host, status),
    address: host.address,
    version: host.version,
    role: roleOf(host, status),
    term: toWireNumber(status?.currentTerm ?? 0),
    leaderId: toWireNumber(status?.leaderId ?? 0),
    firstIndex: toWireNumber(status?.firstIndex ?? 0),
    lastIndex: toWireNumber(status?.lastIndex ?? 0),
    commitIndex: toWireNumber(status?.commitIndex ?? 0),
    appliedIndex: toWireNumber(status?.lastApplied ?? 0),
    snapshotIndex: toWireNumber(status?.logSnapshotIndex ?? 0),
    snapshotTerm: toWireNumber(status?.logSnapshotTerm ?? 0),
    membership: status && membershipToWire(status.membership),
    progress: status === undefined ? [] : status.progress.map(peer => progressToWire(peer, view)),
    timeMs: toWireNumber(nowMs),
    pid: toWireNumber(pid),
    uptimeSeconds: toWireNumber(Math.max(0, Math.floor((nowMs - host.startedMs) / 1000))),
    persistedIndex: toWireNumber(status?.persistedIndex ?? 0),
    transferTarget: toWireNumber(status?.transferTarget ?? 0),
    connections: [...view.connections].map(connectionToWire),
    diskFreeBytes: toWireNumber(host.diskSpace?.freeBytes ?? 0),
    diskTotalBytes: toWireNumber(host.diskSpace?.totalBytes ?? 0),
    diskLow: host.diskSpace?.isLow ?? false,
    damagedFiles: (runtime?.unusableSnapshots() ?? []).map(({file, error}) => ({
      file,
      problem: error.message,
    })),
  }
}

/** The membership's word over the one that the process was started with: operators rename there. */
export function nameOf(host: NodeHost, status: RaftStatus | undefined): string {
  const self = status?.membership.members.find(member => member.id === host.identity?.nodeId)
  return self !== undefined && self.name !== '' ? self.name : host.name
}

export function roleOf(host: NodeHost, status: RaftStatus | undefined): string {
  if (host.removed || status?.removed) return 'removed'
  return status?.role ?? 'pristine'
}

function progressToWire(peer: PeerStatus, view: StatusView): PeerProgress {
  const connection = view.connections.get(peer.id)
  const {lastContactTicks} = peer
  return {
    id: toWireNumber(peer.id),
    matchIndex: toWireNumber(peer.matchIndex),
    nextIndex: toWireNumber(peer.nextIndex),
    state: peer.state,
    lastContactMs:
      lastContactTicks === undefined
        ? -1n
        : toWireNumber(Math.round(lastContactTicks * view.tickMs)),
    inFlight: peer.inFlight,
    lag: toWireNumber(peer.lag),
    recentlyActive: peer.recentlyActive,
    connection: connection?.state ?? 'connecting',
    queuedBytes: toWireNumber(connection?.queuedBytes ?? 0),
    lagging: peer.lagging,
    caughtUp: peer.caughtUp,
    entriesPerSecond: (peer.entriesPerTick * 1000) / view.tickMs,
  }
}

function connectionToWire([id, connection]: [NodeId, PeerConnectionStatus]): PeerConnection {
  return {
    id: toWireNumber(id),
    address: connection.address,
    state: connection.state,
    queuedBytes: toWireNumber(connection.queuedBytes),
    code: connection.code ?? '',
    detail: connection.detail,
  }
}
