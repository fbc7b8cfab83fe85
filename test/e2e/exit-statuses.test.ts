// Each command with the failures that a person meets: the exit status, the last line of standard
// error under --json, and that nothing looks like a defect. One cluster for all of them.
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {readFileSync} from 'node:fs'
import {mkdir, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {ERRORS, type ErrorCode} from '../../src/errors.js'
import {openShell, program, type Shell} from '../support/shell.js'

const AT_A_TIME = 5

/** Commands that ask a cluster, with all that they need to come that far. */
const ASKING = [
  ...['status', 'doctor', 'top --count 1', 'member list', 'member show 1', 'member history'],
  ...['member add 127.0.0.1:1', 'member promote 1', 'member demote 1', 'member remove 1 --yes'],
  ...['member replace 1 127.0.0.1:1 --yes', 'member update 1 --name x', 'member set 1 --yes'],
  ...['member change --remove 1 --yes', 'member plan --remove 1'],
  ...['leader show', 'leader transfer 2', 'leader step-down', 'log dump', 'log show 1'],
  ...['log diff 1 2', 'kv put a b', 'kv get a', 'kv delete a', 'kv scan', 'kv watch a'],
  ...['kv cas a b --expect 0', 'kv hash', 'metrics show', 'metrics tail --count 1'],
  ...['snapshot create', 'snapshot list', 'snapshot show 0000000000000001-0000000000000001'],
  ...['snapshot delete 1-1 --yes', 'snapshot save @dir/never', 'bench --duration 100ms --yes'],
]
const WAITING = [
  ...['wait ready', 'wait leader', 'wait healthy', 'wait applied 1', 'wait caught-up 1'],
  ...['wait safe-to-stop 1', 'wait member 1=voter'],
]
/** Of local clusters only. */
const LOCAL = ['node start 1', 'node stop 1', 'node kill 1', 'node logs 1']

/** Ask nobody, or whom they are told to ask. */
const BY_THEMSELVES = [
  ...['cert ca', 'cert client', 'cert node', 'cluster destroy', 'cluster list', 'cluster restart'],
  ...['cluster start', 'cluster stop', 'completion', 'context add', 'context list'],
  ...['context remove', 'context show', 'context use', 'init', 'log verify', 'node run'],
  ...['simulate', 'snapshot restore', 'snapshot verify', 'version'],
]

type Row = readonly [line: string, code: ErrorCode]

const WRONG_USAGE = [
  ...['kv --json', '--json', 'member -o json', 'kv put', 'kv put a', 'kv put a b --stdin'],
  ...['kv cas a b', 'kv cas a b --expect x', 'kv scan --limit x', 'kv watch --after x'],
  ...['member add nonsense', 'member change', 'member demote', 'member plan', 'member promote'],
  ...['member remove', 'member remove 1', 'member replace', 'member set', 'member show'],
  ...['member update 1', 'member show 1 --context'],
  ...['log dump --from 5 --to 1', 'log dump --type x', 'log show', 'log show x', 'log diff 1'],
  ...['log verify', 'metrics tail --interval x', 'metrics tail --count 0', 'top --interval x'],
  ...['snapshot delete', 'snapshot delete 1-1', 'snapshot restore @dir/x', 'snapshot save'],
  ...['snapshot show', 'snapshot verify', 'wait applied', 'wait applied x', 'wait caught-up'],
  ...['wait member 1', 'wait member 1=king', 'wait safe-to-stop', 'bench --callers 0 --yes'],
  ...['cert client x', 'cert client x --role king', 'cert node', 'cluster destroy e'],
  ...['completion', 'completion tcsh', 'context add', 'context add x', 'context use'],
  ...['doctor --fail-on x', 'init --nodes 0 --yes', 'init --name ../x --yes'],
  ...['init --endpoint 127.0.0.1:1', 'node kill', 'node run', 'node start', 'simulate --steps x'],
  ...['status --timeout 5', 'status --endpoint x', 'status -o xml', 'status more'],
].map((line): Row => [line, 'RAFTCTL_USAGE'])

const NOT_THERE: readonly Row[] = [
  ...['show', 'promote', 'demote', 'update --name x', 'remove --yes'].map((rest): Row => {
    const [verb, ...flags] = rest.split(' ')
    return [['member', verb, '9', ...flags].join(' '), 'RAFTCTL_MEMBER_NOT_FOUND']
  }),
  ['member replace 9 127.0.0.1:1 --yes', 'RAFTCTL_MEMBER_NOT_FOUND'],
  ['member change --remove 9 --yes', 'RAFTCTL_MEMBER_NOT_FOUND'],
  ['member set 9 --yes', 'RAFTCTL_MEMBER_NOT_FOUND'],
  ['member plan --remove 9', 'RAFTCTL_MEMBER_NOT_FOUND'],
  ['leader transfer 9', 'RAFTCTL_MEMBER_NOT_FOUND'],
  ['log dump --member 9', 'RAFTCTL_MEMBER_NOT_FOUND'],
  ['log diff 1 9', 'RAFTCTL_MEMBER_NOT_FOUND'],
  ['metrics show --member 9', 'RAFTCTL_MEMBER_NOT_FOUND'],
  ['snapshot create --member 9', 'RAFTCTL_MEMBER_NOT_FOUND'],
  ['snapshot list --member 9', 'RAFTCTL_MEMBER_NOT_FOUND'],
  ['wait caught-up 9 --timeout 1s', 'RAFTCTL_MEMBER_NOT_FOUND'],
  ['wait safe-to-stop 9 --timeout 1s', 'RAFTCTL_MEMBER_NOT_FOUND'],
  ['node start nobody', 'RAFTCTL_MEMBER_NOT_FOUND'],
  ['node logs nobody', 'RAFTCTL_MEMBER_NOT_FOUND'],
  ['kv get none', 'RAFTCTL_KEY_NOT_FOUND'],
  ['log show 99999', 'RAFTCTL_INDEX_NOT_FOUND'],
  ['log dump --from 99999', 'RAFTCTL_INDEX_NOT_FOUND'],
  ['snapshot delete 1-1 --yes', 'RAFTCTL_SNAPSHOT_NOT_FOUND'],
  ['snapshot show 0000000000000001-0000000000000001', 'RAFTCTL_SNAPSHOT_NOT_FOUND'],
  ['snapshot show @dir/none', 'RAFTCTL_FILE_NOT_FOUND'],
  ['snapshot verify @dir/none', 'RAFTCTL_FILE_NOT_FOUND'],
  ['snapshot save @dir/none/x', 'RAFTCTL_FILE_NOT_FOUND'],
  ['snapshot restore @dir/none --data-dir @dir/new --yes', 'RAFTCTL_FILE_NOT_FOUND'],
  ['log verify --data-dir @dir/none', 'RAFTCTL_FILE_NOT_FOUND'],
  ['log diff dir:@dir/none dir:@dir/none', 'RAFTCTL_FILE_NOT_FOUND'],
  ['cert node localhost', 'RAFTCTL_FILE_NOT_FOUND'],
  ['status --token-file @dir/none', 'RAFTCTL_FILE_NOT_FOUND'],
  ['status --context none', 'RAFTCTL_CONTEXT_NOT_FOUND'],
  ['context show none', 'RAFTCTL_CONTEXT_NOT_FOUND'],
  ['context use none', 'RAFTCTL_CONTEXT_NOT_FOUND'],
  ...['start', 'stop', 'restart', 'destroy --yes'].map((rest): Row => {
    const [verb, ...flags] = rest.split(' ')
    return [['cluster', verb, 'none', ...flags].join(' '), 'RAFTCTL_CLUSTER_NOT_FOUND']
  }),
]

const REFUSED: readonly Row[] = [
  ['init --name e --yes', 'RAFTCTL_CLUSTER_EXISTS'],
  ['snapshot save @garbage', 'RAFTCTL_REFUSED'],
  ['member promote 1 --cancel', 'RAFTCTL_REFUSED'],
  ['member set 9007199254740991 --yes', 'RAFTCTL_MEMBER_NOT_FOUND'],
  ['kv cas none v --expect 7', 'RAFTCTL_COMPARE_FAILED'],
  ['member demote 1 --expected-index 99', 'RAFTCTL_COMPARE_FAILED'],
  ['snapshot verify @garbage', 'RAFTCTL_DATA_DAMAGED'],
  ['snapshot show @garbage', 'RAFTCTL_DATA_DAMAGED'],
  ['snapshot restore @garbage --data-dir @dir/new --yes', 'RAFTCTL_DATA_DAMAGED'],
  ['wait applied 99999 --timeout 100ms', 'RAFTCTL_TIMED_OUT'],
  ['wait member 9=voter --timeout 100ms', 'RAFTCTL_TIMED_OUT'],
  ['wait member 1=learner --timeout 100ms', 'RAFTCTL_TIMED_OUT'],
  ['member add 127.0.0.1:1', 'RAFTCTL_UNREACHABLE'],
  ['init --endpoint 127.0.0.1:1 --yes', 'RAFTCTL_UNREACHABLE'],
  ['context add x --endpoint 127.0.0.1:1', 'RAFTCTL_UNREACHABLE'],
]

/** Of what is left, nothing says by itself that there is no leader: the status of a report does. */
const REPORTS = ['status', 'doctor', 'top --count 1', 'member list', 'member show 1']

let shell: Shell
let emptyHome: string
let fill: (line: string) => string

beforeAll(async () => {
  shell = await openShell()
  emptyHome = join(shell.home, 'nobody')
  const garbage = join(shell.home, 'garbage')
  await mkdir(emptyHome)
  await writeFile(garbage, 'this is neither a snapshot nor a token\n')
  await writeFile(join(shell.home, 'token'), 'wrong-token\n')
  const {status, stderr} = await shell.run(['init', '--nodes', '3', '--name', 'e', '--yes'])
  expect([status, stderr]).toEqual([0, ''])
  fill = line => line.replaceAll('@dir', shell.home).replaceAll('@garbage', garbage)
}, 60_000)

afterAll(async () => {
  await shell.end()
})

test('every command of the manifest is in this table', () => {
  const {commands} = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../oclif.manifest.json'), 'utf8'),
  ) as {commands: object}
  const ids = Object.keys(commands).map(id => id.replace(':', ' '))
  const lines = [...ASKING, ...WAITING, ...LOCAL, ...BY_THEMSELVES].map(line => `${line} `)

  expect(ids.filter(id => !lines.some(line => line.startsWith(`${id} `)))).toEqual([])
})

