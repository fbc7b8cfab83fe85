/**
 * Histories of a real five-node cluster whose network breaks: cut links, one-way links, splits, a node
 * between two halves, flapping, kills and pauses. Each history has six clients and a fault in its midst,
 * and must be linearizable; after the fault the cluster must serve again; in the end all members hold
 * the same state. Prints one JSON line; ends with 1 when something is wrong.
 *
 *   npm run torture:partition -- --histories 200 [--seed 7] [--network namespaces|proxies|any]
 */
import {randomInt} from 'node:crypto'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'
import {ClusterClient} from '../src/client/cluster-client.js'
import {compareState} from '../src/operator/state-hash.js'
import {History} from '../src/sim/checkers/history.js'
import {Verdict} from '../src/sim/checkers/verdict.js'
import {FAULT_NAMES, FAULTS, type FaultName} from './faults.js'
import {HistoryClient} from './history-client.js'
import {type Network, type NetworkChoice, openNetwork} from './network/network.js'
import {initialise, NodeProcess} from './node-process.js'
import {type Random, seeded} from './random.js'

export interface PartitionTorture {
  readonly histories: number
  readonly seed: number
  readonly network: NetworkChoice
  /** The built program. */
  readonly program: string
  /** Ends it after the history that is being made. */
  readonly signal?: AbortSignal
  readonly onHistory?: (done: HistoryReport) => void
}

export interface HistoryReport {
  readonly fault: FaultName
  readonly operations: number
  /** From the end of the fault to the first answer that any client got after it. */
  readonly recoveredMs: number
  /** What was wrong; empty is what is wanted. */
  readonly wrong: readonly string[]
}

export interface PartitionReport {
  readonly network: Network['kind']
  readonly seed: number
  readonly histories: number
  readonly operations: number
  readonly operationsLeast: number
  readonly recoveredMsMax: number
  /** How far the term rose: a fault that unseats nobody tries nothing. */
  readonly terms: number
  readonly faults: Readonly<Record<string, number>>
  readonly wrong: readonly string[]
  readonly seconds: number
}

const NODES = 5
const CLIENTS = 6
const KEYS = 8
const OPERATIONS_LEAST = 50
/** Faults last from here to twice as long: several elections' time. */
const FAULT_MS = 500
const BEFORE_MS = 250
const AFTER_MS = 350
const RECOVERY_MS = 10_000
const SETTLE_MS = 60_000

interface Cluster {
  readonly network: Network
  readonly nodes: readonly NodeProcess[]
  readonly endpoints: readonly string[]
  /** Sees everything, for questions between histories. */
  readonly overseer: ClusterClient
  readonly random: Random
}

export async function torturePartition(options: PartitionTorture): Promise<PartitionReport> {
  const started = performance.now()
  const directory = await mkdtemp(join(tmpdir(), 'raftctl-torture-'))
  const network = await openNetwork(NODES, options.network)
  const nodes = network.places.map(
    (place, i) => new NodeProcess(options.program, directory, `n${i + 1}`, place.address, place),
  )
  const endpoints = nodes.map(({address}) => address)
  const overseer = new ClusterClient({endpoints, timeoutMs: SETTLE_MS})
  try {
    await Promise.all(nodes.map(node => node.start()))
    await initialise(endpoints)
    const cluster = {network, nodes, endpoints, overseer, random: seeded(options.seed)}
    const reports: HistoryReport[] = []
    const {term} = await overseer.clusterStatus()
    for (let i = 0; i < options.histories && !options.signal?.aborted; i++) {
      const report = await makeHistory(cluster, i)
      reports.push(report)
      options.onHistory?.(report)
    }
    const ending = await judgeEnd(overseer)
    return {
      network: network.kind,
      seed: options.seed,
      ...summary(reports, ending),
      terms: (await overseer.clusterStatus()).term - term,
      seconds: Math.round((performance.now() - started) / 1000),
    }
  } finally {
    overseer.close()
    await Promise.all(nodes.map(node => node.kill()))
    await network.close()
    await rm(directory, {recursive: true, force: true})
  }
}

