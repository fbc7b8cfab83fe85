/**
 * Three nodes of the built program under load for a long time: does memory stay bounded, does latency
 * not grow, do snapshots and compaction keep up? The same keys are written over and over, so that
 * the state keeps its size and everything that grows does so without a reason.
 *
 *   node dist/bench/soak.js [--minutes 30] [--callers 64]
 */
import {randomBytes} from 'node:crypto'
import {readdir, stat} from 'node:fs/promises'
import {join} from 'node:path'
import {createHistogram} from 'node:perf_hooks'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'
import {ClusterClient} from '../src/client/cluster-client.js'
import {DEFAULT_SETTINGS} from '../src/node/settings.js'
import {withDirectory} from './directory.js'
import {type NodeProcess, PROGRAM, startNodes} from './node-process.js'
import {median, note, result, round, table} from './report.js'
import {anonymousBytes} from './usage.js'

const KEYS = 20_000
const VALUE_BYTES = 256
/** Compared are the first and the last third of them, without the first, when code is compiled. */
const WINDOWS = 13
const LATENCY_TIMES_MAX = 2
const MEMORY_TIMES_MAX = 1.3
const MIB = 1024 * 1024
/** A collection of garbage that is due, and one that is not. */
const MEMORY_SLACK_BYTES = 48 * MIB
/** What a log keeps behind a snapshot, and the segments that it is in the midst of. */
const LOG_BYTES_MAX = (64 + 3 * 64) * MIB

export interface Soak {
  readonly seconds: number
  readonly callers: number
  /** Log bytes from one snapshot to the next. */
  readonly snapshotLogBytesMin: number
  readonly program?: string
  readonly onWindow?: (window: SoakWindow) => void
}

export interface SoakWindow {
  readonly writesPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of the largest node. */
  readonly anonymousBytes: number
  /** Of the largest directory of a log. */
  readonly logBytes: number
  /** Of all nodes, so far. */
  readonly snapshots: number
}

export interface SoakReport {
  readonly windows: readonly SoakWindow[]
  readonly failedWrites: number
  /** What went wrong; empty is well. */
  readonly wrong: readonly string[]
}

export function soak(options: Soak): Promise<SoakReport> {
  return withDirectory(async directory => {
    const {snapshotLogBytesMin, program} = options
    const flags = ['--snapshot-log-bytes-min', String(snapshotLogBytesMin)]
    const nodes = await startNodes(directory, 3, program, flags)
    const client = new ClusterClient({
      endpoints: nodes.map(({address}) => address),
      timeoutMs: 10_000,
    })
    try {
      return await drive(client, nodes, directory, options)
    } finally {
      client.close()
      await Promise.all(nodes.map(node => node.kill()))
    }
  })
}

async function drive(
  client: ClusterClient,
  nodes: readonly NodeProcess[],
  directory: string,
  {seconds, callers, snapshotLogBytesMin, onWindow}: Soak,
): Promise<SoakReport> {
  const pipeline = client.pipeline()
  const value = randomBytes(VALUE_BYTES)
  const windows: SoakWindow[] = []
  const end = performance.now() + seconds * 1000
  let failedWrites = 0
  let written = 0
  for (let i = 1; i <= WINDOWS; i++) {
    const startMs = performance.now()
    const endMs = startMs + (end - startMs) / (WINDOWS - i + 1)
    const latency = createHistogram()
    const before = written
    const call = async () => {
      while (performance.now() < endMs) {
        const key = Buffer.from(`soak/${written++ % KEYS}`)
        const sentMs = performance.now()
        await pipeline.put(key, value).catch(() => failedWrites++)
        latency.record(Math.max(1, Math.round((performance.now() - sentMs) * 1000)))
      }
    }
    await Promise.all(Array.from({length: callers}, call))
    const window = {
      writesPerSecond: round(((written - before) / (performance.now() - startMs)) * 1000, 0),
      p50Ms: latency.percentile(50) / 1000,
      p99Ms: latency.percentile(99) / 1000,
      anonymousBytes: anonymousBytes(nodes.map(({pid}) => pid)),
      logBytes: await largestLog(directory, nodes.length),
      snapshots: await snapshotsOf(client, nodes),
    }
    windows.push(window)
    onWindow?.(window)
  }
  return {windows, failedWrites, wrong: judge(windows, failedWrites, snapshotLogBytesMin)}
}

