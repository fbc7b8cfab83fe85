import {type IntervalHistogram, monitorEventLoopDelay} from 'node:perf_hooks'

const RESOLUTION_MS = 10
const WINDOW_MS = 1000

/**
 * The event loop's delay, p99 of about the last second. Measuring wakes the process a hundred times
 * a second, so it runs only while somebody watches.
 */
export class EventLoopDelay {
  #watchers = 0
  #histogram: IntervalHistogram | undefined
  #rotation: NodeJS.Timeout | undefined
  #lastWindowMs = 0

  /** Returns the way to stop watching; to be called once. */
  watch(): () => void {
    if (this.#watchers++ === 0) this.#start()
    let watching = true
    return () => {
      if (!watching) return
      watching = false
      if (--this.#watchers === 0) this.#stop()
    }
  }

  /** Milliseconds beyond the sampling interval; 0 when nobody watches. */
  get p99Ms(): number {
    return Math.max(this.#lastWindowMs, this.#windowMs())
  }

  #start(): void {
    this.#histogram = monitorEventLoopDelay({resolution: RESOLUTION_MS})
    this.#histogram.enable()
    this.#rotation = setInterval(() => {
      this.#lastWindowMs = this.#windowMs()
      this.#histogram?.reset()
    }, WINDOW_MS)
    this.#rotation.unref()
  }

  #stop(): void {
    clearInterval(this.#rotation)
    this.#histogram?.disable()
    this.#histogram = undefined
    this.#lastWindowMs = 0
  }

  #windowMs(): number {
    if (this.#histogram === undefined || this.#histogram.count === 0) return 0
    return Math.max(0, this.#histogram.percentile(99) / 1e6 - RESOLUTION_MS)
  }
}
