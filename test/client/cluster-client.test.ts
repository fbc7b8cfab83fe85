import {createServer} from 'node:net'
import {afterEach, expect, test} from 'vitest'
import {ClusterClient} from '../../src/client/cluster-client.js'
import type {ClientOptions} from '../../src/client/types.js'
import {RaftctlError} from '../../src/errors.js'
import {codeOf, entry, errorOf, FakeCluster, FakeNode, startFakes} from './fake-cluster.js'

const cleanups: (() => void)[] = []

afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

async function fakes(count: number, clusterId?: string): Promise<FakeCluster> {
  const cluster = await startFakes(count, clusterId)
  cleanups.push(() => cluster.stop())
  return cluster
}

function clientOf(endpoints: readonly string[], options: Partial<ClientOptions> = {}) {
  const client = new ClusterClient({endpoints, timeoutMs: 3000, ...options})
  cleanups.push(() => client.close())
  return client
}

/** A port on which nothing listens. */
async function deadAddress(): Promise<string> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const {port} = server.address() as {port: number}
  await new Promise(resolve => server.close(resolve))
  return `127.0.0.1:${port}`
}

const bytes = (text: string) => Buffer.from(text)

test('one endpoint, that of a follower, is enough to write through the leader', async () => {
  const cluster = await fakes(3)
  const client = clientOf([cluster.nodes[2]!.address])

  await client.put(bytes('k'), bytes('v'))

  expect(cluster.state.values.get('k')?.value).toBe('v')
  expect(cluster.nodes[2]!.seenPuts).toEqual([])
})

test('an endpoint that is down does not matter when another answers', async () => {
  const cluster = await fakes(1)
  const client = clientOf([await deadAddress(), cluster.nodes[0]!.address])

  const status = await client.clusterStatus()

  expect(status).toMatchObject({clusterId: 'c1', leaderId: 1, voters: 1, healthy: true})
})

test('a leader that was deposed redirects to the new one, and the write is made once', async () => {
  const cluster = await fakes(3)
  const client = clientOf(cluster.addresses)
  await client.put(bytes('a'), bytes('1'))
  cluster.elect(1)

  await client.put(bytes('b'), bytes('2'))

  expect(cluster.state.applied).toEqual(['a', 'b'])
  expect(cluster.nodes[1]!.seenPuts.map(put => put.key.toString())).toEqual(['b'])
})

test('a write is tried again while the node is overloaded', async () => {
  const cluster = await fakes(1)
  let refusals = 3
  cluster.nodes[0]!.beforePut = () =>
    refusals-- > 0 ? new RaftctlError('RAFTCTL_OVERLOADED', 'full') : 'apply'
  const client = clientOf(cluster.addresses)

  const put = await client.put(bytes('k'), bytes('v'))

  expect(put).toEqual({version: 1, previousVersion: null})
  expect(cluster.nodes[0]!.seenPuts).toHaveLength(4)
})

test('a write whose answer was lost with the leader is repeated as the same write', async () => {
  const cluster = await fakes(3)
  cluster.nodes[0]!.beforePut = () => {
    cluster.elect(1)
    return 'apply-and-cut'
  }
  const client = clientOf(cluster.addresses)

  const put = await client.put(bytes('k'), bytes('v'))

  expect(put.version).toBe(1)
  expect(cluster.state.applied).toEqual(['k'])
  const [first] = cluster.nodes[0]!.seenPuts
  expect(cluster.nodes[1]!.seenPuts[0]!.write).toEqual(first!.write)
})

test('a leader that falls silent is left as soon as another leads, with the same write', async () => {
  const cluster = await fakes(3)
  cluster.nodes[0]!.beforePut = () => {
    cluster.elect(1)
    return 'ignore'
  }
  const client = clientOf(cluster.addresses)
  const began = performance.now()

  await client.put(bytes('k'), bytes('v'))

  // One attempt alone would have waited two seconds.
  expect(performance.now() - began).toBeLessThan(1900)
  expect(cluster.state.applied).toEqual(['k'])
  const [first] = cluster.nodes[0]!.seenPuts
  expect(cluster.nodes[1]!.seenPuts[0]!.write).toEqual(first!.write)
})

