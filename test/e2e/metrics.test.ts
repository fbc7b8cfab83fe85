// What watching costs a cluster that works: 200 tails and a reader that never reads, on the leader.
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {type NodeProcess, startNodes} from '../../bench/node-process.js'
import {median} from '../../bench/report.js'
import {anonymousBytes} from '../../bench/usage.js'
import {ClusterClient} from '../../src/client/cluster-client.js'
import {Connections} from '../../src/client/connections.js'
import {openShell, type Shell} from '../support/shell.js'

const TAILS = 200
/** Rounds without and with them, one after the other; more on demand. */
const PAIRS = Number(process.env.RAFTCTL_TAIL_PAIRS ?? 3)
const ROUND_MS = 2000
const WRITERS = 32
const MEBI = 1024 * 1024

const program = resolve(import.meta.dirname, '..', '..', 'bin', 'run.js')

let directory: string
let shell: Shell
let nodes: NodeProcess[] = []
let client: ClusterClient

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'raftctl-metrics-'))
  shell = await openShell()
  nodes = await startNodes(directory, 3, program)
  client = new ClusterClient({endpoints: nodes.map(node => node.address), timeoutMs: 30_000})
}, 60_000)

afterAll(async () => {
  client?.close()
  await Promise.all(nodes.map(node => node.kill()))
  await shell?.end()
  await rm(directory, {recursive: true, force: true})
})

/** Writes acknowledged a second, by callers that each wait for their answer. */
async function writesPerSecond(): Promise<number> {
  const endMs = performance.now() + ROUND_MS
  let count = 0
  const startMs = performance.now()
  await Promise.all(
    Array.from({length: WRITERS}, async (_, i) => {
      while (performance.now() < endMs) {
        await client.put(Buffer.from(`k${i}`), Buffer.alloc(256, i))
        count++
      }
    }),
  )
  return (1000 * count) / (performance.now() - startMs)
}

/** Resolves once every one of them has a sample; answers the way to end them. */
async function tail(address: string): Promise<() => void> {
  const connections = Array.from({length: TAILS / 10}, () => new Connections())
  const streams = Array.from({length: TAILS}, (_, i) => {
    const {metrics} = connections[i % connections.length]!.to(address)
    return metrics.watch({intervalMs: 1000, onChange: false, prometheus: false})
  })
  for (const stream of streams) stream.on('error', () => {})
  await Promise.all(streams.map(stream => new Promise(first => stream.once('data', first))))
  for (const stream of streams) stream.resume()
  return () => {
    for (const stream of streams) stream.cancel()
    for (const one of connections) one.close()
  }
}

/** The largest samples, as often as there are any, and nobody who takes them. */
function neverRead(address: string): () => void {
  const connections = new Connections()
  const {metrics} = connections.to(address)
  const stream = metrics.watch({intervalMs: 10, onChange: true, prometheus: true})
  stream.on('error', () => {})
  stream.pause()
  return () => {
    stream.cancel()
    connections.close()
  }
}

/** How many writes there are with tails for each one without; `first`: without comes first. */
async function pairOfRounds(address: string, first: boolean): Promise<number> {
  const before = first ? await writesPerSecond() : 0
  const endTails = await tail(address)
  const during = await writesPerSecond().finally(endTails)
  return during / (first ? before : await writesPerSecond())
}

test('200 tails and a reader that never reads slow no write down and fill no memory', async () => {
  const {leaderAddress: address} = await client.clusterStatus()
  const leader = nodes.find(node => node.address === address)!
  await writesPerSecond()
  const endNeverRead = neverRead(address!)
  const ratios: number[] = []
  const bytes: number[] = []
  try {
    for (let pair = 0; pair < PAIRS; pair++) {
      ratios.push(await pairOfRounds(address!, pair % 2 === 0))
      bytes.push(anonymousBytes([leader.pid]))
    }
  } finally {
    endNeverRead()
  }
  const grown = bytes.at(-1)! - bytes[0]!
  if (process.env.RAFTCTL_TAIL_PAIRS !== undefined) {
    const list = ratios.map(ratio => ratio.toFixed(2)).join(' ')
    process.stdout.write(
      `with/without ${list}  median ${median(ratios).toFixed(3)}  grown ${grown / MEBI} MiB\n`,
    )
  }

  // Generous: other work of the machine shows here, too.
  expect(median(ratios)).toBeGreaterThan(0.6)
  expect(grown).toBeLessThan(96 * MEBI)
}, 180_000)

test('the figures of a node are readable by the shell, as a table, JSON, YAML and Prometheus text', async () => {
  const [endpoint] = nodes.map(node => node.address)
  const run = (line: string) => shell.run([...line.split(' '), '--endpoint', endpoint!])

  const one = (await run('metrics show --json')).json() as {items: {figures: {role: string}}[]}
  expect(one.items.map(({figures}) => figures.role)).toEqual(['leader'])

  const all = await run('metrics show --member all')
  expect(all.stdout.split('\n')[0]!.split('\t')).toHaveLength(4)

  const latency = (await run('metrics show --latency --json')).json()
  expect(latency).toMatchObject({
    kind: 'MetricsLatency',
    verdict: {limit: expect.stringMatching(/^(?:disk-sync|network|cpu|nothing)$/)},
  })

  const text = (await run('metrics show --prometheus')).stdout
  expect(text).toMatch(/^raftctl_commit_duration_seconds_count [1-9]\d*$/m)

  const tailed = await run('metrics tail --prometheus --count 2 --interval 50ms')
  expect(tailed.stdout.match(/^# member \d at /gm)).toHaveLength(2)

  expect((await run('metrics show -o yaml')).stdout).toMatch(/^kind: Metrics$/m)

  const both = await run('metrics show --prometheus --json')
  expect(both.status).toBe(2)
})

test('a change of leader is shown at once', async () => {
  const [endpoint] = nodes.map(node => node.address)
  const tailing = shell.run(
    ['metrics', 'tail', '--on-change', '--count', '2', '--json', '--endpoint', endpoint!],
    {timeoutMs: 15_000},
  )
  // Nothing tells when it has begun: leadership moves on until it has seen that.
  let done = false
  const moving = (async () => {
    while (!done) {
      await shell.run(['leader', 'transfer', '--endpoint', endpoint!, '--yes'])
    }
  })()
  const outcome = await tailing.finally(() => {
    done = true
  })
  await moving

  type Seen = {role: string; nodeId: number; term: number; leaderId: number | null}
  const [first, second] = outcome.records() as Seen[]
  expect(outcome.status).toBe(0)
  expect(second!.nodeId).toBe(first!.nodeId)
  const told = ({role, term, leaderId}: Seen) => [role, term, leaderId]
  expect(told(second!)).not.toEqual(told(first!))
})
