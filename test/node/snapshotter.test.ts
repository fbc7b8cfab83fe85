import {expect, test} from 'vitest'
import type {NodeRuntime} from '../../src/node/runtime.js'
import {nodeId} from '../../src/raft/types.js'
import {deferred, kept, lead, makeNode, outcomeOf, settle} from './fakes.js'

const data = new TextEncoder().encode('a command')
const refused = (code: string) => ({error: expect.objectContaining({code})})

async function apply(runtime: NodeRuntime, count: number) {
  for (let i = 0; i < count; i++) await runtime.propose(data)
  await settle()
}

test('a snapshot is taken each time enough entries were applied, and the log compacted behind it', async () => {
  const {node, runtime} = await lead({snapshotEntries: 10})

  await apply(runtime, 30)

  const [first] = node.snapshots.list()
  expect(first!.index).toBe(10)
  expect(node.log.compactions[0]).toBe(10)
  expect(runtime.status().logSnapshotIndex).toBe(node.snapshots.latest()!.index)
  expect(runtime.counters().snapshotsCreated).toBe(node.snapshots.list().length)
})

test('a cluster that is not to snapshot by itself does so on demand only', async () => {
  const {node, runtime} = await lead({snapshotEntries: 0})
  await apply(runtime, 20)
  expect(node.snapshots.list()).toEqual([])

  const info = await runtime.createSnapshot()

  expect(info.index).toBe(22)
  expect(await runtime.createSnapshot()).toBe(info)
})

test('callers share the snapshot under way, unless it does not reach far enough', async () => {
  const {node, runtime} = await lead({snapshotEntries: 0})
  const gate = deferred()
  node.snapshots.gate = gate.promise
  const first = runtime.createSnapshot()
  const shared = runtime.createSnapshot()
  await apply(runtime, 1)
  const further = runtime.createSnapshot(runtime.status().lastApplied)
  await settle()
  expect(node.snapshots.attempts).toBe(1)

  gate.resolve()

  expect((await first).index).toBe(2)
  expect((await shared).index).toBe(2)
  expect((await further).index).toBe(3)
})

test('a snapshot that fails is tried again a step later, not with every entry', async () => {
  const {node, runtime} = await lead({snapshotEntries: 10})
  node.snapshots.createFailure = new Error('no space')

  await apply(runtime, 17)
  expect(node.snapshots.attempts).toBe(1)
  expect(node.notes).toContainEqual({
    event: 'snapshot-failed',
    fields: {error: 'Error: no space'},
  })
  node.snapshots.createFailure = undefined
  await apply(runtime, 1)

  expect(node.snapshots.attempts).toBe(2)
  expect(node.snapshots.latest()!.index).toBe(20)
  expect(node.failures).toEqual([])
})

test('a compaction that fails stops the node with its own error', async () => {
  const {node, runtime} = await lead({snapshotEntries: 0})
  node.log.compactFailure = new Error('EIO')

  const created = kept(runtime.createSnapshot())

  expect(await outcomeOf(created)).toEqual({error: new Error('EIO')})
  expect(node.failures).toEqual([new Error('EIO')])
  expect(await outcomeOf(runtime.propose(data))).toEqual(refused('RAFTCTL_NODE_STOPPED'))
})

test('the log is never compacted beyond what the state holds durably', async () => {
  const {node, runtime} = await lead({snapshotEntries: 0})
  await apply(runtime, 5)
  node.stateMachine.flush = () => Promise.resolve()

  await runtime.createSnapshot()

  expect(node.stateMachine.durableIndex).toBe(0)
  expect(node.log.compactions).toEqual([0])
})

test('a stop gives up the snapshot under way, and nobody begins another', async () => {
  const {node, runtime} = await lead({snapshotEntries: 0})
  node.snapshots.gate = deferred().promise
  const first = kept(runtime.createSnapshot())
  await apply(runtime, 1)
  const second = kept(runtime.createSnapshot(runtime.status().lastApplied))
  await settle()

  const stopped = kept(runtime.stop())

  expect(await outcomeOf(stopped)).toEqual({value: undefined})
  expect(await outcomeOf(first)).toEqual(refused('RAFTCTL_NODE_STOPPED'))
  expect(await outcomeOf(second)).toEqual(refused('RAFTCTL_NODE_STOPPED'))
  expect(node.snapshots.attempts).toBe(1)
})