test('a leader that is slow is not left for one of an older term', async () => {
  const cluster = await fakes(3)
  const client = clientOf(cluster.addresses, {timeoutMs: 1200})
  await client.put(bytes('a'), bytes('1'))
  const [slow, stale] = cluster.nodes
  slow!.term = 9
  await client.clusterStatus()
  stale!.leads = true
  slow!.beforePut = () => 'ignore'

  await errorOf(client.put(bytes('b'), bytes('2')))

  expect(stale!.seenPuts).toEqual([])
})

test('a write that was sent and never answered has an unknown outcome at its deadline', async () => {
  const cluster = await fakes(1)
  cluster.nodes[0]!.beforePut = () => 'ignore'
  const client = clientOf(cluster.addresses, {timeoutMs: 400})

  const error = await errorOf(client.put(bytes('k'), bytes('v')))

  expect(error).toMatchObject({code: 'RAFTCTL_OUTCOME_UNKNOWN', outcome: 'unknown'})
})

test('a write that was only ever refused did not happen, and says why', async () => {
  const cluster = await fakes(1)
  cluster.nodes[0]!.beforePut = () => new RaftctlError('RAFTCTL_OVERLOADED', 'full')
  const client = clientOf(cluster.addresses, {timeoutMs: 300})

  const code = await codeOf(client.put(bytes('k'), bytes('v')))

  expect(code).toBe('RAFTCTL_OVERLOADED')
})

test('a membership change whose answer was lost is not sent twice', async () => {
  const cluster = await fakes(3)
  let calls = 0
  cluster.nodes[0]!.changeMembership = () => {
    calls += 1
    return 'cut'
  }
  const client = clientOf(cluster.addresses)
  await client.leaderStatus()

  const change = client.changeMembership({kind: 'remove', id: 3})
  const code = await codeOf(change)

  expect(code).toBe('RAFTCTL_OUTCOME_UNKNOWN')
  expect(calls).toBe(1)
})

test('no node that answers is told apart from no leader', async () => {
  const client = clientOf([await deadAddress()], {timeoutMs: 300})

  const error = await errorOf(client.leaderStatus())

  expect(error.code).toBe('RAFTCTL_UNREACHABLE')
  expect(error.message).toContain('nothing listens there')
})

test('nobody is waited for long where nothing ever answered', async () => {
  const client = clientOf([await deadAddress()], {timeoutMs: 60_000})
  const startedMs = performance.now()

  const code = await codeOf(client.leaderStatus())

  expect(code).toBe('RAFTCTL_UNREACHABLE')
  expect(performance.now() - startedMs).toBeLessThan(30_000)
})

test('a cluster that is slow to answer is waited for until the deadline', async () => {
  const cluster = await fakes(3)
  // Longer than where nobody is.
  for (const node of cluster.nodes) node.statusSilences = 2
  const client = clientOf(cluster.addresses, {timeoutMs: 60_000})

  const status = await client.leaderStatus()

  expect(status.nodeId).toBe(1)
})

test('a write gets more time with each attempt that a slow leader did not answer', async () => {
  const cluster = await fakes(1)
  const [leader] = cluster.nodes
  leader!.beforePut = () => (leader!.seenPuts.length < 2 ? 'ignore' : 'apply')
  const client = clientOf(cluster.addresses, {timeoutMs: 60_000})

  await client.put(bytes('k'), bytes('v'))

  const [first, second] = leader!.putTimesMs
  expect(first).toBeLessThan(2500)
  expect(second).toBeGreaterThan(2500)
})

/** Long enough for an answer on a busy machine: without one there is nothing to count. */
const HEARD_MS = 4000

test('nodes that answer without a leader are no leader, with the voters counted', async () => {
  const cluster = await fakes(3)
  cluster.nodes[0]!.leads = false
  const client = clientOf(cluster.addresses, {timeoutMs: HEARD_MS})

  const error = await errorOf(client.leaderStatus())

  expect(error.code).toBe('RAFTCTL_NO_LEADER')
  expect(error.message).toContain('3 of 3 voters answer, 2 are needed')
})

test('a minority that answers is no quorum', async () => {
  const cluster = await fakes(3)
  cluster.nodes[0]!.kill()
  cluster.nodes[1]!.kill()
  const client = clientOf([cluster.nodes[2]!.address], {timeoutMs: HEARD_MS})

  const error = await errorOf(client.leaderStatus())

  expect(error).toMatchObject({
    code: 'RAFTCTL_NO_QUORUM',
    details: {votersAnswering: 1, voters: 3, quorum: 2},
  })
})

