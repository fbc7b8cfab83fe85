/** Durations in fixed buckets, ten to a decade; observing one allocates nothing. */

const STEPS = [1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 8]
const DECADES = 8

/** Upper bounds of the buckets, inclusive, from 1 µs; what is longer than the last lies beyond. */
export const BOUNDS_MS: readonly number[] = Array.from({length: DECADES}, (_, decade) =>
  STEPS.map(step => (step * 10 ** decade) / 1000),
).flat()

const SLOT_MS = 10_000
const SLOTS = 6

/** What the last minute saw; percentiles are within a bucket's width, and 0 where nothing happened. */
export interface Recent {
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** What readers see of a histogram. */
export interface Durations {
  readonly count: number
  readonly sumMs: number
  /** How many lasted at most as long as this bound, which is one of `BOUNDS_MS`. */
  countUpTo(boundMs: number): number
  recent(nowMs: number): Recent
}

export class Histogram implements Durations {
  readonly #counts = new Float64Array(BOUNDS_MS.length + 1)
  readonly #slots = Array.from({length: SLOTS}, () => new Float64Array(BOUNDS_MS.length + 1))
  readonly #slotMaxMs = new Float64Array(SLOTS)
  #slot = 0
  #slotEndsMs: number
  #count = 0
  #sumMs = 0

  /** `nowMs` here and below: of one monotone clock. */
  constructor(nowMs: number) {
    this.#slotEndsMs = nowMs + SLOT_MS
  }

  get count(): number {
    return this.#count
  }

  get sumMs(): number {
    return this.#sumMs
  }

  observe(ms: number, nowMs: number): void {
    if (nowMs >= this.#slotEndsMs) this.#turn(nowMs)
    const bucket = bucketOf(ms)
    this.#counts[bucket]!++
    this.#slots[this.#slot]![bucket]!++
    if (ms > this.#slotMaxMs[this.#slot]!) this.#slotMaxMs[this.#slot] = ms
    this.#count++
    this.#sumMs += ms
  }

  countUpTo(boundMs: number): number {
    let count = 0
    for (let i = 0; i <= bucketOf(boundMs); i++) count += this.#counts[i]!
    return count
  }

  recent(nowMs: number): Recent {
    if (nowMs >= this.#slotEndsMs) this.#turn(nowMs)
    const merged = new Float64Array(BOUNDS_MS.length + 1)
    for (const slot of this.#slots) for (let i = 0; i < slot.length; i++) merged[i]! += slot[i]!
    const count = merged.reduce((sum, n) => sum + n, 0)
    const maxMs = Math.max(...this.#slotMaxMs)
    const at = (share: number) => percentile(merged, count * share, maxMs)
    return {count, p50Ms: at(0.5), p99Ms: at(0.99), maxMs}
  }

  /** Forgets what is older than a minute. */
  #turn(nowMs: number): void {
    const passed = Math.floor((nowMs - this.#slotEndsMs) / SLOT_MS) + 1
    this.#slotEndsMs += passed * SLOT_MS
    for (let i = 0; i < Math.min(passed, SLOTS); i++) {
      this.#slot = (this.#slot + 1) % SLOTS
      this.#slots[this.#slot]!.fill(0)
      this.#slotMaxMs[this.#slot] = 0
    }
  }
}

/** The first bucket whose bound is not below. */
function bucketOf(ms: number): number {
  let low = 0
  let high = BOUNDS_MS.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (BOUNDS_MS[middle]! < ms) low = middle + 1
    else high = middle
  }
  return low
}

/** As if the values of a bucket lay evenly in it. */
function percentile(counts: Float64Array, rank: number, maxMs: number): number {
  let below = 0
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!
    if (count > 0 && below + count >= rank) {
      const from = BOUNDS_MS[Math.max(0, i - 1)]!
      const to = BOUNDS_MS[i] ?? maxMs
      return Math.min(maxMs, from + ((to - from) * (rank - below)) / count)
    }
    below += count
  }
  return 0
}
