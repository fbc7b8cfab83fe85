/**
 * Every random choice of a simulation: a small fast generator with 128 bits of state, seeded by a
 * number and a stream, so that a choice made in one place does not shift those made in another.
 */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** Both are integers in [0, 2^32); equal ones give equal numbers. */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0
    this.#b = Math.imul(stream + 1, 0x9e3779b1) | 0
    this.#c = (seed ^ Math.imul(stream + 0x7f4a, 0x85ebca6b)) | 0
    for (let i = 0; i < 15; i++) this.uint32()
  }

  /** An integer in [0, 2^32). */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum >>> 0
  }

  /** In [0, 1). */
  unit(): number {
    return this.uint32() / 0x1_0000_0000
  }

  /** An integer in [0, count); `count` at least 1. */
  below(count: number): number {
    return this.uint32() % count
  }

  /** True in `share` of all cases, 0 to 1. */
  chance(share: number): boolean {
    return share > 0 && this.unit() < share
  }

  between(low: number, high: number): number {
    return low + this.unit() * (high - low)
  }

  /** An integer in [low, high]. */
  integer(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  /** Waiting times of events that know nothing of each other. */
  exponential(mean: number): number {
    return -Math.log(1 - this.unit()) * mean
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }
}
