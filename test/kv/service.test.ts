import * as grpc from '@grpc/grpc-js'
import {expect, onTestFinished, test} from 'vitest'
import {ERRORS, GRPC_STATUS, RaftctlError} from '../../src/errors.js'
import {ChangeLog} from '../../src/kv/changes.js'
import {hashOf} from '../../src/kv/checkpoints.js'
import {PIPELINE_MESSAGE_OPERATIONS_MAX, PIPELINE_OUTSTANDING_MAX} from '../../src/kv/pipeline.js'
import {encodeWrites, type PipelineWrite, readAnswers} from '../../src/kv/pipeline-records.js'
import type {KeptResult} from '../../src/kv/results.js'
import {keyValueService} from '../../src/kv/service.js'
import type {Applied, NodeHost, NodeRuntimeApi, ProposalWaiter} from '../../src/node/api.js'
import {type Entry, logIndex, nodeId, term} from '../../src/raft/types.js'
import {
  type CheckpointResponse,
  type DeleteRequest,
  type DeleteResponse,
  type GetRequest,
  type GetResponse,
  type HashRequest,
  type HashResponse,
  KeyValueServiceClient,
  KeyValueServiceService,
  type OpenSessionResponse,
  type PipelineOperation,
  type PipelineResponse,
  type PipelineResult,
  type PutRequest,
  type PutResponse,
  type RangePage,
  type WatchPage,
  type WatchRequest,
} from '../../src/rpc/gen/raftctl/v1/kv.js'
import {fromServiceError} from '../../src/rpc/status.js'
import {MemoryStateMachine} from '../../src/sim/memory-state-machine.js'
import {Log, membershipOf} from './fixtures.js'

class CountingMachine extends MemoryStateMachine {
  readonly changes = new ChangeLog(logIndex(0))
  readonly #hashes = new Map<number, Promise<string>>()
  gets = 0

  override applyNow(entries: readonly Entry[]) {
    return entries.map(entry => {
      const [result] = super.applyNow([entry])
      this.changes.add(entry, result)
      this.changes.advance(entry.index)
      if (result?.kind === 'checkpoint') this.#hashes.set(entry.index, hashOf(this.snapshot()))
      return result
    })
  }

  checkpointHash(index: number) {
    return this.#hashes.get(index)
  }

  override get(key: Uint8Array) {
    this.gets++
    return super.get(key)
  }
}

/** A group of one without Raft: what is proposed is applied, in order, unless `refusal` says why not. */
class Group {
  readonly machine = new CountingMachine()
  readonly #log = new Log()
  barriers = 0
  proposals = 0
  refusal: RaftctlError | undefined
  pristine = false
  isLed = true
  /** Proposals wait until it resolves. */
  gate: Promise<void> | undefined

  readonly host = {
    address: 'localhost:7400',
    runtime: undefined as NodeRuntimeApi | undefined,
  }

  constructor() {
    this.host.runtime = {
      propose: (data: Uint8Array) => this.#propose(data),
      submit: (data: Uint8Array, waiter: ProposalWaiter) => {
        this.#propose(data).then(
          ({index, term, result}) => waiter.applied(index, term, result),
          (error: unknown) => waiter.failed(error),
        )
      },
      readBarrier: async () => {
        this.barriers++
        if (this.refusal !== undefined) throw this.refusal
        return this.machine.appliedIndex
      },
      status: () => ({
        leaderId: this.isLed ? nodeId(1) : undefined,
        membership: membershipOf(1),
      }),
    } as unknown as NodeRuntimeApi
  }

  async #propose(data: Uint8Array): Promise<Applied> {
    this.proposals++
    if (this.refusal !== undefined) throw this.refusal
    await this.gate
    const entry = this.#log.command(data)
    const [result] = await this.machine.apply([entry])
    return {index: logIndex(entry.index), term: term(1), result}
  }
}