test('a leader elected before the deadline answers the call', async () => {
  const cluster = await fakes(3)
  cluster.nodes[0]!.leads = false
  const client = clientOf(cluster.addresses)

  const pending = client.leaderStatus()
  while (cluster.nodes[0]!.statusCalls < 2) await new Promise(resolve => setImmediate(resolve))
  cluster.elect(2)
  const status = await pending

  expect(status.nodeId).toBe(3)
})

test('a cluster other than the pinned one is refused', async () => {
  const cluster = await fakes(1)
  const client = clientOf(cluster.addresses, {clusterId: 'another'})

  const error = await errorOf(client.clusterStatus())

  expect(error.code).toBe('RAFTCTL_WRONG_CLUSTER')
  expect(error.details).toEqual({expected: 'another', found: 'c1'})
})

test('endpoints of two clusters are refused', async () => {
  const one = await fakes(1, 'c1')
  const two = await fakes(1, 'c2')
  const client = clientOf([...one.addresses, ...two.addresses])

  const code = await codeOf(client.clusterStatus())

  expect(code).toBe('RAFTCTL_WRONG_CLUSTER')
})

test('a pristine node is not initialised, at once', async () => {
  const cluster = new FakeCluster()
  const node = new FakeNode({id: 1, cluster, pristine: true})
  await node.start()
  cleanups.push(() => node.kill())
  const client = clientOf([node.address], {timeoutMs: 60_000})

  const code = await codeOf(client.get(bytes('k')))

  expect(code).toBe('RAFTCTL_NOT_INITIALISED')
})

test('an aborted signal ends a call that waits', async () => {
  const cluster = await fakes(1)
  cluster.nodes[0]!.leads = false
  const aborter = new AbortController()
  const client = clientOf(cluster.addresses, {timeoutMs: 60_000, signal: aborter.signal})

  const pending = codeOf(client.leaderStatus())
  while (cluster.nodes[0]!.statusCalls < 1) await new Promise(resolve => setImmediate(resolve))
  aborter.abort()

  expect(await pending).toBe('RAFTCTL_INTERRUPTED')
})

test('an aborted write says that it may have taken effect', async () => {
  const cluster = await fakes(1)
  const aborter = new AbortController()
  cluster.nodes[0]!.beforePut = () => {
    setImmediate(() => aborter.abort())
    return 'ignore'
  }
  const client = clientOf(cluster.addresses, {timeoutMs: 60_000, signal: aborter.signal})

  const error = await errorOf(client.put(bytes('k'), bytes('v')))

  expect(error).toMatchObject({code: 'RAFTCTL_INTERRUPTED', details: {sent: true}})
})

test('the status names a member that does not answer, and what the cluster still survives', async () => {
  const cluster = await fakes(3)
  const leader = cluster.elect(0)
  cluster.nodes[2]!.kill()
  leader.progress = leader.progress.map(peer =>
    peer.id === 3n ? {...peer, recentlyActive: false, connection: 'connecting'} : peer,
  )
  const client = clientOf(cluster.addresses)

  const status = await client.clusterStatus()

  expect(status).toMatchObject({
    votersUpToDate: 2,
    quorum: 2,
    failureTolerance: 0,
    failureToleranceNominal: 1,
    healthy: false,
  })
  expect(status.members[2]).toMatchObject({
    id: 3,
    reachable: false,
    upToDate: false,
    raftRole: null,
    pid: null,
  })
})

test('a log range goes on with the next leader where the first one broke off', async () => {
  const cluster = await fakes(2)
  for (const node of cluster.nodes) {
    node.entries = [1, 2, 3, 4, 5, 6].map(entry)
    node.commitIndex = 5
  }
  cluster.nodes[0]!.entriesBeforeCut = 2
  const client = clientOf(cluster.addresses)

  const seen: number[] = []
  for await (const {index} of client.logEntriesRange(1, Number.MAX_SAFE_INTEGER)) {
    seen.push(index)
    if (index === 2) cluster.elect(1)
  }

  expect(seen).toEqual([1, 2, 3, 4, 5])
})

test('a compacted range names the first index available', async () => {
  const cluster = await fakes(1)
  cluster.nodes[0]!.entries = [7, 8].map(entry)
  cluster.nodes[0]!.commitIndex = 8
  const client = clientOf(cluster.addresses)

  const error = await errorOf(client.logEntriesRange(1, 8)[Symbol.asyncIterator]().next())

  expect(error).toMatchObject({code: 'RAFTCTL_LOG_COMPACTED', details: {firstIndex: 7}})
})
