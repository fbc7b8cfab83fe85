import type {Latencies, NodeHost} from '../../node/api.js'
import type {Durations} from '../../node/histogram.js'
import type {PeerStatus} from '../../raft/status.js'
import type {NodeId} from '../../raft/types.js'
import {toWireNumber} from '../codec.js'
import type {Latency, MetricsSample, PeerFigures} from '../gen/raftctl/v1/metrics.js'
import {roleOf} from '../node-status.js'
import type {PeerConnectionStatus} from '../peer/connection-status.js'
import {ProcessFigures} from './process-figures.js'
import {prometheusText} from './prometheus.js'

/** Where the figures of one node come from. */
export interface FiguresSource {
  readonly host: NodeHost
  readonly transport: {
    connections(): ReadonlyMap<NodeId, PeerConnectionStatus>
    readonly roundTrip: Durations
  }
  /** Open on the node's port. */
  readonly openConnections: () => number
}

/** Percentiles and text are made anew at most this often, however many watch. */
const KEPT_MS = 200

/** All figures of a node, as a sample and as Prometheus text. */
export class NodeFigures {
  readonly #source: FiguresSource
  readonly #process = new ProcessFigures()
  #latencies: {readonly of: Latencies; readonly madeMs: number; readonly all: Latency[]} | undefined

  #text: {readonly madeMs: number; readonly text: string} | undefined

  constructor(source: FiguresSource) {
    this.#source = source
  }

  /** undefined on a pristine node, which has no figures. */
  sample({prometheus}: {readonly prometheus: boolean}): MetricsSample | undefined {
    const {host} = this.#source
    const {runtime} = host
    if (runtime === undefined) return undefined
    const status = runtime.status()
    const counters = runtime.counters()
    const latencies = this.#summaries(runtime.latencies)
    return {
      nodeId: toWireNumber(status.nodeId),
      timeMs: toWireNumber(Date.now()),
      role: roleOf(host, status),
      term: toWireNumber(status.currentTerm),
      leaderId: toWireNumber(status.leaderId ?? 0),
      firstIndex: toWireNumber(status.firstIndex),
      lastIndex: toWireNumber(status.lastIndex),
      persistedIndex: toWireNumber(status.persistedIndex),
      commitIndex: toWireNumber(status.commitIndex),
      appliedIndex: toWireNumber(status.lastApplied),
      snapshotIndex: toWireNumber(status.logSnapshotIndex),
      proposalsTotal: toWireNumber(counters.proposals),
      proposalsRefusedTotal: toWireNumber(counters.proposalsRefused),
      proposalsPending: toWireNumber(counters.proposalsPending),
      entriesAppendedTotal: toWireNumber(counters.entriesAppended),
      entriesAppliedTotal: toWireNumber(counters.entriesApplied),
      logSyncsTotal: toWireNumber(counters.logSyncs),
      logSyncMsTotal: counters.logSyncMs,
      logBytesTotal: toWireNumber(counters.logBytes),
      electionsTotal: toWireNumber(counters.elections),
      leaderChangesTotal: toWireNumber(counters.leaderChanges),
      messagesSentTotal: toWireNumber(counters.messagesSent),
      messagesReceivedTotal: toWireNumber(counters.messagesReceived),
      snapshotsCreatedTotal: toWireNumber(counters.snapshotsCreated),
      snapshotsInstalledTotal: toWireNumber(counters.snapshotsInstalled),
      residentBytes: toWireNumber(this.#process.residentBytes),
      cpuSecondsTotal: this.#process.cpuSeconds,
      eventLoopUtilization: this.#process.eventLoopUtilization,
      eventLoopDelayMs: latencies.find(({name}) => name === 'event_loop')!.p99Ms,
      connections: this.#source.openConnections(),
      diskFreeBytes: toWireNumber(host.diskSpace?.freeBytes ?? 0),
      diskTotalBytes: toWireNumber(host.diskSpace?.totalBytes ?? 0),
      diskLow: host.diskSpace?.isLow ?? false,
      latencies,
      peers: this.#peers(status.progress),
      prometheus: prometheus ? this.prometheus() : '',
    }
  }

  /** Of a pristine node: its process alone. */
  prometheus(): string {
    const madeMs = performance.now()
    if (this.#text !== undefined && madeMs - this.#text.madeMs < KEPT_MS) return this.#text.text
    const {host, transport, openConnections} = this.#source
    const text = prometheusText(host, this.#process, {
      roundTrip: transport.roundTrip,
      connections: transport.connections(),
      openConnections: openConnections(),
    })
    this.#text = {madeMs, text}
    return text
  }

  #summaries(of: Latencies): Latency[] {
    const nowMs = performance.now()
    const kept = this.#latencies
    if (kept?.of === of && nowMs - kept.madeMs < KEPT_MS) return kept.all
    const all = [
      summary('queue', of.queue, nowMs),
      summary('sync', of.sync, nowMs),
      summary('commit', of.commit, nowMs),
      summary('apply', of.apply, nowMs),
      summary('election', of.election, nowMs),
      summary('round_trip', this.#source.transport.roundTrip, nowMs),
      summary('event_loop', of.eventLoop, nowMs),
    ]
    this.#latencies = {of, madeMs: nowMs, all}
    return all
  }

  #peers(progress: readonly PeerStatus[]): PeerFigures[] {
    return [...this.#source.transport.connections()].map(([id, connection]) => {
      const peer = progress.find(one => one.id === id)
      return {
        id: toWireNumber(id),
        connected: connection.state === 'connected',
        queuedBytes: toWireNumber(connection.queuedBytes),
        droppedMessagesTotal: toWireNumber(connection.droppedMessages),
        roundTripMs: connection.roundTripMs ?? -1,
        inFlight: peer?.inFlight ?? 0,
        matchIndex: toWireNumber(peer?.matchIndex ?? 0),
        lag: toWireNumber(peer?.lag ?? 0),
      }
    })
  }
}

function summary(name: string, durations: Durations, nowMs: number): Latency {
  const {count, sumMs} = durations
  const {count: recentCount, p50Ms, p99Ms, maxMs} = durations.recent(nowMs)
  const wire = {count: toWireNumber(count), recentCount: toWireNumber(recentCount)}
  return {name, ...wire, sumMs, p50Ms, p99Ms, maxMs}
}
