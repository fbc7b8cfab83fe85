import fc from 'fast-check'
import {expect, test} from 'vitest'
import {LogWriter} from '../../src/node/log-writer.js'
import type {DurableLog} from '../../src/node/ports.js'
import {EMPTY_MEMBERSHIP} from '../../src/raft/membership.js'
import type {Ready} from '../../src/raft/ready.js'
import {logIndex, nodeId, term} from '../../src/raft/types.js'
import {MemoryLog} from '../../src/storage/memory-log.js'
import {entryAt, HeldLog, ManualClock, outcomeOf, readyOf, settle} from './fakes.js'

function makeWriter() {
  const log = new HeldLog()
  log.held = true
  const persisted: number[][] = []
  const failures: unknown[] = []
  const writer = new LogWriter(
    log,
    new ManualClock(),
    readys => persisted.push(readys.map(({number}) => number)),
    error => failures.push(error),
  )
  return {log, writer, persisted, failures}
}

const entries = (from: number, to: number, atTerm: number) => {
  return Array.from({length: to - from + 1}, (_, i) => entryAt(from + i, atTerm))
}
const positions = (log: DurableLog) => {
  const held: string[] = []
  for (let i = log.firstIndex(); i <= log.lastIndex(); i = logIndex(i + 1)) {
    held.push(`${i}@${log.term(i)}`)
  }
  return held
}
const snapshotAt = (index: number, atTerm: number) => {
  return {index: logIndex(index), term: term(atTerm), membership: EMPTY_MEMBERSHIP}
}

test('Readys that gather during one sync share the next, and are reported oldest first', async () => {
  const {log, writer, persisted} = makeWriter()
  writer.submit(readyOf(1, {entries: entries(1, 2, 1)}))
  writer.submit(readyOf(2, {entries: entries(3, 3, 1)}))
  writer.submit(readyOf(3, {entries: entries(4, 4, 1)}))

  expect(log.batches).toHaveLength(1)
  log.release()
  await settle()

  expect(persisted).toEqual([[1]])
  expect(log.batches.map(batch => batch.entries.length)).toEqual([2, 2])
  log.release()
  await settle()
  expect(persisted).toEqual([[1], [2, 3]])
})

test('a Ready that writes nothing waits for the writes before it', async () => {
  const {log, writer, persisted} = makeWriter()
  writer.submit(readyOf(1))
  expect(persisted).toEqual([[1]])

  writer.submit(readyOf(2, {entries: entries(1, 1, 1)}))
  writer.submit(readyOf(3))
  await settle()
  expect(persisted).toEqual([[1]])

  log.release()
  await settle()
  expect(persisted).toEqual([[1], [2], [3]])
  expect(log.batches).toHaveLength(1)
})

test('a cut below the entries of an earlier Ready of the same batch replaces all of them', async () => {
  const {log, writer} = makeWriter()
  writer.submit(readyOf(1, {entries: entries(1, 4, 1)}))
  writer.submit(readyOf(2, {entries: entries(5, 7, 1)}))
  writer.submit(readyOf(3, {entries: entries(3, 3, 2)}))
  writer.submit(readyOf(4, {entries: entries(4, 5, 2)}))
  log.release()
  await settle()
  log.release()
  await settle()

  expect(log.batches[1]!.entries.map(({index}) => index)).toEqual([3, 4, 5])
  expect(positions(log)).toEqual(['1@1', '2@1', '3@2', '4@2', '5@2'])
})

test('a snapshot that waits behind other Readys begins a batch of its own', async () => {
  const {log, writer, persisted} = makeWriter()
  writer.submit(readyOf(1, {entries: entries(1, 1, 1)}))
  writer.submit(readyOf(2, {entries: entries(2, 3, 1)}))
  writer.submit(readyOf(3, {snapshot: snapshotAt(9, 2)}))
  writer.submit(readyOf(4, {entries: entries(10, 11, 2)}))
  writer.submit(readyOf(5, {snapshot: snapshotAt(20, 2)}))
  for (let i = 0; i < 4; i++) {
    log.release()
    await settle()
  }

  expect(log.batches.map(({reset}) => reset?.index)).toEqual([undefined, undefined, 9, 20])
  expect(persisted).toEqual([[1], [2], [3, 4], [5]])
  expect(log.firstIndex()).toBe(21)
})

