import * as grpc from '@grpc/grpc-js'
import {afterEach, expect, test} from 'vitest'
import {type MetricsSample, MetricsServiceClient} from '../../../src/rpc/gen/raftctl/v1/metrics.js'
import {fromServiceError, type StatusLike} from '../../../src/rpc/status.js'
import {type FakeNode, startFake, stopAll} from '../cluster-of-fakes.js'
import {identityOf, membershipOf, until} from '../support.js'

const clients: grpc.Client[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await stopAll()
})

async function member(): Promise<FakeNode> {
  const node = await startFake()
  node.host.belong(identityOf(1), membershipOf([node.address]))
  return node
}

function watch(node: FakeNode, intervalMs: number, {onChange = false, prometheus = false} = {}) {
  const client = new MetricsServiceClient(node.address, grpc.credentials.createInsecure())
  clients.push(client)
  const stream = client.watch({intervalMs, onChange, prometheus})
  stream.on('error', () => {})
  return stream
}

function collect(stream: ReturnType<typeof watch>): MetricsSample[] {
  const samples: MetricsSample[] = []
  stream.on('data', sample => samples.push(sample))
  return samples
}

test('one sample comes at once, then one an interval', async () => {
  const node = await member()
  const samples = collect(watch(node, 20))

  await until('three have come', () => samples.length >= 3)

  expect(samples[0]).toMatchObject({
    nodeId: 1n,
    role: 'follower',
    term: 1n,
    proposalsTotal: 1n,
    logSyncMsTotal: 6.5,
    snapshotsInstalledTotal: 13n,
  })
  expect(samples[0]!.latencies.map(({name}) => name)).toEqual([
    ...['queue', 'sync', 'commit', 'apply', 'election', 'round_trip', 'event_loop'],
  ])
  expect(samples[0]!.residentBytes).toBeGreaterThan(1_000_000n)
  expect(samples[2]!.timeMs).toBeGreaterThanOrEqual(samples[0]!.timeMs)
})

test('the same figures come as Prometheus text to who asks for it', async () => {
  const node = await member()
  const [plain, full] = [watch(node, 1000), watch(node, 1000, {prometheus: true})].map(collect)
  await until('both have come', () => plain!.length > 0 && full!.length > 0)

  expect(plain![0]!.prometheus).toBe('')
  const text = full![0]!.prometheus
  expect(text).toMatch(/^raftctl_proposals_total 1$/m)
  expect(text).toMatch(/^raftctl_wal_sync_duration_seconds_bucket\{le="\+Inf"\} 0$/m)
  expect(text).toMatch(/^raftctl_role\{role="follower"\} 1$/m)
  // Each family once, with help and type before its samples.
  const families = [...text.matchAll(/^# TYPE (\S+) /gm)].map(match => match[1])
  expect(new Set(families).size).toBe(families.length)
  for (const line of text.trimEnd().split('\n')) {
    expect(line).toMatch(/^(?:# (?:HELP|TYPE) [a-z_]+ .+|[a-z_]+(?:\{.+\})? -?[\d.e+-]+)$/)
  }
})

test('the more watch, the fewer samples each gets', async () => {
  const node = await member()
  const streams = Array.from({length: 100}, () => collect(watch(node, 10)))
  await until('all have begun', () => streams.every(samples => samples.length > 0))
  const startMs = performance.now()
  const before = streams.reduce((sum, samples) => sum + samples.length, 0)

  await until('a second is over', () => performance.now() > startMs + 1000)

  const perSecond =
    (streams.reduce((sum, samples) => sum + samples.length, 0) - before) /
    ((performance.now() - startMs) / 1000)
  expect(perSecond).toBeLessThan(700)
})

test('a change is reported without waiting for the interval', async () => {
  const node = await member()
  const samples = collect(watch(node, 3_600_000, {onChange: true}))
  await until('the first has come', () => samples.length === 1)
  node.host.runtime!.leaderId = 1

  node.host.runtime!.step([])

  await until('the change has come', () => samples.length === 2)
  expect(samples[1]).toMatchObject({leaderId: 1n})
})

test('watching ends with the watcher: no listener stays behind', async () => {
  const node = await member()
  const stream = watch(node, 1000, {onChange: true})
  const samples = collect(stream)
  await until('it has begun', () => samples.length === 1)

  stream.cancel()

  await until('its listener is gone', () => node.host.runtime!.listeners.size === 0)
})

test('who never reads misses samples', async () => {
  const node = await member()
  const runtime = node.host.runtime!
  let taken = 0
  const counters = runtime.counters.bind(runtime)
  runtime.counters = () => {
    taken++
    return counters()
  }
  const stream = watch(node, 3_600_000, {onChange: true})
  stream.pause()
  await until('it has begun', () => runtime.listeners.size > 0)

  // Far more than the windows of HTTP/2 and TCP hold.
  for (let i = 0; i < 2000; i++) {
    for (let j = 0; j < 10; j++) runtime.step([])
    await new Promise(resolve => setImmediate(resolve))
  }

  expect(taken).toBeLessThan(10_000)
  stream.cancel()
})

for (const intervalMs of [9, 3_600_001]) {
  test(`an interval of ${intervalMs} ms is refused`, async () => {
    const node = await member()
    const stream = watch(node, intervalMs)

    const error = await new Promise<StatusLike>(resolve =>
      stream.on('error', resolve as never).resume(),
    )

    expect(fromServiceError(error)).toMatchObject({code: 'RAFTCTL_USAGE'})
  })
}

test('a pristine node has no figures', async () => {
  const node = await startFake()
  const stream = watch(node, 100)

  const error = await new Promise<StatusLike>(resolve =>
    stream.on('error', resolve as never).resume(),
  )

  expect(fromServiceError(error)).toMatchObject({code: 'RAFTCTL_NOT_INITIALISED'})
})
