// The whole of it with real processes: nothing but exit statuses and --json to go by.
import {mkdir, readdir, rename, rm} from 'node:fs/promises'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import type {Outcome, RunOptions, Shell} from '../support/shell.js'
import {openShell} from '../support/shell.js'

interface Member {
  id: number
  name: string
  role: string
  address: string
  leader: boolean
  reachable: boolean
  lag: number | null
  pid: number | null
  appliedIndex: number | null
  blankData: boolean
}

const KEYS = 1_000
let shell: Shell

beforeAll(async () => {
  shell = await openShell()
})

afterAll(async () => {
  await shell.end()
})

describe('a three-node cluster', () => {
  test('is there after one command', async () => {
    const made = await ok('init --nodes 3 --name t --yes')

    expect(made.json()).toMatchObject({
      kind: 'ClusterInitialised',
      name: 't',
      voters: 3,
      failureTolerance: 1,
      current: true,
      leaderId: expect.any(Number),
    })
    expect(shell.nodePids()).toHaveLength(3)
    expect((await members()).map(({id, role}) => [id, role])).toEqual([
      [1, 'voter'],
      [2, 'voter'],
      [3, 'voter'],
    ])
  })

  test('refuses a second init with the same name', async () => {
    const again = await fails('init --nodes 3 --name t --yes', 12)

    expect(again).toMatchObject({code: 'RAFTCTL_CLUSTER_EXISTS'})
    expect(shell.nodePids()).toHaveLength(3)
  })

  test('takes a thousand keys from a pipe', async () => {
    const lines = Array.from({length: KEYS}, (_, i) => `key-${i} value ${i}\n`).join('')

    const put = await ok('kv put --stdin', {input: lines})

    expect(put.json()).toMatchObject({kind: 'PutSummary'})
    expect(await keyCount()).toBe(KEYS)
  })

  test('starts a fourth node, a learner, and promotes it', async () => {
    await ok('member add --learner')

    expect(shell.nodePids()).toHaveLength(4)
    expect((await members()).find(member => member.id === 4)).toMatchObject({role: 'learner'})

    await ok('member promote 4 --wait --timeout 30s')

    expect((await members()).find(member => member.id === 4)).toMatchObject({role: 'voter'})
  })

  test('takes a snapshot', async () => {
    const created = (await ok('snapshot create')).json()
    const listed = (await ok('snapshot list')).json()

    expect(created).toMatchObject({index: expect.any(Number), term: expect.any(Number)})
    expect(JSON.stringify(listed)).toContain(`"index":${created.index}`)
  })

  test('dumps committed entries, or names the first index that there is', async () => {
    const dump = await shell.run(['log', 'dump', '--from', '1', '--to', '20', '--json'])

    if (dump.status === 17) {
      expect(dump.failure()).toMatchObject({
        code: 'RAFTCTL_LOG_COMPACTED',
        details: {firstIndex: expect.any(Number)},
      })
    } else {
      expect(dump.status).toBe(0)
      expect(dump.records().map(record => record.index)).toEqual(
        Array.from({length: 20}, (_, i) => i + 1),
      )
    }
  })

  test('ends a dump at the commit index, whatever is asked for', async () => {
    const {commitIndex} = (await ok('status')).json()

    const dump = await ok('log dump --to 9007199254740991')

    const last = dump.records().at(-1)
    expect(last?.index).toBe(commitIndex)
  })

  test('shows its figures three times', async () => {
    const tail = await ok('metrics tail --count 3 --interval 100ms')

    expect(tail.records()).toHaveLength(3)
    expect(tail.records()[0]).toMatchObject({
      apiVersion: 'raftctl/v1',
      commitIndex: expect.any(Number),
    })
  })

  test('has a new leader after a kill -9, and lost nothing', async () => {
    const before = (await members()).find(member => member.leader)!
    process.kill(before.pid!, 'SIGKILL')

    const after = await eventually(15_000, async () => {
      const status = await shell.run(['status', '--json'])
      if (status.status !== 0) return undefined
      const {leaderId} = status.json()
      return leaderId !== null && leaderId !== before.id ? leaderId : undefined
    })

    expect(after).toEqual(expect.any(Number))
    expect(await keyCount()).toBe(KEYS)
    await ok('kv put after failover')

    await ok(`node start ${before.id}`)
    await eventually(15_000, async () => {
      const back = (await members()).find(member => member.id === before.id)
      return back?.reachable && back.lag === 0 ? back : undefined
    })
  })

  test('keeps a voter with an emptied disk from voting', async () => {
    const victim = (await members()).find(member => !member.leader)!
    await ok(`node kill ${victim.name}`)
    const nodes = join(shell.home, '.local/share/raftctl/clusters/t/nodes')
    await rename(join(nodes, victim.name), join(shell.home, 'kept'))
    await mkdir(join(nodes, victim.name), {mode: 0o700})
    await ok(`node start ${victim.name}`)

    await eventually(10_000, async () => {
      const seen = (await members()).find(member => member.id === victim.id)
      return seen?.blankData ? seen : undefined
    })

    await ok(`node kill ${victim.name}`)
    await rm(join(nodes, victim.name), {recursive: true})
    await rename(join(shell.home, 'kept'), join(nodes, victim.name))
    await ok(`node start ${victim.name}`)
    await eventually(15_000, async () => {
      const back = (await members()).find(member => member.id === victim.id)
      return back?.reachable && back.lag === 0 ? back : undefined
    })
  })

  test('hands leadership over', async () => {
    const target = (await members()).find(member => !member.leader && member.role === 'voter')!

    const change = await ok(`leader transfer ${target.id}`)

    expect(change.json()).toMatchObject({to: target.id})
    expect((await members()).find(member => member.leader)?.id).toBe(target.id)
  })

  test('says what is wrong with wrong input', async () => {
    expect(await fails('member promote 99', 17)).toMatchObject({code: 'RAFTCTL_MEMBER_NOT_FOUND'})
    expect(await fails('node kill 99', 17)).toMatchObject({code: 'RAFTCTL_MEMBER_NOT_FOUND'})
    expect(await fails('kv get no-such-key', 17)).toMatchObject({code: 'RAFTCTL_KEY_NOT_FOUND'})
    expect(await fails('cluster stop nowhere', 19)).toMatchObject({
      code: 'RAFTCTL_CLUSTER_NOT_FOUND',
    })
  })

  test('keeps its ports and its data over a stop and a start', async () => {
    const before = (await members()).map(({id, address}) => [id, address])

    await ok('cluster stop t', {timeoutMs: 60_000})
    expect(shell.nodePids()).toEqual([])
    expect(await fails('kv get key-1 --timeout 1s', 15)).toMatchObject({
      code: 'RAFTCTL_UNREACHABLE',
    })
    await ok('cluster start t', {timeoutMs: 60_000})

    expect((await members()).map(({id, address}) => [id, address])).toEqual(before)
    expect(await keyCount()).toBe(KEYS)
  })

  test('without a majority accepts nothing, and says so', async () => {
    const all = await members()
    const leader = all.find(member => member.leader)!
    const down = all.filter(member => member.id !== leader.id).slice(0, 2)
    for (const member of down) await ok(`node kill ${member.id}`)

    const put = await shell.run(['kv', 'put', 'lost', 'x', '--timeout', '8s', '--json'])

    expect([11, 13]).toContain(put.status)
    const get = await fails('kv get key-1 --timeout 8s', 11)
    expect(get).toMatchObject({retry: true})
    for (const member of down) await ok(`node start ${member.id}`)
    await eventually(15_000, async () => ((await keyCount()) >= KEYS ? true : undefined))
  })

  test('leaves no process and no file', async () => {
    await ok('cluster destroy --name t --yes')

    expect(shell.nodePids()).toEqual([])
    expect(await filesIn(shell.home)).toEqual([])
    expect((await ok('cluster list')).json()).toMatchObject({items: []})
  })
})

