import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import type {MembershipRequest} from '../../src/node/api.js'
import {EMPTY_MEMBERSHIP, type Membership} from '../../src/raft/membership.js'
import {logIndex, nodeId} from '../../src/raft/types.js'
import {formatAddress, isAddress, parseAddress} from '../../src/rpc/address.js'
import {
  membershipFromWire,
  membershipRequestFromWire,
  membershipRequestToWire,
  membershipToWire,
  toSafeNumber,
} from '../../src/rpc/codec.js'
import {ChangeMembershipRequest} from '../../src/rpc/gen/raftctl/v1/cluster.js'
import {Membership as WireMembership} from '../../src/rpc/gen/raftctl/v1/common.js'

test('numbers up to 2^53 - 1 pass, larger ones are refused', () => {
  fc.assert(
    fc.property(fc.bigInt({min: 0n, max: 2n ** 64n - 1n}), value => {
      if (value <= BigInt(Number.MAX_SAFE_INTEGER)) {
        expect(BigInt(toSafeNumber(value))).toBe(value)
      } else {
        expect(() => toSafeNumber(value)).toThrow(
          expect.objectContaining({code: 'RAFTCTL_TOO_LARGE'}),
        )
      }
    }),
  )
})

const text = fc.string({maxLength: 20})
const count = fc.nat(Number.MAX_SAFE_INTEGER)

const membership: fc.Arbitrary<Membership> = fc
  .record({
    index: count.map(logIndex),
    roles: fc.array(
      fc.constantFrom('voter', 'incoming', 'outgoing', 'leaving', 'learner', 'observer'),
      {minLength: 1, maxLength: 9},
    ),
    storeId: fc.string({minLength: 1, maxLength: 20}),
    promoteWhenReady: fc.boolean(),
    origin: fc.record({timeMs: count, actor: text, reason: text}),
    target: fc.boolean(),
  })
  .map(({index, roles, storeId, promoteWhenReady, origin, target}) => {
    const ids = (...wanted: string[]) =>
      ['voter', ...roles].flatMap((role, i) => (wanted.includes(role) ? [nodeId(i + 1)] : []))
    const joint = ids('outgoing', 'leaving', 'incoming').length > 0
    const voters = ids('voter', 'incoming')
    const learners = ids('learner')
    return {
      index,
      members: ['voter', ...roles].map((_, i) => ({
        id: nodeId(i + 1),
        name: `n-${i}`,
        address: `10.0.0.${i}:7400`,
        storeId,
        promoteWhenReady,
      })),
      voters,
      votersOutgoing: joint ? ids('voter', 'outgoing', 'leaving') : [],
      learners,
      learnersNext: ids('leaving'),
      observers: ids('observer'),
      target: target && !joint ? {voters, learners} : undefined,
      nextMemberId: roles.length + 2,
      origin,
    }
  })

test('every membership comes out as it went in', () => {
  fc.assert(
    fc.property(membership, value => {
      const bytes = WireMembership.encode(membershipToWire(value)).finish()

      expect(membershipFromWire(WireMembership.decode(bytes))).toEqual(value)
    }),
  )
})

test('the membership of a node that has applied nothing passes as the empty one', () => {
  expect(membershipFromWire(membershipToWire(EMPTY_MEMBERSHIP))).toEqual(EMPTY_MEMBERSHIP)
})

test('a membership in which a voter is no member is refused', () => {
  const wire = membershipToWire(EMPTY_MEMBERSHIP)

  expect(() => membershipFromWire({...wire, voters: [1n]})).toThrow(
    expect.objectContaining({code: 'RAFTCTL_USAGE'}),
  )
})

const origin = {timeMs: 5, actor: 'a', reason: 'r'}
const changes: MembershipRequest['change'][] = [
  {
    kind: 'add',
    role: 'learner',
    name: 'four',
    address: '127.0.0.1:7',
    storeId: 's4',
    promoteWhenReady: true,
    replaces: nodeId(3),
  },
  {kind: 'promote', id: nodeId(4), whenReady: true},
  {kind: 'promote', id: nodeId(4), whenReady: false},
  {kind: 'demote', id: nodeId(4)},
  {kind: 'remove', id: nodeId(4)},
  {kind: 'update', id: nodeId(4), address: 'h:1', name: '', promoteWhenReady: false},
  {kind: 'set', voters: [nodeId(1), nodeId(2)], learners: []},
  {kind: 'cancel'},
]

describe('a membership request comes out as it went in:', () => {
  for (const change of changes) {
    for (const expectedIndex of [undefined, logIndex(9)]) {
      test(`${JSON.stringify(change)} at ${expectedIndex ?? 'any'}`, () => {
        const request = {change, expectedIndex, origin}
        const wire = ChangeMembershipRequest.encode(membershipRequestToWire(request)).finish()

        expect(membershipRequestFromWire(ChangeMembershipRequest.decode(wire))).toEqual(request)
      })
    }
  }
})

describe('a membership request is refused', () => {
  const node = {address: 'h:1', name: '', storeId: 's', replaces: 0n}
  const add = {...node, role: 'voter', promoteWhenReady: false}
  const cases: [string, ChangeMembershipRequest['change']][] = [
    ['without a change', undefined],
    ['for an unknown role', {$case: 'add', value: {...add, role: 'king'}}],
    ['with a name of digits', {$case: 'add', value: {...add, name: '12'}}],
    ['with an address without a port', {$case: 'add', value: {...add, address: 'host'}}],
    ['without a store', {$case: 'add', value: {...add, storeId: ''}}],
    ['for member 0', {$case: 'remove', value: 0n}],
  ]
  for (const [because, change] of cases) {
    test(because, () => {
      const wire = ChangeMembershipRequest.fromPartial({})

      expect(() => membershipRequestFromWire({...wire, change})).toThrow(
        expect.objectContaining({code: 'RAFTCTL_USAGE'}),
      )
    })
  }
})

describe('an address', () => {
  for (const good of ['127.0.0.1:1', 'host.example:65535', '[::1]:7400', '[fe80::1%eth0]:80']) {
    test(`${good} can be dialled, and is written as it was read`, () => {
      const {host, port} = parseAddress(good)!

      expect([isAddress(good), formatAddress(host, port)]).toEqual([true, good])
    })
  }

  for (const bad of [
    '',
    'host',
    'host:',
    ':1',
    'host:0',
    'host:65536',
    '::1:80',
    'a b:1',
    'h:1/x',
  ]) {
    test(`"${bad}" can't be dialled`, () => {
      expect(isAddress(bad)).toBe(false)
    })
  }
})
