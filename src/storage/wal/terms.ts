import type {LogIndex, Term} from '../../raft/types.js'

/** The term of every index, as runs: a term changes once an election, not once an entry. */
export class TermRuns {
  #starts: number[] = []
  #terms: number[] = []

  /** The term at `index`, if a run begins at or before it; the caller knows where the log ends. */
  at(index: LogIndex): Term | undefined {
    const run = lastAtOrBelow(this.#starts, index)
    return run === -1 ? undefined : (this.#terms[run] as Term)
  }

  /** `index` follows everything added before. */
  add(index: LogIndex, term: Term): void {
    if (this.#terms.at(-1) === term) return
    this.#starts.push(index)
    this.#terms.push(term)
  }

  /** Forgets `index` and everything after it. */
  truncateFrom(index: LogIndex): void {
    while (this.#starts.length > 0 && this.#starts.at(-1)! >= index) {
      this.#starts.pop()
      this.#terms.pop()
    }
  }

  /** Forgets everything before `index`. */
  dropBefore(index: LogIndex): void {
    const run = lastAtOrBelow(this.#starts, index)
    if (run <= 0) return
    this.#starts.splice(0, run)
    this.#terms.splice(0, run)
  }
}

/** Position of the last value that is at most `limit`, in an ascending array; -1 for none. */
export function lastAtOrBelow(values: readonly number[], limit: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle]! <= limit) low = middle + 1
    else high = middle
  }
  return low - 1
}