describe('while the cluster works', () => {
  const cases: readonly {title: string; rows: readonly Row[]; flags?: readonly string[]}[] = [
    {title: 'wrong usage is 2', rows: WRONG_USAGE},
    {title: 'what is not there is 17, or 19 outside the cluster', rows: NOT_THERE},
    {title: 'what is refused, compared, damaged or late has its own', rows: REFUSED},
    {
      title: 'a node that does not listen is 15, also for those that change something',
      rows: ASKING.map(line => [line, 'RAFTCTL_UNREACHABLE']),
      flags: ['--endpoint', '127.0.0.1:1', '--timeout', '1s'],
    },
    {
      title: 'a wait for a node that does not listen runs out of time',
      rows: WAITING.map(line => [line, 'RAFTCTL_TIMED_OUT']),
      flags: ['--endpoint', '127.0.0.1:1', '--timeout', '100ms'],
    },
    {
      title: 'a token that is not known is 16',
      rows: [...ASKING, ...WAITING].map(line => [line, 'RAFTCTL_NOT_AUTHENTICATED']),
      flags: ['--token-file', '@dir/token', '--timeout', '5s'],
    },
    {
      title: 'endpoints alone name no local cluster',
      rows: LOCAL.map(line => [line, 'RAFTCTL_CLUSTER_NOT_FOUND']),
      flags: ['--endpoint', '127.0.0.1:1'],
    },
  ]
  for (const {title, rows, flags = []} of cases) {
    test(title, {timeout: 120_000}, async () => {
      expect(await wrongOf(rows, flags)).toEqual([])
    })
  }

  test('without a context it is 19', {timeout: 60_000}, async () => {
    const rows = [...ASKING, ...WAITING, ...LOCAL].map(
      (line): Row => [line, 'RAFTCTL_CONTEXT_NOT_FOUND'],
    )

    expect(await wrongOf(rows, [], {HOME: emptyHome})).toEqual([])
  })

  test('a plan and a report print what they found, and end with its status', async () => {
    const plan = await shell.run(['member', 'plan', '--remove', '1,2,3', '--json'])
    const one = await shell.run(['member', 'remove', '1', '--dry-run', '--json'])
    const healthy = await shell.run(['status', '--check', '--json'])

    expect([plan.status, plan.stderr === '']).toEqual([17, false])
    expect([one.status, one.json().kind]).toEqual([0, 'MembershipPlan'])
    expect([healthy.status, healthy.stderr]).toEqual([0, ''])
  })
})

