import fc from 'fast-check'
import {expect, test} from 'vitest'
import {BOUNDS_MS, Histogram} from '../../src/node/histogram.js'

test('a duration counts in the first bucket whose bound it does not exceed', () => {
  for (const bound of BOUNDS_MS) {
    const histogram = new Histogram(0)
    histogram.observe(bound, 0)
    histogram.observe(bound * 1.001, 0)

    expect(histogram.countUpTo(bound)).toBe(1)
  }
})

test('what is longer than every bound counts in the total only', () => {
  const histogram = new Histogram(0)

  histogram.observe(1e9, 0)

  expect(histogram.countUpTo(BOUNDS_MS.at(-1)!)).toBe(0)
  expect(histogram).toMatchObject({count: 1, sumMs: 1e9})
  expect(histogram.recent(0)).toMatchObject({count: 1, maxMs: 1e9})
})

test('percentiles are those of the sorted values, within the width of a bucket', () => {
  const durations = fc.array(fc.double({min: 0.001, max: 50_000, noNaN: true}), {minLength: 1})
  fc.assert(
    fc.property(durations, all => {
      const histogram = new Histogram(0)
      for (const ms of all) histogram.observe(ms, 0)
      const sorted = [...all].sort((a, b) => a - b)

      const recent = histogram.recent(0)

      for (const [share, ms] of [
        [0.5, recent.p50Ms],
        [0.99, recent.p99Ms],
      ] as const) {
        const exact = sorted[Math.ceil(all.length * share) - 1]!
        expect(ms / exact).toBeGreaterThan(1 / 1.3)
        expect(ms / exact).toBeLessThan(1.3)
      }
      expect(recent.maxMs).toBe(sorted.at(-1))
    }),
  )
})

test('the last minute forgets what is older, the totals do not', () => {
  const histogram = new Histogram(0)
  histogram.observe(100, 0)
  histogram.observe(1, 30_000)

  expect(histogram.recent(59_999)).toMatchObject({count: 2, maxMs: 100})
  expect(histogram.recent(65_000)).toMatchObject({count: 1, maxMs: 1})
  expect(histogram.recent(500_000)).toEqual({count: 0, p50Ms: 0, p99Ms: 0, maxMs: 0})
  expect(histogram).toMatchObject({count: 2, sumMs: 101})
})
