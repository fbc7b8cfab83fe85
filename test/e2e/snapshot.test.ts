// Snapshots in the hands of an operator: saved, restored into other nodes, deleted, rotted.
import {readdir, readFile, rm, writeFile} from 'node:fs/promises'
import {join, resolve} from 'node:path'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {freePort, NodeProcess} from '../../bench/node-process.js'
import {ClusterClient} from '../../src/client/cluster-client.js'
import {restoreIntoNodes} from '../../src/operator/restore-nodes.js'
import {type Outcome, openShell, type Shell} from '../support/shell.js'

const PROGRAM = resolve(import.meta.dirname, '..', '..', 'bin', 'run.js')
const KEYS = 200
let shell: Shell
let dataDir: string
const running: NodeProcess[] = []

beforeAll(async () => {
  shell = await openShell()
  await ok('init --nodes 1 --name src --yes')
  const lines = Array.from({length: KEYS}, (_, i) => `key-${i} ${'v'.repeat(900)}\n`).join('')
  await ok('kv put --stdin', lines)
  await ok('snapshot save backup.snap')
  const {nodes} = (await ok('cluster start src --json')).json() as {nodes: {dataDir: string}[]}
  dataDir = nodes[0]!.dataDir
}, 60_000)

afterAll(async () => {
  await Promise.all(running.map(node => node.kill()))
  await shell.end()
})

async function ok(words: string, input = ''): Promise<Outcome> {
  const outcome = await shell.run(words.split(' '), {input, timeoutMs: 60_000})
  expect(outcome, words).toMatchObject({status: 0})
  return outcome
}

async function pristineNodes(count: number, name: string): Promise<NodeProcess[]> {
  const nodes: NodeProcess[] = []
  for (let i = 1; i <= count; i++) {
    const address = `127.0.0.1:${await freePort()}`
    const node = new NodeProcess(PROGRAM, shell.home, `${name}-${i}`, address)
    nodes.push(node)
    running.push(node)
    await node.start()
  }
  return nodes
}

function restore(nodes: readonly NodeProcess[], ...more: string[]): Promise<Outcome> {
  const endpoints = nodes.flatMap(({address}) => ['--endpoint', address])
  const words = ['snapshot', 'restore', 'backup.snap', ...endpoints, '--yes', '--json', ...more]
  return shell.run(words, {timeoutMs: 60_000})
}

async function keysAt(endpoint: string): Promise<number> {
  const {stdout} = await ok(`kv scan -q --endpoint ${endpoint}`)
  return stdout.trim().split('\n').length
}

test('pristine nodes become one new cluster that holds the snapshot, and only once', async () => {
  const nodes = await pristineNodes(3, 'whole')

  const restored = await restore(nodes, '--name', 'again')

  expect(restored).toMatchObject({status: 0})
  expect(restored.json()).toMatchObject({kind: 'SnapshotRestored', changed: true, keys: KEYS})
  await ok('wait healthy --context again')
  const status = (await ok('status --context again --json')).json()
  expect(status).toMatchObject({clusterId: restored.json().clusterId, healthy: true, voters: 3})
  expect(status.clusterId).not.toBe(restored.json().fromClusterId)
  expect(await keysAt(nodes[2]!.address)).toBe(KEYS)
  await ok('kv put more data --context again')
  await ok('kv hash --context again')
  expect((await restore(nodes)).json()).toMatchObject({
    changed: false,
    clusterId: restored.json().clusterId,
  })
  await ok('context use src')
}, 120_000)

test('one node that is not pristine is refused, and none of the others changes', async () => {
  const nodes = await pristineNodes(2, 'mixed')
  const {members} = (await ok('status --context src --json')).json() as {
    members: {address: string}[]
  }
  const endpoints = [...nodes.map(({address}) => address), members[0]!.address]

  const refused = await shell.run([
    ...['snapshot', 'restore', 'backup.snap', '--yes', '--json'],
    ...endpoints.flatMap(endpoint => ['--endpoint', endpoint]),
    ...['--token-file', join(shell.home, 'none')],
  ])
  const mixed = await restore([nodes[0]!, running[0]!])

  expect(refused.status).not.toBe(0)
  expect(mixed.status).toBe(12)
  expect(mixed.failure()).toMatchObject({code: 'RAFTCTL_NOT_PRISTINE'})
  for (const {address} of nodes) {
    expect((await shell.run(['status', '--endpoint', address, '--json'])).failure()).toMatchObject({
      code: 'RAFTCTL_NOT_INITIALISED',
    })
  }
}, 60_000)

