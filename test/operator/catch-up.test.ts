import {expect, test} from 'vitest'
import type {Progress} from '../../src/client/types.js'
import {CatchUpMeter} from '../../src/operator/catch-up.js'

const at = (matchIndex: number, lag: number): Progress => ({
  id: 4,
  matchIndex,
  nextIndex: matchIndex + 1,
  state: 'replicate',
  lastContactMs: 0,
  lag,
  lagging: true,
  caughtUp: false,
  entriesPerSecond: 12_345,
  recentlyActive: true,
  connection: 'connected',
})

test('a rate is what was seen in the last seconds, and a learner that stands still has none', () => {
  const meter = new CatchUpMeter()

  const first = meter.of(at(100, 900), 0)
  const moving = meter.of(at(300, 700), 1000)
  const still = [2000, 3000, 4001].map(nowMs => meter.of(at(300, 700), nowMs))

  expect(first).toMatchObject({match: 100, gap: 900, entriesPerSecond: 0, etaMs: null})
  expect(moving).toMatchObject({entriesPerSecond: 200, etaMs: 3500})
  expect(still.at(-1)).toMatchObject({entriesPerSecond: 0, etaMs: null})
})

test('each learner has a rate of its own', () => {
  const meter = new CatchUpMeter()
  meter.of(at(0, 10), 0)
  meter.of({...at(0, 10), id: 5}, 0)

  expect(meter.of(at(10, 0), 1000).entriesPerSecond).toBe(10)
  expect(meter.of({...at(5, 5), id: 5}, 1000).entriesPerSecond).toBe(5)
})
