/**
 * kill −9 of random nodes of a real three-node cluster while writers with sessions go on. Afterwards:
 * no acknowledged write is lost, none was applied twice, none that was refused happened, and all
 * members hold the same state. Prints one JSON line; ends with 1 when something is wrong.
 *
 *   npm run torture:kill -- --kills 1000 [--seed 7] [--writers 6]
 *
 * Each write has a key of its own. The version of a key is the log index at which it was applied: had a
 * write been applied twice, its key would not have the version that was acknowledged.
 */
import {randomBytes, randomInt} from 'node:crypto'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'
import {ClusterClient} from '../src/client/cluster-client.js'
import {RaftctlError} from '../src/errors.js'
import {compareState} from '../src/operator/state-hash.js'
import {freePort, initialise, NodeProcess} from './node-process.js'
import {type Random, seeded} from './random.js'

export interface Torture {
  readonly kills: number
  readonly writers: number
  readonly seed: number
  /** The built program. */
  readonly program: string
  readonly onKill?: (done: number) => void
}

export interface TortureReport {
  readonly kills: number
  readonly seed: number
  readonly acknowledged: number
  /** Sent, and nobody knows: each may be there or not. */
  readonly unknown: number
  /** Refused for certain. */
  readonly refused: number
  /** What was wrong, a sentence each; empty is what is wanted. */
  readonly wrong: readonly string[]
  readonly seconds: number
}

const NODES = 3
const IN_FLIGHT = 4
const SETTLE_MS = 60_000

/** What became of every write, by key. */
class Book {
  readonly acknowledged = new Map<string, number>()
  readonly unknown = new Set<string>()
  readonly refused = new Set<string>()
}

export async function torture(options: Torture): Promise<TortureReport> {
  const started = performance.now()
  const directory = await mkdtemp(join(tmpdir(), 'raftctl-torture-'))
  const random = seeded(options.seed)
  const nodes: NodeProcess[] = []
  const book = new Book()
  try {
    for (let i = 1; i <= NODES; i++) {
      const address = `127.0.0.1:${await freePort()}`
      nodes.push(new NodeProcess(options.program, directory, `n${i}`, address))
    }
    await Promise.all(nodes.map(node => node.start()))
    const endpoints = nodes.map(({address}) => address)
    await initialise(endpoints)

    const stop = new AbortController()
    const writers = Array.from({length: options.writers}, (_, i) =>
      write(endpoints, `w${i}`, book, stop.signal),
    )
    const kills = await killAtRandom(nodes, random, options)
    stop.abort()
    await Promise.all(writers)
    const wrong = await judge(endpoints, book)
    return {
      kills,
      seed: options.seed,
      acknowledged: book.acknowledged.size,
      unknown: book.unknown.size,
      refused: book.refused.size,
      wrong,
      seconds: Math.round((performance.now() - started) / 1000),
    }
  } finally {
    await Promise.all(nodes.map(node => node.kill()))
    await rm(directory, {recursive: true, force: true})
  }
}

/** One node at a time as a rule; sometimes a second one before the first is back. */
async function killAtRandom(
  nodes: readonly NodeProcess[],
  random: Random,
  {kills, onKill}: Torture,
): Promise<number> {
  let done = 0
  while (done < kills) {
    await delay(random(400))
    const first = random(nodes.length)
    const victims = random(8) === 0 ? [first, (first + 1) % nodes.length] : [first]
    for (const i of victims) await nodes[i]!.kill()
    done += victims.length
    await delay(random(300))
    await Promise.all(victims.map(i => nodes[i]!.start()))
    onKill?.(done)
  }
  return done
}

/** A client with a session of its own, and a few writes in flight, until told to stop. */
async function write(
  endpoints: readonly string[],
  name: string,
  book: Book,
  stop: AbortSignal,
): Promise<void> {
  const client = new ClusterClient({endpoints, timeoutMs: 5_000})
  let next = 0
  const one = async () => {
    while (!stop.aborted) {
      const key = `${name}/${String(next++).padStart(9, '0')}`
      try {
        const {version} = await client.put(Buffer.from(key), randomBytes(64 + randomInt(400)))
        book.acknowledged.set(key, version)
      } catch (error) {
        if (!(error instanceof RaftctlError)) throw error
        const isUnknown = error.code === 'RAFTCTL_OUTCOME_UNKNOWN'
        ;(isUnknown ? book.unknown : book.refused).add(key)
      }
    }
  }
  try {
    await Promise.all(Array.from({length: IN_FLIGHT}, one))
  } finally {
    client.close()
  }
}

async function judge(endpoints: readonly string[], book: Book): Promise<string[]> {
  const wrong: string[] = []
  const client = new ClusterClient({endpoints, timeoutMs: SETTLE_MS})
  try {
    const comparison = await compareState(client)
    if (!comparison.equal) wrong.push(`the states differ at index ${comparison.index}`)
    for (const {id, problem} of comparison.members) {
      if (problem !== null) wrong.push(`member ${id} could not be compared: ${problem}`)
    }
    const found = new Map<string, number>()
    for await (const {key, version} of client.range()) {
      found.set(Buffer.from(key).toString(), version)
    }
    for (const [key, version] of book.acknowledged) {
      const held = found.get(key)
      if (held === undefined) wrong.push(`${key} was acknowledged at ${version} and is lost`)
      else if (held !== version) {
        wrong.push(`${key} was acknowledged at ${version} and applied again at ${held}`)
      }
    }
    for (const key of book.refused)
      if (found.has(key)) wrong.push(`${key} was refused and is there`)
  } finally {
    client.close()
  }
  return wrong
}

async function main(): Promise<void> {
  const {values} = parseArgs({
    options: {
      kills: {type: 'string', default: '1000'},
      seed: {type: 'string', default: String(randomInt(1, 2 ** 31))},
      writers: {type: 'string', default: '6'},
    },
  })
  const report = await torture({
    kills: Number(values.kills),
    writers: Number(values.writers),
    seed: Number(values.seed),
    program: resolve(import.meta.dirname, '..', '..', 'bin', 'run.js'),
    onKill: done => {
      if (process.stderr.isTTY) process.stderr.write(`\r${done} killed`)
    },
  })
  process.stdout.write(`${JSON.stringify(report)}\n`)
  if (report.wrong.length > 0) process.exitCode = 1
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === resolve(process.argv[1])) {
  await main()
}
