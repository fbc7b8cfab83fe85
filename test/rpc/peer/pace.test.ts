import {expect, test} from 'vitest'
import {Pace} from '../../../src/rpc/peer/pace.js'

test('a second of bytes takes a second, but for the first burst', () => {
  const pace = new Pace(1_000_000)
  let nowMs = 5000
  for (let i = 0; i < 100; i++) nowMs += pace.take(10_000, nowMs)

  expect(nowMs).toBeGreaterThanOrEqual(5000 + 890)
  expect(nowMs).toBeLessThanOrEqual(5000 + 1000)
})

test('time that nobody used is not saved up beyond a burst', () => {
  const pace = new Pace(1_000_000)
  pace.take(10_000, 0)

  expect(pace.take(200_000, 60_000)).toBe(100)
})

test('without a limit nobody waits', () => {
  expect(new Pace(0).take(1e9, 0)).toBe(0)
})
