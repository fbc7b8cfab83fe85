// Watchers of real nodes that are killed and restarted: every change once, in order, or a plain word.
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {type NodeProcess, startNodes} from '../../bench/node-process.js'
import {ClusterClient} from '../../src/client/cluster-client.js'
import type {KeyChange} from '../../src/client/types.js'
import {RaftctlError} from '../../src/errors.js'
import {openShell, type Shell} from '../support/shell.js'

const KILLS = 3
const program = resolve(import.meta.dirname, '..', '..', 'bin', 'run.js')

let directory: string
let shell: Shell
let nodes: NodeProcess[] = []
let client: ClusterClient

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'raftctl-watch-'))
  shell = await openShell()
  nodes = await startNodes(directory, 3, program)
  client = new ClusterClient({endpoints: addresses(), timeoutMs: 30_000})
}, 60_000)

afterAll(async () => {
  client?.close()
  await Promise.all(nodes.map(node => node.kill()))
  await shell.end()
  await rm(directory, {recursive: true, force: true})
})

test('a watcher sees every change once and in order while leaders are killed', async () => {
  const seen = collect('many/')
  let pid = 0
  const [endpoint] = addresses()
  const printed = shell.run(
    ['kv', 'watch', '--prefix', 'many/', '--json', '--after', '0', '--endpoint', endpoint!],
    {timeoutMs: 120_000, onSpawn: started => (pid = started)},
  )
  const acknowledged = new Map<string, number>()
  let writing = true
  const writer = (async () => {
    for (let i = 0; writing; i++) {
      const {version} = await client.put(Buffer.from(`many/${i}`), Buffer.from('v'))
      acknowledged.set(`many/${i}`, version)
    }
  })()
  for (let kill = 0; kill < KILLS; kill++) {
    const leader = await settledLeader()
    const before = acknowledged.size
    await until(() => acknowledged.size > before + 20)
    await leader.kill()
    await until(() => acknowledged.size > before + 40)
    await leader.start()
  }
  writing = false
  await writer
  const last = await client.put(Buffer.from('many/end'), Buffer.from('v'))
  acknowledged.set('many/end', last.version)
  await until(() => seen.changes.at(-1)?.version === last.version)
  // The program prints what it has before it leaves.
  const {version} = await client.put(Buffer.from('many/after'), Buffer.from('v'))
  await until(() => seen.changes.at(-1)?.version === version)
  process.kill(pid, 'SIGINT')

  const wanted = [...acknowledged, ['many/after', version]]
  expect(seen.changes.map(change => [Buffer.from(change.key).toString(), change.version])).toEqual(
    wanted,
  )
  const lines = (await printed).records().map(({key, version: at}) => [key, at])
  expect(lines).toEqual(wanted.slice(0, lines.length))
  expect(lines.length).toBeGreaterThanOrEqual(acknowledged.size - 1)
}, 120_000)

test('where a restarted leader does not hold what follows, another member goes on', async () => {
  const first = await client.put(Buffer.from('few/1'), Buffer.from('v'))
  const second = await client.put(Buffer.from('few/2'), Buffer.from('v'))
  const follower = nodes.find(node => node.address !== leaderAddress)!
  await settledLeader()
  await follower.stop()
  await follower.start()
  await settledLeader()
  const {members} = await client.clusterStatus()
  await client.transferLeadership(members.find(({address}) => address === follower.address)!.id)

  const seen = collect('few/', first.version)

  await until(() => seen.changes.length === 1)
  expect(seen.changes[0]).toMatchObject({version: second.version})
}, 60_000)

test('where no member holds what follows, the watcher is told', async () => {
  const {version} = await client.put(Buffer.from('lost/1'), Buffer.from('v'))
  const {version: last} = await client.put(Buffer.from('lost/2'), Buffer.from('v'))
  // Whoever applies it only after its restart holds it, and serves the watcher.
  for (const {address} of nodes) {
    const applied = async () => (await client.nodeStatus(address)).appliedIndex
    await expect.poll(applied, {timeout: 10_000}).toBeGreaterThanOrEqual(last)
  }
  for (const node of nodes) {
    await settledLeader()
    await node.stop()
    await node.start()
  }
  await settledLeader()

  const seen = collect('lost/', version)

  expect(await seen.ended).toBe('RAFTCTL_LOG_COMPACTED')
  expect(seen.changes).toEqual([])
}, 60_000)

let leaderAddress = ''

function addresses(): string[] {
  return nodes.map(({address}) => address)
}

/** What a watcher of the library is given, until the client is closed. */
function collect(prefix: string, after = 0) {
  const changes: KeyChange[] = []
  const end = Buffer.from(`${prefix}~`)
  const ended = (async () => {
    for await (const change of client.watch({start: Buffer.from(prefix), end, after})) {
      changes.push(change)
    }
  })().catch(error => (error instanceof RaftctlError ? error.code : String(error)))
  return {changes, ended}
}

async function settledLeader(): Promise<NodeProcess> {
  for (const endMs = performance.now() + 30_000; performance.now() < endMs; ) {
    const status = await client.clusterStatus()
    leaderAddress = status.leaderAddress ?? ''
    const leader = nodes.find(({address}) => address === leaderAddress)
    if (status.healthy && leader !== undefined) return leader
  }
  throw new Error('the nodes do not settle')
}

async function until(holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 30_000
  while (!holds()) {
    if (performance.now() > endMs) throw new Error('it did not come to be')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
