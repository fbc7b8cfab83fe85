// Every command of the manifest, to a reader that has gone; every stream and question, interrupted.
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {openShell, program, type Shell} from '../support/shell.js'
import {KEYS, withTerminal} from '../support/terminal.js'

const AT_A_TIME = 3

interface Row {
  /** The command, and what it is given here; "@snapshot" and the like are filled in. */
  readonly line: string
  /** Default 0. */
  readonly exit?: number
}

/** In this order, as far as they change something. A new command needs a row. */
const CHANGING: readonly Row[] = [
  {line: 'kv put k v'},
  {line: 'kv cas fresh v --expect 0'},
  {line: 'kv delete fresh'},
  {line: 'snapshot create'},
  {line: 'snapshot save @dir/again.snapshot'},
  {line: 'snapshot save - --latest', exit: 1},
  {line: 'snapshot restore @snapshot --data-dir @dir/restored'},
  {line: 'context add other --endpoint @address --token-file @cluster/token'},
  {line: 'context use e'},
  {line: 'context remove other --yes'},
  {line: 'bench --duration 50ms --callers 2'},
  {line: 'cert ca'},
  {line: 'cert node localhost'},
  {line: 'cert client me --role read'},
]

const READING: readonly Row[] = [
  ...['status', 'doctor', 'version', 'top --count 1 --interval 50ms', 'completion bash'],
  ...['member list', 'member list --member all', 'member show 1', 'member history'],
  ...['member add 127.0.0.1:1 --dry-run', 'member promote 1 --dry-run', 'member set 1 --dry-run'],
  ...['member update 1 --name x --dry-run', 'member replace 1 --dry-run'],
  ...['leader show', 'log dump', 'log show 1', 'log diff 1 1', 'log verify --data-dir @data'],
  ...['kv scan', 'kv get k', 'kv hash', 'kv watch k --after 0', 'kv watch k --after 0 --json'],
  ...['metrics show', 'metrics tail --count 2 --interval 50ms'],
  ...['snapshot list', 'snapshot show @snapshot', 'snapshot verify @snapshot'],
  ...['cluster list', 'context list', 'context show', 'node logs node-1'],
  ...['wait ready', 'wait leader', 'wait healthy', 'wait applied 1', 'wait caught-up 1'],
  ...['wait member 1=voter', 'simulate --steps 10'],
  // What starts and ends processes has its own tests; all of them print by the same hand.
  ...['init', 'cluster start', 'cluster stop', 'cluster restart', 'cluster destroy'].map(help),
  ...['node run', 'node start', 'node stop', 'node kill', 'snapshot delete'].map(help),
  {line: 'member plan --remove 1', exit: 12},
  {line: 'member demote 1 --dry-run', exit: 12},
  {line: 'member remove 1 --dry-run', exit: 12},
  {line: 'member change --demote 1 --dry-run', exit: 12},
  {line: 'leader transfer', exit: 12},
  {line: 'leader step-down', exit: 12},
  {line: 'wait safe-to-stop 1 --timeout 100ms', exit: 18},
].map(row => (typeof row === 'string' ? {line: row} : row))

let shell: Shell
let fill: (line: string) => string[]

beforeAll(async () => {
  shell = await openShell()
  await ok('init', '--nodes', '1', '--name', 'e', '--yes')
  const cluster = join(shell.home, '.local/share/raftctl/clusters/e')
  const snapshot = join(shell.home, 'first.snapshot')
  await ok('snapshot', 'save', snapshot)
  const [address = ''] = (await ok('leader', 'show')).match(/127\.0\.0\.1:\d+/) ?? []
  const data = join(cluster, 'nodes/node-1')
  const values = {'@dir': shell.home, '@snapshot': snapshot, '@cluster': cluster}
  const all = Object.entries({...values, '@address': address, '@data': data})
  fill = line => all.reduce((text, [name, value]) => text.replace(name, value), line).split(' ')
})