async function serve(group: Group): Promise<KeyValueServiceClient> {
  const server = new grpc.Server({'grpc.max_receive_message_length': 16 * 1024 * 1024})
  if (group.pristine) group.host.runtime = undefined
  server.addService(
    KeyValueServiceService,
    keyValueService(group.host as unknown as NodeHost, () =>
      group.pristine ? undefined : group.machine,
    ),
  )
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  )
  const client = new KeyValueServiceClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    'grpc.enable_http_proxy': 0,
    'grpc.max_receive_message_length': 16 * 1024 * 1024,
  })
  onTestFinished(() => {
    client.close()
    server.forceShutdown()
  })
  return client
}

interface Calls {
  put: [PutRequest, PutResponse]
  get: [GetRequest, GetResponse]
  delete: [DeleteRequest, DeleteResponse]
  openSession: [object, OpenSessionResponse]
  checkpoint: [object, CheckpointResponse]
  hash: [HashRequest, HashResponse]
}

/** One unary call; rejects with the RaftctlError that travelled. */
function call<Name extends keyof Calls>(
  client: KeyValueServiceClient,
  name: Name,
  request: Calls[Name][0],
): Promise<Calls[Name][1]> {
  type Answer = (error: grpc.ServiceError | null, answer: Calls[Name][1]) => void
  const method = client[name].bind(client) as (request: unknown, callback: Answer) => unknown
  return new Promise((resolve, reject) =>
    method(request, (error, answer) =>
      error === null ? resolve(answer) : reject(fromServiceError(error)),
    ),
  )
}

const putRequest = (key: string, value: string, more: object = {}) => ({
  key: Buffer.from(key),
  value: Buffer.from(value),
  write: undefined,
  ...more,
})
const putOperation = (id: number, key: string, value: string): PipelineOperation => ({
  id: BigInt(id),
  operation: {$case: 'put', value: putRequest(key, value)},
})
const getOperation = (id: number, key: string, stale = false): PipelineOperation => ({
  id: BigInt(id),
  operation: {$case: 'get', value: {key: Buffer.from(key), stale}},
})

async function collectPages(client: KeyValueServiceClient, request: object): Promise<RangePage[]> {
  const pages: RangePage[] = []
  const stream = client.range({
    start: Buffer.alloc(0),
    end: Buffer.alloc(0),
    limit: 0n,
    stale: false,
    keysOnly: false,
    ...request,
  })
  return new Promise((resolve, reject) => {
    stream.on('data', (page: RangePage) => pages.push(page))
    stream.on('error', error => reject(fromServiceError(error as grpc.ServiceError)))
    stream.on('end', () => resolve(pages))
  })
}

test('a put is read back with its version, and delete says whether there was a key', async () => {
  const client = await serve(new Group())

  const first = await call(client, 'put', putRequest('a', '1'))
  const second = await call(client, 'put', putRequest('a', '2', {expectedVersion: 1n}))
  const got = await call(client, 'get', {key: Buffer.from('a'), stale: false})
  const removed = await call(client, 'delete', {key: Buffer.from('a'), write: undefined})
  const again = await call(client, 'delete', {key: Buffer.from('a'), write: undefined})
  const gone = await call(client, 'get', {key: Buffer.from('a'), stale: false})

  expect(first).toEqual({version: 1n, previousVersion: 0n})
  expect(second).toEqual({version: 2n, previousVersion: 1n})
  expect(got).toEqual({found: true, value: Buffer.from('2'), version: 2n, appliedIndex: 2n})
  expect(removed).toEqual({deleted: true, index: 3n})
  expect(again).toEqual({deleted: false, index: 4n})
  expect(gone).toEqual({found: false, value: Buffer.alloc(0), version: 0n, appliedIndex: 4n})
})

