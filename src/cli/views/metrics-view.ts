import type {Latency, LatencyName, Sample} from '../../client/types.js'
import {latencyOf, type Verdict} from '../../operator/latency-verdict.js'
import type {LoadVerdict} from '../../operator/load-verdict.js'
import type {ClusterFigures} from '../../operator/read-metrics.js'
import type {Cell, View} from '../output.js'
import type {RecordView} from '../records.js'

export const sampleView: RecordView<Sample> = {
  kind: 'MetricsSample',
  // The default fits 80 columns; -o wide shows all.
  columns: [
    {title: 'time', width: 24},
    {title: 'member', align: 'right', width: 6, wide: true},
    {title: 'role', width: 9},
    {title: 'term', align: 'right', width: 5},
    {title: 'leader', align: 'right', width: 6},
    {title: 'last', align: 'right', width: 10, wide: true},
    {title: 'commit', align: 'right', width: 8},
    {title: 'applied', align: 'right', width: 8},
    {title: 'snapshot', align: 'right', width: 10, wide: true},
    {title: 'proposals', align: 'right', width: 10, wide: true},
    {title: 'syncs', align: 'right', width: 10, wide: true},
    {title: 'sync ms', align: 'right', width: 7},
    {title: 'elections', align: 'right', width: 9, wide: true},
    {title: 'loop ms', align: 'right', width: 8, wide: true},
  ],
  row: sample => [
    sample.time,
    sample.nodeId,
    sample.role,
    sample.term,
    sample.leaderId,
    sample.lastIndex,
    sample.commitIndex,
    sample.appliedIndex,
    sample.snapshotIndex,
    sample.proposalsTotal,
    sample.logSyncsTotal,
    sample.logSyncsTotal === 0 ? null : tenths(sample.logSyncMsTotal / sample.logSyncsTotal),
    sample.electionsTotal,
    tenths(sample.eventLoopDelayMs),
  ],
  json: plain,
  id: sample => sample.commitIndex,
}

function tenths(ms: number): string {
  return ms.toFixed(1)
}

/** The figures themselves. */
function plain({prometheus: _, ...sample}: Sample) {
  return sample
}

export function figuresRecord({items, ...rest}: ClusterFigures) {
  return {
    kind: 'Metrics',
    ...rest,
    items: items.map(item => ({...item, figures: item.figures && plain(item.figures)})),
  }
}

/** Each sample as Prometheus text; the comment tells them apart. */
export async function* prometheusTexts(samples: AsyncIterable<Sample>): AsyncGenerator<string> {
  for await (const {time, nodeId, prometheus} of samples) {
    yield `# member ${nodeId} at ${time}\n${prometheus ?? ''}\n`
  }
}

const MEBI = 1024 * 1024

/** What a person looks for first, from above. */
const FIGURES: readonly (readonly [title: string, cell: (sample: Sample) => Cell])[] = [
  ['role', sample => sample.role],
  ['term', sample => sample.term],
  ['leader', sample => sample.leaderId],
  ['last index', sample => sample.lastIndex],
  ['commit index', sample => sample.commitIndex],
  ['applied index', sample => sample.appliedIndex],
  ['snapshot index', sample => sample.snapshotIndex],
  ['proposals', sample => sample.proposalsTotal],
  ['proposals refused', sample => sample.proposalsRefusedTotal],
  ['proposals pending', sample => sample.proposalsPending],
  ['entries applied', sample => sample.entriesAppliedTotal],
  ['log syncs', sample => sample.logSyncsTotal],
  ['log written MiB', sample => (sample.logBytesTotal / MEBI).toFixed(1)],
  ['elections', sample => sample.electionsTotal],
  ['leader changes', sample => sample.leaderChangesTotal],
  ['snapshots created', sample => sample.snapshotsCreatedTotal],
  ['snapshots installed', sample => sample.snapshotsInstalledTotal],
  ['peers connected', sample => sample.peers.filter(({connected}) => connected).length],
  ['peer queues KiB', sample => tenths(sum(sample.peers.map(peer => peer.queuedBytes)) / 1024)],
  ['appends in flight', sample => sum(sample.peers.map(peer => peer.inFlight))],
  ['connections', sample => sample.connections],
  ['resident MiB', sample => (sample.residentBytes / MEBI).toFixed(0)],
  ['cpu seconds', sample => tenths(sample.cpuSecondsTotal)],
  ['event loop busy %', sample => (100 * sample.eventLoopUtilization).toFixed(0)],
  ['disk free GiB', sample => gibi(sample.diskFreeBytes)],
]

/** A row a figure, a column a member. */
export function figuresView({items}: ClusterFigures): View {
  const rows = FIGURES.map(([title, cell]) => [
    title,
    ...items.map(({figures}) => (figures === null ? null : cell(figures))),
  ])
  const heads = items.map(
    ({id, name}) => ({title: `${id} ${name}`.trim(), align: 'right'}) as const,
  )
  return {
    table: {columns: [{title: 'figure'}, ...heads], rows},
    ids: items.map(({id}) => id),
    after: unreachableLines(items),
  }
}

const SHOWN: readonly (readonly [LatencyName, string])[] = [
  ['queue', 'queue'],
  ['sync', 'disk sync'],
  ['round_trip', 'round trip'],
  ['commit', 'commit'],
  ['apply', 'apply'],
  ['event_loop', 'event loop'],
]

export function latencyRecord(figures: ClusterFigures, verdict: Verdict) {
  const {clusterId, leaderId} = figures
  const items = figures.items.map(({figures: sample, ...member}) => ({
    ...member,
    latencies: sample?.latencies ?? null,
    eventLoopUtilization: sample?.eventLoopUtilization ?? null,
  }))
  return {kind: 'MetricsLatency', clusterId, leaderId, items, verdict}
}

export function latencyView({items, leaderId}: ClusterFigures, {limit, reason}: Verdict): View {
  const rows = items.flatMap(({id, name, figures}) =>
    figures === null
      ? []
      : SHOWN.map(([kind, title]) => {
          const latency = latencyOf(figures, kind)
          const role = id === leaderId ? 'leader' : figures.role
          return [id, name, role, title, latency?.recentCount, ...millis(latency)]
        }),
  )
  const right = (title: string) => ({title, align: 'right'}) as const
  return {
    table: {
      columns: [
        ...[right('member'), {title: 'name', wide: true}, {title: 'role'}, {title: 'of'}],
        ...[right('count'), right('p50 ms'), right('p99 ms'), right('max ms')],
      ],
      rows,
    },
    ids: items.map(({id}) => id),
    after: [...unreachableLines(items), '', `limits: ${limitName(limit)} (${reason})`],
  }
}

export function limitName(limit: LoadVerdict['limit']): string {
  const names = {'disk-sync': 'disk sync', network: 'network', cpu: 'CPU', nothing: 'nothing'}
  return {...names, client: 'this client'}[limit]
}

function millis(latency: Latency | undefined): Cell[] {
  return [latency?.p50Ms, latency?.p99Ms, latency?.maxMs].map(ms =>
    ms === null || ms === undefined ? null : ms.toFixed(2),
  )
}

function unreachableLines(items: ClusterFigures['items']): string[] {
  return items.flatMap(({id, unreachableReason}) =>
    unreachableReason === null ? [] : [`member ${id} does not answer: ${unreachableReason}`],
  )
}

function gibi(bytes: number | null): Cell {
  return bytes === null ? null : tenths(bytes / MEBI / 1024)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
