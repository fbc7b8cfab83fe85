import type {Clock} from './ports.js'

/** The machine's clock and the process's event loop. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  every(ms, callback) {
    const timer = setInterval(callback, ms)
    return () => clearInterval(timer)
  },
  soon: callback => {
    setImmediate(callback)
  },
}
