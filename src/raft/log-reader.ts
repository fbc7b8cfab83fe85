import type {Entry, LogIndex, Term} from './types.js'

/**
 * A synchronous reader over the log that the caller keeps: everything handed to it with a Ready that
 * has been reported as persisted, and not compacted since. The core never asks for anything else.
 */
export interface LogReader {
  /** The first index that can still be read; `lastIndex + 1` when the log is empty. */
  firstIndex(): LogIndex
  lastIndex(): LogIndex
  /** The term at `index`, for `firstIndex - 1 ≤ index ≤ lastIndex`; undefined outside. */
  term(index: LogIndex): Term | undefined
  /**
   * Entries of the inclusive range [lo, hi], cut off once their records exceed `bytesMax`, but at
   * least one. `firstIndex ≤ lo ≤ hi ≤ lastIndex`.
   */
  entries(lo: LogIndex, hi: LogIndex, bytesMax: number): Entry[]
}
