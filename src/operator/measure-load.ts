/** Load of our own making on a cluster, measured: what `raftctl bench` does. */
import {randomBytes} from 'node:crypto'
import {createHistogram, performance, type RecordableHistogram} from 'node:perf_hooks'
import type {ClusterClient} from '../client/cluster-client.js'
import {RaftctlError} from '../errors.js'
import {prefixBounds} from './key-values.js'
import {type LoadVerdict, loadVerdict} from './load-verdict.js'
import {readMetrics} from './read-metrics.js'

export interface Load {
  readonly op: 'write' | 'read'
  /** Each waits for its answer before it asks again. */
  readonly callers: number
  readonly valueBytes: number
  readonly durationMs: number
  /** Every key begins with it, and no key of anybody else does. */
  readonly prefix: string
}

export interface LoadProgress {
  /** 0 to 1. */
  readonly done: number
  readonly perSecond: number
}

export interface LoadLatency {
  readonly p50Ms: number | null
  readonly p90Ms: number | null
  readonly p99Ms: number | null
  readonly p999Ms: number | null
  readonly maxMs: number | null
}

export interface LoadReport {
  readonly elapsedMs: number
  readonly answered: number
  readonly perSecond: number
  readonly failed: number
  /** The first failure, as a sentence. */
  readonly failure: string | null
  readonly latency: LoadLatency
  /** Answers that took up to `upToMs`, and longer than the bucket before. */
  readonly histogram: readonly {readonly upToMs: number; readonly count: number}[]
  readonly verdict: LoadVerdict
}

const KEYS = 10_000
const FILL_IN_FLIGHT = 256
const PROGRESS_MS = 200
const BUCKET_MS_MIN = 0.125
/** A cluster that answers nothing any more is not asked again and again. */
const FAILURE_PAUSE_MS = 100

/** A prefix that nobody has used. */
export function loadPrefix(): string {
  return `raftctl-bench/${randomBytes(8).toString('hex')}/`
}

/**
 * Rejects with the error of the first failure when nothing at all was answered, and when interrupted.
 * The keys stay: see `removeLoad`.
 */
export async function measureLoad(
  client: ClusterClient,
  load: Load,
  onProgress: (progress: LoadProgress) => void,
): Promise<LoadReport> {
  if (load.op === 'read') await fill(client, load)
  const before = await readMetrics(client, {member: 'all'})
  const counted = await drive(client, load, onProgress)
  if (counted.latencies.count === 0 && counted.failure !== undefined) throw counted.failure
  const after = await readMetrics(client, {member: 'all'})
  return reportOf(counted, loadVerdict(before, after, counted))
}

/** Deletes every key of a load, those too that an interrupted write left; answers how many. */
export async function removeLoad(client: ClusterClient, prefix: string): Promise<number> {
  const pipeline = client.pipeline()
  let removed = 0
  for (;;) {
    const keys: Uint8Array[] = []
    const bounds = prefixBounds(Buffer.from(prefix))
    for await (const {key} of client.range({...bounds, limit: 1000})) keys.push(key)
    if (keys.length === 0) return removed
    await Promise.all(keys.map(key => pipeline.delete(key)))
    removed += keys.length
  }
}

interface Counted {
  readonly latencies: RecordableHistogram
  readonly buckets: readonly number[]
  readonly elapsedMs: number
  readonly failed: number
  readonly failure: RaftctlError | undefined
  /** How much of the time this process was busy. */
  readonly clientShare: number
}

async function drive(
  client: ClusterClient,
  {op, callers, valueBytes, durationMs, prefix}: Load,
  onProgress: (progress: LoadProgress) => void,
): Promise<Counted> {
  const pipeline = client.pipeline()
  const value = randomBytes(valueBytes)
  const latencies = createHistogram()
  const buckets: number[] = []
  const before = performance.eventLoopUtilization()
  const startMs = performance.now()
  let next = 0
  let failed = 0
  let failure: RaftctlError | undefined

  const ask = async () => {
    const key = keyOf(prefix, next++)
    const sentMs = performance.now()
    await (op === 'write' ? pipeline.put(key, value) : pipeline.get(key))
    const ms = performance.now() - sentMs
    latencies.record(Math.max(1, Math.round(ms * 1e6)))
    const bucket = Math.max(0, Math.ceil(Math.log2(ms / BUCKET_MS_MIN)))
    buckets[bucket] = (buckets[bucket] ?? 0) + 1
  }
  const caller = async () => {
    while (performance.now() - startMs < durationMs) {
      try {
        await ask()
      } catch (error) {
        if (!(error instanceof RaftctlError) || error.code === 'RAFTCTL_INTERRUPTED') throw error
        failed += 1
        failure ??= error
        await new Promise(done => setTimeout(done, FAILURE_PAUSE_MS))
      }
    }
  }
  const timer = setInterval(() => {
    const elapsedMs = performance.now() - startMs
    const perSecond = (latencies.count / elapsedMs) * 1000
    onProgress({done: Math.min(1, elapsedMs / durationMs), perSecond})
  }, PROGRESS_MS)
  try {
    await Promise.all(Array.from({length: callers}, caller))
  } finally {
    clearInterval(timer)
  }
  const elapsedMs = performance.now() - startMs
  const {utilization: clientShare} = performance.eventLoopUtilization(before)
  return {latencies, buckets, elapsedMs, failed, failure, clientShare}
}

/** Keys that reads will find. */
async function fill(client: ClusterClient, {valueBytes, prefix}: Load): Promise<void> {
  const pipeline = client.pipeline()
  const value = randomBytes(valueBytes)
  let next = 0
  const one = async () => {
    while (next < KEYS) await pipeline.put(keyOf(prefix, next++), value)
  }
  await Promise.all(Array.from({length: FILL_IN_FLIGHT}, one))
}

function keyOf(prefix: string, i: number): Buffer {
  return Buffer.from(`${prefix}${String(i % KEYS).padStart(5, '0')}`)
}

function reportOf(counted: Counted, verdict: LoadVerdict): LoadReport {
  const {latencies, buckets, elapsedMs, failed, failure} = counted
  const answered = latencies.count
  const at = (percentile: number) => (answered === 0 ? null : ms(latencies.percentile(percentile)))
  return {
    elapsedMs: Math.round(elapsedMs),
    answered,
    perSecond: Math.round((answered / elapsedMs) * 1000),
    failed,
    failure: failure?.message ?? null,
    latency: {
      p50Ms: at(50),
      p90Ms: at(90),
      p99Ms: at(99),
      p999Ms: at(99.9),
      maxMs: answered === 0 ? null : ms(latencies.max),
    },
    histogram: Array.from(buckets, (count = 0, i) => ({upToMs: BUCKET_MS_MIN * 2 ** i, count})),
    verdict,
  }
}

function ms(nanoseconds: number): number {
  return Math.round(nanoseconds / 1e3) / 1e3
}
