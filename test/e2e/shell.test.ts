// The built CLI, in pipes: what it prints where, and how it ends, before there is any cluster.
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdir, readdir, symlink, writeFile} from 'node:fs/promises'
import {createServer} from 'node:net'
import {join} from 'node:path'
import {afterAll, beforeAll, expect, test} from 'vitest'
import type {Shell} from '../support/shell.js'
import {openShell} from '../support/shell.js'

let shell: Shell

beforeAll(async () => {
  shell = await openShell()
})

afterAll(async () => {
  await shell.end()
})

const failures = [
  {args: ['frobnicate'], exit: 2, code: 'RAFTCTL_USAGE', says: 'frobnicate'},
  {args: ['kv', 'gte', 'x'], exit: 2, code: 'RAFTCTL_USAGE', says: 'no command "kv gte x"'},
  {args: ['ember'], exit: 2, code: 'RAFTCTL_USAGE', says: 'no command "ember"'},
  {args: ['--frob'], exit: 2, code: 'RAFTCTL_USAGE', says: 'no command "--frob"'},
  {args: ['status', '--frob'], exit: 2, code: 'RAFTCTL_USAGE', says: '--frob'},
  {args: ['node', 'kill'], exit: 2, code: 'RAFTCTL_USAGE', says: 'member'},
  {args: ['init', '--nodes', '0'], exit: 2, code: 'RAFTCTL_USAGE', says: '--nodes'},
  {args: ['init', '--nodes', 'x'], exit: 2, code: 'RAFTCTL_USAGE', says: '--nodes'},
  {args: ['init', '--name', '../x'], exit: 2, code: 'RAFTCTL_USAGE', says: '../x'},
  {args: ['status', '--timeout', '5'], exit: 2, code: 'RAFTCTL_USAGE', says: '--timeout 5'},
  {args: ['status', '--endpoint', 'x'], exit: 2, code: 'RAFTCTL_USAGE', says: '"x"'},
  {args: ['status'], exit: 19, code: 'RAFTCTL_CONTEXT_NOT_FOUND', says: 'no cluster'},
  {args: ['status', '--context', 'no'], exit: 19, code: 'RAFTCTL_CONTEXT_NOT_FOUND', says: '"no"'},
  {
    args: ['cluster', 'start', 'no'],
    exit: 19,
    code: 'RAFTCTL_CLUSTER_NOT_FOUND',
    says: 'local cluster "no"',
  },
  {
    args: ['cluster', 'destroy', 'no', '--yes'],
    exit: 19,
    code: 'RAFTCTL_CLUSTER_NOT_FOUND',
    says: 'local cluster "no"',
  },
  {
    args: ['status', '--endpoint', '127.0.0.1:1', '--timeout', '300ms'],
    exit: 15,
    code: 'RAFTCTL_UNREACHABLE',
    says: '127.0.0.1:1',
  },
  {
    args: ['node', 'run', '--listen', '0.0.0.0:7400', '--data-dir', 'd'],
    exit: 2,
    code: 'RAFTCTL_USAGE',
    says: '0.0.0.0:7400',
  },
]

for (const {args, exit, code, says} of failures) {
  test(`"raftctl ${args.join(' ')}" ends with ${exit}, a sentence and a hint`, async () => {
    const plain = await shell.run(args)
    const json = await shell.run([...args, '--json'])

    expect([plain.status, plain.stdout]).toEqual([exit, ''])
    expect(plain.stderr).toMatch(/^error: .+\nhint: .+\n$/)
    expect(plain.stderr).toContain(says)
    expect([json.status, json.stdout]).toEqual([exit, ''])
    expect(json.failure()).toMatchObject({
      apiVersion: 'raftctl/v1',
      kind: 'Error',
      code,
      exit,
      message: expect.stringContaining(says),
      hint: expect.any(String),
      retry: expect.any(Boolean),
      outcome: 'none',
      details: expect.any(Object),
    })
  })
}

test('the version and the help go to standard output', async () => {
  const version = await shell.run(['--version'])
  const help = await shell.run(['init', '--help'])

  expect([version.status, version.stderr]).toEqual([0, ''])
  expect(version.stdout).toMatch(/^raftctl\/\d+\.\d+\.\d+ /)
  expect([help.status, help.stderr]).toEqual([0, ''])
  expect(help.stdout).toContain('--foreground')
})

test('"help" before a command is its --help', async () => {
  const before = await shell.run(['help', 'member', 'add'])
  const after = await shell.run(['member', 'add', '--help'])
  const all = await shell.run(['help'])
  const none = await shell.run(['help', 'stauts', '--json'])

  expect([before.status, before.stdout]).toEqual([0, after.stdout])
  expect([all.status, all.stderr]).toEqual([0, ''])
  expect(none.status).toBe(2)
  expect(none.failure()).toMatchObject({
    message: 'there is no command "stauts"',
    hint: 'Did you mean "raftctl status"?',
  })
})