test('a retry in a session is answered like the first time, and applied once', async () => {
  const client = await serve(new Group())
  const {sessionId} = await call(client, 'openSession', {})
  const write = {sessionId, sequence: 1n, lowestUnanswered: 1n}

  const first = await call(client, 'put', putRequest('a', '1', {write}))
  await call(client, 'put', putRequest('a', '2'))
  const again = await call(client, 'put', putRequest('a', '1', {write}))
  const got = await call(client, 'get', {key: Buffer.from('a'), stale: true})

  expect(again).toEqual(first)
  expect(got.value.toString()).toBe('2')
})

const tooLarge = 2n ** 53n
const refusals = [
  {what: 'an empty key', request: putRequest('', '1'), code: 'RAFTCTL_USAGE'},
  {what: 'a long key', request: putRequest('k'.repeat(1025), '1'), code: 'RAFTCTL_TOO_LARGE'},
  {
    what: 'a large value',
    request: putRequest('k', 'v'.repeat(1024 * 1024 + 1)),
    code: 'RAFTCTL_TOO_LARGE',
  },
  {
    what: 'a version beyond 2^53 - 1',
    request: putRequest('k', 'v', {expectedVersion: tooLarge}),
    code: 'RAFTCTL_TOO_LARGE',
  },
  {
    what: 'a sequence of 0',
    request: putRequest('k', 'v', {
      write: {sessionId: 1n, sequence: 0n, lowestUnanswered: 0n},
    }),
    code: 'RAFTCTL_USAGE',
  },
] as const

for (const {what, request, code} of refusals) {
  test(`${what} is refused before it reaches the log`, async () => {
    const group = new Group()
    const client = await serve(group)

    await expect(call(client, 'put', request)).rejects.toMatchObject({code})

    expect(group.proposals).toBe(0)
  })
}

test('a failed comparison tells both versions', async () => {
  const client = await serve(new Group())
  await call(client, 'put', putRequest('a', '1'))

  const put = call(client, 'put', putRequest('a', '2', {expectedVersion: 7n}))

  await expect(put).rejects.toMatchObject({
    code: 'RAFTCTL_COMPARE_FAILED',
    details: {expectedVersion: 7, version: 1},
  })
})

test('an unknown session is refused by name', async () => {
  const client = await serve(new Group())
  const write = {sessionId: 99n, sequence: 1n, lowestUnanswered: 1n}

  const put = call(client, 'put', putRequest('a', '2', {write}))

  await expect(put).rejects.toMatchObject({code: 'RAFTCTL_SESSION_EXPIRED'})
})

test('a failure carries the address of the leader', async () => {
  const group = new Group()
  group.refusal = new RaftctlError('RAFTCTL_NOT_LEADER', 'not the leader')
  const client = await serve(group)

  const put = call(client, 'put', putRequest('a', '1'))
  const get = call(client, 'get', {key: Buffer.from('a'), stale: false})

  await expect(put).rejects.toMatchObject({code: 'RAFTCTL_NOT_LEADER', leader: 'localhost:1'})
  await expect(get).rejects.toMatchObject({code: 'RAFTCTL_NOT_LEADER', leader: 'localhost:1'})
})

test('a pristine node says that it is not initialised, on every call', async () => {
  const group = new Group()
  group.pristine = true
  const client = await serve(group)
  const expected = {code: 'RAFTCTL_NOT_INITIALISED'}

  const stale = call(client, 'get', {key: Buffer.from('a'), stale: true})
  await expect(stale).rejects.toMatchObject(expected)
  await expect(call(client, 'put', putRequest('a', '1'))).rejects.toMatchObject(expected)
  await expect(call(client, 'openSession', {})).rejects.toMatchObject(expected)
  await expect(collectPages(client, {stale: true})).rejects.toMatchObject(expected)
})

