import {existsSync} from 'node:fs'
import {join} from 'node:path'
import {afterEach, expect, test, vi} from 'vitest'
import {ClusterClient} from '../../src/client/cluster-client.js'
import {type Daemon, type LogRecord, startDaemon} from '../../src/daemon.js'
import {LmdbStateMachine} from '../../src/kv/lmdb-state-machine.js'
import {Wal} from '../../src/storage/wal/wal.js'
import {temporaryDirectory} from '../support/temporary.js'
import {kept, outcomeOf} from './fakes.js'

const running: Daemon[] = []
const KEY = new TextEncoder().encode('key')
const CLUSTER = '0123456789abcdef0123456789abcdef'

afterEach(async () => {
  vi.restoreAllMocks()
  for (const daemon of running.splice(0)) await daemon.stop().catch(() => undefined)
})

async function start(dataDir: string, logLevel?: LogRecord['level']) {
  const records: LogRecord[] = []
  const daemon = await startDaemon({
    dataDir,
    listen: '127.0.0.1:0',
    version: '0.0.0',
    log: record => records.push(record),
    logLevel,
  })
  running.push(daemon)
  return {daemon, records}
}

async function initialise(daemon: Daemon): Promise<unknown> {
  const client = new ClusterClient({endpoints: [daemon.address], timeoutMs: 5000})
  try {
    const voter = {name: 'a', address: daemon.address}
    return await client.initialise(daemon.address, CLUSTER, [voter])
  } finally {
    await client.close()
  }
}

/** A node that leads a cluster of its own. */
async function member(logLevel?: LogRecord['level']) {
  const dataDir = await temporaryDirectory()
  const {daemon, records} = await start(dataDir, logLevel)
  await initialise(daemon)
  await vi.waitFor(() => {
    const leads = records.some(({event, role}) => event === 'role' && role === 'leader')
    expect(leads).toBe(true)
  }, 5000)
  return {dataDir, daemon, records}
}

test('each change of role is a line, with the span that begins and how long the last one was', async () => {
  const {records} = await member()

  const roles = records.filter(({event}) => event === 'role')
  expect(roles.map(({role}) => role).at(-1)).toBe('leader')
  expect(new Set(roles.map(({spanId}) => spanId)).size).toBe(roles.length)
  expect(new Set(roles.map(({traceId}) => traceId)).size).toBe(1)
  for (const {level, lastedMs} of roles) {
    expect(level).toBe('info')
    expect(lastedMs).toBeGreaterThanOrEqual(0)
  }
  expect(records.some(({event}) => event === 'call')).toBe(false)
})

test('at trace level every call is a line; nothing of what was written is in any', async () => {
  const {daemon, records} = await member('trace')
  const client = new ClusterClient({endpoints: [daemon.address], timeoutMs: 5000})
  await client.put(KEY, new TextEncoder().encode('a secret')).finally(() => client.close())

  await vi.waitFor(() => {
    const paths = records.filter(({event}) => event === 'call').map(({path}) => path)
    expect(paths).toContain('/raftctl.v1.ClusterService/Initialise')
    expect(paths).toContain('/raftctl.v1.KeyValueService/Put')
  }, 5000)
  const text = JSON.stringify(records)
  for (const encoding of ['utf8', 'base64', 'hex'] as const) {
    expect(text).not.toContain(Buffer.from('a secret').toString(encoding))
  }
})

test('a log of errors only has no lines about the usual', async () => {
  const {daemon, records} = await start(await temporaryDirectory(), 'error')

  await daemon.stop()

  expect(records).toEqual([])
})

test('a failed write ends the node with that failure, and frees port and directory', async () => {
  const {dataDir, daemon} = await member()
  const failure = new Error('EIO')
  vi.spyOn(Wal.prototype, 'append').mockRejectedValue(failure)
  const client = new ClusterClient({endpoints: [daemon.address], timeoutMs: 500})
  const put = kept(client.put(KEY, KEY))

  await expect(daemon.done).rejects.toBe(failure)
  await daemon.stop()
  await expect(put).rejects.toThrow()
  await client.close()

  vi.restoreAllMocks()
  const again = await start(dataDir)
  await again.daemon.stop()
  await expect(again.daemon.done).resolves.toBeUndefined()
})

test('a seal that can not be written is how the stop ends', async () => {
  const {daemon, records} = await member()
  const failure = new Error('no space')
  vi.spyOn(Wal.prototype, 'close').mockRejectedValue(failure)

  await daemon.stop()

  await expect(daemon.done).rejects.toBe(failure)
  expect(records).toContainEqual({level: 'error', event: 'stop', error: 'Error: no space'})
})

test('a failure while the node is being stopped is not lost', async () => {
  const {daemon} = await member()
  const failure = new Error('EIO')
  const append = Wal.prototype.append
  let sync = () => {}
  const reached = new Promise<void>(resolve => {
    vi.spyOn(Wal.prototype, 'append').mockImplementation(async function (this: Wal, batch) {
      await append.call(this, batch)
      resolve()
      await new Promise<void>(go => {
        sync = go
      })
      throw failure
    })
  })
  const client = new ClusterClient({endpoints: [daemon.address], timeoutMs: 500})
  const put = kept(client.put(KEY, KEY))
  await reached
  const first = kept(daemon.stop())
  const second = kept(daemon.stop())
  expect(await outcomeOf(second)).toBe('pending')

  sync()
  await first
  await second
  await expect(daemon.done).rejects.toBe(failure)
  await expect(put).rejects.toThrow()
  await client.close()
})

test('a node that took its identity and could not open its parts ends, and starts again whole', async () => {
  const dataDir = await temporaryDirectory()
  const {daemon} = await start(dataDir)
  const failure = new Error('no space')
  const open = vi.spyOn(LmdbStateMachine, 'open').mockRejectedValueOnce(failure)

  await expect(initialise(daemon)).rejects.toThrow()
  await expect(daemon.done).rejects.toBe(failure)
  await daemon.stop()
  open.mockRestore()

  expect(existsSync(join(dataDir, 'node.json'))).toBe(true)
  const {daemon: again, records} = await start(dataDir)
  await initialise(again)
  expect(records).toContainEqual(expect.objectContaining({event: 'started', nodeId: 1}))
})

test('an attempt to join that failed before the identity was written can be repeated', async () => {
  const dataDir = await temporaryDirectory()
  const {daemon, records} = await start(dataDir)
  const append = vi.spyOn(Wal.prototype, 'append').mockRejectedValueOnce(new Error('no space'))

  await expect(initialise(daemon)).rejects.toThrow()
  append.mockRestore()
  await initialise(daemon)

  expect(records).toContainEqual(expect.objectContaining({event: 'joined', nodeId: 1}))
})
