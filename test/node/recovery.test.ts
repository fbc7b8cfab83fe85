import {expect, test} from 'vitest'
import {recover} from '../../src/node/recovery.js'
import {RaftNode} from '../../src/raft/raft-node.js'
import type {Entry} from '../../src/raft/types.js'
import {logIndex, nodeId, term} from '../../src/raft/types.js'
import {MemoryStateMachine} from '../../src/sim/memory-state-machine.js'
import {
  entryAt,
  GROUP,
  HeldLog,
  HeldStateMachine,
  MemorySnapshots,
  membershipEntry,
  membershipOf,
} from './fakes.js'

const MEMBERSHIP = membershipOf([1, 2, 3])

function entriesTo(last: number, atTerm = 1): Entry[] {
  return Array.from({length: last}, (_, i) => {
    return i === 0 ? membershipEntry(MEMBERSHIP, atTerm) : entryAt(i + 1, atTerm)
  })
}

/** A snapshot of a state that has applied this. */
async function addSnapshot(snapshots: MemorySnapshots, entries: readonly Entry[]) {
  const source = new MemoryStateMachine()
  await source.apply(entries)
  await snapshots.create(source.snapshot())
}

async function directory(parts: {
  log?: readonly Entry[]
  hardState?: {term: number; votedFor?: number; commitIndex: number}
  applied?: number
}) {
  const log = new HeldLog()
  const stateMachine = new HeldStateMachine()
  const snapshots = new MemorySnapshots()
  const entries = parts.log ?? []
  const {term: t, votedFor, commitIndex} = parts.hardState ?? {term: 1, commitIndex: 0}
  log.inner.appendNow({
    reset: undefined,
    hardState: {
      term: term(t),
      votedFor: votedFor === undefined ? undefined : nodeId(votedFor),
      commitIndex: logIndex(commitIndex),
    },
    entries,
  })
  await stateMachine.inner.apply(entries.slice(0, parts.applied ?? 0))
  return {log, stateMachine, snapshots}
}

function startCore(log: HeldLog, restored: Awaited<ReturnType<typeof recover>>): RaftNode {
  const core = new RaftNode(
    {nodeId: nodeId(1), groupId: GROUP, random: () => 0, electionTicks: 10, heartbeatTicks: 3},
    log,
  )
  core.restore(restored)
  return core
}

test('an empty directory starts with nothing', async () => {
  const {log, stateMachine, snapshots} = await directory({})

  const restored = await recover(log, stateMachine, snapshots)

  expect(restored).toMatchObject({appliedIndex: 0, membership: undefined, snapshot: undefined})
  expect(log.batches).toEqual([])
})

test('a log that is whole is left alone, and a snapshot within it too', async () => {
  const all = entriesTo(8)
  const {log, stateMachine, snapshots} = await directory({
    log: all,
    hardState: {term: 1, votedFor: 2, commitIndex: 8},
    applied: 3,
  })
  await addSnapshot(snapshots, all.slice(0, 6))

  const restored = await recover(log, stateMachine, snapshots)

  expect(log.batches).toEqual([])
  expect(restored.appliedIndex).toBe(3)
  expect(startCore(log, restored).commitIndex).toBe(8)
})

test('a crash before the log was reset: the log is reset, and the state rebuilt', async () => {
  const {log, stateMachine, snapshots} = await directory({
    log: entriesTo(4),
    hardState: {term: 1, votedFor: 2, commitIndex: 4},
    applied: 4,
  })
  await addSnapshot(snapshots, entriesTo(9))

  const restored = await recover(log, stateMachine, snapshots)

  expect(log.firstIndex()).toBe(10)
  expect(stateMachine.appliedIndex).toBe(9)
  expect(restored.hardState).toEqual({term: 1, votedFor: 2, commitIndex: 9})
  const core = startCore(log, restored)
  expect(core.lastApplied).toBe(9)
  expect(core.membership).toEqual(MEMBERSHIP)
})

test('a crash after the log was reset: the state is rebuilt, and the log left alone', async () => {
  const {log, stateMachine, snapshots} = await directory({
    log: entriesTo(4),
    hardState: {term: 1, commitIndex: 4},
    applied: 4,
  })
  await addSnapshot(snapshots, entriesTo(9))
  log.inner.appendNow({
    reset: {index: logIndex(9), term: term(1)},
    hardState: {term: term(2), votedFor: undefined, commitIndex: logIndex(9)},
    entries: [],
  })

  const restored = await recover(log, stateMachine, snapshots)

  expect(log.batches).toEqual([])
  expect(restored.appliedIndex).toBe(9)
  expect(restored.hardState.term).toBe(2)
})

