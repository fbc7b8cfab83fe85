/** The figures by the names of Prometheus' conventions: base units, counters in _total. */
import type {NodeHost, NodeRuntimeApi} from '../../node/api.js'
import type {Durations} from '../../node/histogram.js'
import type {NodeId} from '../../raft/types.js'
import {nameOf, roleOf} from '../node-status.js'
import type {PeerConnectionStatus} from '../peer/connection-status.js'
import {Exposition} from './exposition.js'
import type {ProcessFigures} from './process-figures.js'

export interface NetworkFigures {
  readonly connections: ReadonlyMap<NodeId, PeerConnectionStatus>
  readonly roundTrip: Durations
  readonly openConnections: number
}

const ROLES = ['follower', 'pre-candidate', 'candidate', 'leader', 'learner', 'observer', 'removed']

/** Of a pristine node: its process alone. */
export function prometheusText(
  host: NodeHost,
  process: ProcessFigures,
  network: NetworkFigures,
): string {
  const out = new Exposition()
  addProcess(out, host, process, network)
  if (host.runtime !== undefined) {
    addRaft(out, host, host.runtime)
    addWork(out, host.runtime, network)
    addPeers(out, host.runtime, network)
  }
  return out.text
}

function addProcess(
  out: Exposition,
  host: NodeHost,
  process: ProcessFigures,
  network: NetworkFigures,
): void {
  const {identity, version, diskSpace} = host
  const name = nameOf(host, host.runtime?.status())
  const cluster = identity?.clusterId ?? ''
  const info = {cluster, member: identity?.nodeId ?? '', name, version}
  out.family('raftctl_node_info', 'gauge', 'Which node this is; always 1.', [[info, 1]])
  out.counter('process_cpu_seconds_total', 'Processor time used.', process.cpuSeconds)
  out.gauge('process_resident_memory_bytes', 'Resident memory.', process.residentBytes)
  out.gauge('process_start_time_seconds', 'Start, since 1970.', host.startedMs / 1000)
  out.gauge(
    'raftctl_event_loop_utilization_ratio',
    'Share of the last minute that the event loop was busy.',
    process.eventLoopUtilization,
  )
  out.gauge(
    'raftctl_connections',
    'Connections that are open on the port of the node.',
    network.openConnections,
  )
  out.gauge('raftctl_disk_free_bytes', 'Free where the data lies.', diskSpace?.freeBytes)
  out.gauge('raftctl_disk_size_bytes', 'Size of that file system.', diskSpace?.totalBytes)
  out.gauge(
    'raftctl_disk_low',
    '1: too little is free, and writes are refused.',
    diskSpace && Number(diskSpace.isLow),
  )
}

function addRaft(out: Exposition, host: NodeHost, runtime: NodeRuntimeApi): void {
  const status = runtime.status()
  const is = roleOf(host, status)
  const roles = ROLES.map(role => [{role}, Number(role === is)] as const)
  out.family('raftctl_role', 'gauge', '1 for the role of the node, 0 for all others.', roles)
  const hasLeader = Number(status.leaderId !== undefined)
  out.gauge('raftctl_has_leader', '1: the node knows a leader.', hasLeader)
  out.gauge('raftctl_term', 'Current term.', status.currentTerm)
  out.gauge('raftctl_log_first_index', 'First index that the log holds.', status.firstIndex)
  out.gauge('raftctl_log_last_index', 'Last index of the log.', status.lastIndex)
  out.gauge('raftctl_log_persisted_index', 'Durable up to it.', status.persistedIndex)
  out.gauge('raftctl_commit_index', 'Committed up to it, as the node knows.', status.commitIndex)
  out.gauge('raftctl_applied_index', 'Applied up to it.', status.lastApplied)
  out.gauge('raftctl_snapshot_index', 'The log begins behind it.', status.logSnapshotIndex)
  const {membership} = status
  const voters = new Set([...membership.voters, ...membership.votersOutgoing]).size
  out.gauge('raftctl_voters', 'Voters of the membership, as applied.', voters)
}

function addWork(out: Exposition, runtime: NodeRuntimeApi, {roundTrip}: NetworkFigures): void {
  const counters = runtime.counters()
  const total = (name: string, help: string, value: number) => {
    out.counter(`raftctl_${name}_total`, help, value)
  }
  total('proposals', 'Writes that this node took as leader.', counters.proposals)
  total('proposals_refused', 'Writes that it refused.', counters.proposalsRefused)
  out.gauge(
    'raftctl_proposals_pending',
    'Writes in the log and not answered yet.',
    counters.proposalsPending,
  )
  total('entries_appended', 'Entries handed to the log.', counters.entriesAppended)
  total('entries_applied', 'Entries applied to the state.', counters.entriesApplied)
  total('wal_written_bytes', 'Bytes of records written to the log.', counters.logBytes)
  total('elections', 'Campaigns of this node.', counters.elections)
  total('leader_changes', 'Changes of leader that it saw.', counters.leaderChanges)
  total('messages_sent', 'Raft messages sent.', counters.messagesSent)
  total('messages_received', 'Raft messages received.', counters.messagesReceived)
  total('snapshots_created', 'Snapshots made here.', counters.snapshotsCreated)
  total('snapshots_installed', 'Snapshots taken from a leader.', counters.snapshotsInstalled)

  const seconds = (name: string, help: string, durations: Durations) => {
    out.histogram(`raftctl_${name}_seconds`, help, durations)
  }
  const {queue, sync, commit, apply, election, eventLoop} = runtime.latencies
  seconds('wal_queue_duration', 'Wait of what is to be written until its write begins.', queue)
  seconds('wal_sync_duration', 'One write and sync of the log.', sync)
  seconds('commit_duration', 'From a proposal here until it is committed.', commit)
  seconds('apply_duration', 'One batch of the state machine.', apply)
  seconds('election_duration', 'From a campaign until a leader is known.', election)
  seconds('peer_round_trip', 'A short message to a peer and back.', roundTrip)
  seconds('event_loop_delay', 'How late timers of the event loop are.', eventLoop)
}

function addPeers(out: Exposition, runtime: NodeRuntimeApi, {connections}: NetworkFigures): void {
  const all = [...connections]
  const family = (
    name: string,
    help: string,
    value: (connection: PeerConnectionStatus) => number,
    type: 'gauge' | 'counter' = 'gauge',
  ) => {
    const samples = all.map(([id, connection]) => [{peer: id}, value(connection)] as const)
    out.family(`raftctl_peer_${name}`, type, help, samples)
  }
  family('connected', '1: there is a stream.', ({state}) => Number(state === 'connected'))
  family('queue_bytes', 'Messages waiting for the peer.', ({queuedBytes}) => queuedBytes)
  family(
    'dropped_messages_total',
    'Messages given up: the queue was full, or nobody there. Raft sends them again.',
    ({droppedMessages}) => droppedMessages,
    'counter',
  )
  // Empty but on the leader.
  const {progress} = runtime.status()
  const led = (name: string, help: string, value: (peer: (typeof progress)[number]) => number) => {
    const samples = progress.map(peer => [{peer: peer.id}, value(peer)] as const)
    out.family(`raftctl_peer_${name}`, 'gauge', help, samples)
  }
  led('in_flight_appends', 'Appends sent and not answered.', ({inFlight}) => inFlight)
  led('match_index', 'Known to be in its log.', ({matchIndex}) => matchIndex)
  led('lag_entries', 'Entries behind the log of the leader.', ({lag}) => lag)
}
