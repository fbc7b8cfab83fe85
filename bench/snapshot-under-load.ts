/**
 * A store of a gigabyte: what a snapshot, and then a new learner that installs it, do to the writers.
 * 1,000 writes of 256 bytes a second go on, each waiting for its own acknowledgement; their latency
 * before, while a snapshot is made on the leader, and while the learner comes in. One JSON line a result.
 *
 *   node dist/bench/snapshot-under-load.js [megabytes]
 */
import {randomBytes} from 'node:crypto'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {ClusterClient} from '../src/client/cluster-client.js'
import {freePort, initialise, NodeProcess, PROGRAM} from './node-process.js'
import {result} from './report.js'

const VALUE_BYTES = 4096
const WRITES_PER_SECOND = 1000
const TICK_MS = 10
const BEFORE_MS = 20_000
const LOADING_IN_FLIGHT = 256
const WAIT_MS = 900_000

const megabytes = Number(process.argv[2] ?? 1024)

async function load(client: ClusterClient): Promise<void> {
  const count = Math.ceil((megabytes * 1024 * 1024) / VALUE_BYTES)
  const pipeline = client.pipeline()
  const start = performance.now()
  let next = 0
  const one = async () => {
    while (next < count) {
      const key = Buffer.from(`load/${String(next++).padStart(10, '0')}`)
      await pipeline.put(key, randomBytes(VALUE_BYTES))
    }
  }
  await Promise.all(Array.from({length: LOADING_IN_FLIGHT}, one))
  const seconds = (performance.now() - start) / 1000
  result({bench: 'load', megabytes, writes: count, seconds})
}

/** Writes at a steady rate until stopped; latencies in the order of sending. */
function steadyWrites(client: ClusterClient) {
  const pipeline = client.pipeline()
  const latencies: {readonly atMs: number; readonly ms: number}[] = []
  let failures = 0
  let sent = 0
  const startMs = performance.now()
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) / 1000) * WRITES_PER_SECOND
    for (; sent < due; sent++) {
      const atMs = performance.now()
      pipeline.put(Buffer.from(`steady/${sent % 100_000}`), randomBytes(256)).then(
        () => latencies.push({atMs, ms: performance.now() - atMs}),
        () => failures++,
      )
    }
  }, TICK_MS)
  return {
    between(fromMs: number, toMs: number) {
      const sorted = latencies
        .filter(({atMs}) => atMs >= fromMs && atMs < toMs)
        .map(({ms}) => ms)
        .sort((a, b) => a - b)
      const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? null
      return {writes: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), failures}
    },
    stop: () => clearInterval(timer),
  }
}

async function learnerCatchesUp(client: ClusterClient, node: NodeProcess): Promise<number> {
  const startMs = performance.now()
  await node.start()
  const {storeId} = await client.nodeStatus(node.address)
  const {clusterId} = await client.clusterStatus()
  const {memberId} = await client.changeMembership({
    kind: 'add',
    address: node.address,
    name: 'n4',
    storeId,
    role: 'learner',
    promoteWhenReady: false,
  })
  await client.join(node.address, {clusterId, nodeId: memberId!, storeId})
  for (const endMs = performance.now() + WAIT_MS; performance.now() < endMs; ) {
    const {members} = await client.clusterStatus()
    const learner = members.find(({id}) => id === memberId)
    if (learner?.upToDate && learner.matchIndex !== 0) return performance.now() - startMs
    await delay(100)
  }
  throw new Error('the learner did not catch up')
}

const directory = await mkdtemp(join(process.env.RAFTCTL_BENCH_DIR ?? tmpdir(), 'raftctl-bench-'))
const nodes: NodeProcess[] = []
try {
  for (let i = 1; i <= 4; i++) {
    nodes.push(new NodeProcess(PROGRAM, directory, `n${i}`, `127.0.0.1:${await freePort()}`))
  }
  const voters = nodes.slice(0, 3)
  await Promise.all(voters.map(node => node.start()))
  const endpoints = voters.map(({address}) => address)
  await initialise(endpoints)
  const client = new ClusterClient({endpoints, timeoutMs: 30_000})
  await load(client)
  // One that the load brought about must not be under way while we look at the time before.
  for (const endpoint of endpoints) await client.createSnapshot(endpoint, {timeoutMs: WAIT_MS})

  const steady = steadyWrites(client)
  await delay(2000)
  const beforeMs = performance.now()
  await delay(BEFORE_MS)
  const snapshotMs = performance.now()
  const snapshot = await client.createSnapshot(undefined, {timeoutMs: WAIT_MS})
  const doneMs = performance.now()
  const before = steady.between(beforeMs, snapshotMs)
  const during = steady.between(snapshotMs, doneMs)
  result({bench: 'writes-before', ...before})
  const seconds = (doneMs - snapshotMs) / 1000
  result({bench: 'writes-during-snapshot', ...during, seconds, sizeBytes: snapshot.sizeBytes})
  await delay(5000)

  const learnerMs = performance.now()
  const caughtUpMs = await learnerCatchesUp(client, nodes[3]!)
  const learning = steady.between(learnerMs, performance.now())
  result({bench: 'writes-during-learner', ...learning, caughtUpSeconds: caughtUpMs / 1000})
  const ratio = (part: {p99Ms: number | null}) => (part.p99Ms ?? 0) / (before.p99Ms ?? 1)
  result({bench: 'p99-over-before', snapshot: ratio(during), learner: ratio(learning)})
  steady.stop()
  client.close()
} finally {
  await Promise.all(nodes.map(node => node.kill()))
  await rm(directory, {recursive: true, force: true})
}
