/**
 * Writes and linearizable reads a second of a three-node cluster of the built program, beside three
 * nodes of etcd where it is installed. Both run at once on loopback with their default durability, and
 * rounds are interleaved. Every caller waits for its own answer before it asks again.
 *
 *   node dist/bench/cluster.js [--quick] [--systems pipeline,unary,etcd,etcd-unary]
 *     [--ops write,read] [--callers 1,16,64,256] [--bytes 256,1024] [--rounds 3] [--seconds 3]
 *
 * pipeline: our best client, many callers on one stream. unary: our client, one call a request, on
 * grpc-js. etcd: gRPC by hand on a bare HTTP/2 connection, the leanest client that can be had here.
 * etcd-unary: grpc-js too. pipeline is relative to etcd, unary to etcd-unary, in the same round.
 */
import {randomBytes} from 'node:crypto'
import {createHistogram} from 'node:perf_hooks'
import {parseArgs} from 'node:util'
import {ClusterClient} from '../src/client/cluster-client.js'
import {withDirectory} from './directory.js'
import {etcdOverGrpc, etcdOverHttp2} from './etcd-client.js'
import {EtcdCluster, etcdVersion} from './etcd-process.js'
import {type NodeProcess, startNodes} from './node-process.js'
import {median, note, result, round, table} from './report.js'
import {anonymousBytes, cpuMs} from './usage.js'

const KEYS = 10_000
const WARM_UP_MS = 1000
const MEMORY_MS = 250
const PEERS: Readonly<Record<string, string>> = {pipeline: 'etcd', unary: 'etcd-unary'}

interface System {
  readonly name: string
  readonly pids: readonly number[]
  readonly put: (key: Buffer, value: Buffer) => Promise<unknown>
  readonly get: (key: Buffer) => Promise<unknown>
  readonly close: () => void
}

interface Load {
  readonly op: string
  readonly callers: number
  readonly valueBytes: number
}

interface Round {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Of the largest node. */
  readonly anonymousBytes: number
  /** Milliseconds a second, of all three nodes. */
  readonly nodesCpu: number
  readonly clientCpu: number
}

const rows: string[][] = []

const keyOf = (i: number) => Buffer.from(`bench/${String(i % KEYS).padStart(6, '0')}`)

/** Callers that ask again as soon as they are answered, for `ms`. */
async function drive(system: System, load: Load, ms: number): Promise<Round> {
  const latencies = createHistogram()
  const value = randomBytes(load.valueBytes)
  const endMs = performance.now() + ms
  let next = 0
  const caller = async () => {
    for (let nowMs = performance.now(); nowMs < endMs; ) {
      // Neighbours are asked for in no order: a prime stride visits all keys.
      const key = keyOf(next++ * 7919)
      await (load.op === 'write' ? system.put(key, value) : system.get(key))
      const doneMs = performance.now()
      latencies.record(Math.max(1, Math.round((doneMs - nowMs) * 1e6)))
      nowMs = doneMs
    }
  }

  let peakBytes = 0
  const memory = setInterval(() => {
    peakBytes = Math.max(peakBytes, anonymousBytes(system.pids))
  }, MEMORY_MS)
  const [nodesMs, client, startMs] = [cpuMs(system.pids), process.cpuUsage(), performance.now()]
  try {
    await Promise.all(Array.from({length: load.callers}, caller))
  } finally {
    clearInterval(memory)
  }
  const seconds = (performance.now() - startMs) / 1000
  const {user, system: kernel} = process.cpuUsage(client)
  return {
    perSecond: latencies.count / seconds,
    p50Ms: latencies.percentile(50) / 1e6,
    p99Ms: latencies.percentile(99) / 1e6,
    maxMs: latencies.max / 1e6,
    anonymousBytes: peakBytes,
    nodesCpu: (cpuMs(system.pids) - nodesMs) / seconds,
    clientCpu: (user + kernel) / 1000 / seconds,
  }
}

/** Keys that reads find. */
async function fill(system: System, valueBytes: number): Promise<void> {
  const value = randomBytes(valueBytes)
  let next = 0
  const one = async () => {
    while (next < KEYS) await system.put(keyOf(next++), value)
  }
  await Promise.all(Array.from({length: 64}, one))
}

function summary(rounds: readonly Round[]) {
  const of = (field: keyof Round, digits = 2) =>
    round(median(rounds.map(each => each[field])), digits)
  const rates = rounds.map(each => Math.round(each.perSecond))
  return {
    perSecond: of('perSecond', 0),
    perSecondMin: Math.min(...rates),
    perSecondMax: Math.max(...rates),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    maxMs: round(Math.max(...rounds.map(each => each.maxMs))),
    nodeAnonymousMb: round(Math.max(...rounds.map(each => each.anonymousBytes)) / 1e6, 0),
    nodesCpuMsPerSecond: of('nodesCpu', 0),
    clientCpuMsPerSecond: of('clientCpu', 0),
  }
}

