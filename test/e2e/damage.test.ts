// Files as people break them: a node that can't be trusted does not start, and says what to do.
import {existsSync} from 'node:fs'
import {cp, mkdir, readdir, readFile, rm, truncate, writeFile} from 'node:fs/promises'
import {join, resolve} from 'node:path'
import {afterAll, beforeAll, expect, test} from 'vitest'
import type {Outcome, Shell} from '../support/shell.js'
import {openShell} from '../support/shell.js'

const REFUSED_MS = 20_000
let shell: Shell
/** Of a node that stopped cleanly, with a snapshot. */
let whole: string
let copies = 0

beforeAll(async () => {
  shell = await openShell()
  await ok('init --nodes 1 --name t --yes')
  const lines = Array.from({length: 300}, (_, i) => `key-${i} ${'v'.repeat(200)}\n`).join('')
  await ok('kv put --stdin', lines)
  await ok('snapshot create')
  await ok('kv put after snapshot')
  const {nodes} = (await ok('cluster stop t --json')).json() as {nodes: {dataDir: string}[]}
  whole = nodes[0]!.dataDir
})

afterAll(async () => {
  await shell.end()
})

async function ok(words: string, input = ''): Promise<Outcome> {
  const outcome = await shell.run(words.split(' '), {input})
  expect(outcome, words).toMatchObject({status: 0})
  return outcome
}

interface Places {
  readonly data: string
  readonly wal: string
  readonly state: string
  readonly snapshots: string
}

async function copyOf(): Promise<Places> {
  const data = join(shell.home, `copy-${++copies}`)
  await cp(whole, data, {recursive: true})
  const group = join(data, 'groups', '1')
  return {
    data,
    wal: join(group, 'wal'),
    state: join(group, 'state'),
    snapshots: join(group, 'snapshots'),
  }
}

/** The first file of a directory, by name. */
async function firstOf(directory: string): Promise<string> {
  return join(directory, (await readdir(directory)).sort()[0]!)
}

async function flip(path: string, offset: number): Promise<void> {
  const content = await readFile(path)
  content[offset]! ^= 0x10
  await writeFile(path, content)
}

async function generation(state: string): Promise<string> {
  const name = (await readFile(join(state, 'CURRENT'), 'utf8')).trim()
  return join(state, name, 'data.mdb')
}

function start(data: string): Promise<Outcome> {
  const words = ['node', 'run', '--listen', '127.0.0.1:0', '--data-dir', data, '--insecure']
  return shell.run([...words, '--json'], {timeoutMs: REFUSED_MS})
}

/** Each breaks one thing and answers the path that must be named. */
const DAMAGE: Record<string, (places: Places) => Promise<string>> = {
  'node.json with another byte': async ({data}) => {
    const path = join(data, 'node.json')
    await writeFile(path, (await readFile(path, 'utf8')).replace(/"nodeId": 1/, '"nodeId": 2'))
    return path
  },
  'node.json cut short': async ({data}) => {
    await truncate(join(data, 'node.json'), 20)
    return join(data, 'node.json')
  },
  'node.json of a newer version': async ({data}) => {
    const path = join(data, 'node.json')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace(/"formatVersion": 1/, '"formatVersion": 9'))
    return path
  },
  'node.json gone': async ({data}) => {
    await rm(join(data, 'node.json'))
    return 'node.json'
  },
  'node.json empty': async ({data}) => {
    await writeFile(join(data, 'node.json'), '')
    return join(data, 'node.json')
  },
  'a directory where node.json belongs': ({data}) => directoryAt(join(data, 'node.json')),
  'a directory where LOCK belongs': ({data}) => directoryAt(join(data, 'LOCK')),
  'a directory where a segment belongs': async ({wal}) => directoryAt(await firstOf(wal)),
  'a file where the log belongs': ({wal}) => fileAt(wal),
  'a file where the snapshots belong': ({snapshots}) => fileAt(snapshots),
  'a file where the groups belong': ({data}) => fileAt(join(data, 'groups')),
  'a file where the state belongs': ({state}) => fileAt(state),
  'a directory where the pointer belongs': ({state}) => directoryAt(join(state, 'CURRENT')),
  'a directory where the state belongs': async ({state}) => directoryAt(await generation(state)),
  'a state of noise': async ({state}) => {
    const path = await generation(state)
    await writeFile(path, Buffer.alloc(40_000, 'noise'))
    return path
  },
  'an empty state': async ({state}) => {
    const path = await generation(state)
    await writeFile(path, '')
    return path
  },
  'a state with zeros inside': async ({state}) => {
    const path = await generation(state)
    const content = await readFile(path)
    await writeFile(path, content.fill(0, 2 * 4096))
    return state
  },
  'a segment of noise': async ({wal}) => {
    const path = await firstOf(wal)
    await writeFile(path, Buffer.alloc(5000, 'noise'))
    return path
  },
  'a flipped bit in the log': async ({wal}) => {
    const path = await firstOf(wal)
    await flip(path, 5000)
    return path
  },
  "a flipped bit in the log's header": async ({wal}) => {
    const path = await firstOf(wal)
    await flip(path, 60)
    return path
  },
  'a log cut to nothing': async ({wal}) => {
    const path = await firstOf(wal)
    await truncate(path, 0)
    return path
  },
  'a log that is gone': async ({wal}) => {
    await rm(wal, {recursive: true})
    return wal
  },
  'a stranger among the segments': async ({wal}) => {
    await writeFile(join(wal, 'notes.txt'), 'mine')
    return join(wal, 'notes.txt')
  },
  'a state without its header': async ({state}) => {
    const path = await generation(state)
    const content = await readFile(path)
    await writeFile(path, content.fill(0, 0, 8192))
    return path
  },
  'a state cut in half': async ({state}) => {
    const path = await generation(state)
    await truncate(path, 8192)
    return path
  },
  'a pointer to no state': async ({state}) => {
    await writeFile(join(state, 'CURRENT'), 'here\n')
    return join(state, 'CURRENT')
  },
}

