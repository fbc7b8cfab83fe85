import type {Load, LoadProgress, LoadReport} from '../../operator/measure-load.js'
import {bar} from '../bar.js'
import {formatDuration} from '../duration.js'
import type {View} from '../output.js'
import {limitName} from './metrics-view.js'

const PROGRESS_WIDTH = 30
const HISTOGRAM_WIDTH = 40

export function loadProgressText({done, perSecond}: LoadProgress): string {
  const percent = `${Math.floor(done * 100)} %`.padStart(5)
  return `${bar(done, PROGRESS_WIDTH)}${percent}  ${count(perSecond)} a second`
}

/** Also the question that is asked before the load of a cluster elsewhere. */
export function loadText({op, callers, valueBytes, durationMs}: Load): string {
  const what = `${op === 'write' ? 'writes' : 'linearizable reads'} of ${valueBytes} bytes`
  const who = callers === 1 ? '1 caller' : `${callers} callers`
  return `${what} by ${who} for ${formatDuration(durationMs)}`
}

export function loadView(load: Load, report: LoadReport): View {
  const {answered, failed, failure, perSecond, latency, histogram, verdict} = report
  const first = histogram.findIndex(bucket => bucket.count > 0)
  const shown = first === -1 ? [] : histogram.slice(first)
  const most = Math.max(...shown.map(bucket => bucket.count))
  const failures = failed === 0 ? [] : [`${count(failed)} failed: ${failure}`]
  return {
    lines: [
      loadText(load),
      `${count(perSecond)} a second  ${count(answered)} answered`,
      `p50 ${ms(latency.p50Ms)}  p90 ${ms(latency.p90Ms)}  p99 ${ms(latency.p99Ms)}  ` +
        `p99.9 ${ms(latency.p999Ms)}  max ${ms(latency.maxMs)}`,
      ...failures,
      '',
    ],
    table: {
      columns: [{title: 'up to', align: 'right'}, {title: 'answers', align: 'right'}, {title: ''}],
      rows: shown.map(bucket => [
        `${bucket.upToMs} ms`,
        bucket.count,
        bar(1, Math.ceil((bucket.count / most) * HISTOGRAM_WIDTH)),
      ]),
    },
    after: ['', `limits: ${limitName(verdict.limit)} (${verdict.reason})`],
  }
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function ms(value: number | null): string {
  return value === null ? '-' : `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`
}