test('a snapshot of a later term takes the term along, and a vote of an older term is no vote', async () => {
  const {log, stateMachine, snapshots} = await directory({
    log: entriesTo(4, 3),
    hardState: {term: 3, votedFor: 2, commitIndex: 2},
    applied: 2,
  })
  await addSnapshot(snapshots, [...entriesTo(4, 3), entryAt(5, 6)])

  const restored = await recover(log, stateMachine, snapshots)

  expect(restored.hardState).toEqual({term: 6, votedFor: undefined, commitIndex: 5})
  expect(log.hardState).toEqual(restored.hardState)
})

test('a vote in a term as late as the snapshot stays', async () => {
  const {log, stateMachine, snapshots} = await directory({
    log: entriesTo(4, 3),
    hardState: {term: 7, votedFor: 2, commitIndex: 2},
    applied: 2,
  })
  await addSnapshot(snapshots, [...entriesTo(4, 3), entryAt(5, 6)])

  const restored = await recover(log, stateMachine, snapshots)

  expect(restored.hardState).toEqual({term: 7, votedFor: 2, commitIndex: 5})
})

test('an uncommitted tail that contradicts the snapshot goes', async () => {
  const {log, stateMachine, snapshots} = await directory({
    log: entriesTo(8, 1),
    hardState: {term: 1, commitIndex: 3},
    applied: 3,
  })
  await addSnapshot(snapshots, [...entriesTo(3, 1), entryAt(4, 2), entryAt(5, 2)])

  const restored = await recover(log, stateMachine, snapshots)

  expect(log.lastIndex()).toBe(5)
  expect(restored.appliedIndex).toBe(5)
})

test('a snapshot that contradicts committed entries is damage: nothing is changed', async () => {
  const {log, stateMachine, snapshots} = await directory({
    log: entriesTo(8, 1),
    hardState: {term: 1, commitIndex: 8},
    applied: 3,
  })
  await addSnapshot(snapshots, [...entriesTo(3, 1), entryAt(4, 2), entryAt(5, 2)])

  await expect(recover(log, stateMachine, snapshots)).rejects.toMatchObject({
    code: 'RAFTCTL_DATA_DAMAGED',
  })

  expect(log.batches).toEqual([])
  expect(log.lastIndex()).toBe(8)
})

test('a state ahead of the log is damage, also behind a snapshot: nothing is changed', async () => {
  const {log, stateMachine, snapshots} = await directory({
    log: entriesTo(4),
    hardState: {term: 1, commitIndex: 4},
  })
  await stateMachine.inner.apply(entriesTo(9))
  await addSnapshot(snapshots, entriesTo(6))

  await expect(recover(log, stateMachine, snapshots)).rejects.toMatchObject({
    code: 'RAFTCTL_DATA_DAMAGED',
    details: {appliedIndex: 9, lastIndex: 4},
  })

  expect(log.batches).toEqual([])
})

test('a state that ends before the log begins needs a snapshot in between', async () => {
  const {log, stateMachine, snapshots} = await directory({
    log: entriesTo(8),
    hardState: {term: 1, commitIndex: 8},
    applied: 2,
  })
  await log.inner.compact(logIndex(5))

  await expect(recover(log, stateMachine, snapshots)).rejects.toMatchObject({
    code: 'RAFTCTL_DATA_DAMAGED',
    details: {appliedIndex: 2, firstIndex: 6},
  })
  await addSnapshot(snapshots, entriesTo(4))
  await expect(recover(log, stateMachine, snapshots)).rejects.toThrow('no snapshot covers')
  await addSnapshot(snapshots, entriesTo(5))
  const restored = await recover(log, stateMachine, snapshots)

  expect(restored.appliedIndex).toBe(5)
})

test('a log that lacks what it counts as committed is damage', async () => {
  const {log, stateMachine, snapshots} = await directory({
    log: entriesTo(4),
    hardState: {term: 1, commitIndex: 6},
    applied: 2,
  })

  await expect(recover(log, stateMachine, snapshots)).rejects.toMatchObject({
    code: 'RAFTCTL_DATA_DAMAGED',
  })
})

test('recovering twice changes nothing the second time', async () => {
  const {log, stateMachine, snapshots} = await directory({
    log: entriesTo(4),
    hardState: {term: 1, votedFor: 2, commitIndex: 4},
    applied: 4,
  })
  await addSnapshot(snapshots, entriesTo(9))

  const first = await recover(log, stateMachine, snapshots)
  const second = await recover(log, stateMachine, snapshots)

  expect(second).toEqual(first)
  expect(log.batches).toHaveLength(1)
})
