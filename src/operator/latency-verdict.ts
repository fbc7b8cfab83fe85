/** What keeps writes from being quicker, judged by the figures of the last minute. */
import type {Latency, LatencyName, Sample} from '../client/types.js'
import type {ClusterFigures} from './read-metrics.js'

export interface Verdict {
  readonly limit: 'disk-sync' | 'network' | 'cpu' | 'nothing'
  /** null where it is not one member's. */
  readonly memberId: number | null
  readonly reason: string
}

/** About what the figures of "the last minute" cover. */
const WINDOW_MS = 55_000
/** From these on there is no room left to speak of. */
const EVENT_LOOP_BUSY = 0.85
const SYNC_BUSY = 0.6
/** Quicker than that, nothing needs to be blamed. */
const COMMIT_GOOD_MS = 10
const TIMERS_LATE_MS = 50

export function latencyVerdict({leaderId, items}: ClusterFigures): Verdict {
  const samples = items.flatMap(({figures}) => (figures === null ? [] : [figures]))
  const leader = samples.find(({nodeId}) => nodeId === leaderId)
  if (leader === undefined) return nothing('no leader answered')
  const commit = latencyOf(leader, 'commit')
  if (commit === undefined || commit.recentCount === 0 || commit.p50Ms === null) {
    return nothing('no write was committed in the last minute')
  }
  return busyLoop(samples) ?? busyDisk(samples) ?? slowPart(samples, leader, commit.p50Ms)
}

export function latencyOf(sample: Sample, name: LatencyName): Latency | undefined {
  return sample.latencies.find(latency => latency.name === name)
}

function busyLoop(samples: readonly Sample[]): Verdict | undefined {
  const most = samples.reduce((a, b) => (b.eventLoopUtilization > a.eventLoopUtilization ? b : a))
  const busy = percent(most.eventLoopUtilization)
  if (most.eventLoopUtilization >= EVENT_LOOP_BUSY) {
    return of('cpu', most, `its event loop was busy ${busy} of the time`)
  }
  const late = samples.find(({eventLoopDelayMs, ...sample}) => {
    const syncMs = sample.latencies.find(({name}) => name === 'sync')?.p99Ms ?? 0
    return eventLoopDelayMs > Math.max(TIMERS_LATE_MS, syncMs)
  })
  return late && of('cpu', late, `its timers were up to ${ms(late.eventLoopDelayMs)} late (p99)`)
}

function busyDisk(samples: readonly Sample[]): Verdict | undefined {
  const busiest = samples.reduce((a, b) => (syncShare(b) > syncShare(a) ? b : a))
  if (syncShare(busiest) < SYNC_BUSY) return undefined
  const {p50Ms} = latencyOf(busiest, 'sync')!
  const share = percent(Math.min(1, syncShare(busiest)))
  return of(
    'disk-sync',
    busiest,
    `its log was being synced ${share} of the time, ${ms(p50Ms)} each`,
  )
}

/** Nobody is at the end of their strength: then it is a matter of how long one write takes. */
function slowPart(samples: readonly Sample[], leader: Sample, commitMs: number): Verdict {
  const syncMs = (sample: Sample) => latencyOf(sample, 'sync')?.p50Ms ?? 0
  const slowest = samples.reduce((a, b) => (syncMs(b) > syncMs(a) ? b : a))
  const roundTripMs = latencyOf(leader, 'round_trip')?.p50Ms ?? 0
  if (commitMs >= COMMIT_GOOD_MS) {
    if (roundTripMs >= commitMs / 2 && roundTripMs > syncMs(slowest)) {
      const text = `${ms(roundTripMs)} of the ${ms(commitMs)} of a write are a round trip (p50)`
      return {limit: 'network', memberId: null, reason: text}
    }
    if (syncMs(slowest) >= commitMs / 3) {
      return of('disk-sync', slowest, `one sync of its log takes ${ms(syncMs(slowest))} (p50)`)
    }
  }
  return nothing(
    `writes commit in ${ms(commitMs)} (p50), and neither disks nor event loops are busy`,
  )
}

/** How much of the time the log was being synced. */
function syncShare(sample: Sample): number {
  const sync = latencyOf(sample, 'sync')
  return ((sync?.recentCount ?? 0) * (sync?.p50Ms ?? 0)) / WINDOW_MS
}

function of(limit: Verdict['limit'], {nodeId}: Sample, what: string): Verdict {
  return {limit, memberId: nodeId, reason: `member ${nodeId}: ${what}`}
}

function nothing(reason: string): Verdict {
  return {limit: 'nothing', memberId: null, reason}
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}

function ms(value: number | null): string {
  return value === null ? '-' : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
}