test('the newest hard state of a batch is written, not that of its last Ready', async () => {
  const {log, writer} = makeWriter()
  const hardState = (atTerm: number) => {
    return {term: term(atTerm), votedFor: nodeId(1), commitIndex: logIndex(0)}
  }
  writer.submit(readyOf(1, {entries: entries(1, 1, 1), hardState: hardState(1)}))
  writer.submit(readyOf(2, {hardState: hardState(2)}))
  writer.submit(readyOf(3, {hardState: hardState(3)}))
  writer.submit(readyOf(4))
  log.release()
  await settle()

  expect(log.batches[1]!.hardState).toEqual(hardState(3))
})

test('a batch leaves the log as its Readys would have, one by one', async () => {
  // Each step appends after a cut of up to three entries, changes a term, or installs a snapshot.
  const step = fc.record({
    cut: fc.nat(3),
    count: fc.nat(4),
    newTerm: fc.boolean(),
    snapshot: fc.option(fc.integer({min: 1, max: 5}), {freq: 6}),
    releases: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, {minLength: 1, maxLength: 12}), async steps => {
      const {log, writer} = makeWriter()
      const model = new MemoryLog()
      let now = 1
      let committed = 0
      let last = 0
      for (const [i, {cut, count, newTerm, snapshot, releases}] of steps.entries()) {
        if (newTerm) now++
        const installs = snapshot === null ? undefined : snapshotAt(last + snapshot, now)
        if (installs) committed = last = installs.index
        const from = Math.max(committed, last - (installs ? 0 : cut)) + 1
        if (count > 0) last = from + count - 1
        const ready: Ready = readyOf(i + 1, {
          snapshot: installs,
          entries: count > 0 ? entries(from, last, now) : [],
          hardState: {term: term(now), votedFor: undefined, commitIndex: logIndex(committed)},
        })
        model.appendNow({
          reset: installs && {index: installs.index, term: installs.term},
          hardState: ready.hardState,
          entries: ready.entries,
        })
        writer.submit(ready)
        if (releases) log.release()
        if (releases) await Promise.resolve()
      }
      log.held = false
      log.release()
      await writer.drained()

      expect(positions(log)).toEqual(positions(model))
      expect(log.hardState).toEqual(model.hardState)
    }),
    {numRuns: 300},
  )
})

test('after a failed write nothing more is written, reported or waited for', async () => {
  const {log, writer, persisted, failures} = makeWriter()
  const reset = writer.durable(2)
  writer.submit(readyOf(1, {entries: entries(1, 1, 1)}))
  writer.submit(readyOf(2, {snapshot: snapshotAt(9, 2)}))
  log.fail(new Error('the disk is gone'))
  await settle()
  writer.submit(readyOf(3, {entries: entries(10, 10, 2)}))
  writer.submit(readyOf(4))
  await settle()

  expect(failures).toEqual([new Error('the disk is gone')])
  expect(persisted).toEqual([])
  expect(log.batches).toHaveLength(1)
  expect(await outcomeOf(writer.drained())).toEqual({value: undefined})
  expect(await outcomeOf(reset)).toMatchObject({error: expect.any(Error)})
  expect(await outcomeOf(writer.durable(5))).toMatchObject({error: expect.any(Error)})
})

test('an abandoned writer ends with the write under way, and tells nobody of it', async () => {
  const {log, writer, persisted} = makeWriter()
  writer.submit(readyOf(1, {entries: entries(1, 1, 1)}))
  writer.submit(readyOf(2, {entries: entries(2, 2, 1)}))
  writer.abandon()
  const drained = writer.drained()
  expect(await outcomeOf(drained)).toBe('pending')

  log.release()
  await drained

  expect(persisted).toEqual([])
  expect(log.batches).toHaveLength(1)
})

test('a watcher is told once its Ready is durable, not before', async () => {
  const {log, writer} = makeWriter()
  writer.submit(readyOf(1, {entries: entries(1, 1, 1)}))
  const second = writer.durable(2)
  writer.submit(readyOf(2, {entries: entries(2, 2, 1)}))
  log.release()
  expect(await outcomeOf(second)).toBe('pending')

  log.release()

  expect(await outcomeOf(second)).toEqual({value: undefined})
})
