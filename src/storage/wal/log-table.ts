import type {Entry, LogIndex, LogPosition, Term} from '../../raft/types.js'
import {ORIGIN} from '../../raft/types.js'
import type {Segment} from './segment.js'
import {lastAtOrBelow, TermRuns} from './terms.js'

/**
 * Where every live entry stands: segments in the order written, their live batches, and the terms.
 * A batch costs two numbers, whatever it holds; entries cost nothing.
 */
export class LogTable {
  readonly segments: Segment[] = []
  /** The position before the first entry. */
  prev: LogPosition = ORIGIN
  lastIndex: LogIndex = ORIGIN.index
  #terms = new TermRuns()

  get firstIndex(): LogIndex {
    return (this.prev.index + 1) as LogIndex
  }

  get last(): LogPosition {
    return {index: this.lastIndex, term: this.term(this.lastIndex)!}
  }

  get active(): Segment | undefined {
    return this.segments.at(-1)
  }

  term(index: LogIndex): Term | undefined {
    if (index === this.prev.index) return this.prev.term
    if (index < this.prev.index || index > this.lastIndex) return undefined
    return this.#terms.at(index)
  }

  /** The log is empty after `position`; batches written so far are dead. */
  reset(position: LogPosition): void {
    for (const segment of this.segments) segment.truncateFrom(0)
    this.#terms = new TermRuns()
    this.prev = position
    this.lastIndex = position.index
  }

  /** Entries without a gap; what the log held at or after the first of them goes. */
  addEntries(entries: readonly Entry[]): void {
    const first = entries[0]!.index
    if (first <= this.lastIndex) {
      this.#terms.truncateFrom(first)
      for (const segment of this.segments) segment.truncateFrom(first)
    }
    for (const entry of entries) this.#terms.add(entry.index, entry.term)
    this.lastIndex = entries.at(-1)!.index
  }

  /** The live batch that holds `index`, which must be in the log. */
  locate(index: LogIndex): {segment: Segment; slot: number} {
    for (let i = this.segments.length - 1; i >= 0; i--) {
      const segment = this.segments[i]!
      const slot = lastAtOrBelow(segment.firsts, index)
      if (slot !== -1) return {segment, slot}
    }
    throw new Error(`log index ${index} is in no segment`)
  }

  /** The first index of the live batch after this one; the log's end for the last. */
  firstAfter(segment: Segment, slot: number): number {
    const next = segment.firsts[slot + 1]
    if (next !== undefined) return next
    for (let i = this.segments.indexOf(segment) + 1; i < this.segments.length; i++) {
      const first = this.segments[i]!.firsts[0]
      if (first !== undefined) return first
    }
    return this.lastIndex + 1
  }

  /** Of the live batches that begin after `index`. */
  bytesAfter(index: LogIndex): number {
    return this.segments.reduce((sum, segment) => {
      const first = segment.offsets[0]
      if (first === undefined) return sum
      return sum + segment.end - first - bytesThrough(segment, index)
    }, 0)
  }

  /**
   * How many of the oldest segments may go when entries at or below `index` aren't needed, if at least
   * `keepBytes` of them are to be kept. The first segment left must begin the log by itself: settled,
   * and not behind any later one, which a suffix truncation may have set further back.
   */
  droppable(index: LogIndex, keepBytes: number): number {
    const {segments} = this
    let settled = segments.length - 1
    while (settled > 0 && !segments[settled]!.isSettled) settled--

    let kept = 0
    let lowest = Number.POSITIVE_INFINITY
    for (let i = segments.length - 1; i > 0; i--) {
      const segment = segments[i]!
      const base = segment.header.prev.index
      kept += bytesThrough(segment, index)
      const isEnough = kept >= keepBytes
      if (i <= settled && base <= index && base <= lowest && isEnough) return i
      lowest = Math.min(lowest, base)
    }
    return 0
  }

  /** Takes the oldest `count` segments off the log. */
  drop(count: number): Segment[] {
    const dropped = this.segments.splice(0, count)
    const {prev} = this.segments[0]!.header
    if (prev.index > this.prev.index) {
      this.prev = prev
      this.#terms.dropBefore(this.firstIndex)
    }
    return dropped
  }
}

/** Bytes of a segment's batches up to the one that holds `index`. */
function bytesThrough(segment: Segment, index: LogIndex): number {
  const slot = lastAtOrBelow(segment.firsts, index)
  if (slot === -1) return 0
  return (segment.offsets[slot + 1] ?? segment.end) - segment.offsets[0]!
}
