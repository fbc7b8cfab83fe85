import {expect, test} from 'vitest'
import type {MembershipRequest} from '../../src/node/api.js'
import {notLeader, refusal, toChange} from '../../src/node/membership-requests.js'
import type {Membership} from '../../src/raft/membership.js'
import type {MembershipRefusal} from '../../src/raft/membership-control.js'
import {nodeId} from '../../src/raft/types.js'
import {membershipOf} from './fakes.js'

const MEMBERSHIP: Membership = (() => {
  const {voters, ...rest} = membershipOf([1, 2, 3])
  return {...rest, voters: voters.slice(0, 2), learners: [nodeId(3)]}
})()

function request(change: MembershipRequest['change']): MembershipRequest {
  return {change, expectedIndex: undefined, origin: {timeMs: 0, actor: 'test', reason: ''}}
}
const promote = (id: number, whenReady: boolean) => {
  return request({kind: 'promote', id: nodeId(id), whenReady})
}
const refusedBy = (reason: MembershipRefusal, made: MembershipRequest = promote(3, false)) => {
  const outcome = {kind: 'refused', reason, leader: nodeId(2), lag: undefined} as const
  return refusal(outcome, made, MEMBERSHIP, 10)
}

test('a promotion that may wait is an intent while the learner lags, and a promotion after', () => {
  expect(toChange(promote(3, true), MEMBERSHIP, () => false)).toEqual({
    kind: 'update',
    id: 3,
    set: {promoteWhenReady: true},
  })
  expect(toChange(promote(3, true), MEMBERSHIP, () => true)).toEqual({kind: 'promote', id: 3})
  expect(toChange(promote(3, false), MEMBERSHIP, () => false)).toEqual({kind: 'promote', id: 3})
})

test('a promotion of anybody but a learner is left to the core to judge', () => {
  expect(toChange(promote(2, true), MEMBERSHIP, () => false)).toEqual({kind: 'promote', id: 2})
})

test.each(['voter', 'learner', 'observer'] as const)('a new %s is added in its role', role => {
  const member = {
    name: 'd',
    address: '127.0.0.1:7404',
    storeId: 'store-4',
    promoteWhenReady: false,
    replaces: nodeId(2),
  }

  const change = toChange(request({kind: 'add', role, ...member}), MEMBERSHIP, () => false)

  expect(change).toEqual({kind: `add-${role}`, member})
})

test('each refusal has the code that says whether to try again', () => {
  const codes: Partial<Record<MembershipRefusal, string>> = {
    'not-leader': 'RAFTCTL_NOT_LEADER',
    'not-committed-in-term': 'RAFTCTL_NO_LEADER',
    transferring: 'RAFTCTL_CHANGE_IN_FLIGHT',
    'change-in-flight': 'RAFTCTL_CHANGE_IN_FLIGHT',
    'unknown-member': 'RAFTCTL_MEMBER_NOT_FOUND',
    'no-voter-left': 'RAFTCTL_REFUSED',
    'address-taken': 'RAFTCTL_REFUSED',
    'nothing-to-cancel': 'RAFTCTL_REFUSED',
  }
  for (const [reason, code] of Object.entries(codes)) {
    expect(refusedBy(reason as MembershipRefusal)).toMatchObject({code})
  }
})

test('a safety rule is named in the details, with the member that it is about', () => {
  expect(refusedBy('not-a-learner').details).toEqual({rule: 'not-a-learner', memberId: 3})
  expect(refusedBy('nothing-to-cancel', request({kind: 'cancel'})).details).toEqual({
    rule: 'nothing-to-cancel',
  })
})

test.each([
  [{gap: 40, entriesPerTick: 3, recentlyActive: true}, 'behind', 300],
  [{gap: 0, entriesPerTick: 0, recentlyActive: true}, 'not-proven', 0],
  [{gap: 7, entriesPerTick: 1, recentlyActive: false}, 'silent', 100],
])('a learner that lags is described by figures: %o', (lag, reason, entriesPerSecond) => {
  const outcome = {kind: 'refused', reason: 'learner-lags', leader: undefined, lag} as const

  const error = refusal(outcome, promote(3, false), MEMBERSHIP, 10)

  expect(error).toMatchObject({
    code: 'RAFTCTL_LEARNER_LAGS',
    details: {memberId: 3, gap: lag.gap, entriesPerSecond, reason},
  })
})

test('a leader that the membership does not know is no leader to be sent to', () => {
  expect(notLeader(nodeId(2), MEMBERSHIP)).toMatchObject({
    code: 'RAFTCTL_NOT_LEADER',
    leader: '127.0.0.1:7402',
  })
  expect(notLeader(nodeId(9), MEMBERSHIP)).toMatchObject({code: 'RAFTCTL_NO_LEADER'})
  expect(notLeader(undefined, MEMBERSHIP)).toMatchObject({code: 'RAFTCTL_NO_LEADER'})
})