function judge(
  windows: readonly SoakWindow[],
  failedWrites: number,
  snapshotLogBytesMin: number,
): string[] {
  const third = Math.floor((WINDOWS - 1) / 3)
  const first = windows.slice(1, 1 + third)
  const last = windows.slice(-third)
  const wrong: string[] = []
  if (failedWrites > 0) wrong.push(`${failedWrites} writes failed`)

  const p50s = [first, last].map(some => median(some.map(({p50Ms}) => p50Ms)))
  if (p50s[1]! > LATENCY_TIMES_MAX * p50s[0]!) {
    wrong.push(`latency grew from ${p50s[0]} to ${p50s[1]} ms`)
  }
  const bytes = [first, last].map(some => Math.max(...some.map(window => window.anonymousBytes)))
  if (bytes[1]! > MEMORY_TIMES_MAX * bytes[0]! + MEMORY_SLACK_BYTES) {
    wrong.push(`memory grew from ${mib(bytes[0]!)} to ${mib(bytes[1]!)} MiB`)
  }
  const logBytes = Math.max(...windows.map(window => window.logBytes))
  if (logBytes > LOG_BYTES_MAX + snapshotLogBytesMin)
    wrong.push(`a log grew to ${mib(logBytes)} MiB`)
  if (windows.at(-1)!.snapshots <= windows[0]!.snapshots) wrong.push('no snapshot was taken')
  return wrong
}

async function largestLog(directory: string, nodes: number): Promise<number> {
  const sizes = await Promise.all(
    Array.from({length: nodes}, (_, i) => sizeOf(join(directory, `n${i + 1}`, 'groups/1/wal'))),
  )
  return Math.max(...sizes)
}

async function sizeOf(directory: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(directory)) {
    // Segments go while they are counted.
    bytes += await stat(join(directory, name)).then(
      ({size}) => size,
      () => 0,
    )
  }
  return bytes
}

async function snapshotsOf(client: ClusterClient, nodes: readonly NodeProcess[]): Promise<number> {
  let count = 0
  for (const {address} of nodes) {
    for await (const sample of client.watchMetrics(address, {intervalMs: 1000})) {
      count += sample.snapshotsCreatedTotal
      break
    }
  }
  return count
}

function mib(bytes: number): number {
  return Math.round(bytes / MIB)
}

async function main(): Promise<void> {
  const {values} = parseArgs({
    options: {
      minutes: {type: 'string', default: '30'},
      callers: {type: 'string', default: '64'},
    },
  })
  const seconds = Number(values.minutes) * 60
  const callers = Number(values.callers)
  const {snapshotLogBytesMin} = DEFAULT_SETTINGS
  const onWindow = (window: SoakWindow) => result({bench: 'soak', ...window})
  const report = await soak({seconds, callers, snapshotLogBytesMin, program: PROGRAM, onWindow})
  table(
    ['window', 'writes/s', 'p50 ms', 'p99 ms', 'node MiB', 'log MiB', 'snapshots'],
    report.windows.map((window, i) => [
      String(i + 1),
      String(window.writesPerSecond),
      String(round(window.p50Ms)),
      String(round(window.p99Ms)),
      String(mib(window.anonymousBytes)),
      String(mib(window.logBytes)),
      String(window.snapshots),
    ]),
  )
  for (const what of report.wrong) note(`wrong: ${what}`)
  process.exitCode = report.wrong.length === 0 ? 0 : 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
