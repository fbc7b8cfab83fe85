import fc from 'fast-check'
import {expect, test} from 'vitest'
import {encodeEntry} from '../../src/raft/entry.js'
import {logIndex, term} from '../../src/raft/types.js'
import {SimFileSystem} from '../../src/sim/sim-file-system.js'
import {isEmptyBatch} from '../../src/storage/log-batch.js'
import {MemoryLog} from '../../src/storage/memory-log.js'
import {openWal} from '../../src/storage/wal/wal.js'
import {readWal} from '../../src/storage/wal/wal-reader.js'
import {
  batch,
  contents,
  DIRECTORY,
  hardState,
  position,
  SMALL,
  seededRandom,
  textOf,
} from './log-helpers.js'

type Step =
  | {kind: 'append'; back: number; sizes: number[]; votes: boolean; compacts: boolean}
  | {kind: 'reset'; ahead: number; sizes: number[]}
  | {kind: 'compact'; back: number}
  | {kind: 'reopen'; how: 'seal' | 'kill' | 'crash'}

const sizes = fc.array(fc.integer({min: 0, max: 300}), {maxLength: 6})
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      back: fc.oneof(fc.constant(0), fc.integer({min: 0, max: 40})),
      sizes,
      votes: fc.boolean(),
      compacts: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('reset' as const),
      ahead: fc.integer({min: -10, max: 10}),
      sizes,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({kind: fc.constant('compact' as const), back: fc.nat({max: 20})}),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('reopen' as const),
      how: fc.constantFrom('seal' as const, 'kill' as const, 'crash' as const),
    }),
  },
)

const options = fc.record({
  keepBytes: fc.constantFrom(0, 500, 3000),
  memoryBytesMax: fc.constantFrom(0, 400, 1e6),
})

test('the log holds what a log in memory holds, over any history of appends, resets, compactions, stops and crashes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, {maxLength: 60}),
      options,
      fc.nat(),
      async (steps, sized, seed) => {
        const fs = new SimFileSystem({random: seededRandom(seed)})
        const walOptions = {...SMALL, ...sized}
        const model = new MemoryLog()
        let {wal} = await openWal(fs, DIRECTORY, walOptions)
        let now = 1
        let isSealed = false
        const entriesFrom = (first: number, lengths: readonly number[]) =>
          lengths.map((length, i) =>
            encodeEntry(
              logIndex(first + i),
              term(now),
              'command',
              new Uint8Array(length).fill(now),
            ),
          )

        for (const each of steps) {
          now++
          if (each.kind === 'append') {
            const first = Math.max(wal.firstIndex(), wal.lastIndex() + 1 - each.back)
            const hard = each.votes ? hardState(now, 1 + (now % 3), first - 1) : undefined
            const written = batch({hardState: hard, entries: entriesFrom(first, each.sizes)})
            model.appendNow(written)
            isSealed &&= isEmptyBatch(written)
            const appending = wal.append(written)
            const compacting = each.compacts ? wal.compact(logIndex(first - 1)) : undefined
            await Promise.all([appending, compacting])
          } else if (each.kind === 'reset') {
            const index = Math.max(1, wal.lastIndex() + each.ahead)
            const written = batch({
              reset: position(index, now),
              hardState: hardState(now, undefined, index),
              entries: entriesFrom(index + 1, each.sizes),
            })
            model.appendNow(written)
            isSealed &&= isEmptyBatch(written)
            await wal.append(written)
          } else if (each.kind === 'compact') {
            const upTo = logIndex(Math.max(0, wal.lastIndex() - each.back))
            await wal.compact(upTo)
            expect(wal.firstIndex()).toBeLessThanOrEqual(Math.max(upTo + 1, model.firstIndex()))
          } else {
            if (each.how === 'seal') await wal.close()
            else if (each.how === 'kill') fs.kill()
            else fs.crash()
            const opened = await openWal(fs, DIRECTORY, walOptions)
            expect(opened.recovery.cut).toBeUndefined()
            isSealed ||= each.how === 'seal'
            expect(opened.recovery.wasSealed).toBe(isSealed)
            wal = opened.wal
          }
          await model.compact(logIndex(wal.firstIndex() - 1))
          expect(wal.hardState).toEqual(model.hardState)
          expect([wal.firstIndex(), wal.lastIndex()]).toEqual([
            model.firstIndex(),
            model.lastIndex(),
          ])
          expect(wal.term(logIndex(wal.firstIndex() - 1))).toBe(
            model.term(logIndex(model.firstIndex() - 1)),
          )
          expect(contents(wal)).toEqual(contents(model))
        }

        const view = await readWal(fs, DIRECTORY)
        expect(
          [...view.entries(view.firstIndex, view.lastIndex)]
            .map(textOf)
            .slice(-contents(model).length || undefined),
        ).toEqual(contents(model))
        expect(view.hardState).toEqual(model.hardState)
        view.close()
      },
    ),
    {numRuns: 150},
  )
})

test('a page read from disk is the page read from memory', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.nat({max: 200}), {minLength: 1, maxLength: 5}), {
        minLength: 1,
        maxLength: 40,
      }),
      fc.nat(),
      fc.nat(),
      fc.nat({max: 2000}),
      async (batches, a, b, bytesMax) => {
        const fs = new SimFileSystem()
        const {wal} = await openWal(fs, DIRECTORY, SMALL)
        const model = new MemoryLog()
        for (const lengths of batches) {
          const first = wal.lastIndex() + 1
          const entries = lengths.map((length, i) =>
            encodeEntry(logIndex(first + i), term(1), 'command', new Uint8Array(length)),
          )
          await wal.append(batch({entries}))
          model.appendNow(batch({entries}))
        }
        const last = wal.lastIndex()
        const [x, y] = [1 + (a % last), 1 + (b % last)]
        const [lo, hi] = [logIndex(Math.min(x, y)), logIndex(Math.max(x, y))]

        expect(wal.entries(lo, hi, bytesMax)).toEqual(model.entries(lo, hi, bytesMax))
      },
    ),
    {numRuns: 100},
  )
})