test('a snapshot is deleted unless the log begins behind it and no other reaches there', async () => {
  const {node, runtime} = await lead({snapshotEntries: 0})
  await apply(runtime, 3)
  const first = await runtime.createSnapshot()
  await apply(runtime, 3)
  node.log.compact = async () => undefined
  const second = await runtime.createSnapshot()
  expect(node.log.firstIndex()).toBe(first.index + 1)

  await runtime.deleteSnapshot(second.id)

  expect(runtime.listSnapshots()).toEqual([first])
  await expect(runtime.deleteSnapshot(first.id)).rejects.toMatchObject({
    code: 'RAFTCTL_REFUSED',
    details: {rule: 'log-needs-it'},
  })
  expect(runtime.listSnapshots()).toEqual([first])
})

test('each peer is sent one snapshot at a time, and failures are told, not thrown', async () => {
  const {node, runtime} = await lead({snapshotEntries: 0})
  const added = await runtime.changeMembership({
    change: {
      kind: 'add',
      role: 'learner',
      name: 'b',
      address: '127.0.0.1:7402',
      storeId: 'store-2',
      promoteWhenReady: false,
    },
    expectedIndex: undefined,
    origin: {timeMs: 0, actor: 'test', reason: ''},
  })
  await apply(runtime, 3)
  await runtime.createSnapshot()
  expect(node.log.firstIndex()).toBeGreaterThan(1)
  const ask = () => {
    const heartbeat = node.transport.ofKind('heartbeat').at(-1)!
    runtime.step([
      {
        kind: 'heartbeat-response',
        groupId: heartbeat.groupId,
        from: added.memberId!,
        to: nodeId(1),
        term: heartbeat.term,
        readRound: 0,
      },
      {
        kind: 'append-entries-response',
        groupId: heartbeat.groupId,
        from: added.memberId!,
        to: nodeId(1),
        term: heartbeat.term,
        index: node.transport.ofKind('append-entries').at(-1)!.prev.index,
        rejected: true,
        hint: {index: heartbeat.commitIndex, term: heartbeat.term},
      },
    ])
  }
  await node.clock.advance(100)
  ask()
  await node.clock.advance(100)
  ask()
  await node.clock.advance(100)
  expect(node.transport.snapshots).toHaveLength(1)

  node.transport.snapshots[0]!.sending.reject(new Error('cut'))
  await settle()
  ask()
  await node.clock.advance(100)

  expect(node.transport.snapshots).toHaveLength(2)
  expect(node.notes).toContainEqual({
    event: 'snapshot-send-failed',
    fields: {peer: 2, error: 'Error: cut'},
  })
  expect(node.failures).toEqual([])
})

test('no snapshot is taken before the log has grown by what it keeps anyway', async () => {
  const bytesPerEntry = 24 + data.length
  const {node, runtime} = await lead({
    snapshotEntries: 10,
    snapshotLogBytesMin: 50 * bytesPerEntry,
  })

  await apply(runtime, 30)
  expect(node.snapshots.list()).toEqual([])

  await apply(runtime, 30)
  expect(node.snapshots.list()).toHaveLength(1)
})

test('a few large entries bring a snapshot about as well', async () => {
  const bytesPerEntry = 24 + data.length
  const {node, runtime} = await lead({
    snapshotEntries: 1000,
    snapshotLogBytesMin: 10 * bytesPerEntry,
  })

  await apply(runtime, 30)
  expect(node.snapshots.list()).toEqual([])

  await apply(runtime, 20)
  expect(node.snapshots.list()).toHaveLength(1)
})

test('what a log without a snapshot held at the start counts towards the first', async () => {
  const bytesPerEntry = 24 + data.length
  const node = makeNode([1], {snapshotEntries: 10, snapshotLogBytesMin: 50 * bytesPerEntry})
  Object.assign(node.log, {bytesAfter: () => 45 * bytesPerEntry})
  const runtime = await node.start()
  await node.clock.advance(400)

  await apply(runtime, 30)

  expect(node.snapshots.list()).toHaveLength(1)
})
