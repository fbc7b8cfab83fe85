import {afterEach, expect, test} from 'vitest'
import {ClusterClient} from '../../src/client/cluster-client.js'
import {encodeCommand} from '../../src/kv/command.js'
import {dumpLog, type LogRecord, selected} from '../../src/operator/log-dump.js'
import {codeOf, entry, startFakes} from '../client/fake-cluster.js'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

async function started(count: number) {
  const cluster = await startFakes(1)
  const client = new ClusterClient({endpoints: cluster.addresses, timeoutMs: 2000})
  cleanups.push(
    () => client.close(),
    () => cluster.stop(),
  )
  const node = cluster.nodes[0]!
  node.entries = Array.from({length: count}, (_, i) => entry(i + 1))
  node.commitIndex = count
  return {client, node}
}

async function read(records: AsyncIterable<LogRecord>): Promise<LogRecord[]> {
  const all: LogRecord[] = []
  for await (const record of records) all.push(record)
  return all
}

test('a follower goes on with what is committed later, up to where it is to end', async () => {
  const {client, node} = await started(2)
  const seen: number[] = []

  for await (const {index} of dumpLog(client, {from: 1, to: 4, follow: true})) {
    seen.push(index)
    if (index < 2) continue
    node.entries.push(entry(index + 1))
    node.commitIndex += 1
  }

  expect(seen).toEqual([1, 2, 3, 4])
})

test('a follower waits for an index that is not committed yet; a dump does not', async () => {
  const {client, node} = await started(2)

  const code = await codeOf(read(dumpLog(client, {from: 3, to: 3})))
  const following = read(dumpLog(client, {from: 3, to: 3, follow: true}))
  node.entries.push(entry(3))
  node.commitIndex = 3

  expect(code).toBe('RAFTCTL_INDEX_NOT_FOUND')
  expect((await following).map(({index}) => index)).toEqual([3])
})

test('only what is wanted is shown, and as it is wanted', async () => {
  const {client, node} = await started(1)
  const value = Uint8Array.of(0xff, 0x00)
  const key = new TextEncoder().encode('k')
  const data = encodeCommand({
    op: 'put',
    key,
    value,
    session: undefined,
    expectedVersion: undefined,
  })
  node.entries.push(
    {...entry(2), kind: 'blank', data: Buffer.alloc(0)},
    {...entry(3), data: Buffer.from(data)},
  )
  node.commitIndex = 3

  const blank = await read(selected(dumpLog(client, {}), {type: 'blank'}))
  const hex = await read(selected(dumpLog(client, {from: 3}), {encoding: 'hex'}))
  const base64 = await read(selected(dumpLog(client, {from: 3}), {encoding: 'base64'}))

  expect(blank.map(({index}) => index)).toEqual([2])
  expect(hex[0]).toMatchObject({key: '6b', keyEncoding: 'hex', value: 'ff00', valueEncoding: 'hex'})
  expect(base64[0]).toMatchObject({key: 'aw==', value: '/wA=', valueEncoding: 'base64'})
})
