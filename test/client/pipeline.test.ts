import {afterEach, expect, test} from 'vitest'
import {ClusterClient} from '../../src/client/cluster-client.js'
import {RaftctlError} from '../../src/errors.js'
import {codeOf, type FakeCluster, startFakes} from './fake-cluster.js'

const cleanups: (() => void)[] = []

afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

async function fakes(count: number): Promise<FakeCluster> {
  const cluster = await startFakes(count)
  cleanups.push(() => cluster.stop())
  return cluster
}

function pipelineOf(cluster: FakeCluster, timeoutMs = 5000, signal?: AbortSignal) {
  const client = new ClusterClient({endpoints: cluster.addresses, timeoutMs, signal})
  cleanups.push(() => client.close())
  return client.pipeline()
}

const keys = (count: number) => Array.from({length: count}, (_, i) => `k${i}`)
const bytes = (text: string) => Buffer.from(text)

test('many puts in flight are each answered with their own version', async () => {
  const cluster = await fakes(3)
  const pipeline = pipelineOf(cluster)

  const puts = await Promise.all(
    keys(2000).map(key => pipeline.put(bytes(key), bytes(`of ${key}`))),
  )

  expect(new Set(puts.map(put => put.version)).size).toBe(2000)
  expect(cluster.state.applied).toEqual(keys(2000))
  expect(pipeline.inFlight).toBe(0)
})

test('what was in flight when the leader died is sent again with the same session and sequence', async () => {
  const cluster = await fakes(3)
  const [old, next] = cluster.nodes
  let answered = 0
  old!.beforePut = () => {
    answered += 1
    if (answered < 100) return 'apply'
    cluster.elect(1)
    return 'apply-and-cut'
  }
  const pipeline = pipelineOf(cluster)

  const puts = await Promise.all(keys(300).map(key => pipeline.put(bytes(key), bytes('v'))))

  expect(puts).toHaveLength(300)
  expect([...cluster.state.applied].sort()).toEqual(keys(300).sort())
  const first = new Map(old!.seenPuts.map(put => [put.key.toString(), put.write!]))
  const again = next!.seenPuts.filter(put => first.has(put.key.toString()))
  expect(again.length).toBeGreaterThan(0)
  for (const put of again) {
    const {sessionId, sequence} = first.get(put.key.toString())!
    expect(put.write).toMatchObject({sessionId, sequence})
  }
})

test('no sequence that still waits for its answer lies below the lowest unanswered one', async () => {
  const cluster = await fakes(1)
  const pipeline = pipelineOf(cluster)

  for (let round = 0; round < 5; round++) {
    await Promise.all(keys(50).map(key => pipeline.put(bytes(key), bytes('v'))))
  }

  const contexts = cluster.nodes[0]!.seenPuts.map(put => put.write!)
  expect(contexts.every(({sequence, lowestUnanswered}) => lowestUnanswered <= sequence)).toBe(true)
  expect(contexts.at(-1)!.lowestUnanswered).toBe(201n)
})

test('a node that stops leading redirects the pipeline', async () => {
  const cluster = await fakes(3)
  const pipeline = pipelineOf(cluster)
  await pipeline.put(bytes('a'), bytes('1'))
  cluster.elect(2)

  await pipeline.put(bytes('b'), bytes('2'))

  expect(cluster.state.applied).toEqual(['a', 'b'])
  expect(cluster.nodes[2]!.seenPuts).toHaveLength(1)
})

test('an overloaded node gets the same operation again, later', async () => {
  const cluster = await fakes(1)
  let refusals = 5
  cluster.nodes[0]!.beforePut = () =>
    refusals-- > 0 ? new RaftctlError('RAFTCTL_OVERLOADED', 'full') : 'apply'
  const pipeline = pipelineOf(cluster)

  await Promise.all(keys(20).map(key => pipeline.put(bytes(key), bytes('v'))))

  expect([...cluster.state.applied].sort()).toEqual(keys(20).sort())
})

test('a sent operation without an answer is of unknown outcome at its deadline', async () => {
  const cluster = await fakes(1)
  cluster.nodes[0]!.beforePut = () => 'ignore'
  const pipeline = pipelineOf(cluster, 500)

  expect(await codeOf(pipeline.put(bytes('k'), bytes('v')))).toBe('RAFTCTL_OUTCOME_UNKNOWN')
})

test('an operation that was never sent is no leader at its deadline, not unknown', async () => {
  const cluster = await fakes(3)
  const pipeline = pipelineOf(cluster, 600)
  await pipeline.put(bytes('a'), bytes('1'))
  cluster.nodes[0]!.leads = false

  const code = await codeOf(pipeline.put(bytes('b'), bytes('2')))

  expect(code).toBe('RAFTCTL_NO_LEADER')
  expect(cluster.state.applied).toEqual(['a'])
})

test('what a node can no longer tell is asked of the next leader as the same write', async () => {
  const cluster = await fakes(3)
  cluster.nodes[0]!.beforePut = request => {
    cluster.state.put(request)
    cluster.elect(1)
    return new RaftctlError('RAFTCTL_OUTCOME_UNKNOWN', 'deposed while writing')
  }
  const pipeline = pipelineOf(cluster)

  const put = await pipeline.put(bytes('k'), bytes('v'))

  expect(put.version).toBe(1)
  expect(cluster.state.applied).toEqual(['k'])
})

test('a leader that falls silent is left for the one that was elected since', async () => {
  const cluster = await fakes(3)
  cluster.nodes[0]!.beforePut = () => 'ignore'
  const pipeline = pipelineOf(cluster)
  const pending = pipeline.put(bytes('k'), bytes('v'))
  while (cluster.nodes[0]!.seenPuts.length === 0) {
    await new Promise(resolve => setImmediate(resolve))
  }
  const electedMs = performance.now()
  cluster.elect(1)

  await pending

  const [first] = cluster.nodes[0]!.seenPuts
  // Silence alone would have been borne for a second and a half.
  expect(performance.now() - electedMs).toBeLessThan(1450)
  expect(cluster.state.applied).toEqual(['k'])
  expect(cluster.nodes[1]!.seenPuts[0]!.write).toEqual(first!.write)
})

test('a refusal that will not pass is answered to its own caller only', async () => {
  const cluster = await fakes(1)
  cluster.nodes[0]!.beforePut = request =>
    request.key.toString() === 'bad' ? new RaftctlError('RAFTCTL_TOO_LARGE', 'too large') : 'apply'
  const pipeline = pipelineOf(cluster)

  const bad = codeOf(pipeline.put(bytes('bad'), bytes('v')))
  const good = pipeline.put(bytes('good'), bytes('v'))

  expect(await bad).toBe('RAFTCTL_TOO_LARGE')
  expect((await good).version).toBe(1)
})

test('an aborted signal ends everything in flight', async () => {
  const cluster = await fakes(1)
  const aborter = new AbortController()
  cluster.nodes[0]!.beforePut = () => {
    setImmediate(() => aborter.abort())
    return 'ignore'
  }
  const pipeline = pipelineOf(cluster, 60_000, aborter.signal)

  const codes = await Promise.all(keys(10).map(key => codeOf(pipeline.put(bytes(key), bytes('v')))))

  expect(new Set(codes)).toEqual(new Set(['RAFTCTL_INTERRUPTED']))
})
