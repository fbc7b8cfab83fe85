// Operating the membership with real processes: replacing what died, joint changes, refusals.
import {mkdir, rm} from 'node:fs/promises'
import {join} from 'node:path'
import {afterAll, beforeAll, expect, test} from 'vitest'
import type {Outcome, Shell} from '../support/shell.js'
import {openShell} from '../support/shell.js'

interface Member {
  id: number
  name: string
  role: string
  address: string
  leader: boolean
  reachable: boolean
  blankData: boolean
  lag: number | null
}

/** Dozens of commands one after the other, on a machine that may have other work. */
const STORY_MS = 120_000

let shell: Shell

beforeAll(async () => {
  shell = await openShell()
  await ok('init --nodes 3 --name m --yes')
  await ok('kv put kept yes')
})

afterAll(async () => {
  await shell.end()
})

test('a dead voter is replaced by a new node, and nothing of it stays', {
  timeout: STORY_MS,
}, async () => {
  const dead = (await members()).find(member => !member.leader)!
  await ok(`node kill ${dead.id}`)

  const change = await ok(`member replace ${dead.id} --yes --reason disk-died`)

  expect(change.json()).toMatchObject({
    kind: 'MembershipChange',
    context: 'm',
    changed: true,
    added: [4],
    removed: [dead.id],
    before: {voters: 3, quorum: 2, failureTolerance: 1},
    after: {voters: 3, quorum: 2, failureTolerance: 1},
    unverified: [],
  })
  const after = await members()
  expect(after.map(({role}) => role)).toEqual(['voter', 'voter', 'voter'])
  expect(after.map(({id}) => id)).not.toContain(dead.id)
  expect(shell.nodePids()).toHaveLength(3)
  const listed = (await ok('cluster list')).json().items as {nodes: {id: number}[]}[]
  expect(listed[0]!.nodes.map(node => node.id).sort()).toEqual(after.map(({id}) => id).sort())
})

test('a voter that came back with an empty disk is replaced where it is', {
  timeout: STORY_MS,
}, async () => {
  const victim = (await members()).find(member => !member.leader)!
  await ok(`node kill ${victim.id}`)
  const nodes = join(shell.home, '.local/share/raftctl/clusters/m/nodes')
  await rm(join(nodes, victim.name), {recursive: true})
  await mkdir(join(nodes, victim.name), {mode: 0o700})
  await ok(`node start ${victim.name}`)
  await eventually(10_000, async () =>
    (await members()).find(({id, blankData}) => id === victim.id && blankData),
  )

  const change = await ok(`member replace ${victim.id} --yes`)

  expect(change.json()).toMatchObject({changed: true, added: [5], removed: [victim.id]})
  const fresh = (await members()).find(({id}) => id === 5)
  expect(fresh).toMatchObject({role: 'voter', address: victim.address, name: victim.name})
  expect(shell.nodePids()).toHaveLength(3)
  expect((await ok('kv get kept', false)).stdout).toBe('yes')
})

test('the voter that leads is replaced too', {timeout: STORY_MS}, async () => {
  const leader = (await members()).find(member => member.leader)!

  const change = await ok(`member replace ${leader.id} --yes`)

  expect(change.json()).toMatchObject({changed: true, removed: [leader.id]})
  expect((await members()).filter(({role}) => role === 'voter')).toHaveLength(3)
})

test('several members change at one stroke', {timeout: STORY_MS}, async () => {
  const [a, b, c] = (await members()).map(({id}) => id)
  const added = (await ok('member add --learner')).json()

  const change = await ok(`member change --promote ${added.memberId} --demote ${a}`)

  expect(change.json()).toMatchObject({
    changed: true,
    voters: [b, c, added.memberId],
    learners: [a],
    added: [],
    removed: [],
  })
  const again = await ok(`member set ${b} ${c} ${added.memberId} --learner ${a}`)
  expect(again.json()).toMatchObject({changed: false})
  const gone = await ok(`member set ${b} ${c} ${added.memberId} --yes --learner ${b}`, true, 2)
  expect(gone.failure()).toMatchObject({code: 'RAFTCTL_USAGE'})
  await ok(`member remove ${a} --yes`)
})

test('a plan says what would refuse it, and changes nothing', {timeout: STORY_MS}, async () => {
  const [a, b] = (await members()).filter(member => !member.leader)
  await ok(`node kill ${a!.id}`)
  await eventually(10_000, async () => {
    const {votersUpToDate} = (await ok('status')).json()
    return votersUpToDate === 2 ? true : undefined
  })
  const before = (await ok('member list')).json().membershipIndex

  const plan = await ok(`member plan --remove ${b!.id}`, true, 12)
  const refused = await ok(`member remove ${b!.id} --yes`, true, 12)
  const allowed = await ok(`member remove ${a!.id} --dry-run`)

  expect(plan.json()).toMatchObject({
    kind: 'MembershipPlan',
    refused: true,
    before: {voters: 3, votersUpToDate: 2},
    after: {voters: 2, quorum: 2, votersUpToDate: 1},
    refusals: [{rule: 'quorum', memberId: b!.id, forceable: false}],
  })
  expect(refused.failure()).toMatchObject({
    code: 'RAFTCTL_REFUSED',
    details: {rule: 'quorum', votersAfter: 2, quorumAfter: 2, upToDateAfter: 1},
  })
  expect(allowed.json()).toMatchObject({refused: false, refusals: []})
  expect((await ok('member list')).json().membershipIndex).toBe(before)
  await ok(`node start ${a!.id}`)
})

