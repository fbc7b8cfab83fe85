/** What happens next: events in order of simulated time, those of one moment in order of planning. */
export interface SimEvent {
  readonly atMs: number
  readonly sequence: number
  readonly run: () => void
}

/** A binary heap of events, and the simulated time: milliseconds since the simulation began. */
export class Scheduler {
  nowMs = 0
  readonly #heap: SimEvent[] = []
  #sequence = 0

  get pending(): number {
    return this.#heap.length
  }

  /** Plans `run` in `delayMs`, 0 for "after everything else of this moment". */
  after(delayMs: number, run: () => void): void {
    this.#push({atMs: this.nowMs + delayMs, sequence: this.#sequence++, run})
  }

  /** Takes the next event and moves time to it. */
  next(): SimEvent | undefined {
    const heap = this.#heap
    const first = heap[0]
    if (first === undefined) return undefined
    const last = heap.pop()!
    if (heap.length > 0) this.#sink(last)
    this.nowMs = first.atMs
    return first
  }

  #push(event: SimEvent): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]!
      if (!isBefore(event, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = event
  }

  #sink(event: SimEvent): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, event)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = event
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)
}