afterAll(async () => {
  await shell.end()
})

test('every command has a row here', () => {
  const {commands} = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../oclif.manifest.json'), 'utf8'),
  ) as {commands: object}
  const ids = Object.keys(commands).map(id => id.replace(':', ' '))
  const rows = [...CHANGING, ...READING]

  expect(ids.filter(id => !rows.some(({line}) => `${line} `.startsWith(`${id} `)))).toEqual([])
})

test('a reader that has gone is no failure, whatever is printed', {timeout: 120_000}, async () => {
  const wrong: string[] = []
  for (const row of CHANGING) wrong.push(...(await withoutReader(row)))
  const left = [...READING]
  const next = async (): Promise<void> => {
    for (let row = left.shift(); row !== undefined; row = left.shift()) {
      wrong.push(...(await withoutReader(row)))
    }
  }
  await Promise.all(Array.from({length: AT_A_TIME}, next))

  expect(wrong).toEqual([])
})

const streams = [
  'kv watch --after 0',
  'log dump --follow',
  'metrics tail --interval 20ms',
  'node logs node-1 --follow',
  'top --interval 20ms',
]

test('an interrupted stream ends with whole lines, one error and 130', {
  timeout: 60_000,
}, async () => {
  for (const line of streams) {
    const child = start([...line.split(' '), '--json'])
    let out = ''
    let err = ''
    child.stderr.on('data', chunk => {
      err += chunk
    })
    child.stdout.on('data', chunk => {
      if (out === '') child.kill('SIGINT')
      out += chunk
    })
    const [status] = await once(child, 'close')

    expect([line, status, out.endsWith('\n')]).toEqual([line, 130, true])
    for (const record of out.trimEnd().split('\n'))
      expect(JSON.parse(record)).toHaveProperty('kind')
    expect(JSON.parse(err)).toMatchObject({kind: 'Error', code: 'RAFTCTL_INTERRUPTED', exit: 130})
  }
})

const questions = [
  {line: 'cluster destroy e', asks: /Kill the nodes of "e"/},
  {line: 'init', asks: /Name of the cluster/},
  {line: 'member add', asks: /Which node\?/},
  {line: 'member remove', asks: /Which member/},
]

test('Ctrl-C at a question is 130, and changes nothing', {timeout: 60_000}, async () => {
  for (const {line, asks} of questions) {
    await withTerminal(shell, line.split(' '), {}, async terminal => {
      await terminal.until(asks)
      terminal.type(KEYS.ctrlC)
      const {status, screen} = await terminal.ended()

      expect([line, status]).toEqual([line, 130])
      expect(screen).toMatch(/error: interrupted/)
      expect(screen).not.toMatch(/^\s+at /m)
    })
  }
  expect(await ok('member', 'list', '-q')).toBe('1\n')
})

function help(line: string): Row {
  return {line: `${line} --help`}
}

function start(args: readonly string[]) {
  const env = {PATH: process.env.PATH, HOME: shell.home}
  return spawn(process.execPath, [program, ...args], {
    env,
    cwd: shell.home,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** What is wrong with how it ended. */
async function withoutReader({line, exit = 0}: Row): Promise<string[]> {
  const child = start(fill(line))
  child.stdout.destroy()
  let err = ''
  child.stderr.on('data', chunk => {
    err += chunk
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  const [status] = await once(child, 'close')
  clearTimeout(timer)
  const bad = status !== exit || /EPIPE|RAFTCTL_UNEXPECTED|unexpected failure|^\s+at /m.test(err)
  return bad ? [`"${line}" ended with ${status}, not ${exit}: ${err}`] : []
}

async function ok(...args: string[]): Promise<string> {
  const {status, stdout, stderr} = await shell.run(args)
  expect([stderr.replace(/^.*warning.*\n/gm, ''), status]).toEqual(['', 0])
  return stdout
}
