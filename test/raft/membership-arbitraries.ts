/** Random changes of a membership for properties. */
import fc from 'fast-check'
import type {Membership} from '../../src/raft/membership.js'
import {NO_ORIGIN} from '../../src/raft/membership.js'
import type {MembershipChange} from '../../src/raft/membership-change.js'
import {planChange} from '../../src/raft/membership-change.js'
import type {NodeId} from '../../src/raft/types.js'
import {logIndex, nodeId} from '../../src/raft/types.js'

const id = fc.integer({min: 1, max: 9}).map(nodeId)
const ids = fc.uniqueArray(id, {maxLength: 6})
const text = fc.constantFrom('', 'a', 'b', 'c', 'ünï')
const member = fc.record({
  name: text,
  address: text,
  storeId: text,
  promoteWhenReady: fc.boolean(),
})

export const anyChange: fc.Arbitrary<MembershipChange> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('add-voter', 'add-learner', 'add-observer'),
    member,
  }),
  fc.record({
    kind: fc.constantFrom(
      ...(['remove', 'remove-voter', 'remove-learner', 'remove-observer'] as const),
      ...(['promote', 'demote'] as const),
    ),
    id,
  }),
  fc.record({
    kind: fc.constant('update' as const),
    id,
    set: fc.record({name: text, address: text, promoteWhenReady: fc.boolean()}, {requiredKeys: []}),
  }),
  fc.record({kind: fc.constant('set' as const), voters: ids, learners: ids}),
  fc.record({kind: fc.constantFrom('cancel', 'enter-joint', 'leave-joint')}),
) as fc.Arbitrary<MembershipChange>

/** What holds after the change; undefined where it is refused or changes nothing. */
export function applyChange(before: Membership, change: MembershipChange): Membership | undefined {
  const planned = planChange(before, change, NO_ORIGIN)
  if (planned.kind !== 'changed') return undefined
  return {...planned.membership, index: logIndex(before.index + 1)}
}

export function subsetsOf(all: readonly NodeId[]): NodeId[][] {
  return Array.from({length: 1 << all.length}, (_, bits) => all.filter((_, i) => bits & (1 << i)))
}