test('a wait for a learner, interrupted, says that it stays one and how to go on', {
  timeout: 60_000,
}, async () => {
  await shell.run(['member', 'add', '--learner'])
  await shell.run(['node', 'kill', 'node-4'])
  await shell.run(['kv', 'put', 'what', 'it lacks'])
  const dryRun = () => shell.run(['member', 'promote', '4', '--dry-run'])
  await expect.poll(async () => (await dryRun()).status, {timeout: 20_000}).toBe(12)
  const args = ['member', 'promote', '4', '--wait', '--json']
  const env = {PATH: process.env.PATH, HOME: shell.home}
  const child = spawn(process.execPath, [program, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let err = ''
  child.stderr.on('data', chunk => {
    const waited = err.includes('quorum')
    err += chunk
    // What is planned stands there once it is about to wait.
    if (!waited && err.includes('quorum')) child.kill('SIGINT')
  })
  const [status] = await once(child, 'close')

  expect(status).toBe(130)
  expect(JSON.parse(err.trimEnd().split('\n').at(-1)!)).toMatchObject({
    code: 'RAFTCTL_INTERRUPTED',
    message: expect.stringContaining('nothing was changed: member 4 stays a learner'),
    hint: 'Run "raftctl member promote 4 --wait" to go on.',
    outcome: 'none',
    details: {changeSent: false, memberId: 4},
  })
  expect((await shell.run(['member', 'remove', '4', '--yes'])).status).toBe(0)
})

test('without a quorum it is 11, at once, and nothing was sent', {timeout: 120_000}, async () => {
  const leader = (await shell.run(['leader', 'show', '-q'])).stdout.trim()
  for (const id of ['1', '2', '3'].filter(other => other !== leader)) {
    await shell.run(['node', 'kill', `node-${id}`])
  }
  // A leader that hears nobody steps down within an election timeout.
  const status = async () => (await shell.run(['status'])).status
  await expect.poll(status, {timeout: 20_000}).toBe(11)
  const rows = ASKING.filter(line => !REPORTS.includes(line) && !line.startsWith('log diff')).map(
    (line): Row => [line, 'RAFTCTL_NO_QUORUM'],
  )

  expect(await wrongOf(rows, ['--timeout', '1s'])).toEqual([])
  const reports = await Promise.all(
    ['status', 'doctor', 'status --check'].map(line => shell.run([...line.split(' '), '--json'])),
  )
  expect(reports.map(({status}) => status)).toEqual([11, 11, 11])
  expect(reports.map(({stdout}) => JSON.parse(stdout).warnings)).toEqual([[], [], []])
})

test('a token file of a local cluster that was damaged is 14, whoever reads it', async () => {
  const path = join(shell.home, '.local/share/raftctl/clusters/e/token')
  await writeFile(path, 'no token at all\n')

  const rows = ['status', 'cluster start e', 'kv get a'].map(
    (line): Row => [line, 'RAFTCTL_DATA_DAMAGED'],
  )

  expect(await wrongOf(rows, [])).toEqual([])
})

/** What is wrong with how each of them ends. */
async function wrongOf(
  rows: readonly Row[],
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const wrong: string[] = []
  const left = [...rows]
  const next = async (): Promise<void> => {
    for (let row = left.shift(); row !== undefined; row = left.shift()) {
      const problem = await problemOf(row, flags, env)
      if (problem !== undefined) wrong.push(problem)
    }
  }
  await Promise.all(Array.from({length: AT_A_TIME}, next))
  return wrong
}

async function problemOf(
  [line, code]: Row,
  flags: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const json = /(^| )(--json|-o \w+)$/.test(line) ? [] : ['--json']
  const args = [...line.split(' '), ...flags, ...json].map(word => fill(word))
  const {status, stdout, stderr} = await shell.run(args, {env})
  const {exit, retry} = ERRORS[code]
  const told = `"raftctl ${args.join(' ')}" ended with ${status}: ${stdout}${stderr}`
  if (status !== exit || stdout !== '' || /^\s+at /m.test(stderr)) return told
  if (line.endsWith('-o xml')) return stderr.includes('hint: ') ? undefined : told
  const failure = JSON.parse(stderr.trimEnd().split('\n').at(-1)!) as Record<string, unknown>
  const {kind, message, hint, details} = failure
  const good =
    kind === 'Error' &&
    failure.code === code &&
    failure.exit === exit &&
    failure.retry === retry &&
    failure.outcome === 'none' &&
    typeof message === 'string' &&
    !/[\n{}]|undefined|\[object/.test(message) &&
    (typeof hint === 'string' || hint === null) &&
    typeof details === 'object'
  return good ? undefined : told
}