test('a range comes in pages, in key order, after one barrier', async () => {
  const group = new Group()
  const client = await serve(group)
  for (let i = 0; i < 50; i++) {
    await call(client, 'put', putRequest(`k${String(i).padStart(3, '0')}`, 'x'.repeat(20_000)))
  }

  const pages = await collectPages(client, {})
  const limited = await collectPages(client, {start: Buffer.from('k010'), limit: 30n})
  const keys = await collectPages(client, {
    start: Buffer.from('k045'),
    end: Buffer.from('k047'),
    keysOnly: true,
  })

  const names = pages.flatMap(({items}) => items.map(({key}) => key.toString()))
  expect(names).toEqual(Array.from({length: 50}, (_, i) => `k${String(i).padStart(3, '0')}`))
  expect(pages.length).toBeGreaterThan(2)
  expect(limited.flatMap(({items}) => items)).toHaveLength(30)
  expect(keys.flatMap(({items}) => items)).toEqual([
    {key: Buffer.from('k045'), value: Buffer.alloc(0), version: 46n},
    {key: Buffer.from('k046'), value: Buffer.alloc(0), version: 47n},
  ])
  expect(group.barriers).toBe(3)
})

test('a range that nobody reads on ends with its call', async () => {
  const group = new Group()
  const client = await serve(group)
  for (let i = 0; i < 200; i++) {
    await call(client, 'put', putRequest(`k${i}`, 'x'.repeat(200_000)))
  }
  const stream = client.range({
    start: Buffer.alloc(0),
    end: Buffer.alloc(0),
    limit: 0n,
    stale: false,
    keysOnly: false,
  })

  const code = await new Promise(resolve => {
    stream.on('error', error => resolve((error as grpc.ServiceError).code))
    stream.once('data', () => stream.cancel())
  })
  const after = await call(client, 'get', {key: Buffer.from('k1'), stale: false})

  expect(code).toBe(grpc.status.CANCELLED)
  expect(after.found).toBe(true)
})

test('every operation of a pipeline is answered on its own, and the stream ends after the last', async () => {
  const group = new Group()
  const client = await serve(group)
  const stream = client.pipeline()
  const results = new Map<number, PipelineResult['result']>()
  const ended = new Promise<void>((resolve, reject) => {
    stream.on('data', ({results: some}: PipelineResponse) => {
      for (const {id, result} of some) results.set(Number(id), result)
    })
    stream.on('error', reject)
    stream.on('end', resolve)
  })

  stream.write({
    writes: NO_WRITES,
    operations: [
      putOperation(1, 'a', '1'),
      putOperation(2, '', '1'),
      {id: 3n, operation: {$case: 'delete', value: {key: Buffer.from('b'), write: undefined}}},
      {id: 4n, operation: undefined},
      getOperation(5, 'a'),
      getOperation(6, 'a', true),
      getOperation(7, ''),
    ],
  })
  stream.end()
  await ended

  expect(results.get(1)).toEqual({$case: 'put', value: {version: 1n, previousVersion: 0n}})
  expect(results.get(2)).toMatchObject({$case: 'error', value: {code: 'RAFTCTL_USAGE'}})
  expect(results.get(3)).toEqual({$case: 'delete', value: {deleted: false, index: 2n}})
  expect(results.get(4)).toMatchObject({$case: 'error', value: {code: 'RAFTCTL_USAGE'}})
  expect(results.get(5)).toMatchObject({$case: 'get', value: {found: true}})
  expect(results.get(6)?.$case).toBe('get')
  expect(results.get(7)).toMatchObject({$case: 'error', value: {code: 'RAFTCTL_USAGE'}})
  expect(group.barriers).toBe(1)
})

