// What a node is told: flags and environment over the file, and each mistake named where it stands.
import {writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {expect, test} from 'vitest'
import NodeRun from '../../commands/node/run.js'
import {readNodeConfig} from '../../src/cli/node-config.js'
import {nodeSettingFlags} from '../../src/cli/node-flags.js'
import {nodeOptions} from '../../src/cli/node-options.js'
import {RaftctlError} from '../../src/errors.js'
import {DEFAULT_SETTINGS} from '../../src/node/settings.js'
import {temporaryDirectory} from '../support/temporary.js'

const ENOUGH = {listen: '127.0.0.1:7400', 'data-dir': 'd', insecure: true}

async function fileOf(text: string): Promise<string> {
  const path = join(await temporaryDirectory(), 'node.yaml')
  await writeFile(path, text)
  return path
}

async function refusal(run: () => unknown): Promise<RaftctlError> {
  try {
    await run()
  } catch (error) {
    if (error instanceof RaftctlError) return error
    throw error
  }
  throw new Error('it was not refused')
}

test('a file says what flags would, paths relative to itself', async () => {
  const path = await fileOf(
    'listen: 127.0.0.1:7400\ndata-dir: data   # beside this file\ntoken-file: /etc/tokens\n' +
      'snapshot-entries: 20000\nlow-disk-bytes: 1GiB\nlog-level: debug\n',
  )

  const options = nodeOptions({}, await readNodeConfig(path))

  expect(options).toMatchObject({
    listen: '127.0.0.1:7400',
    dataDir: path.replace('node.yaml', 'data'),
    logLevel: 'debug',
    security: {tokenFile: '/etc/tokens'},
    settings: {snapshotEntries: 20_000, lowDiskBytes: 2 ** 30},
  })
})

test('a flag outranks the file, setting by setting', async () => {
  const path = await fileOf('snapshot-entries: 1\nlog-level: trace\n')

  const options = nodeOptions({...ENOUGH, 'snapshot-entries': '7'}, await readNodeConfig(path))

  expect(options).toMatchObject({logLevel: 'trace', settings: {snapshotEntries: 7}})
})

test('what nobody set is left to the defaults', () => {
  expect(nodeOptions(ENOUGH, new Map())).toMatchObject({logLevel: 'info', settings: {}})
})

const files = [
  {
    text: 'listen: a:1\nlisen: a:2\n',
    says: 'line 2: there is no setting "lisen"',
    hint: '"listen"',
  },
  {text: '\n\nsnapshot_entries: 3\n', says: 'line 3: there', hint: '"snapshot-entries"'},
  {text: 'xyzzyplugh: 1\n', says: 'there is no setting', hint: 'There are: listen, data-dir'},
  {text: 'listen: a:1\nlisten: b:1\n', says: 'line 2: Map keys must be unique', hint: 'YAML'},
  {text: 'a: [1\nb', says: 'line', hint: 'YAML'},
  {text: '- listen\n', says: 'line 1: settings are lines', hint: 'raftctl-node'},
  {text: 'listen:\n', says: 'line 1: "listen" has no value', hint: 'raftctl-node'},
  {text: 'name: {a: 1}\n', says: 'line 1: "name" takes one value', hint: 'raftctl-node'},
]

for (const {text, says, hint} of files) {
  test(`a file with ${JSON.stringify(text)} is refused with its line`, async () => {
    const path = await fileOf(text)

    const error = await refusal(() => readNodeConfig(path))

    expect(error.code).toBe('RAFTCTL_USAGE')
    expect(error.message).toContain(path)
    expect(error.message).toContain(says)
    expect(error.hint).toContain(hint)
  })
}

test('a file that is not there is not wrong usage', async () => {
  expect((await refusal(() => readNodeConfig('/nowhere/node.yaml'))).code).toBe(
    'RAFTCTL_FILE_NOT_FOUND',
  )
})

test('a value that is out of range is named by file and line, or by its flag', async () => {
  const file = await readNodeConfig(await fileOf('# sizes\nsnapshot-chunk-bytes: 4MiB\n'))

  const inFile = await refusal(() => nodeOptions(ENOUGH, file))
  const asFlag = await refusal(() =>
    nodeOptions({...ENOUGH, 'snapshot-chunk-bytes': '1'}, new Map()),
  )

  expect(inFile.message).toMatch(
    /node\.yaml, line 2: snapshot-chunk-bytes 4MiB is no size from 1KiB to 3MiB$/,
  )
  expect(asFlag.message).toBe('--snapshot-chunk-bytes 1 is no size from 1KiB to 3MiB')
})

const wrong: readonly (readonly [Record<string, string>, RegExp])[] = [
  [{'low-disk-bytes': '-1'}, /no size from 0 to 1TiB/],
  [{'low-disk-bytes': '1.5GiB'}, /no size/],
  [{'low-disk-bytes': '1GB'}, /no size/],
  [{'snapshot-entries': 'many'}, /no whole number/],
  [{'snapshot-bytes-per-second': '1KiB'}, /from 64KiB to 1TiB/],
  [{'heartbeat-ms': '5'}, /from 10 to 10000/],
  [{'heartbeat-ms': '100'}, /between two heartbeats/],
  [{'election-ms': '99'}, /from 100 to 60000/],
  [{'heartbeat-ms': '500', 'election-ms': '999'}, /from 1000 to 60000/],
  [{'metrics-listen': 'here'}, /not HOST:PORT/],
]

for (const [flags, says] of wrong) {
  test(`${JSON.stringify(flags)} is wrong usage`, async () => {
    const error = await refusal(() => nodeOptions({...ENOUGH, ...flags}, new Map()))

    expect(error).toMatchObject({code: 'RAFTCTL_USAGE'})
    expect(error.message).toMatch(says)
  })
}

test('without a place to listen or to keep data, the three ways to give one are named', async () => {
  const error = await refusal(() => nodeOptions({listen: '127.0.0.1:1'}, new Map()))

  expect(error.message).toBe('a node needs --data-dir DIRECTORY')
  expect(error.hint).toContain('RAFTCTL_NODE_DATA_DIR')
})

test('the metrics port is refused in the open like the port of the node', async () => {
  const flags = {listen: '127.0.0.1:1', 'data-dir': 'd', 'token-file': 't'}

  const error = await refusal(() =>
    nodeOptions({...flags, 'metrics-listen': '0.0.0.0:9'}, new Map()),
  )

  expect(error.message).toBe('0.0.0.0:9 can be reached from other machines')
  expect(nodeOptions({...flags, 'metrics-listen': '127.0.0.1:9'}, new Map())).toBeDefined()
})

test('every flag of node run has its variable', () => {
  for (const [name, flag] of Object.entries(NodeRun.flags)) {
    if (flag.hidden) continue
    expect(flag.env).toBe(`RAFTCTL_NODE_${name.replaceAll('-', '_').toUpperCase()}`)
  }
})

test('the help names the defaults that are used', () => {
  const mebi = 1024 * 1024
  const named = (name: keyof typeof nodeSettingFlags) => nodeSettingFlags[name].summary
  const {snapshotEntries, heartbeatMs, electionMs, snapshotChunkBytes} = DEFAULT_SETTINGS

  expect(named('heartbeat-ms')).toContain(`; ${heartbeatMs} by default`)
  expect(named('election-ms')).toContain(`; ${electionMs} by default`)
  expect(named('snapshot-entries')).toContain(`; ${snapshotEntries} by default`)
  expect(named('snapshot-chunk-bytes')).toContain(`; ${snapshotChunkBytes / 1024}KiB by default`)
  for (const [name, bytes] of [
    ['low-disk-bytes', DEFAULT_SETTINGS.lowDiskBytes],
    ['snapshot-log-bytes-min', DEFAULT_SETTINGS.snapshotLogBytesMin],
    ['snapshot-bytes-per-second', DEFAULT_SETTINGS.snapshotBytesPerSecond],
  ] as const) {
    expect(named(name)).toContain(`; ${bytes / mebi}MiB by default`)
  }
})
