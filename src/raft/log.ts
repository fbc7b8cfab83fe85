/**
 * The log as the core sees it: what the caller holds durably, and the core's own tail on its way there.
 *
 *   firstIndex            persistedIndex                     lastIndex
 *       │ reader ──────────────│ unstable, handed out │ unstable, new │
 *       └── … applied … applying … commit (never past lastIndex) ─────┘
 *
 * An index can be written, cut by a conflict and written again while the first write is still under
 * way; so a cut lowers what every Ready in flight will count as persisted.
 */
import {invariant} from './invariant.js'
import type {LogReader} from './log-reader.js'
import type {SnapshotMeta} from './messages.js'
import type {Entry, LogIndex, LogPosition, Term} from './types.js'
import {logIndex, ORIGIN, term} from './types.js'

interface WriteInFlight {
  readonly readyNumber: number
  /** Highest index that this Ready makes durable; lowered by cuts. */
  lastIndex: LogIndex
  readonly snapshot: SnapshotMeta | undefined
}

export class RaftLog {
  commitIndex: LogIndex = logIndex(0)
  lastApplied: LogIndex = logIndex(0)
  /** Up to it entries were handed out for applying. */
  applyingIndex: LogIndex = logIndex(0)
  persistedIndex: LogIndex
  /** An installed snapshot that is not durable yet; the reader still shows the log before it. */
  installing: SnapshotMeta | undefined

  readonly #reader: LogReader
  #unstable: Entry[] = []
  #unstableFirst: LogIndex
  /** The first index that no Ready has handed out yet. */
  #nextToHandOut: LogIndex
  #writes: WriteInFlight[] = []

  constructor(reader: LogReader) {
    this.#reader = reader
    const last = reader.lastIndex()
    this.persistedIndex = last
    this.#unstableFirst = next(last)
    this.#nextToHandOut = next(last)
  }

  get firstIndex(): LogIndex {
    return this.installing ? next(this.installing.index) : this.#reader.firstIndex()
  }

