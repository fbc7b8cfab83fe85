import fc from 'fast-check'
import {expect, test} from 'vitest'
import {
  decodeMembership,
  encodeMembership,
  isConsistent,
  isRemovedId,
  stageOf,
} from '../../src/raft/membership.js'
import type {MembershipChange} from '../../src/raft/membership-change.js'
import {logIndex} from '../../src/raft/types.js'
import {anyChange, applyChange} from './membership-arbitraries.js'
import {membershipOf, n1, n2, n3, n4} from './support.js'

const start = membershipOf({voters: [n1, n2, n3], learners: [n4]})
const changes = fc.array(anyChange, {minLength: 1, maxLength: 30})

/** Every membership that a sequence of changes leads through. */
function history(wanted: readonly MembershipChange[]) {
  const all = [start]
  for (const change of wanted) {
    const next = applyChange(all.at(-1)!, change)
    if (next) all.push(next)
  }
  return all
}

test('every sequence of changes leads through consistent memberships only', () => {
  let stages = new Set<string>()
  fc.assert(
    fc.property(changes, wanted => {
      for (const membership of history(wanted)) {
        expect(isConsistent(membership)).toBe(true)
        stages = stages.add(stageOf(membership))
      }
    }),
    {numRuns: 1000},
  )
  expect([...stages].sort()).toEqual(['joint', 'learner-sync', 'uniform'])
})

test('an id is never given to a second member', () => {
  fc.assert(
    fc.property(changes, wanted => {
      const gone = new Set<number>()
      let before = start
      for (const membership of history(wanted)) {
        for (const {id} of membership.members) expect(gone.has(id)).toBe(false)
        for (const {id} of before.members) {
          if (!membership.members.some(member => member.id === id)) gone.add(id)
        }
        for (const id of gone) expect(isRemovedId(membership, id as typeof n1)).toBe(true)
        expect(membership.nextMemberId).toBeGreaterThanOrEqual(before.nextMemberId)
        before = membership
      }
    }),
  )
})

test('outside of a joint stage one step changes one voter at most', () => {
  fc.assert(
    fc.property(changes, wanted => {
      const all = history(wanted)
      all.slice(1).forEach((after, i) => {
        const before = all[i]!
        if (stageOf(before) === 'joint' || stageOf(after) === 'joint') return
        const gone = before.voters.filter(id => !after.voters.includes(id))
        const come = after.voters.filter(id => !before.voters.includes(id))
        expect(gone.length + come.length).toBeLessThanOrEqual(1)
      })
    }),
    {numRuns: 500},
  )
})

test('names, addresses and stores stay unique', () => {
  fc.assert(
    fc.property(changes, wanted => {
      for (const {members} of history(wanted)) {
        for (const of of ['name', 'address', 'storeId'] as const) {
          const given = members.map(member => member[of]).filter(value => value !== '')
          expect(new Set(given).size).toBe(given.length)
        }
      }
    }),
  )
})

test('what is encoded is read back the same', () => {
  fc.assert(
    fc.property(changes, wanted => {
      for (const membership of history(wanted)) {
        const {index} = membership
        expect(decodeMembership(encodeMembership(membership), index)).toEqual(membership)
      }
    }),
  )
})

test('what nobody encoded is never read, and never throws', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({maxLength: 200}),
        fc.json().map(text => new TextEncoder().encode(text)),
        fc.object().map(value => new TextEncoder().encode(JSON.stringify(value))),
      ),
      data => {
        expect(decodeMembership(data, logIndex(1))).toBeUndefined()
      },
    ),
    {numRuns: 1000},
  )
})

test('a membership with one field damaged is refused or still consistent', () => {
  const good = JSON.parse(new TextDecoder().decode(encodeMembership(start))) as object
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(good)), fc.jsonValue(), (key, value) => {
      const data = new TextEncoder().encode(JSON.stringify({...good, [key]: value}))
      const read = decodeMembership(data, logIndex(1))
      if (read !== undefined) expect(isConsistent(read)).toBe(true)
    }),
    {numRuns: 1000},
  )
})
