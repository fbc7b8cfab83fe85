/**
 * kill −9 of the leader of three nodes with default settings, again and again: how long until the next
 * write is acknowledged. The write begins at the kill, by clients that knew the leader; `next` is the
 * first of them to be answered, `slowest` the last. Beside etcd with its defaults where it is
 * installed, whose writes begin at the kill too, at both survivors at once.
 *
 *   node dist/bench/failover.js [--kills 50] [--systems raftctl,etcd]
 */
import {setTimeout as delay} from 'node:timers/promises'
import {parseArgs} from 'node:util'
import {ClusterClient} from '../src/client/cluster-client.js'
import {withDirectory} from './directory.js'
import {etcdOverHttp2} from './etcd-client.js'
import {EtcdCluster, etcdVersion} from './etcd-process.js'
import {type NodeProcess, startNodes} from './node-process.js'
import {note, result, round, table} from './report.js'

const CLIENTS = 4
const WRITE_MS = 10_000
const SETTLE_MS = 30_000
/** Between kills, at random up to this, so that they meet heartbeats at every moment. */
const PAUSE_MS = 300
const ETCD_ATTEMPT_MS = 100
const BUDGET_P50_MS = 450
const BUDGET_P99_MS = 700

interface Failover {
  readonly nextMs: number
  readonly slowestMs: number
}

interface System {
  readonly name: string
  /** Kills the leader, and brings it back when it has been replaced. */
  failOver(): Promise<Failover>
  close(): Promise<void>
}

async function ourSystem(directory: string): Promise<System> {
  const nodes = await startNodes(directory, 3)
  const endpoints = nodes.map(({address}) => address)
  const clients = Array.from({length: CLIENTS}, () => {
    return new ClusterClient({endpoints, timeoutMs: WRITE_MS})
  })
  // Half of them as one call a request, half on a stream.
  const writers = clients.map((client, i) => (i % 2 === 0 ? client : client.pipeline()))
  const write = (i: number) => writers[i]!.put(Buffer.from(`failover/${i}`), Buffer.from('x'))
  return {
    name: 'raftctl',
    async failOver() {
      const leader = await settled(clients[0]!, nodes)
      await Promise.all(writers.map((_, i) => write(i)))
      await delay(Math.random() * PAUSE_MS)
      const startMs = performance.now()
      const gone = leader.kill()
      const took = await Promise.all(
        writers.map(async (_, i) => {
          await write(i)
          return performance.now() - startMs
        }),
      )
      await gone
      await leader.start()
      return {nextMs: Math.min(...took), slowestMs: Math.max(...took)}
    },
    async close() {
      for (const client of clients) client.close()
      await Promise.all(nodes.map(node => node.kill()))
    },
  }
}

async function settled(client: ClusterClient, nodes: readonly NodeProcess[]): Promise<NodeProcess> {
  for (const endMs = performance.now() + SETTLE_MS; performance.now() < endMs; await delay(20)) {
    const {healthy, leaderAddress} = await client.clusterStatus()
    const leader = nodes.find(({address}) => address === leaderAddress)
    if (healthy && leader !== undefined) return leader
  }
  throw new Error('the nodes do not settle')
}

async function etcdSystem(directory: string): Promise<System> {
  const cluster = new EtcdCluster(directory)
  let leader = await cluster.start()
  return {
    name: etcdVersion()!,
    async failOver() {
      await delay(Math.random() * PAUSE_MS)
      const startMs = performance.now()
      const others = await cluster.killOne(leader)
      await Promise.any(others.map(putUntilDone))
      const nextMs = performance.now() - startMs
      leader = await cluster.restart()
      await delay(1000)
      return {nextMs, slowestMs: nextMs}
    },
    close: () => cluster.kill(),
  }
}

async function putUntilDone(address: string): Promise<void> {
  for (const endMs = performance.now() + WRITE_MS; performance.now() < endMs; ) {
    const client = etcdOverHttp2(address)
    try {
      const put = client.put(Buffer.from('failover'), Buffer.from('x')).then(() => true)
      const late = delay(ETCD_ATTEMPT_MS, false)
      if (await Promise.race([put.catch(() => late), late])) return
    } finally {
      client.close()
    }
  }
  throw new Error(`etcd at ${address} takes no writes`)
}

function at(sorted: readonly number[], share: number): number {
  return round(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!, 0)
}

async function measure(system: System, kills: number): Promise<Record<string, number>> {
  const all: Failover[] = []
  for (let i = 0; i < kills; i++) all.push(await system.failOver())
  const next = all.map(({nextMs}) => nextMs).toSorted((a, b) => a - b)
  const slowest = all.map(({slowestMs}) => slowestMs).toSorted((a, b) => a - b)
  return {
    p50Ms: at(next, 0.5),
    p99Ms: at(next, 0.99),
    maxMs: at(next, 1),
    slowestP50Ms: at(slowest, 0.5),
    slowestP99Ms: at(slowest, 0.99),
  }
}

const {values} = parseArgs({
  options: {
    kills: {type: 'string', default: '50'},
    systems: {type: 'string', default: 'raftctl,etcd'},
  },
})
const kills = Number(values.kills)
const rows: string[][] = []
for (const name of values.systems.split(',')) {
  if (name === 'etcd' && etcdVersion() === undefined) {
    note('etcd is not installed: measured without it')
    continue
  }
  await withDirectory(async directory => {
    const system = await (name === 'etcd' ? etcdSystem(directory) : ourSystem(directory))
    try {
      const figures = await measure(system, kills)
      const {p50Ms, p99Ms} = figures
      const isOurs = name === 'raftctl'
      const within = isOurs ? p50Ms! <= BUDGET_P50_MS && p99Ms! <= BUDGET_P99_MS : undefined
      if (within === false) process.exitCode = 1
      result({bench: 'failover', system: system.name, kills, ...figures, within})
      rows.push([system.name, ...Object.values(figures).map(String)])
    } finally {
      await system.close()
    }
  })
}
table(['failover, ms', 'p50', 'p99', 'max', 'slowest p50', 'slowest p99'], rows)
note(`budget: p50 ≤ ${BUDGET_P50_MS} ms, p99 ≤ ${BUDGET_P99_MS} ms`)
