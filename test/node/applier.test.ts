import {expect, test} from 'vitest'
import {Applier} from '../../src/node/applier.js'
import type {SnapshotMeta} from '../../src/raft/messages.js'
import type {Entry} from '../../src/raft/types.js'
import {MemoryStateMachine} from '../../src/sim/memory-state-machine.js'
import {
  deferred,
  entryAt,
  HeldStateMachine,
  ManualClock,
  MemorySnapshots,
  membershipEntry,
  membershipOf,
  outcomeOf,
  settle,
} from './fakes.js'

function makeApplier() {
  const stateMachine = new HeldStateMachine()
  const snapshots = new MemorySnapshots()
  const told: string[] = []
  const failures: unknown[] = []
  const applier = new Applier(stateMachine, snapshots, new ManualClock(), {
    applied: (entries: readonly Entry[]) => told.push(`applied ${entries.at(-1)!.index}`),
    restored: (meta: SnapshotMeta) => told.push(`restored ${meta.index}`),
    failed: error => failures.push(error),
  })
  return {stateMachine, snapshots, applier, told, failures}
}

const FIRST = membershipEntry(membershipOf([1]))
const range = (from: number, to: number) => {
  return Array.from({length: to - from + 1}, (_, i) => entryAt(from + i, 1))
}

async function stagedSnapshot(snapshots: MemorySnapshots, last: number) {
  const source = new MemoryStateMachine()
  await source.apply([FIRST, ...range(2, last)])
  return snapshots.create(source.snapshot())
}

test('entries are applied in order, what waits together in one piece', async () => {
  const {stateMachine, applier, told} = makeApplier()
  stateMachine.held = true
  applier.apply([FIRST])
  applier.apply(range(2, 3))
  applier.apply(range(4, 4))
  await settle()
  stateMachine.release()
  await settle()
  stateMachine.release()
  await settle()

  expect(told).toEqual(['applied 1', 'applied 4'])
  expect(stateMachine.applied).toEqual([1, 2, 3, 4])
})

test('a restore waits for what came before it, and for the log to be reset', async () => {
  const {stateMachine, snapshots, applier, told} = makeApplier()
  const staged = await stagedSnapshot(snapshots, 9)
  const reset = deferred()
  stateMachine.held = true
  applier.apply([FIRST])
  applier.restore(staged, reset.promise)
  applier.apply(range(10, 10))
  await settle()
  stateMachine.release()
  await settle()
  expect(told).toEqual(['applied 1'])

  reset.resolve()
  await settle()
  stateMachine.release()
  await settle()

  expect(told).toEqual(['applied 1', 'restored 9', 'applied 10'])
})

test('after a failure nothing more is applied, and nobody is told twice', async () => {
  const {stateMachine, applier, told, failures} = makeApplier()
  stateMachine.held = true
  applier.apply([FIRST])
  applier.apply(range(2, 2))
  await settle()
  stateMachine.fail(new Error('no space'))
  await settle()
  applier.apply(range(3, 3))
  await settle()

  expect(failures).toEqual([new Error('no space')])
  expect(told).toEqual([])
})

test('a snapshot that is gone before it is installed stops the node', async () => {
  const {applier, failures} = makeApplier()
  const elsewhere = await stagedSnapshot(new MemorySnapshots(), 9)

  applier.restore(elsewhere, Promise.resolve())
  await settle()

  expect(failures).toEqual([expect.objectContaining({code: 'RAFTCTL_DATA_DAMAGED'})])
})

test('stopping finishes the work under way and drops the rest', async () => {
  const {stateMachine, applier, told} = makeApplier()
  stateMachine.held = true
  applier.apply([FIRST])
  await settle()
  applier.apply(range(2, 2))
  const stopped = applier.stop()
  expect(await outcomeOf(stopped)).toBe('pending')

  stateMachine.release()
  await stopped

  expect(told).toEqual(['applied 1'])
})

test('stopping does not wait for a log that will never be reset', async () => {
  const {snapshots, applier, told} = makeApplier()
  const staged = await stagedSnapshot(snapshots, 9)
  const reset = deferred()
  applier.restore(staged, reset.promise)
  await settle()
  const stopped = applier.stop()

  reset.reject(new Error('the write before it failed'))

  expect(await outcomeOf(stopped)).toEqual({value: undefined})
  expect(told).toEqual([])
})
