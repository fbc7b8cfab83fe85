import fc from 'fast-check'
import {expect, test} from 'vitest'
import {Progress} from '../../src/raft/progress.js'
import {logIndex} from '../../src/raft/types.js'
import {n2} from './support.js'

type Event =
  | {readonly kind: 'send'; readonly count: number}
  | {readonly kind: 'acknowledge' | 'hint' | 'reject'; readonly share: number}
  | {readonly kind: 'snapshot' | 'probe'}

const share = fc.double({min: 0, max: 1, noNaN: true})
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({kind: fc.constant('send' as const), count: fc.integer({min: 0, max: 20})}),
  fc.record({kind: fc.constantFrom('acknowledge', 'reject'), share}),
  fc.record({kind: fc.constantFrom('snapshot', 'probe')}),
)

test('whatever is sent, acknowledged, rejected or lost, next stays above match and match only grows', () => {
  fc.assert(
    fc.property(fc.array(event, {maxLength: 60}), events => {
      const progress = new Progress(n2, logIndex(50))
      const flights: number[] = []
      let sentTo = 49
      for (const one of events) {
        const {matchIndex: before} = progress
        if (one.kind === 'send' && progress.state !== 'snapshot') {
          const last = progress.nextIndex - 1 + one.count
          const {state} = progress
          progress.sent(logIndex(last), one.count)
          if (state === 'replicate') flights.push(last)
          sentTo = Math.max(sentTo, last)
        } else if (one.kind === 'acknowledge') {
          progress.acknowledge(logIndex(Math.floor(one.share * sentTo)))
          if (progress.state === 'probe') progress.becomeReplicate()
        } else if (one.kind === 'reject') {
          const rejected = progress.nextIndex - 1
          progress.reject(logIndex(rejected), logIndex(Math.floor(one.share * rejected)))
        } else if (one.kind === 'snapshot') progress.becomeSnapshot(0)
        else if (one.kind === 'probe') progress.becomeProbe(logIndex(progress.matchIndex + 1))

        expect(progress.nextIndex).toBeGreaterThan(progress.matchIndex)
        expect(progress.matchIndex).toBeGreaterThanOrEqual(before)
        expect(progress.inFlight).toBeLessThanOrEqual(flights.length)
        expect(progress.inFlight === 0 ? progress.inFlightBytes : 0).toBe(0)
      }
    }),
    {numRuns: 1000},
  )
})

test('a rejection of a probe always brings it nearer', () => {
  fc.assert(
    fc.property(fc.integer({min: 1, max: 1000}), fc.array(share), (start, shares) => {
      const progress = new Progress(n2, logIndex(start))
      for (const part of shares) {
        const {nextIndex} = progress
        const rejected = nextIndex - 1
        const moved = progress.reject(logIndex(rejected), logIndex(Math.floor(part * rejected)))
        if (moved && rejected > 0) expect(progress.nextIndex).toBeLessThan(nextIndex)
        expect(progress.nextIndex).toBeGreaterThanOrEqual(1)
      }
    }),
  )
})