test('writes that travel as bytes are answered as bytes, and each failure by itself', async () => {
  const group = new Group()
  const client = await serve(group)
  const stream = client.pipeline()
  const answers = new Map<number, KeptResult>()
  const failures = new Map<number, PipelineResult['result']>()
  const ended = new Promise<void>((resolve, reject) => {
    stream.on('data', (response: PipelineResponse) => {
      readAnswers(response.answers, (id, result) => answers.set(id, result))
      for (const {id, result} of response.results) failures.set(Number(id), result)
    })
    stream.on('error', reject)
    stream.on('end', resolve)
  })
  const writes = encodeWrites([
    writeOf(1, {op: 'put', key: Buffer.from('a'), value: Buffer.from('1')}),
    writeOf(2, {op: 'put', key: Buffer.from('a'), value: Buffer.from('2')}),
    writeOf(3, {op: 'delete', key: Buffer.from('b')}),
    writeOf(4, {op: 'put', key: Buffer.from('a'), value: Buffer.from('3')}, 7),
    writeOf(5, {op: 'delete', key: Buffer.from('c')}),
  ])
  // The last one's command is of a kind that is none.
  writes[writes.length - 6] = 9

  stream.write({operations: [], writes})
  stream.end()
  await ended

  expect([...answers]).toEqual([
    [1, {kind: 'put', version: 1, previousVersion: 0}],
    [2, {kind: 'put', version: 2, previousVersion: 1}],
    [3, {kind: 'delete', deleted: false, index: 3}],
  ])
  expect(failures.get(4)).toMatchObject({value: {code: 'RAFTCTL_COMPARE_FAILED'}})
  expect(failures.get(5)).toMatchObject({value: {code: 'RAFTCTL_USAGE'}})
})

test.each([
  ['cut off', (writes: Buffer) => writes.subarray(0, -1)],
  ['longer than the message', (writes: Buffer) => Buffer.concat([writes, Buffer.alloc(5)])],
  ['of an impossible id', (writes: Buffer) => writes.fill(0xff, 0, 8)],
])('writes that are %s end the stream, and none of them is proposed', async (_, damage) => {
  const group = new Group()
  const client = await serve(group)
  const stream = client.pipeline()
  const put = {op: 'put', key: Buffer.from('a'), value: Buffer.from('1')} as const
  const writes = damage(encodeWrites([writeOf(1, put), writeOf(2, put)]))

  const error = await new Promise<grpc.ServiceError>(resolve => {
    stream.on('error', failure => resolve(failure as grpc.ServiceError))
    stream.on('data', () => {})
    stream.write({operations: [], writes})
  })

  expect(fromServiceError(error).code).toBe('RAFTCTL_USAGE')
  expect(group.proposals).toBe(0)
})

test('a refused operation of a pipeline names the code and the leader', async () => {
  const group = new Group()
  group.refusal = new RaftctlError('RAFTCTL_NOT_LEADER', 'not the leader', {hint: 'ask another'})
  const client = await serve(group)
  const stream = client.pipeline()

  const answer = await new Promise<PipelineResponse>((resolve, reject) => {
    stream.on('data', resolve)
    stream.on('error', reject)
    stream.write({writes: NO_WRITES, operations: [putOperation(1, 'a', '1'), getOperation(2, 'a')]})
  })
  stream.end()

  const error = {
    $case: 'error',
    value: {
      code: 'RAFTCTL_NOT_LEADER',
      message: 'not the leader',
      hint: 'ask another',
      leaderAddress: 'localhost:1',
    },
  }
  expect(answer.results.toSorted((a, b) => Number(a.id - b.id))).toEqual([
    {id: 1n, result: error},
    {id: 2n, result: error},
  ])
})

test('a pipeline reads no more than its bound while nothing is answered, then goes on', async () => {
  const group = new Group()
  let open = () => {}
  group.gate = new Promise(resolve => {
    open = resolve
  })
  const client = await serve(group)
  const stream = client.pipeline()
  const messages = 400
  const perMessage = 64
  let answered = 0
  const all = new Promise<void>((resolve, reject) => {
    stream.on('data', ({results}: PipelineResponse) => {
      answered += results.length
      if (answered === messages * perMessage) resolve()
    })
    stream.on('error', reject)
  })
  for (let i = 0; i < messages; i++) {
    const operations = Array.from({length: perMessage}, (_, j) =>
      putOperation(i * perMessage + j, `k${j}`, 'v'),
    )
    stream.write({writes: NO_WRITES, operations})
  }

  // The proposals stop to grow once the bound is reached; a further call proves the server is idle.
  await expect.poll(() => group.proposals, {timeout: 5000}).toBe(PIPELINE_OUTSTANDING_MAX)
  for (let i = 0; i < 20; i++) await call(client, 'get', {key: Buffer.from('k'), stale: true})
  const held = group.proposals
  open()
  await all
  stream.end()

  expect(held).toBe(PIPELINE_OUTSTANDING_MAX)
  expect(group.proposals).toBe(messages * perMessage)
})