async function directoryAt(path: string): Promise<string> {
  await rm(path, {force: true})
  await mkdir(path)
  return path
}

async function fileAt(path: string): Promise<string> {
  await rm(path, {recursive: true})
  await writeFile(path, 'mine')
  return path
}

for (const [what, damage] of Object.entries(DAMAGE)) {
  test(`${what}: the node does not start, names it, and says what to do`, async () => {
    const places = await copyOf()
    const named = await damage(places)

    const outcome = await start(places.data)

    expect(outcome.status).toBe(14)
    const failure = outcome.failure()
    expect(failure).toMatchObject({
      code: expect.stringMatching(/^RAFTCTL_(DATA_DAMAGED|FORMAT_NEWER)$/),
    })
    expect(failure.message).toContain(named)
    expect(String(failure.hint).length).toBeGreaterThan(20)
    await rm(places.data, {recursive: true})
  })
}

test('a damaged log is told by "log verify" too, with file, offset and index', async () => {
  const {data, wal} = await copyOf()
  expect((await ok(`log verify --data-dir ${data}`)).stdout).toContain('sealed')
  const file = await firstOf(wal)
  await flip(file, 5000)

  const outcome = await shell.run(['log', 'verify', '--data-dir', data, '--json'])

  expect(outcome.status).toBe(14)
  expect(outcome.failure()).toMatchObject({
    code: 'RAFTCTL_DATA_DAMAGED',
    details: {file, offset: expect.any(Number), index: expect.any(Number)},
  })
})

/** What a node can do without: it starts, and says so. */
const HARMLESS: Record<string, (places: Places) => Promise<string>> = {
  'a LOCK of noise': async ({data}) => {
    await writeFile(join(data, 'LOCK'), 'noise')
    return 'ready'
  },
  'a snapshot of noise': async ({snapshots}) => {
    const path = await firstOf(snapshots)
    await writeFile(path, Buffer.alloc(5000, 'noise'))
    return path
  },
  'a directory where a snapshot belongs': async ({snapshots}) =>
    directoryAt(await firstOf(snapshots)),
  'a snapshot cut short': async ({snapshots}) => {
    const path = await firstOf(snapshots)
    await truncate(path, 3000)
    return path
  },
}

for (const [what, damage] of Object.entries(HARMLESS)) {
  test(`${what}: the node starts all the same, and names it`, async () => {
    const places = await copyOf()
    const named = await damage(places)
    const {data} = places
    let pid = 0
    const running = shell.run(
      ['node', 'run', '--listen', '127.0.0.1:0', '--data-dir', data, '--insecure'],
      {
        timeoutMs: REFUSED_MS,
        onSpawn: spawned => {
          pid = spawned
        },
        onOutput: () => process.kill(pid, 'SIGTERM'),
      },
    )

    const {status, stdout, stderr} = await running

    expect(status).toBe(0)
    expect(stdout + stderr).toContain(named)
    await rm(data, {recursive: true})
  })
}

const REGISTRY = ['cluster.json', 'token', 'peer-token']
for (const name of REGISTRY) {
  for (const what of ['noise', 'a directory']) {
    test(`${what} where ${name} of a local cluster belongs: nothing starts, and it is named`, async () => {
      const path = resolve(whole, '..', '..', name)
      const before = await readFile(path)
      try {
        if (what === 'noise') await writeFile(path, 'a line\nof noise')
        else await directoryAt(path)

        const outcome = await shell.run(['cluster', 'start', 't', '--json'])

        expect(outcome.status).toBe(14)
        expect(outcome.failure()).toMatchObject({
          code: 'RAFTCTL_DATA_DAMAGED',
          message: expect.stringContaining(path),
          hint: expect.stringMatching(/\w+ \w+ \w+/),
        })
      } finally {
        await rm(path, {recursive: true})
        await writeFile(path, before, {mode: 0o600})
      }
    })
  }
}

test('a damaged snapshot is told by "snapshot verify", and "restore" writes nothing from it', async () => {
  const {snapshots} = await copyOf()
  const file = await firstOf(snapshots)
  expect((await ok(`snapshot verify ${file}`)).stdout).toContain('keys')
  await flip(file, 3000)
  const target = join(shell.home, 'never')

  const verified = await shell.run(['snapshot', 'verify', file, '--json'])
  const restored = await shell.run(['snapshot', 'restore', file, '--data-dir', target])

  expect(verified.status).toBe(14)
  expect(verified.failure()).toMatchObject({details: {file, offset: expect.any(Number)}})
  expect(restored.status).toBe(14)
  expect(existsSync(target)).toBe(false)
})

test('a snapshot of the cluster, restored into a directory, holds every key', async () => {
  const {snapshots} = await copyOf()
  const file = await firstOf(snapshots)
  const target = join(shell.home, 'restored')

  await ok(`snapshot restore ${file} --data-dir ${target}`)
  const again = await shell.run(['snapshot', 'restore', file, '--data-dir', target])
  await ok(`snapshot restore ${file} --local drill`)
  const keys = await ok('kv scan -q --context drill')
  const dumped = await ok(`log dump --data-dir ${whole} --json`)

  expect(again.status).toBe(12)
  expect(keys.stdout.trim().split('\n')).toHaveLength(300)
  expect(dumped.records().filter(each => each.op === 'put')).toHaveLength(301)
})
