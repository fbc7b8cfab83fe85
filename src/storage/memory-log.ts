import type {DurableLog, LogBatch} from '../node/ports.js'
import type {Entry, HardState, LogIndex, LogPosition, Term} from '../raft/types.js'
import {ORIGIN} from '../raft/types.js'
import {checkBatch} from './log-batch.js'
import {NO_HARD_STATE} from './wal/format.js'

/** A log that nothing survives: for tests, and for measuring the core alone. */
export class MemoryLog implements DurableLog {
  #hardState: HardState = NO_HARD_STATE
  #prev: LogPosition = ORIGIN
  #entries: Entry[] = []
  #bytesWritten = 0

  get hardState(): HardState {
    return this.#hardState
  }

  get bytesWritten(): number {
    return this.#bytesWritten
  }

  firstIndex(): LogIndex {
    return (this.#prev.index + 1) as LogIndex
  }

  lastIndex(): LogIndex {
    return (this.#prev.index + this.#entries.length) as LogIndex
  }

  term(index: LogIndex): Term | undefined {
    if (index === this.#prev.index) return this.#prev.term
    return this.#entries[index - this.#prev.index - 1]?.term
  }

  entries(lo: LogIndex, hi: LogIndex, bytesMax: number): Entry[] {
    if (lo < this.firstIndex() || hi > this.lastIndex() || lo > hi) {
      throw new Error(`log range ${lo} to ${hi} is outside of the log`)
    }
    const offset = this.#prev.index + 1
    let bytes = this.#entries[lo - offset]!.record.length
    let end = lo + 1
    for (; end <= hi; end++) {
      bytes += this.#entries[end - offset]!.record.length
      if (bytes > bytesMax) break
    }
    return this.#entries.slice(lo - offset, end - offset)
  }

  append(batch: LogBatch): Promise<void> {
    this.appendNow(batch)
    return Promise.resolve()
  }

  /** The same at once, for callers that measure. */
  appendNow(batch: LogBatch): void {
    checkBatch(batch, this)
    if (batch.reset !== undefined) {
      this.#prev = batch.reset
      this.#entries = []
    }
    this.#hardState = batch.hardState ?? this.#hardState
    const first = batch.entries[0]
    if (first === undefined) return
    this.#entries.length = first.index - this.#prev.index - 1
    for (const entry of batch.entries) {
      this.#entries.push(entry)
      this.#bytesWritten += entry.record.length
    }
  }

  /** Exactly up to `index`: nothing is kept behind it. */
  compact(index: LogIndex): Promise<void> {
    const upTo = Math.min(index, this.lastIndex()) as LogIndex
    if (upTo > this.#prev.index) {
      const term = this.term(upTo)!
      this.#entries = this.#entries.slice(upTo - this.#prev.index)
      this.#prev = {index: upTo, term}
    }
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