test('a pipeline whose client does not read holds few values, and goes on when it does', async () => {
  const group = new Group()
  const client = await serve(group)
  await call(client, 'put', putRequest('big', 'x'.repeat(200_000)))
  const stream = client.pipeline()
  const operations = 600
  let answered = 0
  const all = new Promise<void>((resolve, reject) => {
    stream.on('error', reject)
    stream.on('data', ({results}: PipelineResponse) => {
      answered += results.length
      if (answered === operations) resolve()
    })
  })
  stream.pause()
  stream.write({
    writes: NO_WRITES,
    operations: Array.from({length: operations}, (_, i) => getOperation(i, 'big')),
  })

  await expect.poll(() => group.machine.gets).toBeGreaterThan(0)
  for (let i = 0; i < 20; i++) await call(client, 'openSession', {})
  const held = group.machine.gets
  stream.resume()
  await all
  stream.end()

  expect(held).toBeLessThan(operations / 2)
  expect(group.machine.gets).toBe(operations)
})

test('a pipeline whose client reads no answers takes no more writes, and answers all in the end', async () => {
  const group = new Group()
  const client = await serve(group)
  const stream = client.pipeline()
  const messages = 500
  const perMessage = 256
  let answered = 0
  const ended = new Promise<void>((resolve, reject) => {
    stream.on('error', reject)
    stream.on('data', ({answers}: PipelineResponse) => {
      readAnswers(answers, () => answered++)
    })
    stream.on('end', resolve)
  })
  stream.pause()
  const value = Buffer.from('1')
  for (let i = 0; i < messages; i++) {
    const writes = Array.from({length: perMessage}, (_, j) =>
      writeOf(i * perMessage + j, {op: 'put', key: Buffer.from('k'), value}),
    )
    stream.write({writes: encodeWrites(writes), operations: []})
  }
  stream.end()

  // The server is idle once a round of calls brings no further proposal.
  let held = -1
  while (held !== group.proposals) {
    held = group.proposals
    for (let i = 0; i < 20; i++) await call(client, 'get', {key: Buffer.from('k'), stale: true})
  }
  stream.resume()
  await ended

  expect(held).toBeLessThan((messages * perMessage) / 2)
  expect(answered).toBe(messages * perMessage)
})

test('a message of too many operations ends its stream with a clear error', async () => {
  const group = new Group()
  const client = await serve(group)
  const stream = client.pipeline()
  const operations = Array.from({length: PIPELINE_MESSAGE_OPERATIONS_MAX + 1}, (_, i) =>
    getOperation(i, 'a', true),
  )

  const error = await new Promise<grpc.ServiceError>(resolve => {
    stream.on('error', failure => resolve(failure as grpc.ServiceError))
    stream.on('data', () => {})
    stream.write({writes: NO_WRITES, operations})
  })

  expect(error.code).toBe(GRPC_STATUS[ERRORS.RAFTCTL_TOO_LARGE.grpc])
  expect(fromServiceError(error).code).toBe('RAFTCTL_TOO_LARGE')
})

