import type {Entry, LogIndex} from '../../raft/types.js'

/**
 * The newest entries, without a gap up to the log's last. A burst of evictions costs one copy: the
 * array is only cut when half of it is dead.
 */
export class RecentEntries {
  #entries: (Entry | undefined)[] = []
  #dead = 0
  #first: number
  #bytes = 0

  /** Empty, in front of an entry at `next`. */
  constructor(next: number) {
    this.#first = next
  }

  /** The first index held; the log's last index + 1 when empty. */
  get firstIndex(): LogIndex {
    return this.#first as LogIndex
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Forgets everything; the next entry to come is at `next`. */
  clear(next: number): void {
    this.#entries = []
    this.#dead = 0
    this.#bytes = 0
    this.#first = next
  }

  /** Adds entries; what was held at or after the first of them goes. */
  add(entries: readonly Entry[]): void {
    const first = entries[0]!.index
    if (first < this.#first) this.clear(first)
    const keep = this.#dead + (first - this.#first)
    while (this.#entries.length > keep) this.#bytes -= this.#entries.pop()!.record.length
    for (const entry of entries) {
      this.#entries.push(entry)
      this.#bytes += entry.record.length
    }
  }

  /** `index` must be held. */
  get(index: number): Entry {
    return this.#entries[this.#dead + index - this.#first]!
  }

  /** Forgets the oldest until at most `bytesMax` are held. */
  evictTo(bytesMax: number): void {
    while (this.#bytes > bytesMax) this.#evictOldest()
    this.#cutDead()
  }

  /** Forgets everything before `index`. */
  dropBefore(index: number): void {
    while (this.#first < index && this.#dead < this.#entries.length) this.#evictOldest()
    this.#cutDead()
  }

  #evictOldest(): void {
    this.#bytes -= this.#entries[this.#dead]!.record.length
    this.#entries[this.#dead++] = undefined
    this.#first++
  }

  #cutDead(): void {
    if (this.#dead * 2 < this.#entries.length) return
    this.#entries.splice(0, this.#dead)
    this.#dead = 0
  }
}
