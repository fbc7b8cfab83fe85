// Small rules, each of which a reader of the code could take for granted.
import {expect, test} from 'vitest'
import {logIndex, term} from '../../src/raft/types.js'
import {at, driverAt, entry, leaderAt, n1, n2, n3, n4, nodeAt, ofKind} from './support.js'

test('a read asked of a leader that comes back at a newer term is refused, not forgotten', () => {
  const follower = driverAt({id: n2, term: term(3), last: at(3, 1)})
  const beat = {kind: 'heartbeat', from: n1, commitIndex: logIndex(0), readRound: 0} as const
  follower.step(beat)
  const read = follower.raft.readIndex()
  follower.perform()

  follower.step({...beat, term: term(4)})

  expect(read).toMatchObject({kind: 'accepted'})
  expect(follower.raft.takeReady()?.readsRefused).toEqual([read.kind === 'accepted' && read.token])
})

test('a read whose question is lost is refused after two election timeouts', () => {
  const follower = driverAt({id: n2, term: term(3), last: at(3, 1)})
  const beat = {kind: 'heartbeat', from: n1, commitIndex: logIndex(0), readRound: 0} as const
  follower.step(beat)
  const read = follower.raft.readIndex()
  follower.perform()

  const refused: number[] = []
  for (let i = 0; i < 20; i++) {
    follower.tick()
    follower.step(beat)
    refused.push(...(follower.raft.takeReady()?.readsRefused ?? []))
  }

  expect(refused).toEqual([read.kind === 'accepted' && read.token])
})

test('a peer that falls behind the compacted log is named once', () => {
  const leader = leaderAt({limits: {inFlightMessagesMax: 1}})
  leader.acknowledge(n2, 1)
  leader.acknowledge(n3, 1)
  leader.perform()
  for (const text of ['a', 'b', 'c', 'd']) {
    leader.acknowledge(n2, leader.propose(text) - 1)
    leader.perform()
  }
  void leader.log.compact(logIndex(4))

  leader.acknowledge(n2, 5)
  leader.acknowledge(n3, 2)

  expect(leader.raft.takeReady()?.snapshotsNeeded).toEqual([n3])
})

test('a peer whose window is full hears of no commit either, until it answers', () => {
  const limits = {observerWindow: 2}
  const leader = leaderAt({voters: [n1, n2], observers: [n4], limits})
  leader.acknowledge(n2, 1)
  leader.perform()
  leader.acknowledge(n4, 1)
  leader.perform()

  let sent = 0
  for (let i = 0; i < 50; i++) {
    const index = leader.propose('x')
    leader.perform()
    leader.acknowledge(n2, index)
    leader.tick()
    sent += ofKind(leader.perform(), 'append-entries').filter(({to}) => to === n4).length
  }

  expect(sent).toBe(2)
})

test('limits below one are refused', () => {
  expect(() => nodeAt({limits: {entriesPerAppendMax: 0}})).toThrow(/entriesPerAppendMax/)
})

test('an observer is asked for no vote, and gives none', () => {
  const observer = driverAt({id: n4, observers: [n4]})

  observer.step({
    kind: 'request-vote',
    from: n2,
    term: term(5),
    last: at(4, 4),
    force: false,
    commit: at(0, 0),
  })

  expect(ofKind(observer.perform(), 'request-vote-response')).toEqual([])
})

test('an update leaves what it does not name as it was', () => {
  const leader = leaderAt({log: [entry(1, 1)], commit: 1})
  leader.acknowledge(n2, 2)
  leader.perform()

  const outcome = leader.raft.proposeMembership({
    kind: 'update',
    id: n2,
    set: {address: 'a:1', name: undefined, promoteWhenReady: undefined},
  })

  expect(outcome).toMatchObject({
    kind: 'accepted',
    membership: {members: [{}, {address: 'a:1', name: '', promoteWhenReady: false}, {}]},
  })
})

test('a membership that nobody could read is never appended', () => {
  const leader = leaderAt({log: [entry(1, 1)], commit: 1})
  leader.acknowledge(n2, 2)
  leader.perform()

  const origin = {timeMs: Number.NaN, actor: 'a', reason: 'r'}

  expect(() => leader.raft.removePeer(n3, origin)).toThrow('a proposed membership can be read')
  expect(leader.raft.status().lastIndex).toBe(2)
})

test('a leader without a quorum steps down within an election timeout of the last answer', () => {
  const leader = leaderAt()
  for (let i = 0; i < 13; i++) {
    leader.tick()
    leader.acknowledge(n2, 1)
  }

  leader.tick(10)
  const roleBefore = leader.raft.role
  leader.tick()

  expect([roleBefore, leader.raft.role]).toEqual(['leader', 'follower'])
})

// The leader of 1 to 4 has applied the removal of 2, the others have it in their logs only. Node 2 hears
// of it from the leader, which dies: under the old membership 3 and 4 need the vote of 2.
test('a member that hears of its removal from one goes on voting until it hears of it again', () => {
  const node = driverAt({id: n2, voters: [n1, n2, n3, n4], last: at(1, 4), term: term(1)})
  const word = {kind: 'member-removed', from: n1, membershipIndex: logIndex(5)} as const
  const ask = {kind: 'request-vote', from: n3, last: at(1, 5), force: false, commit: at(1, 4)}

  node.step(word)
  const atFirst = node.raft.removed
  node.step({...ask, term: term(2)} as Parameters<typeof node.step>[0])
  const votes = ofKind(node.perform(), 'request-vote-response')
  node.tick(20)
  node.step(word)

  expect(atFirst).toBe(false)
  expect(votes).toMatchObject([{to: n3, granted: true}])
  expect(node.raft.removed).toBe(true)
})
