import {type EventLoopUtilization, performance} from 'node:perf_hooks'
import {cpuUsage, memoryUsage} from 'node:process'

const MARK_MS = 10_000
const MARKS = 6

/** What the process uses, and how busy its event loop was during the last minute. */
export class ProcessFigures {
  /** The oldest first. */
  readonly #marks: EventLoopUtilization[] = [performance.eventLoopUtilization()]

  constructor() {
    const timer = setInterval(() => {
      this.#marks.push(performance.eventLoopUtilization())
      if (this.#marks.length > MARKS) this.#marks.shift()
    }, MARK_MS)
    timer.unref()
  }

  get residentBytes(): number {
    return memoryUsage.rss()
  }

  /** Of all processors, since the process began. */
  get cpuSeconds(): number {
    const {user, system} = cpuUsage()
    return (user + system) / 1e6
  }

  /** 0: waited all the time; 1: never. */
  get eventLoopUtilization(): number {
    return performance.eventLoopUtilization(this.#marks[0]).utilization
  }
}
