import {expect, test} from 'vitest'
import type {Latency, LatencyName, Sample} from '../../src/client/types.js'
import {latencyVerdict} from '../../src/operator/latency-verdict.js'
import type {ClusterFigures} from '../../src/operator/read-metrics.js'

type Measured = Partial<Record<LatencyName, readonly [count: number, p50Ms: number]>>

function sampleOf(
  nodeId: number,
  measured: Measured,
  {eventLoopUtilization = 0.1, eventLoopDelayMs = 1} = {},
): Sample {
  const latencies = Object.entries(measured).map(
    ([name, [recentCount, p50Ms]]): Latency => ({
      ...{name, count: recentCount, sumMs: recentCount * p50Ms, recentCount},
      ...{p50Ms, p99Ms: 2 * p50Ms, maxMs: 3 * p50Ms},
    }),
  )
  return {nodeId, latencies, eventLoopUtilization, eventLoopDelayMs} as unknown as Sample
}

function judge(...samples: readonly Sample[]) {
  const items: ClusterFigures['items'] = samples.map(figures => ({
    ...{id: figures.nodeId, name: '', address: '', reachable: true, unreachableReason: null},
    figures,
  }))
  return latencyVerdict({clusterId: 'c', leaderId: 1, items})
}

const cases = [
  {
    why: 'without writes nothing limits',
    samples: [sampleOf(1, {sync: [10, 30]})],
    verdict: {limit: 'nothing', memberId: null},
  },
  {
    why: 'quick writes on idle machines are limited by nothing',
    samples: [sampleOf(1, {commit: [1000, 3], sync: [1000, 2], round_trip: [50, 0.5]})],
    verdict: {limit: 'nothing', memberId: null},
  },
  {
    why: 'a busy event loop is the processor',
    samples: [
      sampleOf(1, {commit: [100_000, 9], sync: [5000, 9]}, {eventLoopUtilization: 0.97}),
      sampleOf(2, {sync: [5000, 9]}),
    ],
    verdict: {limit: 'cpu', memberId: 1},
  },
  {
    why: 'late timers are the processor, though the loop has idle moments',
    samples: [
      sampleOf(1, {commit: [100, 9], sync: [100, 2]}),
      sampleOf(2, {sync: [100, 2]}, {eventLoopDelayMs: 200}),
    ],
    verdict: {limit: 'cpu', memberId: 2},
  },
  {
    why: 'a log that is synced without a pause is the disk, also a follower’s',
    samples: [sampleOf(1, {commit: [5000, 8], sync: [5000, 2]}), sampleOf(2, {sync: [5000, 10]})],
    verdict: {limit: 'disk-sync', memberId: 2},
  },
  {
    why: 'a slow sync explains slow writes, though the disk rests between them',
    samples: [sampleOf(1, {commit: [100, 40], sync: [100, 30], round_trip: [50, 1]})],
    verdict: {limit: 'disk-sync', memberId: 1},
  },
  {
    why: 'a long round trip explains slow writes',
    samples: [sampleOf(1, {commit: [100, 90], sync: [100, 2], round_trip: [50, 80]})],
    verdict: {limit: 'network', memberId: null},
  },
] as const

for (const {why, samples, verdict} of cases) {
  test(why, () => {
    expect(judge(...samples)).toMatchObject(verdict)
  })
}

test('without an answer of the leader there is no verdict to give', () => {
  expect(judge(sampleOf(2, {sync: [5000, 30]}))).toMatchObject({limit: 'nothing'})
})