test('a pipeline whose client goes away in the middle leaves the service answering others', async () => {
  const group = new Group()
  let open = () => {}
  group.gate = new Promise(resolve => {
    open = resolve
  })
  const client = await serve(group)
  const stream = client.pipeline()
  stream.on('error', () => {})
  stream.on('data', () => {})
  stream.write({writes: NO_WRITES, operations: [putOperation(1, 'a', '1')]})
  await expect.poll(() => group.proposals).toBe(1)

  stream.cancel()
  open()
  await call(client, 'put', putRequest('b', '2'))
  const got = await call(client, 'get', {key: Buffer.from('a'), stale: false})

  expect(got.value.toString()).toBe('1')
})

const NO_WRITES = Buffer.alloc(0)

function writeOf(
  id: number,
  change: {op: 'put'; key: Buffer; value: Buffer} | {op: 'delete'; key: Buffer},
  expectedVersion?: number,
): PipelineWrite {
  return {id, command: {...change, session: undefined, expectedVersion}}
}

function openWatch(client: KeyValueServiceClient, request: Partial<WatchRequest> = {}) {
  const none = Buffer.alloc(0)
  const stream = client.watch({start: none, end: none, afterVersion: undefined, ...request})
  const pages: WatchPage[] = []
  stream.on('data', (page: WatchPage) => pages.push(page))
  const ended = new Promise<unknown>(resolve => {
    stream.on('error', error => resolve(fromServiceError(error as grpc.ServiceError)))
  })
  onTestFinished(() => stream.cancel())
  const versions = () => pages.flatMap(({changes}) => changes.map(each => Number(each.version)))
  return {pages, ended, versions}
}

test('a watcher gets every change after its version, those of before its call too', async () => {
  const group = new Group()
  const client = await serve(group)
  for (let i = 1; i <= 5; i++) await call(client, 'put', putRequest(`k${i}`, 'v'))

  const watch = openWatch(client, {afterVersion: 2n})
  await until(() => watch.versions().length === 3)
  await call(client, 'put', putRequest('k6', 'v'))
  await until(() => watch.versions().length === 4)

  expect(watch.versions()).toEqual([3, 4, 5, 6])
  expect(Number(watch.pages.at(-1)?.version)).toBe(6)
})

test('a watcher without a version begins with the next change, of its range alone', async () => {
  const group = new Group()
  const client = await serve(group)
  await call(client, 'put', putRequest('b', 'old'))

  const watch = openWatch(client, {start: Buffer.from('b'), end: Buffer.from('c')})
  await until(() => watch.pages.length === 1)
  await call(client, 'put', putRequest('a', 'no'))
  await call(client, 'put', putRequest('b', 'yes'))
  await until(() => watch.versions().length === 1)

  expect(watch.pages[0]).toMatchObject({changes: [], version: 1n})
  expect(watch.versions()).toEqual([3])
})

test('a watcher whose next change is not held any more is told so', async () => {
  const group = new Group()
  const client = await serve(group)
  group.machine.changes.reset(logIndex(50))

  const watch = openWatch(client, {afterVersion: 49n})

  expect(await watch.ended).toMatchObject({
    code: 'RAFTCTL_LOG_COMPACTED',
    details: {firstVersion: 50},
  })
})

test('a watcher of a node that follows no leader any more is sent elsewhere', async () => {
  const group = new Group()
  const client = await serve(group)
  const watch = openWatch(client)
  await until(() => watch.pages.length === 1)

  group.isLed = false

  expect(await watch.ended).toMatchObject({code: 'RAFTCTL_NO_LEADER'})
})

test('a checkpoint has a hash once it is applied; an index without one has none', async () => {
  const client = await serve(new Group())
  await call(client, 'put', putRequest('a', '1'))

  const {index} = await call(client, 'checkpoint', {})
  const {hash} = await call(client, 'hash', {index})

  expect(hash).toMatch(/^[0-9a-f]{64}$/)
  await expect(call(client, 'hash', {index: 1n})).rejects.toMatchObject({
    code: 'RAFTCTL_INDEX_NOT_FOUND',
  })
})

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('it did not come to be')
    await new Promise(resolve => setImmediate(resolve))
  }
}
