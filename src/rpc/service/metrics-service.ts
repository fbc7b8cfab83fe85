import {RaftctlError} from '../../errors.js'
import type {NodeHost} from '../../node/api.js'
import {
  type MetricsSample,
  type MetricsServiceServer,
  MetricsServiceService,
  type WatchMetricsRequest,
} from '../gen/raftctl/v1/metrics.js'
import {type ResponseStream, type ServiceEntry, serverStream} from '../handler.js'
import type {NodeFigures} from '../metrics/node-figures.js'
import {notInitialised} from './not-initialised.js'

const INTERVAL_MIN_MS = 10
const INTERVAL_MAX_MS = 3_600_000
const INTERVAL_MS = 1000
/** Samples of all watchers together: beyond it each gets fewer, so that watching stays cheap. */
const SAMPLES_PER_SECOND_MAX = 500

export function metricsService(host: NodeHost, figures: NodeFigures): ServiceEntry {
  const watchers = new Watchers(host, figures)
  const handlers: MetricsServiceServer = {
    watch: serverStream((request, stream) => watchers.serve(request, stream)),
  }
  return {definition: MetricsServiceService, handlers}
}

class Watchers {
  readonly #host: NodeHost
  readonly #figures: NodeFigures
  #count = 0

  constructor(host: NodeHost, figures: NodeFigures) {
    this.#host = host
    this.#figures = figures
  }

  async serve(request: WatchMetricsRequest, stream: ResponseStream<MetricsSample>): Promise<void> {
    const {intervalMs, onChange, prometheus} = checked(request)
    const {runtime} = this.#host
    if (runtime === undefined) throw notInitialised(this.#host)
    let busy = false
    const sample = async () => {
      // A reader that has not taken the last sample misses this one: nothing piles up.
      if (busy || stream.ended) return
      const wire = this.#figures.sample({prometheus})
      if (wire === undefined) return
      busy = true
      await stream.write(wire)
      busy = false
    }
    let timer: NodeJS.Timeout | undefined
    const again = () => {
      void sample()
      timer = setTimeout(again, this.#spaced(intervalMs))
    }
    const stopListening = onChange ? runtime.onChange(sample) : () => {}
    this.#count++
    try {
      again()
      await stream.gone
    } finally {
      this.#count--
      clearTimeout(timer)
      stopListening()
    }
  }

  #spaced(intervalMs: number): number {
    return Math.max(intervalMs, (this.#count * 1000) / SAMPLES_PER_SECOND_MAX)
  }
}

function checked(request: WatchMetricsRequest): WatchMetricsRequest {
  const intervalMs = request.intervalMs === 0 ? INTERVAL_MS : request.intervalMs
  if (intervalMs >= INTERVAL_MIN_MS && intervalMs <= INTERVAL_MAX_MS)
    return {...request, intervalMs}
  throw new RaftctlError('RAFTCTL_USAGE', `an interval of ${intervalMs} ms is out of range`, {
    hint: `Ask for ${INTERVAL_MIN_MS} to ${INTERVAL_MAX_MS} milliseconds.`,
  })
}
