import {expect, test} from 'vitest'
import type {Sample} from '../../src/client/types.js'
import {loadVerdict} from '../../src/operator/load-verdict.js'
import type {ClusterFigures} from '../../src/operator/read-metrics.js'

interface Work {
  readonly cpuSeconds?: number
  readonly syncMs?: number
  readonly roundTripMs?: number
  readonly lateMs?: number
}

const ELAPSED_MS = 10_000

/** Readings of two members that have just begun, and of the same after `work`. */
function readings(work: Work, address: string): [ClusterFigures, ClusterFigures] {
  return [figures({}, address, 0), figures(work, address, 1000)]
}

function figures(work: Work, address: string, count: number): ClusterFigures {
  const {cpuSeconds = 0, syncMs = 0, roundTripMs = 0, lateMs = 0} = work
  const latencies = [
    {name: 'sync', count, sumMs: count * syncMs},
    {name: 'round_trip', count, sumMs: count * roundTripMs},
    {name: 'event_loop', count, sumMs: count * lateMs},
  ].map(latency => ({...latency, recentCount: 0, p50Ms: null, p99Ms: null, maxMs: null}))
  const items = [1, 2].map(id => ({
    id,
    name: `n${id}`,
    address,
    reachable: true,
    unreachableReason: null,
    figures: {
      nodeId: id,
      cpuSecondsTotal: cpuSeconds,
      logSyncMsTotal: count * syncMs,
      latencies,
    } as unknown as Sample,
  }))
  return {clusterId: 'c', leaderId: 1, items}
}

const cases = [
  {work: {cpuSeconds: 9}, client: 0.2, limit: 'cpu', says: '90 % of a processor'},
  {work: {cpuSeconds: 9}, client: 0.95, limit: 'client', says: '95 % of the time'},
  {work: {syncMs: 8}, client: 0.2, limit: 'disk-sync', says: '80 % of the time, 8.0 ms each'},
  {work: {syncMs: 2, roundTripMs: 1}, client: 0.2, limit: 'disk-sync', says: 'a sync takes 2.0 ms'},
  {work: {syncMs: 2, roundTripMs: 30}, client: 0.2, limit: 'network', says: 'a round trip 30 ms'},
  {work: {syncMs: 2, lateMs: 4}, client: 0.2, limit: 'cpu', says: '4.0 ms late'},
]

for (const {work, client, limit, says} of cases) {
  test(`${JSON.stringify(work)} with a client that is busy ${client} is limited by ${limit}`, () => {
    const [before, after] = readings(work, '10.0.0.1:1')

    const verdict = loadVerdict(before, after, {elapsedMs: ELAPSED_MS, clientShare: client})

    expect(verdict).toMatchObject({limit, reason: expect.stringContaining(says)})
  })
}

test('a slow round trip on one machine is no matter of the network', () => {
  const [before, after] = readings({roundTripMs: 9}, '127.0.0.1:1')

  const verdict = loadVerdict(before, after, {elapsedMs: ELAPSED_MS, clientShare: 0})

  expect(verdict.limit).toBe('cpu')
})
