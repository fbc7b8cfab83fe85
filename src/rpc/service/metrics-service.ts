import {memoryUsage} from 'node:process'
import {RaftctlError} from '../../errors.js'
import type {NodeHost} from '../../node/api.js'
import {EventLoopDelay} from '../event-loop-delay.js'
import {
  type MetricsSample,
  type MetricsServiceServer,
  MetricsServiceService,
  type WatchMetricsRequest,
} from '../gen/raftctl/v1/metrics.js'
import {type ResponseStream, type ServiceEntry, serverStream} from '../handler.js'
import {metricsToWire} from '../node-status.js'
import {notInitialised} from './not-initialised.js'

const INTERVAL_MIN_MS = 10
const INTERVAL_MAX_MS = 3_600_000
const INTERVAL_MS = 1000

export function metricsService(host: NodeHost): ServiceEntry {
  const delay = new EventLoopDelay()
  const handlers: MetricsServiceServer = {
    watch: serverStream((request, stream) => watch(host, delay, request, stream)),
  }
  return {definition: MetricsServiceService, handlers}
}

async function watch(
  host: NodeHost,
  delay: EventLoopDelay,
  request: WatchMetricsRequest,
  stream: ResponseStream<MetricsSample>,
): Promise<void> {
  const intervalMs = request.intervalMs === 0 ? INTERVAL_MS : request.intervalMs
  if (intervalMs < INTERVAL_MIN_MS || intervalMs > INTERVAL_MAX_MS) {
    throw new RaftctlError('RAFTCTL_USAGE', `an interval of ${intervalMs} ms is out of range`, {
      hint: `Ask for ${INTERVAL_MIN_MS} to ${INTERVAL_MAX_MS} milliseconds.`,
    })
  }
  const {runtime} = host
  if (runtime === undefined) throw notInitialised(host)

  const stopWatching = delay.watch()
  let busy = false
  const sample = async () => {
    // A reader that has not taken the last sample misses this one: nothing piles up.
    if (busy || stream.ended) return
    const nowMs = Date.now()
    const residentBytes = memoryUsage.rss()
    const figures = metricsToWire(host, {nowMs, residentBytes, eventLoopDelayMs: delay.p99Ms})
    if (figures === undefined) return
    busy = true
    await stream.write(figures)
    busy = false
  }
  const timer = setInterval(sample, intervalMs)
  const stopListening = request.onChange ? runtime.onChange(sample) : () => {}
  try {
    await sample()
    await stream.gone
  } finally {
    clearInterval(timer)
    stopListening()
    stopWatching()
  }
}
