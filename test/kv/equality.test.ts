import {join} from 'node:path'
import fc from 'fast-check'
import {expect, test} from 'vitest'
import {LmdbStateMachine} from '../../src/kv/lmdb-state-machine.js'
import {RESULTS_MAX, SESSION_RESULTS_MAX, SessionTable} from '../../src/kv/sessions.js'
import {MemoryStateMachine} from '../../src/sim/memory-state-machine.js'
import {
  contentOf,
  inSession,
  Log,
  openSession,
  put,
  remove,
  sha256,
  temporaryDirectory,
} from './fixtures.js'

const name = fc.constantFrom('a', 'b', 'c', 'd')
const options = fc.record({
  session: fc.option(
    fc
      .tuple(fc.integer({min: 1, max: 4}), fc.integer({min: 1, max: 5}), fc.nat(5))
      .map(([id, sequence, lowest]) => inSession(id, sequence, Math.min(sequence, lowest))),
    {nil: undefined},
  ),
  expectedVersion: fc.option(fc.nat(6), {nil: undefined}),
})
const operation = fc.oneof(
  fc.tuple(name, fc.string({maxLength: 5}), options).map(([k, v, o]) => put(k, v, o)),
  fc.tuple(name, options).map(([k, o]) => remove(k, o)),
  fc.constant(openSession()),
  fc.uint8Array({maxLength: 10}),
)
// What happens to one of the two between commands; the other only applies.
const step = fc.oneof(
  {weight: 8, arbitrary: operation.map(data => ({kind: 'apply' as const, data}))},
  {weight: 1, arbitrary: fc.constant({kind: 'flush' as const})},
  {weight: 1, arbitrary: fc.constant({kind: 'membership' as const})},
  {weight: 1, arbitrary: fc.constant({kind: 'restore' as const})},
)

test('the same log gives the same results and the same hash, on LMDB and in memory, whatever is flushed or restored between', async () => {
  const directory = await temporaryDirectory()
  let runs = 0

  await fc.assert(
    fc.asyncProperty(fc.array(step, {maxLength: 40}), async steps => {
      const lmdb = await LmdbStateMachine.open(join(directory, `${runs++}`))
      try {
        const memory = new MemoryStateMachine()
        const log = new Log()
        for (const each of steps) {
          if (each.kind === 'flush') await lmdb.flush()
          else if (each.kind === 'restore') {
            const snapshot = memory.snapshot()
            await lmdb.restore(snapshot.meta, snapshot.content)
          } else {
            const entry = each.kind === 'apply' ? log.command(each.data) : log.membership()
            expect(await lmdb.apply([entry])).toEqual(await memory.apply([entry]))
          }
        }
        const {index, hash} = await lmdb.hash()
        expect(index).toBe(memory.appliedIndex)
        expect(hash).toBe(sha256(await contentOf(memory)))
        expect(lmdb.membership).toEqual(memory.membership)
      } finally {
        await lmdb.close()
      }
    }),
    {numRuns: 60},
  )
}, 60_000)

test('one key, value, session or membership more makes another hash', async () => {
  const log = new Log()
  const machine = new MemoryStateMachine()
  const hashes = new Set([sha256(await contentOf(machine))])
  const entries = [
    log.command(put('a', '1')),
    log.command(put('a', '1')),
    log.command(put('b', '1')),
    log.command(openSession()),
    log.command(put('a', '1', {session: inSession(4, 1)})),
    log.membership(),
  ]

  for (const entry of entries) {
    await machine.apply([entry])
    hashes.add(sha256(await contentOf(machine)))
  }

  expect(hashes.size).toBe(entries.length + 1)
})

test('results kept in all are bounded: the least recently used sessions go', () => {
  const table = new SessionTable()
  const sessions = Math.ceil(RESULTS_MAX / SESSION_RESULTS_MAX)
  const ids: number[] = []
  const evicted: number[] = []

  let index = 0
  for (let i = 0; i < sessions; i++) {
    const id = ++index
    ids.push(id)
    evicted.push(...table.open(id))
    const session = table.get(id)!
    for (let sequence = 1; sequence <= SESSION_RESULTS_MAX; sequence++) {
      const result = {kind: 'put', version: ++index, previousVersion: 0} as const
      evicted.push(...table.keep(session, inSession(id, sequence), result, index))
    }
  }

  expect(evicted).toEqual(ids.slice(0, 1))
  expect(table.get(ids[0]!)).toBeUndefined()
  expect(table.get(ids.at(-1)!)?.results.size).toBe(SESSION_RESULTS_MAX)
})