test('what was probably meant is named', async () => {
  const typo = await shell.run(['kv', 'gte', 'x', '--json'])
  const verb = await shell.run(['put', 'a', 'b'])

  expect(typo.failure()).toMatchObject({
    hint: 'Did you mean "raftctl kv get"?',
    details: {suggestions: ['raftctl kv get']},
  })
  expect(verb.stderr).toContain('Did you mean "raftctl kv put"?')
})

test('"version" tells of the program without a cluster, and warns when one is silent', async () => {
  const alone = await shell.run(['version'])
  const json = await shell.run(['version', '--json'])
  const silent = await shell.run(['version', '--endpoint', '127.0.0.1:1'])

  expect(alone.stdout).toMatch(/^raftctl \d+\.\d+\.\d+ {2}protocol raftctl\.v1 {2}node \d+/)
  expect([alone.status, alone.stderr]).toEqual([0, ''])
  expect(json.json()).toMatchObject({
    kind: 'Version',
    version: expect.any(String),
    protocol: 'raftctl.v1',
    node: process.versions.node,
    clusterId: null,
    members: null,
    warnings: [],
  })
  expect([silent.status, silent.stdout.split('\n').length]).toEqual([0, 2])
  expect(silent.stderr).toContain('warning: the members could not be asked: no node answers')
})

test('NODE_ENV changes nothing', async () => {
  for (const NODE_ENV of ['development', 'test', 'production']) {
    const good = await shell.run(['cluster', 'list', '--json'], {env: {NODE_ENV}})
    const bad = await shell.run(['status', '--frob', '--json'], {env: {NODE_ENV}})

    expect(good.json()).toMatchObject({kind: 'LocalClusterList', items: []})
    expect([good.stderr, bad.stderr.split('\n').length]).toEqual(['', 2])
  }
})

test('nothing destructive happens without a terminal and without --yes', async () => {
  const home = join(shell.home, '.local', 'share', 'raftctl', 'clusters')
  await mkdir(home, {recursive: true})
  await symlink(join(shell.home, 'gone'), join(home, 'dangling'))

  const refused = await shell.run(['cluster', 'destroy', 'dangling'])
  const left = await readdir(home)
  const agreed = await shell.run(['cluster', 'destroy', 'dangling', '--yes', '--json'])

  expect(refused.status).toBe(2)
  expect(refused.stderr).toContain('--yes')
  expect(left).toEqual(['dangling'])
  expect(agreed.json()).toMatchObject({kind: 'LocalClusterDestroyed', changed: true})
})

test('a reader that has gone away is no failure', async () => {
  const child = spawn(
    'bash',
    [
      '-c',
      `"${process.execPath}" "${join(import.meta.dirname, '../../bin/run.js')}" --help | true; echo "\${PIPESTATUS[0]}"`,
    ],
    {env: {PATH: process.env.PATH, HOME: shell.home}, stdio: ['ignore', 'pipe', 'pipe']},
  )
  const out: string[] = []
  child.stdout.on('data', chunk => out.push(String(chunk)))
  await once(child, 'close')

  expect(out.join('').trim()).toBe('0')
})

test('a port that is taken and a directory that is none are told by the node', async () => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  try {
    const args = [
      'node',
      'run',
      '--insecure',
      '--listen',
      `127.0.0.1:${port}`,
      '--data-dir',
      join(shell.home, 'n'),
    ]

    const taken = await shell.run([...args, '--json'])

    expect(taken.failure()).toMatchObject({code: 'RAFTCTL_PORT_IN_USE', exit: 1})
  } finally {
    server.close()
  }

  await writeFile(join(shell.home, 'file'), '')
  const args = [
    'node',
    'run',
    '--insecure',
    '--listen',
    '127.0.0.1:0',
    '--data-dir',
    join(shell.home, 'file', 'n'),
  ]

  const wrong = await shell.run([...args, '--json'])

  expect(wrong.failure()).toMatchObject({code: 'RAFTCTL_INPUT_OUTPUT', exit: 1})
})

test('a node that nobody says "go" to leaves without touching its data', async () => {
  const dataDir = join(shell.home, 'never')

  const ended = await shell.run([
    ...[
      'node',
      'run',
      '--await-go',
      '--insecure',
      '--listen',
      '127.0.0.1:0',
      '--data-dir',
      dataDir,
    ],
  ])

  expect(ended.status).toBe(130)
  expect(await readdir(shell.home)).not.toContain('never')
})
