/**
 * Every node of a real three-node cluster is stopped and started, one after the other, while clients
 * write at a steady rate, each write with five seconds to be acknowledged in. None may fail. Prints one
 * JSON line; ends with 1 when one did, or when the rate was not kept.
 *
 *   npm run torture:restart -- [--rounds 3] [--per-second 500]
 */
import {resolve} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'
import {ClusterClient} from '../src/client/cluster-client.js'
import {RaftctlError} from '../src/errors.js'
import {withDirectory} from './directory.js'
import {type NodeProcess, PROGRAM, startNodes} from './node-process.js'
import {result, round} from './report.js'

export interface RollingRestart {
  /** How often every node is restarted. */
  readonly rounds: number
  readonly perSecond: number
  readonly program: string
}

export interface RollingReport {
  readonly restarts: number
  readonly writes: number
  readonly perSecond: number
  /** What became of those that were not acknowledged, each once. */
  readonly failed: readonly string[]
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly leaders: number
}

const WRITE_MS = 5000
const TICK_MS = 10
const CLIENTS = 4
const SETTLE_MS = 60_000

export async function rollingRestart(options: RollingRestart): Promise<RollingReport> {
  return withDirectory(async directory => {
    const nodes = await startNodes(directory, 3, options.program)
    const load = new Load(nodes, options.perSecond)
    const overseer = new ClusterClient({endpoints: addressesOf(nodes), timeoutMs: SETTLE_MS})
    try {
      const {term} = await overseer.clusterStatus()
      load.begin()
      await delay(500)
      for (let i = 0; i < options.rounds * nodes.length; i++) {
        await settled(overseer)
        const node = nodes[i % nodes.length]!
        await node.stop()
        await node.start()
      }
      await settled(overseer)
      const report = await load.end()
      const leaders = (await overseer.clusterStatus()).term - term
      return {restarts: options.rounds * nodes.length, ...report, leaders}
    } finally {
      load.close()
      overseer.close()
      await Promise.all(nodes.map(node => node.kill()))
    }
  })
}

/** Writes at a steady rate, whether or not those before have been answered. */
class Load {
  readonly #perSecond: number
  readonly #clients: ClusterClient[]
  readonly #put: ((key: Buffer, value: Buffer) => Promise<unknown>)[]
  readonly #open = new Set<Promise<void>>()
  readonly #latencies: number[] = []
  readonly #failed: string[] = []
  #timer: NodeJS.Timeout | undefined
  #startMs = 0
  #sent = 0

  constructor(nodes: readonly NodeProcess[], perSecond: number) {
    this.#perSecond = perSecond
    this.#clients = Array.from({length: CLIENTS}, () => {
      return new ClusterClient({endpoints: addressesOf(nodes), timeoutMs: WRITE_MS})
    })
    // Half of them on a stream, half one call a write.
    this.#put = this.#clients.map((client, i) => {
      const writer = i % 2 === 0 ? client.pipeline() : client
      return (key, value) => writer.put(key, value)
    })
  }

  begin(): void {
    this.#startMs = performance.now()
    this.#timer = setInterval(() => {
      const due = ((performance.now() - this.#startMs) / 1000) * this.#perSecond
      while (this.#sent < due) this.#write(this.#sent++)
    }, TICK_MS)
  }

  async end() {
    clearInterval(this.#timer)
    const seconds = (performance.now() - this.#startMs) / 1000
    await Promise.all(this.#open)
    const sorted = this.#latencies.toSorted((a, b) => a - b)
    const at = (share: number) => round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0, 1)
    const perSecond = round(this.#sent / seconds, 0)
    const failed = [...this.#failed]
    return {writes: this.#sent, perSecond, failed, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1)}
  }

  close(): void {
    clearInterval(this.#timer)
    for (const client of this.#clients) client.close()
  }

  #write(number: number): void {
    const startMs = performance.now()
    const key = Buffer.from(`restart/${number % 1000}`)
    const write = this.#put[number % CLIENTS]!(key, Buffer.from(`${number}`)).then(
      () => {
        this.#latencies.push(performance.now() - startMs)
      },
      (error: unknown) => {
        if (!(error instanceof RaftctlError)) throw error
        this.#failed.push(`${error.code}: ${error.message}`)
      },
    )
    this.#open.add(write)
    write.finally(() => this.#open.delete(write))
  }
}

function addressesOf(nodes: readonly NodeProcess[]): string[] {
  return nodes.map(({address}) => address)
}

async function settled(overseer: ClusterClient): Promise<void> {
  for (const endMs = performance.now() + SETTLE_MS; performance.now() < endMs; await delay(20)) {
    const {healthy} = await overseer.clusterStatus()
    if (healthy) return
  }
  throw new Error('the nodes do not settle')
}

async function main(): Promise<void> {
  const {values} = parseArgs({
    options: {
      rounds: {type: 'string', default: '3'},
      'per-second': {type: 'string', default: '500'},
    },
  })
  const perSecond = Number(values['per-second'])
  const report = await rollingRestart({rounds: Number(values.rounds), perSecond, program: PROGRAM})
  result({bench: 'rolling-restart', ...report})
  if (report.failed.length > 0 || report.perSecond < perSecond * 0.98) process.exitCode = 1
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === resolve(process.argv[1])) {
  await main()
}
