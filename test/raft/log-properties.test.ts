// The core's log against a model: a plain array, and a disk that finishes writes late and in order.
import fc from 'fast-check'
import {expect, test} from 'vitest'
import {RaftLog} from '../../src/raft/log.js'
import type {SnapshotMeta} from '../../src/raft/messages.js'
import type {Entry} from '../../src/raft/types.js'
import {logIndex, ORIGIN, term} from '../../src/raft/types.js'
import {MemoryLog} from '../../src/storage/memory-log.js'
import {at, entries, entry, membershipOf, n1} from './support.js'

type Command =
  | {readonly kind: 'append' | 'hand-out' | 'persist' | 'compact' | 'commit'}
  | {readonly kind: 'replace'; readonly back: number; readonly count: number; readonly same: number}
  | {readonly kind: 'install'; readonly ahead: number}

const few = fc.integer({min: 0, max: 5})
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({kind: fc.constantFrom('append', 'hand-out', 'persist', 'compact', 'commit')}),
  fc.record({kind: fc.constant('replace' as const), back: few, count: few, same: few}),
  fc.record({kind: fc.constant('install' as const), ahead: few}),
)

interface Write {
  readonly number: number
  readonly snapshot: SnapshotMeta | undefined
  readonly entries: readonly Entry[]
}

class Harness {
  readonly disk = new MemoryLog()
  readonly log = new RaftLog(this.disk)
  readonly writes: Write[] = []
  /** What the log should show: the position before it, and its entries. */
  prev = ORIGIN
  model: Entry[] = []
  term = 1
  #number = 0

  get last(): number {
    return this.prev.index + this.model.length
  }

  modelTerm(index: number): number | undefined {
    if (index === this.prev.index) return this.prev.term
    return this.model[index - this.prev.index - 1]?.term
  }

  run(one: Command): void {
    const {log} = this
    switch (one.kind) {
      case 'append': {
        const next = entry(this.term, this.last + 1)
        log.append(next)
        this.model.push(next)
        return
      }
      case 'replace':
        this.#replace(one.back, one.same, one.count)
        return
      case 'hand-out':
        this.#handOut()
        return
      case 'persist':
        this.#persist()
        return
      case 'commit':
        log.commitTo(logIndex(Math.max(log.commitIndex, this.last - 1)))
        return
      case 'compact': {
        if (log.installing || this.writes.some(({snapshot}) => snapshot)) return
        const upTo = Math.min(log.commitIndex, log.persistedIndex, this.disk.lastIndex())
        void this.disk.compact(logIndex(upTo))
        if (upTo <= this.prev.index) return
        const before = at(this.modelTerm(upTo)!, upTo)
        this.model = this.model.slice(upTo - this.prev.index)
        this.prev = before
        return
      }
      case 'install':
        this.#install(one.ahead)
    }
  }

  /** An append from a newer leader: some entries that match, then others. */
  #replace(back: number, same: number, count: number): void {
    const {log} = this
    const prevIndex = Math.max(log.commitIndex, this.prev.index, this.last - back)
    const kept = this.model.slice(prevIndex - this.prev.index).slice(0, same)
    this.term++
    const first = prevIndex + kept.length + 1
    const fresh = entries(first, ...Array(count).fill(this.term))
    log.appendAfter(at(this.modelTerm(prevIndex)!, prevIndex), [...kept, ...fresh])
    if (fresh.length === 0) return
    this.model = [...this.model.slice(0, first - 1 - this.prev.index), ...fresh]
  }

  #handOut(): void {
    const number = ++this.#number
    const {installing} = this.log
    const known = this.writes.some(({snapshot}) => snapshot === installing)
    const snapshot = known ? undefined : installing
    if (!snapshot && !this.log.hasEntriesToHandOut()) return
    this.writes.push({number, snapshot, entries: this.log.handOut(number, snapshot)})
  }

  #persist(): void {
    const write = this.writes.shift()
    if (!write) return
    const {snapshot, number} = write
    const reset = snapshot && {index: snapshot.index, term: snapshot.term}
    this.disk.appendNow({reset, hardState: undefined, entries: write.entries})
    this.log.persisted(number)
  }

  #install(ahead: number): void {
    const index = logIndex(Math.max(this.last, this.log.commitIndex) + 1 + ahead)
    this.term++
    const position = at(this.term, index)
    this.log.install({...position, membership: membershipOf({voters: [n1]})})
    this.prev = position
    this.model = []
  }

  check(): void {
    const {log, prev} = this
    expect(log.firstIndex).toBe(prev.index + 1)
    expect(log.lastIndex).toBe(this.last)
    expect(log.lastTerm).toBe(this.modelTerm(this.last))
    for (let i = prev.index; i <= this.last; i++) {
      expect(log.term(logIndex(i))).toBe(this.modelTerm(i))
    }
    expect(log.term(logIndex(this.last + 1))).toBeUndefined()
    const all = log.entries(logIndex(prev.index + 1), log.lastIndex, 1e9)
    expect(all).toEqual(this.model)
    expect(log.commitIndex).toBeLessThanOrEqual(this.last)
    if (log.installing) return
    // What counts as durable is on the disk, as it is now, and will not be replaced by writes under way.
    for (let i = prev.index + 1; i <= log.persistedIndex; i++) {
      expect(this.disk.term(logIndex(i))).toBe(this.modelTerm(i))
    }
    for (const {index, term: of} of this.writes.flatMap(write => write.entries)) {
      if (index <= log.persistedIndex) expect(of).toBe(this.modelTerm(index))
    }
  }
}

test('with writes in flight, cuts, installs and compaction the log shows what was put into it', () => {
  let installs = 0
  fc.assert(
    fc.property(fc.array(command, {maxLength: 60}), commands => {
      const harness = new Harness()
      for (const one of commands) {
        harness.run(one)
        harness.check()
        if (one.kind === 'install') installs++
      }
      while (harness.writes.length > 0) harness.run({kind: 'persist'})
      harness.run({kind: 'hand-out'})
      while (harness.writes.length > 0) harness.run({kind: 'persist'})
      harness.check()
      expect(harness.log.persistedIndex).toBe(harness.last)
    }),
    {numRuns: 500},
  )
  expect(installs).toBeGreaterThan(100)
})

test('pages hold at least one entry and are otherwise bounded by bytes and by number', () => {
  const harness = new Harness()
  for (let i = 0; i < 6; i++) harness.run({kind: 'append'})
  harness.run({kind: 'hand-out'})
  harness.run({kind: 'persist'})
  for (let i = 0; i < 4; i++) harness.run({kind: 'append'})
  const {log} = harness
  const sizes = (bytes: number, count?: number) =>
    log.entries(logIndex(1), logIndex(10), bytes, count).length

  expect([sizes(0), sizes(24), sizes(48), sizes(1e9), sizes(1e9, 3), sizes(7 * 24)]).toEqual([
    1, 1, 2, 10, 3, 7,
  ])
})

test('the place where two logs could agree skips whole terms', () => {
  const harness = new Harness()
  for (const of of [1, 1, 3, 3, 5]) {
    harness.term = of
    harness.run({kind: 'append'})
  }
  const find = (from: number, upTo: number) =>
    harness.log.lastPositionUpToTerm(logIndex(from), term(upTo))

  expect([find(9, 9), find(9, 4), find(3, 9), find(9, 2), find(9, 0)]).toEqual([
    at(5, 5),
    at(3, 4),
    at(3, 3),
    at(1, 2),
    at(0, 0),
  ])
})
