import fc from 'fast-check'
import {expect, test} from 'vitest'
import type {Membership} from '../../src/raft/membership.js'
import {EMPTY_MEMBERSHIP, isConsistent} from '../../src/raft/membership.js'
import {countVotes, majority, quorumValue} from '../../src/raft/quorum.js'
import type {NodeId} from '../../src/raft/types.js'
import {nodeId} from '../../src/raft/types.js'
import {anyChange, applyChange, subsetsOf} from './membership-arbitraries.js'
import {membershipOf, n1, n2, n3, n4, n5} from './support.js'

const ids = [1, 2, 3, 4, 5, 6, 7].map(nodeId)
const half = fc.subarray(ids)
const halves = fc.record({voters: half, votersOutgoing: half})

function isQuorum(
  membership: Pick<Membership, 'voters' | 'votersOutgoing'>,
  of: readonly NodeId[],
) {
  return countVotes(membership, id => of.includes(id) || undefined) === 'won'
}

/** Sequences of changes; RAFT_CHANGE_RUNS=80000 makes more than 100,000 changes. */
const CHANGE_RUNS = Number(process.env.RAFT_CHANGE_RUNS ?? 500)

test('any two quorums of one membership have a member in common', () => {
  fc.assert(
    fc.property(halves, half, half, (membership, one, other) => {
      fc.pre(membership.voters.length > 0)
      if (!isQuorum(membership, one) || !isQuorum(membership, other)) return
      expect(one.some(id => other.includes(id))).toBe(true)
    }),
    {numRuns: 2000},
  )
})

test('any quorum has a member in common with any of a membership that one allowed change leads to', () => {
  let changes = 0
  fc.assert(
    fc.property(fc.array(anyChange, {minLength: 1, maxLength: 8}), wanted => {
      let before = membershipOf({voters: [n1, n2, n3], learners: [n4, n5]})
      for (const change of wanted) {
        const after = applyChange(before, change)
        if (after === undefined) continue
        changes++
        const voters = [...before.voters, ...before.votersOutgoing, ...after.voters]
        const everybody = [...new Set([...voters, ...after.votersOutgoing])]
        for (const one of subsetsOf(everybody)) {
          // The smallest set that could miss every quorum of before: all the others.
          const others = everybody.filter(id => !one.includes(id))
          if (isQuorum(before, one) && isQuorum(after, others)) expect.fail(`[${one}] misses`)
        }
        before = after
      }
    }),
    {numRuns: CHANGE_RUNS},
  )
  if (process.env.RAFT_CHANGE_RUNS) process.stdout.write(`${changes} changes\n`)
  expect(changes).toBeGreaterThan(CHANGE_RUNS)
}, 600_000)

test('what a quorum has reached is the largest value that a quorum has', () => {
  fc.assert(
    fc.property(
      halves,
      fc.array(fc.nat(20), {minLength: 8, maxLength: 8}),
      (membership, values) => {
        fc.pre(membership.voters.length > 0)
        const reached = quorumValue(membership, id => values[id]!)
        const having = (value: number) => ids.filter(id => values[id]! >= value)
        expect(isQuorum(membership, having(reached))).toBe(true)
        expect(isQuorum(membership, having(reached + 1))).toBe(false)
      },
    ),
    {numRuns: 1000},
  )
})

test('an unknown voter counts as having nothing', () => {
  const reached = quorumValue({voters: [n1, n2, n3], votersOutgoing: []}, id => (id === n1 ? 9 : 0))

  expect(reached).toBe(0)
})

test('an empty half is satisfied', () => {
  expect(countVotes({voters: [n1], votersOutgoing: []}, () => true)).toBe('won')
  expect(quorumValue({voters: [n1], votersOutgoing: []}, () => 7)).toBe(7)
})

test('a vote is won, lost or open, and only ever moves from open', () => {
  fc.assert(
    fc.property(
      halves,
      fc.array(fc.tuple(fc.constantFrom(...ids), fc.boolean())),
      (of, answers) => {
        const votes = new Map<NodeId, boolean>()
        let decided: string | undefined
        for (const [id, granted] of answers) {
          if (votes.has(id)) continue
          votes.set(id, granted)
          const result = countVotes(of, voter => votes.get(voter))
          if (decided !== undefined) expect(result).toBe(decided)
          if (result !== 'pending') decided = result
        }
      },
    ),
  )
})

test('a majority is more than half, and its complement none', () => {
  for (let count = 1; count < 100; count++) {
    expect(2 * majority(count)).toBeGreaterThan(count)
    expect(2 * (majority(count) - 1)).toBeLessThanOrEqual(count)
  }
})

test('no voters at all are no consistent membership', () => {
  expect(isConsistent(EMPTY_MEMBERSHIP)).toBe(false)
})
