/** Bytes at a limited rate, a burst of a tenth of a second at most after a pause. */
export class Pace {
  readonly #bytesPerMs: number
  /** When everything taken so far is through. */
  #throughMs = Number.NEGATIVE_INFINITY

  /** 0: no limit. */
  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000
  }

  /** Takes so many bytes; answers how many milliseconds to wait before the next are taken. */
  take(bytes: number, nowMs: number): number {
    if (this.#bytesPerMs === 0) return 0
    this.#throughMs = Math.max(this.#throughMs, nowMs - BURST_MS) + bytes / this.#bytesPerMs
    return Math.max(0, this.#throughMs - nowMs)
  }
}

const BURST_MS = 100