async function measure(systems: readonly System[], load: Load): Promise<void> {
  const rounds = new Map(systems.map(({name}) => [name, [] as Round[]]))
  for (const system of systems) await drive(system, load, WARM_UP_MS)
  for (let i = 0; i < count; i++) {
    for (const system of systems) {
      rounds.get(system.name)!.push(await drive(system, load, seconds * 1000))
    }
  }
  for (const [name, own] of rounds) {
    const peer = PEERS[name] ?? ''
    const theirs = rounds.get(peer)
    const ratio = (field: 'perSecond' | 'p50Ms' | 'p99Ms') =>
      theirs && round(median(own.map((each, i) => each[field] / theirs[i]![field])))
    const relative = theirs && {
      relativeTo: peer,
      timesPerSecond: ratio('perSecond'),
      timesP50: ratio('p50Ms'),
      timesP99: ratio('p99Ms'),
    }
    const summed = summary(own)
    result({bench: 'cluster', system: name, ...load, ...summed, ...relative})
    rows.push([
      `${load.op} ${load.valueBytes} B, ${load.callers}`,
      name,
      String(summed.perSecond),
      String(summed.p50Ms),
      String(summed.p99Ms),
      String(summed.maxMs),
      String(summed.nodeAnonymousMb),
      String(summed.nodesCpuMsPerSecond),
      String(summed.clientCpuMsPerSecond),
      relative ? `${relative.timesPerSecond} x ${peer}` : '',
    ])
  }
}

async function measureAll(systems: readonly System[]): Promise<void> {
  // One system of each cluster fills it for the others.
  const fillers = [
    systems.find(({name}) => PEERS[name] !== undefined),
    systems.find(({name}) => PEERS[name] === undefined),
  ]
  for (const valueBytes of sizes) {
    for (const system of fillers) if (system) await fill(system, valueBytes)
    for (const op of flags.ops.split(',')) {
      for (const each of callers) {
        if (quick && op === 'read' && each !== 256) continue
        await measure(systems, {op, callers: each, valueBytes})
      }
    }
  }
}

function ours(nodes: readonly NodeProcess[], wanted: Set<string>): System[] {
  const systems: System[] = []
  const endpoints = nodes.map(({address}) => address)
  const pids = nodes.map(({pid}) => pid)
  const client = new ClusterClient({endpoints, timeoutMs: 30_000})
  const pipeline = client.pipeline()
  const close = () => client.close()
  if (wanted.has('pipeline')) {
    const put = pipeline.put.bind(pipeline)
    systems.push({name: 'pipeline', pids, put, get: pipeline.get.bind(pipeline), close})
  }
  if (wanted.has('unary')) {
    const put = (key: Buffer, value: Buffer) => client.put(key, value)
    systems.push({name: 'unary', pids, put, get: client.get.bind(client), close})
  }
  return systems
}

function etcds(address: string, pids: readonly number[], wanted: Set<string>): System[] {
  const clients = [
    {name: 'etcd', make: etcdOverHttp2},
    {name: 'etcd-unary', make: etcdOverGrpc},
  ]
  return clients
    .filter(({name}) => wanted.has(name))
    .map(({name, make}) => ({name, pids, ...make(address)}))
}

const {values: flags} = parseArgs({
  options: {
    quick: {type: 'boolean', default: false},
    systems: {type: 'string', default: 'pipeline,etcd,unary,etcd-unary'},
    ops: {type: 'string', default: 'write,read'},
    callers: {type: 'string'},
    bytes: {type: 'string'},
    rounds: {type: 'string'},
    seconds: {type: 'string'},
  },
})
const {quick} = flags
const numbers = (text: string) => text.split(',').map(Number)
const callers = numbers(flags.callers ?? (quick ? '1,64,256' : '1,16,64,256'))
const sizes = numbers(flags.bytes ?? (quick ? '256' : '256,1024'))
const count = Number(flags.rounds ?? 3)
const seconds = Number(flags.seconds ?? (quick ? 1 : 3))
const wanted = new Set(flags.systems.split(','))

await withDirectory(async directory => {
  const nodes = await startNodes(directory, 3)
  const etcd = new EtcdCluster(directory)
  const systems = ours(nodes, wanted)
  try {
    const version = etcdVersion()
    if (version === undefined) note('etcd is not installed: nothing to compare with')
    else if (wanted.has('etcd') || wanted.has('etcd-unary')) {
      note(`beside ${version}`)
      const leader = await etcd.start()
      systems.push(...etcds(leader, etcd.pids, wanted))
    }
    await measureAll(systems)
  } finally {
    for (const system of systems) system.close()
    await Promise.all([...nodes.map(node => node.kill()), etcd.kill()])
  }
})
const latency = ['p50 ms', 'p99 ms', 'max ms']
const cost = ['node MB', 'nodes CPU ms/s', 'client CPU ms/s']
table(['load, callers', 'client', 'a second', ...latency, ...cost, ''], rows)