describe('an init that does not come to its end', () => {
  test('cleans up after itself when it is interrupted', async () => {
    let pid = 0
    const ending = shell.run(['init', '--name', 'i', '--yes', '--json'], {
      onSpawn: spawned => {
        pid = spawned
      },
    })
    await eventually(10_000, async () => (shell.nodePids().length > 0 ? true : undefined))

    process.kill(pid, 'SIGINT')
    const ended = await ending

    expect(ended.status).toBe(130)
    expect(ended.failure()).toMatchObject({code: 'RAFTCTL_INTERRUPTED', exit: 130})
    expect(shell.nodePids()).toEqual([])
    expect(await filesIn(shell.home)).toEqual([])
  })

  test('is named by the next one when it was killed, with the command that cleans up', async () => {
    let pid = 0
    const ending = shell.run(['init', '--name', 'k', '--yes'], {
      onSpawn: spawned => {
        pid = spawned
      },
    })
    await eventually(10_000, async () => (shell.nodePids().length > 0 ? true : undefined))
    process.kill(pid, 'SIGKILL')
    await ending

    const again = await fails('init --name k --yes', 12)
    expect(again).toMatchObject({
      code: 'RAFTCTL_CLUSTER_EXISTS',
      hint: expect.stringContaining('raftctl cluster destroy --name k --yes'),
    })
    await ok('cluster destroy --name k --yes')

    expect(
      await eventually(15_000, async () => (shell.nodePids().length === 0 ? true : undefined)),
    ).toBe(true)
    expect(await filesIn(shell.home)).toEqual([])
  })
})

/** A command line that must succeed; with --json unless told otherwise. */
async function ok(line: string, options: RunOptions = {}, json = true): Promise<Outcome> {
  const outcome = await shell.run([...line.split(' '), ...(json ? ['--json'] : [])], options)
  if (outcome.status !== 0) {
    throw new Error(`raftctl ${line} ended with ${outcome.status}:\n${outcome.stderr}`)
  }
  return outcome
}

/** A command line that must end with this status; answers its error. */
async function fails(line: string, status: number): Promise<Record<string, unknown>> {
  const outcome = await shell.run([...line.split(' '), '--json'])
  expect([line, outcome.status, outcome.stdout]).toEqual([line, status, ''])
  const failure = outcome.failure()
  expect(failure).toMatchObject({kind: 'Error', exit: status, hint: expect.any(String)})
  return failure
}

async function members(): Promise<Member[]> {
  return (await ok('member list')).json().items as Member[]
}

async function keyCount(): Promise<number> {
  const records = (await ok('kv scan')).records()
  return records.filter(record => String(record.key).startsWith('key-')).length
}

async function eventually<T>(withinMs: number, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined) return seen
    if (performance.now() > deadline) throw new Error(`not seen within ${withinMs} ms`)
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, {recursive: true, withFileTypes: true})
  return entries.filter(entry => !entry.isDirectory()).map(entry => entry.name)
}
