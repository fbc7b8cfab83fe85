import {describe, expect, test} from 'vitest'
import type {DurableLog} from '../../src/node/ports.js'
import {logIndex} from '../../src/raft/types.js'
import {batch, contents, entry, hardState, position, range, textOf} from './log-helpers.js'

/** What every DurableLog does, however it stores; `open` makes an empty one. */
export function describeDurableLog(name: string, open: () => Promise<DurableLog>): void {
  describe(`${name} as a durable log`, () => {
    test('is empty at first, and knows the position before its first entry', async () => {
      const log = await open()

      expect([log.firstIndex(), log.lastIndex(), log.bytesWritten]).toEqual([1, 0, 0])
      expect(log.term(logIndex(0))).toBe(0)
      expect(log.term(logIndex(1))).toBeUndefined()
      expect(log.hardState).toEqual(hardState(0, undefined, 0))
    })

    test('gives back entries, terms and hard state', async () => {
      const log = await open()

      await log.append(batch({hardState: hardState(2, 3, 1), entries: range(1, 3, 1)}))
      await log.append(batch({entries: [entry(4, 2)]}))

      expect(contents(log)).toEqual([...range(1, 3, 1), entry(4, 2)].map(textOf))
      expect([0, 1, 3, 4, 5].map(index => log.term(logIndex(index)))).toEqual([
        0,
        1,
        1,
        2,
        undefined,
      ])
      expect(log.hardState).toEqual(hardState(2, 3, 1))
      expect(log.bytesWritten).toBeGreaterThan(0)
    })

    test('shows a batch at once, before it is durable', async () => {
      const log = await open()

      const durable = log.append(batch({hardState: hardState(1, 1, 0), entries: range(1, 2)}))

      expect(contents(log)).toEqual(range(1, 2).map(textOf))
      expect(log.hardState).toEqual(hardState(1, 1, 0))
      await durable
    })

    test('drops the suffix from where a batch begins', async () => {
      const log = await open()
      await log.append(batch({entries: range(1, 40, 1)}))

      await log.append(batch({entries: range(5, 7, 2)}))
      await log.append(batch({entries: range(7, 8, 3)}))

      expect(contents(log)).toEqual(
        [...range(1, 4, 1), ...range(5, 6, 2), ...range(7, 8, 3)].map(textOf),
      )
      expect(log.term(logIndex(9))).toBeUndefined()
    })

    test('cuts a range by bytes, but gives at least one entry', async () => {
      const log = await open()
      await log.append(batch({entries: range(1, 9)}))
      const bytes = entry(1).record.length

      const counts = [0, bytes, bytes * 3 - 1, bytes * 3, bytes * 100].map(
        bytesMax => log.entries(logIndex(2), logIndex(8), bytesMax).length,
      )

      expect(counts).toEqual([1, 1, 2, 3, 7])
    })

    test('refuses a range that it does not hold', async () => {
      const log = await open()
      await log.append(batch({entries: range(1, 3)}))

      expect(() => log.entries(logIndex(0), logIndex(2), 100)).toThrow('outside')
      expect(() => log.entries(logIndex(2), logIndex(4), 100)).toThrow('outside')
      expect(() => log.entries(logIndex(3), logIndex(2), 100)).toThrow('outside')
    })

    test('is reset to a position with new entries and a hard state in one batch', async () => {
      const log = await open()
      await log.append(batch({hardState: hardState(1, 1, 3), entries: range(1, 30)}))

      const reset = position(100, 7)
      await log.append(batch({reset, hardState: hardState(8, 2, 100), entries: range(101, 102, 8)}))

      expect([log.firstIndex(), log.lastIndex()]).toEqual([101, 102])
      expect(log.term(logIndex(100))).toBe(7)
      expect(log.term(logIndex(99))).toBeUndefined()
      expect(contents(log)).toEqual(range(101, 102, 8).map(textOf))
      expect(log.hardState).toEqual(hardState(8, 2, 100))
    })

    test('is reset to a position within itself, or before it', async () => {
      const log = await open()
      await log.append(batch({entries: range(1, 30)}))
      await log.append(batch({reset: position(20, 2)}))
      await log.append(batch({entries: range(21, 25, 2)}))

      await log.append(batch({reset: position(5, 3), entries: range(6, 7, 3)}))

      expect(contents(log)).toEqual(range(6, 7, 3).map(textOf))
      expect(log.term(logIndex(5))).toBe(3)
    })

    test('keeps everything above the index that it is compacted to', async () => {
      const log = await open()
      for (let i = 1; i <= 200; i++) await log.append(batch({entries: [entry(i, i < 50 ? 1 : 2)]}))

      await log.compact(logIndex(150))

      const first = log.firstIndex()
      expect(first).toBeGreaterThan(1)
      expect(first).toBeLessThanOrEqual(151)
      expect(contents(log)).toEqual(range(first, 200, 2).map(textOf))
      expect(log.term(logIndex(first - 1))).toBe(2)
      expect(log.term(logIndex(first - 2))).toBeUndefined()
    })

    test('refuses a batch that leaves a gap, and goes on after it', async () => {
      const log = await open()
      await log.append(batch({entries: range(1, 2)}))

      await expect(async () => log.append(batch({entries: [entry(4)]}))).rejects.toThrow('fit')
      await expect(async () => log.append(batch({entries: [entry(3), entry(5)]}))).rejects.toThrow(
        'gap',
      )
      await log.append(batch({entries: [entry(3)]}))

      expect(contents(log)).toEqual(range(1, 3).map(textOf))
    })

    test('writes nothing for a batch that holds nothing', async () => {
      const log = await open()
      await log.append(batch({entries: range(1, 2)}))
      const before = log.bytesWritten

      await log.append(batch({}))

      expect(log.bytesWritten).toBe(before)
    })
  })
}