test('a file that is damaged changes nothing anywhere', async () => {
  const [node] = await pristineNodes(1, 'damaged')
  const content = await readFile(join(shell.home, 'backup.snap'))
  content[5000]! ^= 1
  await writeFile(join(shell.home, 'bad.snap'), content)

  const words = ['snapshot', 'restore', 'bad.snap', '--endpoint', node!.address, '--yes', '--json']
  const outcome = await shell.run(words)

  expect(outcome.status).toBe(14)
  expect(outcome.failure()).toMatchObject({details: {offset: expect.any(Number)}})
})

test('a node killed half-way is named, and the same command completes it', async () => {
  const nodes = await pristineNodes(3, 'killed')
  const endpoints = nodes.map(({address}) => address)
  const client = new ClusterClient({endpoints, timeoutMs: 10_000})
  let killed: Promise<void> | undefined
  const begun = restoreIntoNodes(client, join(shell.home, 'backup.snap'), endpoints, {
    actor: 'test',
    timeoutMs: 10_000,
    onStep: text => {
      if (text === `restoring ${endpoints[1]}`) killed = nodes[1]!.kill()
    },
  })

  const failure = await begun.then(
    () => undefined,
    (error: unknown) => error,
  )
  client.close()
  await killed
  await nodes[1]!.start()
  const completed = await restore(nodes)

  expect(failure).toMatchObject({
    message: expect.stringContaining(endpoints[1]!),
    details: {joined: [endpoints[0]], endpoint: endpoints[1]},
  })
  expect(completed).toMatchObject({status: 0})
  expect(completed.json()).toMatchObject({
    changed: true,
    clusterId: (failure as {details: {clusterId: string}}).details.clusterId,
  })
  for (const endpoint of endpoints) expect(await keysAt(endpoint)).toBe(KEYS)
}, 120_000)

test('a snapshot is deleted, but never the one that the log needs', async () => {
  await ok('snapshot create')
  await ok('kv put one more')
  await ok('snapshot create')
  const ids = (await ok('snapshot list -q')).stdout.trim().split('\n')

  await ok(`snapshot delete ${ids[0]} --yes`)

  expect((await ok('snapshot list -q')).stdout.trim().split('\n')).toEqual(ids.slice(1))
  const gone = await shell.run(['snapshot', 'delete', ids[0]!, '--yes', '--json'])
  expect(gone.failure()).toMatchObject({code: 'RAFTCTL_SNAPSHOT_NOT_FOUND', exit: 17})
  const asked = await shell.run(['snapshot', 'delete', ids[1]!])
  expect(asked.status).toBe(2)
})

test('a snapshot that rots is given to nobody, and is named until it is deleted', async () => {
  await ok('kv put before rot')
  const {id} = (await ok('snapshot create --json')).json() as {id: string}
  const directory = join(dataDir, 'groups/1/snapshots')
  const path = join(directory, `${id}.snap`)
  const content = await readFile(path)
  content[content.length - 300]! ^= 1
  await writeFile(path, content)

  const saved = await shell.run(['snapshot', 'save', 'rotted.snap', '--latest', '--json'])
  const check = await shell.run(['status', '--check', '--json'])
  const doctor = await shell.run(['doctor', '--json'])
  await ok(`snapshot delete ${id} --yes`)

  expect(saved.status).toBe(14)
  expect(saved.failure()).toMatchObject({details: {file: path}})
  expect(await readdir(shell.home)).not.toContain('rotted.snap')
  expect(check.status).toBe(10)
  expect(check.stdout).toContain(`${id}.snap.damaged`)
  expect(doctor.status).toBe(14)
  expect(doctor.stdout).toContain(`${id}.snap.damaged`)
  expect((await shell.run(['status', '--check'])).status).toBe(0)
  expect((await readdir(directory)).join()).not.toContain(id)
  await rm(join(shell.home, 'bad.snap'), {force: true})
})
