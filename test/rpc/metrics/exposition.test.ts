import {expect, test} from 'vitest'
import {Histogram} from '../../../src/node/histogram.js'
import {Exposition} from '../../../src/rpc/metrics/exposition.js'

test('families are written with help, type and one line a sample', () => {
  const out = new Exposition()

  out.counter('a_total', 'All of a.', 12)
  out.gauge('b_bytes', 'Not known.', undefined)
  out.family('c', 'gauge', 'By name.', [[{name: 'x"\\\ny', id: 2}, 0.5]])

  expect(out.text).toBe(
    '# HELP a_total All of a.\n# TYPE a_total counter\na_total 12\n' +
      '# HELP c By name.\n# TYPE c gauge\nc{name="x\\"\\\\\\ny",id="2"} 0.5\n',
  )
})

test('a histogram is cumulative, in seconds, and ends with all', () => {
  const durations = new Histogram(0)
  for (const ms of [0.05, 0.1, 1.5, 30, 20_000]) durations.observe(ms, 0)
  const out = new Exposition()

  out.histogram('d_seconds', 'Durations.', durations)

  const buckets = Object.fromEntries(
    [...out.text.matchAll(/^d_seconds_bucket\{le="(.+)"\} (\d+)$/gm)].map(([, le, n]) => [le, n]),
  )
  expect(buckets).toEqual({
    ...{'0.0001': '2', '0.00025': '2', '0.0005': '2', '0.001': '2', '0.0025': '3', '0.005': '3'},
    ...{'0.01': '3', '0.025': '3', '0.05': '4', '0.1': '4', '0.25': '4', '0.5': '4', '1': '4'},
    ...{'2.5': '4', '5': '4', '10': '4', '+Inf': '5'},
  })
  expect(out.text).toMatch(/\nd_seconds_sum 20\.03165\d*\nd_seconds_count 5\n$/)
})