async function makeHistory(cluster: Cluster, number: number): Promise<HistoryReport> {
  const {endpoints, random, network, nodes} = cluster
  const fault = FAULT_NAMES[number % FAULT_NAMES.length]!
  const leader = await settledLeader(cluster)
  const verdict = new Verdict(() => ({step: number, atMs: Math.round(performance.now())}))
  const history = new History(verdict)
  let value = 0
  const clients = Array.from({length: CLIENTS}, (_, i) => {
    return new HistoryClient({
      number: i,
      // Half of them know one node only, to begin with.
      endpoints: i % 2 === 0 ? endpoints : [endpoints[(number + i) % endpoints.length]!],
      keys: Array.from({length: KEYS}, (_, key) => `h${number}/k${key}`),
      nextValue: () => ++value,
      random,
      history,
    })
  })
  const stop = new AbortController()
  const running = clients.map(client => client.run(stop.signal))
  await delay(BEFORE_MS)
  const scene = {network, nodes, leader, random, lastsMs: FAULT_MS + random(FAULT_MS)}
  await FAULTS[fault](scene)

  const healedMs = performance.now()
  const isServed = () => clients.some(({answeredMs}) => answeredMs > healedMs)
  while (!isServed() && performance.now() - healedMs < RECOVERY_MS) await delay(2)
  const recoveredMs = Math.round(performance.now() - healedMs)
  const wrong = isServed() ? [] : [`nothing is served ${RECOVERY_MS} ms after it`]
  await delay(AFTER_MS)
  // A machine with little to spare makes the history longer, not thinner.
  while (history.operations < OPERATIONS_LEAST && performance.now() - healedMs < RECOVERY_MS) {
    await delay(20)
  }
  stop.abort()
  await Promise.all(running)

  history.check()
  const {operations} = history
  if (verdict.violation !== undefined) wrong.push(verdict.violation.message)
  if (operations < OPERATIONS_LEAST) {
    const told = clients.flatMap(({troubles}) => troubles).join(', ')
    wrong.push(`${operations} operations say too little; clients were told ${told}`)
  }
  return {fault, operations, recoveredMs, wrong}
}

/** The place of a leader that all members follow. */
async function settledLeader({overseer, nodes}: Cluster): Promise<number> {
  const end = performance.now() + SETTLE_MS
  for (;;) {
    const status = await overseer.clusterStatus()
    if (status.healthy && status.leaderId !== null) return status.leaderId - 1
    if (performance.now() > end) {
      throw new Error(`${nodes.length} nodes do not settle: ${status.problems.join('; ')}`)
    }
    await delay(20)
  }
}

async function judgeEnd(overseer: ClusterClient): Promise<string[]> {
  const {equal, index, members} = await compareState(overseer)
  const missing = members.filter(({problem}) => problem !== null)
  return [
    ...(equal ? [] : [`the states differ at index ${index}`]),
    ...missing.map(({id, problem}) => `member ${id} could not be compared: ${problem}`),
  ]
}

function summary(reports: readonly HistoryReport[], ending: readonly string[]) {
  const faults: Record<string, number> = {}
  for (const {fault} of reports) faults[fault] = (faults[fault] ?? 0) + 1
  const wrong = reports.flatMap((report, i) =>
    report.wrong.map(what => `history ${i} (${report.fault}): ${what}`),
  )
  return {
    histories: reports.length,
    operations: reports.reduce((sum, {operations}) => sum + operations, 0),
    operationsLeast: Math.min(...reports.map(({operations}) => operations)),
    recoveredMsMax: Math.max(...reports.map(({recoveredMs}) => recoveredMs)),
    faults,
    wrong: [...wrong, ...ending],
  }
}

async function main(): Promise<void> {
  const {values} = parseArgs({
    options: {
      histories: {type: 'string', default: '200'},
      seed: {type: 'string', default: String(randomInt(1, 2 ** 31))},
      network: {type: 'string', default: 'any'},
    },
  })
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interrupted.abort())
  let done = 0
  const report = await torturePartition({
    signal: interrupted.signal,
    histories: Number(values.histories),
    seed: Number(values.seed),
    network: values.network as NetworkChoice,
    program: resolve(import.meta.dirname, '..', '..', 'bin', 'run.js'),
    onHistory: ({fault, operations, recoveredMs, wrong}) => {
      const row = [++done, fault, `${operations} operations`, `${recoveredMs} ms`, ...wrong]
      process.stderr.write(`${row.join('  ')}\n`)
    },
  })
  process.stdout.write(`${JSON.stringify(report)}\n`)
  if (report.wrong.length > 0) process.exitCode = 1
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === resolve(process.argv[1])) {
  await main()
}
