// How a leader carries a change through its stages by itself (thesis §4.2.1, §4.3).
import {expect, test} from 'vitest'
import {entryData} from '../../src/raft/entry.js'
import {decodeMembership} from '../../src/raft/membership.js'
import type {Driver} from './support.js'
import {
  at,
  ELECTION_TICKS,
  HEARTBEAT_TICKS,
  leaderAt,
  membershipOf,
  n1,
  n2,
  n3,
  n4,
  n5,
  ofKind,
} from './support.js'

const NEW = {name: '', address: 'host:9', storeId: ''}

/** A leader whose voters hold everything, and stay so. */
function settledLeader(options: Parameters<typeof leaderAt>[0] = {}): Driver {
  const leader = leaderAt(options)
  acknowledgeAll(leader, [n2, n3])
  return leader
}

function acknowledgeAll(leader: Driver, peers: readonly (typeof n1)[]): void {
  leader.perform()
  for (const from of peers) leader.acknowledge(from, leader.raft.status().lastIndex)
  leader.perform()
}

test('an entry of a membership says when, by whom and why', () => {
  const leader = settledLeader()
  const origin = {timeMs: 1_700_000_000_000, actor: 'ops', reason: 'more reads'}

  leader.raft.addObserver(NEW, origin)

  const [entry] = leader.raft.takeReady()!.entries
  expect(decodeMembership(entryData(entry!), entry!.index)).toMatchObject({
    origin,
    observers: [n4],
    index: 2,
  })
})

test('new voters catch up as learners before the joint stage is entered', () => {
  const leader = settledLeader({learners: [n4, n5]})

  leader.raft.changeMembership({voters: [n1, n4], learners: [n2]})
  acknowledgeAll(leader, [n2, n3])
  const waiting = leader.raft.membership
  leader.acknowledge(n5, 2)
  leader.perform()
  const stillWaiting = leader.raft.status().lastIndex
  leader.acknowledge(n4, 2)
  leader.perform()

  expect(waiting).toMatchObject({
    voters: [n1, n2, n3],
    learners: [n4, n5],
    target: {voters: [n1, n4], learners: [n2]},
  })
  expect(stillWaiting).toBe(2)
  expect(leader.log.entries(3 as never, 3 as never, 1e9)).toMatchObject([{kind: 'membership'}])
})

test('a change that waits for its learners can be given up', () => {
  const leader = settledLeader({learners: [n4]})
  leader.raft.changeMembership({voters: [n1, n4], learners: []})
  acknowledgeAll(leader, [n2, n3])

  const cancelled = leader.raft.proposeMembership({kind: 'cancel'})
  acknowledgeAll(leader, [n2, n3])

  expect(cancelled.kind).toBe('accepted')
  expect(leader.raft.membership).toMatchObject({
    voters: [n1, n2, n3],
    learners: [n4],
    target: undefined,
  })
})

test('meanwhile nothing else is changed', () => {
  const leader = settledLeader({learners: [n4]})
  leader.raft.changeMembership({voters: [n1, n4], learners: []})
  acknowledgeAll(leader, [n2, n3])

  expect(leader.raft.addLearner(NEW)).toMatchObject({reason: 'change-in-flight'})
  expect(leader.raft.removePeer(n3)).toMatchObject({reason: 'change-in-flight'})
})

test('the joint stage is not entered on demand while a new voter lags', () => {
  const leader = settledLeader({learners: [n4]})
  leader.raft.changeMembership({voters: [n1, n4], learners: []})
  acknowledgeAll(leader, [n2, n3])

  expect(leader.raft.proposeMembership({kind: 'enter-joint'})).toMatchObject({
    kind: 'refused',
    reason: 'learner-lags',
  })
})

test('a learner that is to be promoted when ready is, by whoever leads then', () => {
  const base = membershipOf({voters: [n1, n2, n3], learners: [n4], index: 1})
  const members = base.members.map(one => ({...one, promoteWhenReady: one.id === n4}))
  const leader = settledLeader({
    membership: {...base, members},
    last: at(1, 1),
    commit: 1,
  })
  const before = leader.raft.status().lastIndex

  leader.acknowledge(n4, before)
  acknowledgeAll(leader, [n2, n3])

  const {voters, members: now} = leader.raft.membership
  expect(voters).toEqual([n1, n2, n3, n4])
  expect(now.every(one => !one.promoteWhenReady)).toBe(true)
})

test('a removed member is served until it knows', () => {
  const leader = settledLeader()
  leader.raft.removePeer(n3)
  acknowledgeAll(leader, [n2])
  const served = leader.raft.status().progress.map(({id}) => id)

  leader.acknowledge(n3, 2)
  leader.tick(HEARTBEAT_TICKS)

  expect(served).toEqual([n2, n3])
  expect(ofKind(leader.perform(), 'heartbeat').map(({to}) => to)).toEqual([n2])
})

test('or for two election timeouts', () => {
  const leader = settledLeader()
  leader.raft.removePeer(n3)
  acknowledgeAll(leader, [n2])
  const serves = () => leader.raft.status().progress.some(({id}) => id === n3)

  const was: boolean[] = []
  for (let tick = 0; tick < 2 * ELECTION_TICKS; tick++) {
    leader.step({kind: 'heartbeat-response', from: n2, readRound: 0})
    was.push(serves())
    leader.tick()
  }

  expect(was).toEqual(Array(2 * ELECTION_TICKS).fill(true))
  expect(serves()).toBe(false)
})

test('a demoted leader counts itself until it applies that, then hands over and steps down', () => {
  const leader = settledLeader()
  leader.raft.demoteVoter(n1)
  leader.perform()
  for (const from of [n2, n3]) leader.acknowledge(from, 2)

  const sent = leader.perform()
  leader.tick(2 * ELECTION_TICKS)

  expect(ofKind(sent, 'timeout-now').map(({to}) => to)).toEqual([n2])
  expect(leader.raft.status()).toMatchObject({role: 'learner', membership: {learners: [n1]}})
})