test('a change that was planned for another membership is refused', {
  timeout: STORY_MS,
}, async () => {
  const [member] = await members()

  const failed = await ok(`member update ${member!.id} --name first --expected-index 1`, true, 20)
  const done = await ok(`member update ${member!.id} --name first`)
  const again = await ok(`member update ${member!.id} --name first --expected-index 1`)

  expect(failed.failure()).toMatchObject({code: 'RAFTCTL_COMPARE_FAILED', retry: true})
  expect(done.json()).toMatchObject({changed: true, name: 'first'})
  expect(again.json()).toMatchObject({changed: false})
})

test('an addition can be left to the leader', {timeout: STORY_MS}, async () => {
  const added = (await ok('member add --no-wait --reason grow')).json()

  await eventually(15_000, async () =>
    (await members()).find(({id, role}) => id === added.memberId && role === 'voter'),
  )
})

test('the history tells who did what, and why', {timeout: STORY_MS}, async () => {
  const records = (await ok('member history')).records()

  expect(records[0]).toMatchObject({index: 1, reason: 'init'})
  expect(records).toContainEqual(
    expect.objectContaining({
      kind: 'MembershipHistoryEntry',
      reason: 'disk-died',
      time: expect.any(String),
      actor: expect.stringMatching(/.@./),
      change: '+4 learner',
    }),
  )
  expect(records.at(-1)).toMatchObject({actor: 'leader', time: null})
  expect((await ok('member history --last 2')).records()).toEqual(records.slice(-2))
})

test('all members are restarted one after the other, as the manual says', {
  timeout: STORY_MS,
}, async () => {
  const order = (await ok('member list -q --leader-last', false)).stdout.trim().split('\n')
  const leader = (await ok('leader show -q', false)).stdout.trim()

  for (const member of order) {
    await ok(`wait safe-to-stop ${member} --timeout 20s`)
    await ok(`leader transfer --away-from ${member}`)
    await ok(`node stop ${member}`)
    await ok(`node start ${member}`)
    await ok(`wait caught-up ${member} --timeout 20s`)
  }

  expect(order.at(-1)).toBe(leader)
  const waited = await ok('wait healthy --timeout 20s')
  expect(waited.json()).toMatchObject({kind: 'Waited', condition: 'healthy'})
  expect((await ok('doctor --state')).json()).toMatchObject({
    kind: 'DoctorReport',
    healthy: true,
    errorCount: 0,
  })
  await ok('status --check')
})

test('what is wrong is found, and ends with its status', {timeout: STORY_MS}, async () => {
  const victim = (await members()).find(member => !member.leader)!
  await ok(`node kill ${victim.id}`)

  const report = await ok('doctor', true, 10)
  const status = await ok('status --check', true, 10)
  const wait = await ok(`wait caught-up ${victim.id} --timeout 300ms`, true, 18)

  expect(report.json().findings).toContainEqual(
    expect.objectContaining({check: 'members', severity: 'error', memberId: victim.id}),
  )
  expect(status.json()).toMatchObject({healthy: false})
  expect(wait.failure()).toMatchObject({code: 'RAFTCTL_TIMED_OUT'})
})

test('the log of a stopped node is compared with that of a living one', {
  timeout: STORY_MS,
}, async () => {
  const all = await members()
  const dead = all.find(member => !member.reachable)!
  const alive = all.find(member => member.reachable)!
  const [cluster] = (await ok('cluster list')).json().items as {
    nodes: {id: number; dataDir: string}[]
  }[]
  const directory = cluster!.nodes.find(({id}) => id === dead.id)!.dataDir

  const same = (await ok(`log diff ${alive.id} dir:${directory}`)).json()
  const beyond = await ok('log dump --from 9000000', true, 17)

  expect(['same', 'behind']).toContain(same.verdict)
  expect(same).toMatchObject({kind: 'LogDiff', differsAt: null})
  expect(beyond.failure()).toMatchObject({code: 'RAFTCTL_INDEX_NOT_FOUND'})
  expect(beyond.stdout).toBe('')
})

/** A command line that must end with `status`; with --json unless told otherwise. */
async function ok(line: string, json = true, status = 0): Promise<Outcome> {
  const outcome = await shell.run([...line.split(' '), ...(json ? ['--json'] : [])])
  if (outcome.status !== status) {
    throw new Error(
      `raftctl ${line} ended with ${outcome.status}, not ${status}:\n${outcome.stderr}`,
    )
  }
  return outcome
}

async function members(): Promise<Member[]> {
  return (await ok('member list')).json().items as Member[]
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
