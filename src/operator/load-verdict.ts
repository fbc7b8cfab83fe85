/** What kept a load from being quicker, judged by what the members did while it went on. */
import type {LatencyName, Sample} from '../client/types.js'
import {latencyOf, type Verdict} from './latency-verdict.js'
import type {ClusterFigures} from './read-metrics.js'

export interface LoadVerdict extends Omit<Verdict, 'limit'> {
  readonly limit: Verdict['limit'] | 'client'
}

/** From there on a process has nothing to spare: one thread does nearly everything. */
const PROCESSOR_BUSY = 0.85
const SYNC_BUSY = 0.6
const LOOPBACK = /^(?:127\.|localhost:|\[::1\]:)/

/** What one member did between two readings. */
interface Work {
  readonly memberId: number
  /** Of one processor; of the time. */
  readonly processorShare: number
  readonly syncShare: number
  readonly meanMs: (name: LatencyName) => number
}

/** `clientShare`: how much of the time whoever made the load was busy itself. */
export function loadVerdict(
  before: ClusterFigures,
  after: ClusterFigures,
  {elapsedMs, clientShare}: {readonly elapsedMs: number; readonly clientShare: number},
): LoadVerdict {
  const works = after.items.flatMap(({id, figures}) => {
    const earlier = before.items.find(item => item.id === id)?.figures
    return figures === null || !earlier ? [] : [workOf(earlier, figures, elapsedMs)]
  })
  const leader = works.find(({memberId}) => memberId === after.leaderId)
  if (leader === undefined) return {limit: 'nothing', memberId: null, reason: 'no leader answered'}
  const oneMachine = after.items.every(({address}) => LOOPBACK.test(address))
  return busiest(works, clientShare) ?? longest(leader, works, oneMachine)
}

function workOf(before: Sample, after: Sample, elapsedMs: number): Work {
  const meanMs = (name: LatencyName) => {
    const [old, now] = [latencyOf(before, name), latencyOf(after, name)]
    const count = (now?.count ?? 0) - (old?.count ?? 0)
    return count <= 0 ? 0 : ((now?.sumMs ?? 0) - (old?.sumMs ?? 0)) / count
  }
  return {
    memberId: after.nodeId,
    processorShare: ((after.cpuSecondsTotal - before.cpuSecondsTotal) * 1000) / elapsedMs,
    syncShare: (after.logSyncMsTotal - before.logSyncMsTotal) / elapsedMs,
    meanMs,
  }
}

function busiest(works: readonly Work[], clientShare: number): LoadVerdict | undefined {
  if (clientShare >= PROCESSOR_BUSY) {
    const reason = `raftctl itself was busy ${percent(clientShare)} of the time`
    return {limit: 'client', memberId: null, reason}
  }
  const computing = most(works, work => work.processorShare)
  if (computing.processorShare >= PROCESSOR_BUSY) {
    const reason = `member ${computing.memberId} used ${percent(computing.processorShare)} of a processor`
    return {limit: 'cpu', memberId: computing.memberId, reason}
  }
  const syncing = most(works, work => work.syncShare)
  if (syncing.syncShare < SYNC_BUSY) return undefined
  const reason =
    `member ${syncing.memberId} synced its log ${percent(Math.min(1, syncing.syncShare))} of the time, ` +
    `${ms(syncing.meanMs('sync'))} each`
  return {limit: 'disk-sync', memberId: syncing.memberId, reason}
}

/** Nobody is at the end of their strength: then it is a matter of how long the parts of one take. */
function longest(leader: Work, works: readonly Work[], oneMachine: boolean): LoadVerdict {
  const syncing = most(works, work => work.meanMs('sync'))
  const syncMs = syncing.meanMs('sync')
  const roundTripMs = leader.meanMs('round_trip')
  const lateMs = leader.meanMs('event_loop')
  const reason =
    `a sync takes ${ms(syncMs)}, a round trip ${ms(roundTripMs)}, ` +
    `and the leader's event loop is ${ms(lateMs)} late (means)`
  if (lateMs > Math.max(syncMs, roundTripMs)) {
    return {limit: 'cpu', memberId: leader.memberId, reason}
  }
  // There is no network in between: what takes its time is that processes wait for each other.
  if (roundTripMs > syncMs) return {limit: oneMachine ? 'cpu' : 'network', memberId: null, reason}
  return {limit: 'disk-sync', memberId: syncing.memberId, reason}
}

function most(works: readonly Work[], of: (work: Work) => number): Work {
  return works.reduce((a, b) => (of(b) > of(a) ? b : a))
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
}