  get lastIndex(): LogIndex {
    return logIndex(this.#unstableFirst + this.#unstable.length - 1)
  }

  get last(): LogPosition {
    return {index: this.lastIndex, term: this.lastTerm}
  }

  /** The newest position known to be committed that the log still tells the term of. */
  get committed(): LogPosition {
    const at = this.term(this.commitIndex)
    return at === undefined ? ORIGIN : {index: this.commitIndex, term: at}
  }

  get lastTerm(): Term {
    const tail = this.#unstable.at(-1)
    if (tail) return tail.term
    const last = this.term(this.lastIndex)
    invariant(last !== undefined, 'the last entry has a term')
    return last
  }

  /** The term at `index`; undefined when it lies beyond the log or is compacted. */
  term(index: LogIndex): Term | undefined {
    if (index === 0) return term(0)
    if (index > this.lastIndex) return undefined
    if (index >= this.#unstableFirst) return this.#unstable[index - this.#unstableFirst]!.term
    if (this.installing) {
      return index === this.installing.index ? this.installing.term : undefined
    }
    return this.#reader.term(index)
  }

  matches(position: LogPosition): boolean {
    return this.term(position.index) === position.term
  }

  /** Paper §5.4.1: the later last term wins; on a tie, the longer log. */
  isUpToDate(last: LogPosition): boolean {
    const ownTerm = this.lastTerm
    return last.term > ownTerm || (last.term === ownTerm && last.index >= this.lastIndex)
  }

  /** Entries of [lo, hi], at most `countMax` and about `bytesMax` of records, but at least one. */
  entries(lo: LogIndex, hi: LogIndex, bytesMax: number, countMax = Number.MAX_SAFE_INTEGER) {
    if (lo > hi) return []
    invariant(lo >= this.firstIndex && hi <= this.lastIndex, 'a range lies within the log')
    const end = Math.min(hi, lo + countMax - 1)
    const stableEnd = Math.min(end, this.#unstableFirst - 1)
    let taken: Entry[] = []
    let bytes = 0
    if (lo <= stableEnd) {
      taken = this.#reader.entries(lo, logIndex(stableEnd), bytesMax)
      for (const entry of taken) bytes += entry.record.length
      if (taken.length < stableEnd - lo + 1) return taken
    }
    for (let index = lo + taken.length; index <= end; index++) {
      const entry = this.#unstable[index - this.#unstableFirst]!
      bytes += entry.record.length
      if (bytes > bytesMax && taken.length > 0) break
      taken.push(entry)
    }
    return taken
  }

  /** Appends behind the last entry. */
  append(entry: Entry): void {
    invariant(entry.index === this.lastIndex + 1, 'entries are appended without a gap')
    this.#unstable.push(entry)
  }

  /**
   * Appends what `prev` precedes, from the first entry that differs on; entries that match stay
   * untouched, so that a delayed message can't cut a newer tail (paper §5.3).
   */
  appendAfter(prev: LogPosition, entries: readonly Entry[]): void {
    let fresh = 0
    while (fresh < entries.length && this.matches(entries[fresh]!)) fresh++
    if (fresh === entries.length) return
    const from = entries[fresh]!.index
    invariant(from > this.commitIndex, 'a committed entry is never replaced')
    invariant(from > prev.index, 'entries follow the position that they were checked against')
    if (from <= this.lastIndex) this.#cut(from)
    for (let i = fresh; i < entries.length; i++) this.append(entries[i]!)
  }

  /** Moves the commit index forward; returns whether it moved. Never past the last entry. */
  commitTo(index: LogIndex): boolean {
    if (index <= this.commitIndex) return false
    invariant(index <= this.lastIndex, 'the commit index stays within the log')
    this.commitIndex = index
    return true
  }

  /** Somebody knows this position to be committed; so do we, if we hold it. */
  learnCommitted(position: LogPosition): void {
    if (position.index > this.commitIndex && this.matches(position)) this.commitTo(position.index)
  }

  /**
   * The largest position at or below `from` whose term is at most `upTo`: where a log with term
   * `upTo` at `from` could still agree with this one. Skips whole terms, not entries (paper §5.3).
   */
  lastPositionUpToTerm(from: LogIndex, upTo: Term): LogPosition {
    let index = logIndex(Math.min(from, this.lastIndex))
    for (; index > 0; index--) {
      const at = this.term(index)
      // Compacted: everything below is committed, so the leader's log agrees there.
      if (at === undefined) return {index, term: term(0)}
      if (at <= upTo) return {index, term: at}
    }
    return {index, term: term(0)}
  }

  /** Replaces the whole log by a snapshot's position (paper §7). */
  install(snapshot: SnapshotMeta): void {
    invariant(snapshot.index > this.commitIndex, 'a snapshot never takes the commit index back')
    this.installing = snapshot
    this.#unstable = []
    this.#unstableFirst = next(snapshot.index)
    this.#nextToHandOut = next(snapshot.index)
    for (const write of this.#writes) write.lastIndex = logIndex(0)
    this.persistedIndex = logIndex(0)
    this.commitIndex = snapshot.index
    this.applyingIndex = snapshot.index
  }

  hasEntriesToHandOut(): boolean {
    return this.#nextToHandOut <= this.lastIndex
  }

  /** The new tail for a Ready, which from now on is in flight. */
  handOut(readyNumber: number, snapshot: SnapshotMeta | undefined): readonly Entry[] {
    const entries = this.#unstable.slice(this.#nextToHandOut - this.#unstableFirst)
    this.#nextToHandOut = next(this.lastIndex)
    this.#writes.push({readyNumber, lastIndex: this.lastIndex, snapshot})
    return entries
  }

  /** What was written with Readys up to this number is durable. */
  persisted(readyNumber: number): void {
    let upTo = this.persistedIndex
    while (this.#writes.length > 0 && this.#writes[0]!.readyNumber <= readyNumber) {
      const write = this.#writes.shift()!
      if (write.snapshot && write.snapshot === this.installing) {
        this.installing = undefined
        upTo = write.snapshot.index
      }
      if (write.lastIndex > upTo) upTo = write.lastIndex
    }
    // While a snapshot is on its way, what lies before it no longer counts.
    if (this.installing) return
    this.persistedIndex = upTo
    if (upTo < this.#unstableFirst) return
    this.#unstable = this.#unstable.slice(upTo + 1 - this.#unstableFirst)
    this.#unstableFirst = next(upTo)
  }

  #cut(from: LogIndex): void {
    if (from >= this.#unstableFirst) {
      this.#unstable.length = from - this.#unstableFirst
    } else {
      this.#unstable = []
      this.#unstableFirst = from
    }
    this.#nextToHandOut = logIndex(Math.min(this.#nextToHandOut, from))
    const before = logIndex(from - 1)
    this.persistedIndex = logIndex(Math.min(this.persistedIndex, before))
    for (const write of this.#writes) {
      write.lastIndex = logIndex(Math.min(write.lastIndex, before))
    }
  }
}

function next(index: LogIndex): LogIndex {
  return logIndex(index + 1)
}
