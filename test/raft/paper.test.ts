// The paper, claim by claim: one test for each thing that it says a server does.
import {describe, expect, test} from 'vitest'
import type {Message} from '../../src/raft/messages.js'
import type {LogPosition, Term} from '../../src/raft/types.js'
import {logIndex, nodeId, ORIGIN, term} from '../../src/raft/types.js'
import type {Driver} from './support.js'
import {
  at,
  driverAt,
  ELECTION_TICKS,
  entries,
  entry,
  HEARTBEAT_TICKS,
  leaderAt,
  membershipEntry,
  membershipOf,
  message,
  n1,
  n2,
  n3,
  n4,
  n5,
  nodeAt,
  ofKind,
  readyWith,
} from './support.js'

const NOWHERE = {commit: ORIGIN}
const hard = (t: number, votedFor: number | undefined, commit = 0) => ({
  term: term(t),
  votedFor: votedFor === undefined ? undefined : nodeId(votedFor),
  commitIndex: logIndex(commit),
})

function askVote(driver: Driver, of: Term, last: LogPosition, from = n2, force = false): void {
  driver.step({kind: 'request-vote', from, term: of, last, force, ...NOWHERE})
}

function append(
  driver: Driver,
  prev: LogPosition,
  terms: readonly number[],
  commit: number,
  of = driver.raft.currentTerm,
): void {
  const commitIndex = logIndex(commit)
  const tail = entries(prev.index + 1, ...terms)
  driver.step({kind: 'append-entries', from: n2, term: of, prev, entries: tail, commitIndex})
}

const answer = (t: number, index: number) =>
  message({
    kind: 'append-entries-response',
    from: n1,
    to: n2,
    term: term(t),
    index: logIndex(index),
    rejected: false,
    hint: ORIGIN,
  })

const rejection = (t: number, index: number, hint: LogPosition) =>
  message({
    kind: 'append-entries-response',
    from: n1,
    to: n2,
    term: term(t),
    index: logIndex(index),
    rejected: true,
    hint,
  })

/** A follower takes this log from n1 as it would over a perfect network; counts the probes. */
function replicate(leader: Driver, follower: Driver): {probes: number; entries: number} {
  const count = {probes: 0, entries: 0}
  leader.step({kind: 'heartbeat-response', from: follower.raft.nodeId, readRound: 0})
  let toFollower: Message[] = leader.perform()
  while (toFollower.length > 0) {
    const appends = ofKind(toFollower, 'append-entries').filter(
      one => one.to === follower.raft.nodeId,
    )
    for (const one of appends) {
      count.entries += one.entries.length
      follower.raft.step(one)
      for (const back of follower.perform()) {
        if (back.kind === 'append-entries-response' && back.rejected) count.probes++
        leader.raft.step(back)
      }
    }
    toFollower = leader.perform()
  }
  return count
}

describe('terms (§5.1)', () => {
  test('a server that meets a newer term adopts it, without a vote in it', () => {
    const node = driverAt({term: term(3), votedFor: n3})

    node.step({
      kind: 'heartbeat',
      from: n2,
      term: term(5),
      commitIndex: logIndex(0),
      readRound: 0,
    })

    expect(node.raft.takeReady()).toEqual(
      readyWith({
        number: 1,
        sendNow: [
          message({kind: 'heartbeat-response', from: n1, to: n2, term: term(5), readRound: 0}),
        ],
        hardState: hard(5, undefined),
      }),
    )
  })

  for (const role of ['candidate', 'leader'] as const) {
    test(`a ${role} that meets a newer term is a follower at once`, () => {
      const node = role === 'leader' ? leaderAt({term: term(1)}) : driverAt({preVote: false})
      if (role === 'candidate') node.raft.campaign()

      node.step({
        kind: 'append-entries-response',
        from: n2,
        term: term(9),
        index: logIndex(0),
        rejected: true,
        hint: ORIGIN,
      })

      expect(node.raft.role).toBe('follower')
      expect(node.raft.currentTerm).toBe(9)
    })
  }

  test('a vote asked at an old term is refused with the newer one', () => {
    const node = driverAt({term: term(5)})

    askVote(node, term(4), at(9, 9))

    expect(node.raft.takeReady()).toEqual(
      readyWith({
        number: 1,
        sendAfterSync: [
          message({
            ...{kind: 'request-vote-response', from: n1, to: n2, term: term(5)},
            granted: false,
            commit: ORIGIN,
          }),
        ],
      }),
    )
  })

  test('an append of an old term changes nothing, and its sender learns the newer one', () => {
    const node = driverAt({term: term(5), last: at(5, 2)})

    append(node, at(5, 2), [4], 3, term(4))

    expect(node.raft.takeReady()).toEqual(
      readyWith({number: 1, sendAfterSync: [rejection(5, 0, ORIGIN)]}),
    )
  })

  for (const kind of ['request-vote-response', 'append-entries-response'] as const) {
    test(`a delayed ${kind} of an older term counts for nothing`, () => {
      const node = kind === 'request-vote-response' ? driverAt({preVote: false}) : leaderAt()
      if (kind === 'request-vote-response') {
        node.raft.campaign()
        node.perform()
      }
      const before = node.raft.status()
      const old = term(node.raft.currentTerm - 1)

      if (kind === 'request-vote-response') {
        node.step({kind, from: n2, term: old, granted: true, ...NOWHERE})
      } else {
        const index = logIndex(1)
        node.step({kind, from: n2, term: old, index, rejected: false, hint: ORIGIN})
      }

      expect(node.raft.takeReady()).toBeUndefined()
      expect(node.raft.status()).toEqual(before)
    })
  }

  test('a message of another group is not even read', () => {
    const node = nodeAt({term: term(1)})

    node.step({
      ...{kind: 'heartbeat', groupId: 2, from: n2, to: n1, term: term(9)},
      ...{commitIndex: 0, readRound: 0},
    } as unknown as Message)

    expect(node.takeReady()).toBeUndefined()
    expect(node.currentTerm).toBe(1)
  })
})

describe('elections (§5.2)', () => {
  test('servers start as followers', () => {
    expect(nodeAt().role).toBe('follower')
    expect(nodeAt({term: term(4), votedFor: n1}).role).toBe('follower')
  })

  test('a follower that hears from nobody begins an election between one and two timeouts', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const node = nodeAt({id: n1, preVote: false, random: () => seed * 7919})
      let ticks = 0
      while (node.role === 'follower') {
        node.tick()
        ticks++
      }
      expect(ticks).toBeGreaterThanOrEqual(ELECTION_TICKS)
      expect(ticks).toBeLessThan(2 * ELECTION_TICKS)
    }
  })

  test('election timeouts are drawn anew, so that a split vote does not repeat for ever', () => {
    let drawn = 0
    const node = nodeAt({preVote: false, random: () => drawn++})
    const before = drawn

    node.campaign()
    node.campaign()

    expect(drawn - before).toBe(2)
  })

  test('a follower that hears heartbeats begins none', () => {
    const node = driverAt({term: term(1)})

    for (let i = 0; i < 100; i++) {
      node.tick(ELECTION_TICKS - 1)
      node.step({kind: 'heartbeat', from: n2, commitIndex: logIndex(0), readRound: 0})
    }

    expect(node.raft.role).toBe('follower')
    expect(node.raft.leaderId).toBe(2)
  })

  test('a candidate increments its term, votes for itself and asks every other voter', () => {
    const node = nodeAt({term: term(3), last: at(2, 4), preVote: false})

    node.campaign()

    const ask = {kind: 'request-vote', from: n1, term: term(4), last: at(2, 4), ...NOWHERE} as const
    expect(node.takeReady()).toEqual(
      readyWith({
        number: 1,
        hardState: hard(4, 1),
        sendAfterSync: [n2, n3].map(to => message({...ask, to, force: false})),
      }),
    )
  })

  const counts = [
    {voters: [n1, n2, n3], grants: [n2], leads: true},
    {voters: [n1, n2, n3], grants: [], leads: false},
    {voters: [n1, n2, n3, n4, n5], grants: [n2], leads: false},
    {voters: [n1, n2, n3, n4, n5], grants: [n2, n3], leads: true},
    {voters: [n1, n2, n3, n4, n5], grants: [n2, n2, n2], leads: false},
    {voters: [n1, n2, n3, n4], grants: [n2], leads: false},
    {voters: [n1, n2, n3, n4], grants: [n2, n3], leads: true},
  ]
  for (const {voters, grants, leads} of counts) {
    const of = `${voters.length} voters and grants of [${grants}]`
    test(`a candidate with ${of} ${leads ? 'leads' : 'does not lead'}`, () => {
      const node = driverAt({voters, preVote: false})
      node.raft.campaign()
      node.perform()

      for (const from of grants) {
        node.step({kind: 'request-vote-response', from, granted: true, ...NOWHERE})
      }

      expect(node.raft.role).toBe(leads ? 'leader' : 'candidate')
    })
  }

  test('a candidate counts its own vote only once it is durable (thesis §3.8)', () => {
    const node = driverAt({preVote: false})
    node.raft.campaign()
    const ready = node.raft.takeReady()!

    node.step({kind: 'request-vote-response', from: n2, granted: true, ...NOWHERE})
    const before = node.raft.role
    node.persist(ready)

    expect([before, node.raft.role]).toEqual(['candidate', 'leader'])
  })

  test('a candidate that a majority refuses waits as a follower, its term and vote kept', () => {
    const node = driverAt({preVote: false})
    node.raft.campaign()
    node.perform()

    for (const from of [n2, n3]) {
      node.step({kind: 'request-vote-response', from, granted: false, ...NOWHERE})
    }

    expect(node.raft.status()).toMatchObject({role: 'follower', currentTerm: 1, votedFor: 1})
  })

  test('a candidate follows whoever leads its term', () => {
    const node = driverAt({preVote: false})
    node.raft.campaign()
    node.perform()

    append(node, ORIGIN, [1], 0)

    expect(node.raft.status()).toMatchObject({role: 'follower', leaderId: 2, votedFor: 1})
  })

  test('a server votes once a term, first come first served, and again for the same candidate', () => {
    const node = driverAt({term: term(2)})

    askVote(node, term(3), ORIGIN, n2)
    askVote(node, term(3), ORIGIN, n3)
    askVote(node, term(3), ORIGIN, n2)

    const vote = {kind: 'request-vote-response', from: n1, term: term(3), ...NOWHERE} as const
    expect(node.raft.takeReady()).toEqual(
      readyWith({
        number: 1,
        hardState: hard(3, 2),
        sendAfterSync: [
          message({...vote, to: n2, granted: true}),
          message({...vote, to: n3, granted: false}),
          message({...vote, to: n2, granted: true}),
        ],
      }),
    )
  })

  test('a vote outlives a restart', () => {
    const node = driverAt({term: term(3), votedFor: n2})

    askVote(node, term(3), at(9, 9), n3)

    expect(ofKind(node.perform(), 'request-vote-response')).toMatchObject([{granted: false}])
  })

  test('a leader that steps down at its own term has voted in it, for itself', () => {
    const node = leaderAt()
    node.raft.stepDown()

    askVote(node, node.raft.currentTerm, at(9, 9), n3)

    expect(ofKind(node.perform(), 'request-vote-response')).toMatchObject([{granted: false}])
  })

  test('a follower that knows the leader of its term votes for nobody else in it', () => {
    const node = driverAt({term: term(3)})
    append(node, ORIGIN, [], 0)
    node.perform()

    askVote(node, term(3), at(9, 9), n3)

    expect(ofKind(node.perform(), 'request-vote-response')).toMatchObject([{granted: false}])
  })

  test('the vote of a server that the membership does not know counts in no quorum', () => {
    const node = driverAt({voters: [n1, n2, n3], preVote: false})
    node.raft.campaign()
    node.perform()

    for (const from of [n4, n5]) {
      node.step({kind: 'request-vote-response', from, granted: true, ...NOWHERE})
    }

    expect(node.raft.role).toBe('candidate')
  })

  test('a leader sends heartbeats to every member at once and at each interval', () => {
    const leader = leaderAt()

    const sent = [1, 2, 3, 4, 5].map(() => {
      leader.tick()
      return ofKind(leader.perform(), 'heartbeat').map(one => one.to)
    })

    expect(sent).toEqual([[n2, n3], [], [n2, n3], [], [n2, n3]])
    expect(HEARTBEAT_TICKS).toBe(2)
  })

  test('a sole voter leads without asking anybody', () => {
    const node = driverAt({voters: [n1], last: at(1, 3)})

    node.tick()
    node.perform()

    expect(node.raft.status()).toMatchObject({role: 'leader', currentTerm: 2, commitIndex: 4})
  })

  test('a node that nobody has told of any membership waits', () => {
    const node = driverAt({voters: [], startsAsLearner: true})

    node.tick(1000)

    expect(node.raft.takeReady()).toBeUndefined()
    expect(node.raft.role).toBe('learner')
  })
})

describe('log replication (§5.3)', () => {
  test('a leader appends what is proposed, writes it and sends it at the same time', () => {
    const leader = leaderAt({last: at(1, 1)})
    leader.acknowledge(n2, 2)
    leader.acknowledge(n3, 2)
    leader.perform()

    const outcome = leader.raft.propose(new TextEncoder().encode('x'))

    expect(outcome).toEqual({kind: 'accepted', term: 2, index: 3})
    const sent = {kind: 'append-entries', from: n1, term: term(2), prev: at(2, 2)} as const
    const tail = {entries: [entry(2, 3, 'x')], commitIndex: logIndex(2)}
    const ready = leader.raft.takeReady()!
    expect(ready).toEqual(
      readyWith({
        number: ready.number,
        sendNow: [n2, n3].map(to => message({...sent, ...tail, to})),
        hardState: hard(2, 1, 2),
        entries: [entry(2, 3, 'x')],
      }),
    )
  })

  test('an entry is committed once a majority holds it, and then applied', () => {
    const leader = leaderAt()
    leader.acknowledge(n2, 1)
    leader.perform()
    leader.propose('x')
    leader.perform()

    leader.acknowledge(n2, 2)

    const ready = leader.raft.takeReady()!
    expect(ready).toEqual(readyWith({number: ready.number, committedEntries: [entry(1, 2, 'x')]}))
  })

  const news = {kind: 'append-entries', from: n1, to: n2, term: term(1), prev: at(1, 2)} as const

  test('the others are told of a commit with the next entries', () => {
    const leader = leaderAt()
    leader.acknowledge(n2, 1)
    leader.propose('x')
    leader.perform()
    leader.acknowledge(n2, 2)

    leader.propose('y')

    expect(leader.raft.takeReady()?.sendNow).toContainEqual(
      message({...news, entries: [entry(1, 3, 'y')], commitIndex: logIndex(2)}),
    )
  })

  test('or with the next tick, when no entries follow', () => {
    const leader = leaderAt()
    leader.acknowledge(n2, 1)
    leader.propose('x')
    leader.perform()
    leader.acknowledge(n2, 2)
    leader.perform()

    leader.tick()

    expect(leader.raft.takeReady()?.sendNow).toContainEqual(
      message({...news, entries: [], commitIndex: logIndex(2)}),
    )
  })

  /** Entry 2 is committed, which nobody was told; member 2 asks to read. Returns the round that confirms. */
  function askedToRead() {
    const leader = leaderAt()
    for (const from of [n2, n3]) leader.acknowledge(from, 1)
    leader.propose('x')
    leader.perform()
    for (const from of [n2, n3]) leader.acknowledge(from, 2)
    leader.perform()
    leader.step({kind: 'read-index', from: n2, token: 7})
    const {readRound} = ofKind(leader.perform(), 'heartbeat')[0]!
    return {leader, readRound}
  }

  test('or at once, when a member is to read what was committed', () => {
    const {leader, readRound} = askedToRead()

    leader.step({kind: 'heartbeat-response', from: n3, readRound})

    const sent = leader.raft.takeReady()!.sendNow
    expect(ofKind([...sent], 'read-index-response')).toHaveLength(1)
    expect(sent).toContainEqual(message({...news, entries: [], commitIndex: logIndex(2)}))
  })

  test('also when its own answer to the heartbeat comes behind those that confirm the read', () => {
    const {leader, readRound} = askedToRead()

    for (const from of [n3, n2]) leader.step({kind: 'heartbeat-response', from, readRound})

    expect(leader.raft.takeReady()!.sendNow).toContainEqual(
      message({...news, entries: [], commitIndex: logIndex(2)}),
    )
  })

  test('a leader counts itself only once its own write is durable', () => {
    const leader = leaderAt()
    leader.acknowledge(n2, 1)
    leader.perform()
    leader.propose('x')
    const ready = leader.raft.takeReady()!

    leader.acknowledge(n2, 2)
    const before = leader.raft.commitIndex
    leader.persist(ready)

    expect([before, leader.raft.commitIndex]).toEqual([1, 2])
  })

  test('the others may commit what the leader has not written yet', () => {
    const leader = leaderAt()
    leader.propose('x')
    leader.raft.takeReady()

    for (const from of [n2, n3]) leader.acknowledge(from, 2)

    expect(leader.raft.commitIndex).toBe(2)
    expect(leader.raft.takeReady()?.committedEntries).toEqual([entry(1, 1, '', 'blank')])
  })

  test('a follower takes what follows its log, answers once it is durable, and commits', () => {
    const node = driverAt({last: at(1, 2)})

    append(node, at(1, 2), [1, 1], 3)

    expect(node.raft.takeReady()).toEqual(
      readyWith({
        number: 1,
        hardState: hard(1, undefined, 3),
        entries: entries(3, 1, 1),
        sendAfterSync: [answer(1, 4)],
        committedEntries: entries(1, 1, 1),
      }),
    )
  })

  test('a follower refuses what does not follow its log, and says where both may agree', () => {
    const node = driverAt({log: entries(1, 1, 1, 2, 2), term: term(5)})

    append(node, at(4, 9), [5], 9)
    append(node, at(3, 4), [5], 9)
    append(node, at(1, 3), [5], 9)

    expect(node.raft.takeReady()).toEqual(
      readyWith({
        number: 1,
        sendAfterSync: [
          rejection(5, 9, at(2, 4)),
          rejection(5, 4, at(2, 4)),
          rejection(5, 3, at(1, 2)),
        ],
      }),
    )
  })

  test('an empty position before the first entry is checked like any other', () => {
    const node = driverAt({log: entries(1, 1, 1), term: term(2)})

    append(node, ORIGIN, [1, 1, 2], 0)

    expect(node.raft.takeReady()?.entries).toEqual(entries(3, 2))
  })

  test('a conflicting entry and all that follow it are replaced', () => {
    const node = driverAt({log: entries(1, 1, 1, 2, 2, 2), term: term(3)})

    append(node, at(1, 1), [1, 3], 0)

    expect(node.raft.takeReady()).toEqual(
      readyWith({
        number: 1,
        hardState: hard(3, undefined),
        entries: entries(3, 3),
        sendAfterSync: [answer(3, 3)],
      }),
    )
    expect(node.raft.status().lastIndex).toBe(3)
  })

  test('a delayed append cuts nothing that it agrees with', () => {
    const node = driverAt({last: at(1, 5)})

    append(node, at(1, 1), [1, 1], 0)

    expect(node.raft.takeReady()).toEqual(readyWith({number: 1, sendAfterSync: [answer(1, 3)]}))
    expect(node.raft.status().lastIndex).toBe(5)
  })

  test('an answer covers the range of its request, not the whole log of the follower', () => {
    const node = driverAt({last: at(1, 5), term: term(2)})

    append(node, at(1, 2), [], 0)

    expect(node.raft.takeReady()?.sendAfterSync).toEqual([answer(2, 2)])
  })

  test('a follower commits no further than what it has checked', () => {
    const node = driverAt({log: entries(1, 1, 1, 1, 1), term: term(2)})

    append(node, at(1, 2), [], 4)

    expect(node.raft.commitIndex).toBe(2)
  })

  test('a heartbeat never commits more than the receiver has acknowledged', () => {
    const leader = leaderAt({last: at(1, 3)})
    leader.acknowledge(n2, 4)
    leader.perform()

    leader.tick(HEARTBEAT_TICKS)

    const beats = ofKind(leader.perform(), 'heartbeat').map(one => [one.to, one.commitIndex])
    expect(beats).toEqual([
      [n2, 4],
      [n3, 0],
    ])
  })

  test('a leader never changes its own log but by appending', () => {
    const leader = leaderAt({last: at(1, 3)})

    leader.step({
      kind: 'append-entries-response',
      from: n2,
      index: logIndex(3),
      rejected: true,
      hint: at(1, 1),
    })
    leader.perform()

    expect(leader.raft.status()).toMatchObject({lastIndex: 4, firstIndex: 1})
  })

  test('a stale rejection takes nothing acknowledged back', () => {
    const leader = leaderAt({last: at(1, 9)})
    leader.acknowledge(n2, 10)
    leader.perform()

    leader.step({
      kind: 'append-entries-response',
      from: n2,
      index: logIndex(9),
      rejected: true,
      hint: at(1, 2),
    })

    expect(leader.raft.takeReady()).toBeUndefined()
    expect(leader.raft.status().progress[0]).toMatchObject({matchIndex: 10, nextIndex: 11})
  })

  test('followers of every kind end with the log of the leader (figure 7)', () => {
    const log = entries(1, 1, 1, 1, 4, 4, 5, 5, 6, 6, 6)
    const others = {
      a: [1, 1, 1, 4, 4, 5, 5, 6, 6],
      b: [1, 1, 1, 4],
      c: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
      d: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
      e: [1, 1, 1, 4, 4, 4, 4],
      f: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    }
    for (const terms of Object.values(others)) {
      const leader = leaderAt({log, term: term(7), voters: [n1, n2]})
      const follower = driverAt({id: n2, log: entries(1, ...terms), term: term(7)})

      replicate(leader, follower)

      const wanted = leader.log.entries(logIndex(1), logIndex(11), 1e9)
      const got = follower.log.entries(logIndex(1), follower.log.lastIndex(), 1e9)
      expect(got).toEqual(wanted)
      leader.tick()
      replicate(leader, follower)
      expect(follower.raft.commitIndex).toBe(11)
    }
  })

  test('a divergence costs probes by term, not by entry', () => {
    const leader = leaderAt({
      log: entries(1, ...Array(50).fill(1), ...Array(500).fill(5)),
      term: term(6),
      voters: [n1, n2],
    })
    const follower = driverAt({
      id: n2,
      log: entries(1, ...Array(50).fill(1), ...Array(300).fill(2), ...Array(300).fill(3)),
      term: term(6),
    })

    const {probes} = replicate(leader, follower)

    expect(probes).toBeGreaterThan(0)
    expect(probes).toBeLessThanOrEqual(3)
  })
})

describe('safety (§5.4)', () => {
  // §5.4.1: the later last term wins; on a tie, the longer log. Ours ends at term 3, index 5.
  const cases = [
    {last: at(3, 4), granted: false, because: 'ours is longer'},
    {last: at(3, 5), granted: true, because: 'both end alike'},
    {last: at(3, 6), granted: true, because: 'theirs is longer'},
    {last: at(4, 1), granted: true, because: 'theirs ends in a later term, though shorter'},
    {last: at(2, 9), granted: false, because: 'ours ends in a later term, though shorter'},
  ]
  for (const {last, granted, because} of cases) {
    test(`a follower ${granted ? 'grants' : 'refuses'} its vote when ${because}`, () => {
      const follower = driverAt({term: term(6), last: at(3, 5)})

      askVote(follower, term(7), last)

      const reply = {kind: 'request-vote-response', from: n1, to: n2, term: term(7)} as const
      expect(follower.raft.takeReady()).toEqual(
        readyWith({
          number: 1,
          hardState: hard(7, granted ? 2 : undefined),
          sendAfterSync: [message({...reply, granted, ...NOWHERE})],
        }),
      )
    })
  }

  test('only entries of its own term are committed by counting (§5.4.2)', () => {
    const leader = leaderAt({log: entries(1, 1, 2), term: term(3)})

    leader.acknowledge(n2, 2)
    leader.perform()
    const before = leader.raft.commitIndex
    leader.acknowledge(n2, 3)

    expect([before, leader.raft.commitIndex]).toEqual([0, 3])
  })

  test('entries are applied in order, each once, however the commit index moves', () => {
    const node = driverAt({last: at(1, 4)})

    append(node, at(1, 4), [], 2)
    const first = node.raft.takeReady()!
    append(node, at(1, 4), [], 4)
    const second = node.raft.takeReady()!

    expect(first.committedEntries).toEqual(entries(1, 1, 1))
    expect(second.committedEntries).toEqual(entries(3, 1, 1))
    expect(node.raft.takeReady()).toBeUndefined()
  })

  test('what is applied is committed and on the own disk', () => {
    const node = driverAt()
    append(node, ORIGIN, [0, 0], 2, term(0))
    const ready = node.raft.takeReady()!

    node.persist(ready)

    expect(ready.committedEntries).toEqual([])
    expect(node.raft.takeReady()?.committedEntries).toHaveLength(2)
  })
})

describe('crashes and delays (§5.5)', () => {
  test('an append that comes twice is answered twice and written once', () => {
    const node = driverAt({term: term(1)})

    append(node, ORIGIN, [1], 0)
    append(node, ORIGIN, [1], 0)

    expect(node.raft.takeReady()).toEqual(
      readyWith({
        number: 1,
        hardState: hard(1, undefined),
        entries: entries(1, 1),
        sendAfterSync: [answer(1, 1), answer(1, 1)],
      }),
    )
  })

  test('a leader asks a silent follower again and again', () => {
    const leader = leaderAt()
    for (let i = 0; i < 5; i++) {
      leader.tick(HEARTBEAT_TICKS)
      leader.perform()
      leader.step({kind: 'heartbeat-response', from: n3, readRound: 0})
      expect(ofKind(leader.perform(), 'append-entries').map(one => one.to)).toEqual([n3])
    }
  })

  test('a restarted node applies from where its state is, and no entry twice', () => {
    const node = driverAt({last: at(1, 5), commit: 4, applied: 2})

    expect(node.raft.takeReady()?.committedEntries).toEqual(entries(3, 1, 1))
  })
})

describe('membership changes (§6, thesis §4)', () => {
  const joint = membershipOf({voters: [n1, n4, n5], votersOutgoing: [n1, n2, n3], index: 1})

  for (const {grants, role} of [
    {grants: [n2, n3], role: 'candidate'},
    {grants: [n4, n5], role: 'candidate'},
    {grants: [n2, n4], role: 'leader'},
  ]) {
    test(`in a joint stage grants of ${grants} make a ${role}: both halves decide`, () => {
      const node = driverAt({last: at(1, 1), commit: 1, membership: joint, preVote: false})
      node.raft.campaign()
      node.perform()

      for (const from of grants) {
        node.step({kind: 'request-vote-response', from, granted: true, ...NOWHERE})
      }

      expect(node.raft.role).toBe(role)
    })
  }

  test('a candidate does not count itself in a half that it does not belong to', () => {
    const membership = membershipOf({voters: [n2, n3], votersOutgoing: [n1], index: 1})
    const node = driverAt({last: at(1, 1), commit: 1, membership, preVote: false})
    node.raft.campaign()
    node.perform()

    node.step({kind: 'request-vote-response', from: n2, granted: true, ...NOWHERE})
    const withOne = node.raft.role
    node.step({kind: 'request-vote-response', from: n3, granted: true, ...NOWHERE})

    expect([withOne, node.raft.role]).toEqual(['candidate', 'leader'])
  })

  test('in a joint stage entries are committed by both halves', () => {
    const leader = leaderAt({last: at(1, 1), commit: 1, membership: joint})
    const index = leader.raft.status().lastIndex
    for (const from of [n4, n5]) leader.acknowledge(from, index)
    const before = leader.raft.commitIndex

    leader.acknowledge(n3, index)

    expect([before, leader.raft.commitIndex]).toEqual([1, index])
  })

  test('a new leader finishes the joint stage that it finds', () => {
    const leader = leaderAt({last: at(1, 1), commit: 1, membership: joint})
    for (const from of [n2, n4]) leader.acknowledge(from, 2)

    leader.perform()

    expect(leader.raft.proposeMembership({kind: 'remove', id: n2})).toMatchObject({
      kind: 'refused',
      reason: 'change-in-flight',
    })
    expect(leader.raft.status()).toMatchObject({lastIndex: 3, membership: joint})
  })

  test('one change is in flight at a time', () => {
    const leader = leaderAt()
    leader.acknowledge(n2, 1)
    leader.perform()
    const member = {name: '', address: 'host:4', storeId: ''}

    const first = leader.raft.addLearner(member)
    const second = leader.raft.addLearner({...member, address: 'host:5'})

    expect(first).toMatchObject({kind: 'accepted', index: 2, membership: {learners: [n4]}})
    expect(second).toMatchObject({kind: 'refused', reason: 'change-in-flight'})
    expect(leader.raft.learners).toEqual([])
  })

  test('a change is in force once it is applied, and the next may follow', () => {
    const leader = leaderAt()
    leader.acknowledge(n2, 1)
    leader.perform()
    leader.raft.addLearner({name: '', address: 'host:4', storeId: ''})
    leader.perform()

    leader.acknowledge(n2, 2)
    leader.perform()

    expect(leader.raft.learners).toEqual([n4])
    expect(leader.raft.removeLearner(n4)).toMatchObject({kind: 'accepted', index: 3})
  })

  test('a leader changes nothing before it has committed in its own term (thesis §4.1)', () => {
    const leader = leaderAt({last: at(1, 3), commit: 3})

    const outcome = leader.raft.removePeer(n3)

    expect(outcome).toMatchObject({kind: 'refused', reason: 'not-committed-in-term'})
  })

  test('a new leader takes its whole tail as possibly containing a change', () => {
    const leader = leaderAt({last: at(1, 3), applied: 0})
    leader.acknowledge(n2, 4)
    const ready = leader.raft.takeReady()!

    const outcome = leader.raft.removePeer(n3)

    expect(ready.committedEntries).toHaveLength(4)
    expect(outcome).toMatchObject({kind: 'refused', reason: 'change-in-flight'})
  })

  test('only the leader changes the membership', () => {
    expect(nodeAt().removePeer(n2)).toEqual({
      kind: 'refused',
      reason: 'not-leader',
      leader: undefined,
      lag: undefined,
    })
  })

  test('a membership without a voter is refused', () => {
    const leader = leaderAt({voters: [n1]})
    leader.perform()

    expect(leader.raft.removePeer(n1)).toMatchObject({reason: 'no-voter-left'})
    expect(leader.raft.demoteVoter(n1)).toMatchObject({reason: 'no-voter-left'})
    expect(leader.raft.changeMembership({voters: [], learners: [n1]})).toMatchObject({
      reason: 'no-voter-left',
    })
  })

  test('a learner counts for no commit and no election (thesis §4.2.1)', () => {
    const leader = leaderAt({voters: [n1, n2, n3], learners: [n4, n5]})

    for (const from of [n4, n5]) leader.acknowledge(from, 1)

    expect(leader.raft.commitIndex).toBe(0)
  })

  test('a learner never campaigns, not even when told to', () => {
    const node = driverAt({id: n4, learners: [n4], last: at(1, 1), term: term(1)})
    append(node, at(1, 1), [], 0)
    node.perform()

    node.step({kind: 'timeout-now', from: n2})
    node.tick(100)

    expect(node.raft.campaign()).toBe(false)
    expect(node.raft.role).toBe('learner')
    expect(node.raft.currentTerm).toBe(1)
  })

  test('a learner that is asked for its vote answers truthfully', () => {
    const node = driverAt({id: n4, learners: [n4], last: at(1, 2), term: term(1)})

    askVote(node, term(2), at(1, 1))
    askVote(node, term(3), at(1, 2))

    const granted = ofKind(node.perform(), 'request-vote-response').map(one => one.granted)
    expect(granted).toEqual([false, true])
  })

  test('a learner without recent contact is not promoted', () => {
    const leader = leaderAt({learners: [n4]})
    leader.acknowledge(n2, 1)
    leader.perform()

    expect(leader.raft.promoteLearner(n4)).toMatchObject({
      kind: 'refused',
      reason: 'learner-lags',
      lag: {gap: 1, recentlyActive: false},
    })
  })

  test('a learner that caught up within an election timeout is promoted', () => {
    const leader = leaderAt({learners: [n4]})
    leader.acknowledge(n2, 1)
    leader.perform()
    leader.acknowledge(n4, 1)
    leader.perform()

    expect(leader.raft.promoteLearner(n4)).toMatchObject({
      kind: 'accepted',
      membership: {voters: [n1, n2, n3, n4], learners: []},
    })
  })

  test('a node with a committed membership to apply does not campaign, not even when told to', () => {
    const membership = membershipOf({voters: [n1, n2]})
    const log = [entry(1, 1), membershipEntry(1, 2, membership)]
    const node = driverAt({log, commit: 2, applied: 1})
    append(node, at(1, 2), [], 2)

    node.step({kind: 'timeout-now', from: n2})
    node.tick(100)
    const before = [node.raft.campaign(), node.raft.role]
    node.perform()

    expect(before).toEqual([false, 'follower'])
    expect(node.raft.campaign()).toBe(true)
    expect(node.raft.membership).toEqual({...membership, index: 2})
  })

  test('every write of entries carries how far this node knows the log to be committed', () => {
    const node = driverAt({last: at(1, 3), commit: 2})

    append(node, at(1, 3), [1], 3)

    expect(node.raft.takeReady()?.hardState).toEqual(hard(1, undefined, 3))
  })

  test('a restart begins at the largest of snapshot, applied index and commit record', () => {
    const parts = {last: at(1, 9)}

    expect(nodeAt({...parts, commit: 7, applied: 3}).commitIndex).toBe(7)
    expect(nodeAt({...parts, commit: 2, applied: 5}).commitIndex).toBe(5)
    expect(nodeAt({snapshot: at(1, 4), log: entries(5, 1), applied: 4}).commitIndex).toBe(4)
  })

  test('a leader restarted in a joint stage has to be elected like anybody', () => {
    const node = nodeAt({
      last: at(1, 1),
      commit: 1,
      membership: joint,
      term: term(1),
      votedFor: n1,
    })

    expect(node.role).toBe('follower')
  })

  test('a removed member that asks for a vote is told so, at no cost to the term', () => {
    const membership = membershipOf({voters: [n1, n2], index: 1, nextMemberId: 4})
    const node = driverAt({last: at(1, 1), commit: 1, membership})

    askVote(node, term(9), at(9, 9), n3)

    expect(node.raft.takeReady()).toEqual(
      readyWith({
        number: 1,
        sendNow: [
          message({
            ...{kind: 'member-removed', from: n1, to: n3, term: term(1)},
            membershipIndex: logIndex(1),
          }),
        ],
      }),
    )
  })

  test('a voter whose removal is in force does not campaign, and is no voter of its own', () => {
    const membership = membershipOf({voters: [n2, n3], index: 1})
    const node = driverAt({last: at(1, 1), commit: 1, membership})

    node.step({kind: 'heartbeat', from: n2, commitIndex: logIndex(1), readRound: 0})
    node.step({kind: 'timeout-now', from: n2})

    expect(node.raft.campaign()).toBe(false)
    expect(node.raft.voters).toEqual([n2, n3])
    expect(ofKind(node.perform(), 'request-vote')).toEqual([])
  })

  test('an id that the membership does not know yet is no removed one', () => {
    const node = driverAt({last: at(1, 1)})

    askVote(node, term(2), at(1, 1), n5)

    expect(ofKind(node.perform(), 'request-vote-response')).toMatchObject([{granted: true}])
  })
})

describe('snapshots (§7)', () => {
  const membership = membershipOf({voters: [n1, n2], index: 4})
  const snapshot = {index: logIndex(6), term: term(3), membership}

  test('a snapshot beyond the log replaces it, once it is durable', () => {
    const node = driverAt({log: entries(1, 1, 1, 2), term: term(4)})

    node.step({kind: 'install-snapshot', from: n2, snapshot})

    const reply = {kind: 'install-snapshot-response', from: n1, to: n2, term: term(4)} as const
    expect(node.raft.takeReady()).toEqual(
      readyWith({
        number: 1,
        snapshot,
        hardState: hard(4, undefined, 6),
        sendAfterSync: [message({...reply, index: logIndex(6)})],
      }),
    )
    expect(node.raft.status()).toMatchObject({firstIndex: 7, lastIndex: 6, commitIndex: 6})
  })

  test('its membership is in force once it is applied', () => {
    const node = driverAt({log: entries(1, 1, 1, 2), term: term(4)})
    node.step({kind: 'install-snapshot', from: n2, snapshot})
    const before = node.raft.membership.voters

    node.perform()

    expect([before, node.raft.membership]).toEqual([[1, 2, 3], membership])
  })

  test('a node with a snapshot to apply does not campaign', () => {
    const node = driverAt({log: entries(1, 1, 1, 2), term: term(4)})
    node.step({kind: 'install-snapshot', from: n2, snapshot})

    expect(node.raft.campaign()).toBe(false)
  })

  test('a snapshot whose position the log holds moves the commit, and the log stays', () => {
    const node = driverAt({log: entries(1, 1, 1, 2, 2, 3, 3, 3), term: term(4), applied: 0})

    node.step({kind: 'install-snapshot', from: n2, snapshot})

    expect(node.raft.takeReady()?.snapshot).toBeUndefined()
    expect(node.raft.status()).toMatchObject({firstIndex: 1, lastIndex: 7, commitIndex: 6})
  })

  test('a suffix that follows a contradicted position goes with the rest', () => {
    const node = driverAt({log: entries(1, 1, 1, 2, 2, 2, 2, 2, 2), term: term(4)})

    node.step({kind: 'install-snapshot', from: n2, snapshot})
    node.perform()

    expect(node.log.lastIndex()).toBe(6)
    expect(node.raft.status()).toMatchObject({firstIndex: 7, lastIndex: 6})
  })

  test('a snapshot at or below the commit index is answered and ignored', () => {
    const node = driverAt({last: at(3, 8), commit: 7, term: term(4)})

    node.step({kind: 'install-snapshot', from: n2, snapshot})

    const ready = node.raft.takeReady()
    expect(ready?.snapshot).toBeUndefined()
    expect(ready?.sendAfterSync).toMatchObject([{kind: 'install-snapshot-response', index: 7}])
  })

  test('a snapshot older than where the log begins is answered and ignored', () => {
    const node = driverAt({snapshot: at(3, 8), log: entries(9, 3), term: term(4)})

    node.step({kind: 'install-snapshot', from: n2, snapshot})

    const ready = node.raft.takeReady()
    expect(ready?.snapshot).toBeUndefined()
    expect(ready?.sendAfterSync).toMatchObject([{kind: 'install-snapshot-response', index: 8}])
    expect(node.raft.status()).toMatchObject({firstIndex: 9, lastIndex: 9})
  })

  test('a leader asks for a snapshot for a peer whose next entry is compacted', () => {
    const leader = leaderAt({snapshot: at(2, 6), log: entries(7, 3)})

    leader.step({
      kind: 'append-entries-response',
      from: n2,
      index: logIndex(7),
      rejected: true,
      hint: at(1, 3),
    })

    expect(leader.raft.takeReady()?.snapshotsNeeded).toEqual([n2])
  })

  test('after the snapshot the leader goes on behind it', () => {
    const leader = leaderAt({snapshot: at(2, 6), log: entries(7, 3)})
    const reject = {kind: 'append-entries-response', from: n2, index: logIndex(7)} as const
    leader.step({...reject, rejected: true, hint: at(1, 3)})
    leader.perform()

    leader.step({kind: 'install-snapshot-response', from: n2, index: logIndex(6)})

    expect(ofKind(leader.perform(), 'append-entries')).toMatchObject([
      {to: n2, prev: at(2, 6), entries: [entry(3, 7), {index: 8, kind: 'blank'}]},
    ])
  })

  test('a snapshot that can not be sent is asked for again after the next answer', () => {
    const leader = leaderAt({snapshot: at(2, 6), log: entries(7, 3)})
    const reject = {kind: 'append-entries-response', from: n2, index: logIndex(7)} as const
    leader.step({...reject, rejected: true, hint: at(1, 3)})
    leader.perform()

    leader.raft.reportSnapshot(n2, 'failed')

    expect(leader.raft.takeReady()?.snapshotsNeeded).toEqual([n2])
  })
})

describe('clients (§8)', () => {
  test('a new leader appends a blank entry of its term', () => {
    const node = driverAt({voters: [n1, n2], last: at(1, 2), preVote: false})
    node.raft.campaign()
    node.perform()
    node.step({kind: 'request-vote-response', from: n2, granted: true, ...NOWHERE})

    const blank = entry(2, 3, '', 'blank')
    const sent = {kind: 'append-entries', from: n1, to: n2, term: term(2), prev: at(1, 2)} as const
    const ready = node.raft.takeReady()!
    expect(ready).toEqual(
      readyWith({
        number: ready.number,
        sendNow: [message({...sent, entries: [blank], commitIndex: logIndex(0)})],
        hardState: hard(2, 1),
        entries: [blank],
      }),
    )
  })

  test('who does not lead refuses a proposal and names the leader', () => {
    const node = driverAt({term: term(1)})
    const alone = node.raft.propose(new Uint8Array())
    append(node, ORIGIN, [], 0)

    expect(alone).toEqual({kind: 'refused', reason: 'not-leader', leader: undefined})
    expect(node.raft.propose(new Uint8Array())).toEqual({
      kind: 'refused',
      reason: 'not-leader',
      leader: n2,
    })
  })

  test('a read waits until the leader has committed in its own term (thesis §6.4)', () => {
    const leader = leaderAt({last: at(1, 3), commit: 3})
    leader.raft.readIndex()
    leader.step({kind: 'heartbeat-response', from: n2, readRound: 0})
    const before = leader.raft.takeReady()?.readStates ?? []

    leader.acknowledge(n2, 4)
    leader.perform()
    leader.step({kind: 'heartbeat-response', from: n2, readRound: 1})

    expect(before).toEqual([])
    expect(leader.raft.takeReady()?.readStates).toMatchObject([{index: 4}])
  })

  test('a read is confirmed by a quorum of answers to a round that began after it', () => {
    const leader = leaderAt({voters: [n1, n2, n3, n4, n5]})
    for (const from of [n2, n3]) leader.acknowledge(from, 1)
    leader.perform()
    leader.raft.readIndex()
    leader.perform()
    const states = () => (leader.raft.takeReady()?.readStates ?? []).length

    leader.step({kind: 'heartbeat-response', from: n2, readRound: 0})
    leader.step({kind: 'heartbeat-response', from: n3, readRound: 0})
    const earlier = states()
    leader.step({kind: 'heartbeat-response', from: n2, readRound: 1})
    leader.step({kind: 'heartbeat-response', from: n2, readRound: 1})
    const one = states()
    leader.step({kind: 'heartbeat-response', from: n3, readRound: 1})

    expect([earlier, one, states()]).toEqual([0, 0, 1])
  })

  test('late answers to the round of an earlier read confirm no later one', () => {
    const leader = leaderAt()
    leader.acknowledge(n2, 1)
    leader.perform()
    const read = () => {
      leader.raft.readIndex()
      return ofKind(leader.perform(), 'heartbeat')[0]!.readRound
    }
    const first = read()
    leader.step({kind: 'heartbeat-response', from: n2, readRound: first})
    leader.perform()
    const second = read()

    leader.step({kind: 'heartbeat-response', from: n3, readRound: first})
    const late = leader.raft.takeReady()?.readStates ?? []
    leader.step({kind: 'heartbeat-response', from: n3, readRound: second})

    expect(late).toEqual([])
    expect(leader.raft.takeReady()?.readStates).toHaveLength(1)
  })

  test('learners and observers confirm no read', () => {
    const leader = leaderAt({learners: [n4], observers: [n5]})
    leader.acknowledge(n2, 1)
    leader.perform()
    leader.raft.readIndex()
    leader.perform()

    for (const from of [n4, n5]) leader.step({kind: 'heartbeat-response', from, readRound: 1})

    expect(leader.raft.takeReady()?.readStates ?? []).toEqual([])
  })

  test('a leader that steps down refuses the reads that it can not confirm any more', () => {
    const leader = leaderAt()
    const read = leader.raft.readIndex()

    leader.raft.stepDown()

    expect(leader.raft.takeReady()?.readsRefused).toEqual([read.kind === 'accepted' && read.token])
  })

  test('a follower asks its leader for a read barrier, and an answer counts once', () => {
    const node = driverAt({term: term(1)})
    append(node, ORIGIN, [1], 1)
    node.perform()
    const read = node.raft.readIndex()
    const token = read.kind === 'accepted' ? read.token : -1

    const asked = node.raft.takeReady()?.sendNow
    const reply = {kind: 'read-index-response', from: n2, token, index: logIndex(1)} as const
    node.step(reply)
    node.step(reply)

    expect(asked).toEqual([message({kind: 'read-index', from: n1, to: n2, term: term(1), token})])
    expect(node.raft.takeReady()?.readStates).toEqual([{token, index: 1}])
  })

  test('tokens do not repeat after a restart', () => {
    const ask = (draw: number) => {
      const node = driverAt({term: term(1), random: () => draw})
      append(node, ORIGIN, [], 0)
      const read = node.raft.readIndex()
      return read.kind === 'accepted' && read.token
    }

    expect(ask(1)).not.toBe(ask(2))
  })

  test('without a leader a read is refused at once', () => {
    expect(nodeAt().readIndex()).toEqual({kind: 'refused', reason: 'no-leader'})
  })
})

describe('leadership transfer (thesis §3.10)', () => {
  const ready = () => {
    const leader = leaderAt()
    for (const from of [n2, n3]) leader.acknowledge(from, 1)
    leader.perform()
    return leader
  }

  test('a target that holds everything is told to campaign at once', () => {
    const leader = ready()
    leader.tick()
    leader.perform()

    expect(leader.raft.transferLeadership(n2)).toEqual({kind: 'accepted'})
    expect(leader.raft.takeReady()?.sendNow).toEqual([
      message({kind: 'timeout-now', from: n1, to: n2, term: term(1)}),
    ])
  })

  test('meanwhile nothing is proposed; after an election timeout the transfer is given up', () => {
    const leader = ready()
    leader.propose('x')
    leader.raft.transferLeadership(n2)
    const meanwhile = leader.raft.propose(new Uint8Array())

    for (let i = 0; i < ELECTION_TICKS; i++) {
      leader.step({kind: 'heartbeat-response', from: n3, readRound: 0})
      leader.tick()
    }

    expect(meanwhile).toMatchObject({kind: 'refused', reason: 'transferring'})
    expect(leader.raft.propose(new Uint8Array())).toMatchObject({kind: 'accepted'})
  })

  test('a campaign that a leader ordered skips the pre-vote and overrides the lease', () => {
    const target = driverAt({term: term(1)})
    append(target, ORIGIN, [1], 0)
    target.perform()
    target.step({kind: 'timeout-now', from: n2})
    const asked = ofKind(target.perform(), 'request-vote')
    const other = driverAt({id: n3, term: term(1), last: at(1, 1)})
    other.step({kind: 'heartbeat', from: n2, commitIndex: logIndex(0), readRound: 0})
    other.perform()

    for (const one of asked) if (one.to === n3) other.raft.step(one)

    expect(asked).toMatchObject([
      {to: n2, force: true, term: 2},
      {to: n3, force: true, term: 2},
    ])
    expect(ofKind(other.perform(), 'request-vote-response')).toMatchObject([{granted: true}])
  })

  for (const [target, reason] of [
    [n4, 'not-a-voter'],
    [n5, 'not-a-voter'],
  ] as const) {
    test(`leadership is not handed to member ${target}`, () => {
      const leader = leaderAt({learners: [n4]})

      expect(leader.raft.transferLeadership(target)).toMatchObject({kind: 'refused', reason})
    })
  }

  test('an order from anyone but the leader is ignored', () => {
    const node = driverAt({term: term(1)})
    append(node, ORIGIN, [], 0)
    node.perform()

    node.step({kind: 'timeout-now', from: n3})

    expect(node.raft.role).toBe('follower')
  })
})

describe('pre-vote and check-quorum (thesis §9.6, §6.2, §4.2.3)', () => {
  test('a pre-candidate asks at the next term and changes nothing', () => {
    const node = nodeAt({term: term(3), votedFor: n2, last: at(2, 4)})

    node.campaign()

    const ask = {kind: 'request-pre-vote', from: n1, term: term(4), last: at(2, 4)} as const
    expect(node.takeReady()).toEqual(
      readyWith({number: 1, sendNow: [n2, n3].map(to => message({...ask, ...NOWHERE, to}))}),
    )
    expect(node.status()).toMatchObject({role: 'pre-candidate', currentTerm: 3, votedFor: 2})
  })

  test('a pre-vote binds to nothing: several may have it, and the vote is still free', () => {
    const node = driverAt({term: term(3)})

    for (const from of [n2, n3]) {
      node.step({kind: 'request-pre-vote', from, term: term(4), last: ORIGIN, ...NOWHERE})
    }

    const grant = {kind: 'request-pre-vote-response', from: n1, granted: true} as const
    expect(node.raft.takeReady()).toEqual(
      readyWith({
        number: 1,
        sendNow: [n2, n3].map(to => message({...grant, term: term(4), ...NOWHERE, to})),
      }),
    )
    expect(node.raft.status()).toMatchObject({currentTerm: 3, votedFor: undefined})
  })

  test('with a quorum of pre-votes the real election begins', () => {
    const node = driverAt({term: term(3)})
    node.raft.campaign()
    node.perform()

    const grant = {kind: 'request-pre-vote-response', from: n2, granted: true} as const
    node.step({...grant, term: term(4), ...NOWHERE})

    expect(node.raft.status()).toMatchObject({role: 'candidate', currentTerm: 4, votedFor: 1})
  })

  test('a pre-vote of an earlier campaign counts for nothing', () => {
    const node = driverAt({term: term(5)})
    node.raft.campaign()
    node.perform()

    const grant = {kind: 'request-pre-vote-response', from: n2, granted: true} as const
    node.step({...grant, term: term(7), ...NOWHERE})

    expect(node.raft.status()).toMatchObject({role: 'pre-candidate', currentTerm: 5})
  })

  test('a refused pre-vote teaches the newer term', () => {
    const node = driverAt({term: term(3)})
    node.raft.campaign()
    node.perform()

    const refusal = {kind: 'request-pre-vote-response', from: n2, granted: false} as const
    node.step({...refusal, term: term(8), ...NOWHERE})

    expect(node.raft.status()).toMatchObject({role: 'follower', currentTerm: 8})
  })

  for (const kind of ['request-vote', 'request-pre-vote'] as const) {
    test(`a ${kind} within the lease of a leader is ignored, its term not adopted`, () => {
      const node = driverAt({term: term(3)})
      append(node, ORIGIN, [], 0)
      node.perform()
      node.tick(ELECTION_TICKS - 1)

      const ask = {from: n3, term: term(9), last: at(9, 9), ...NOWHERE}
      if (kind === 'request-vote') node.step({kind, ...ask, force: false})
      else node.step({kind, ...ask})

      expect(node.raft.takeReady()).toBeUndefined()
      expect(node.raft.currentTerm).toBe(3)
    })
  }

  test('after the lease the same vote is granted', () => {
    const node = driverAt({term: term(3)})
    node.raft.electionDeadlineOverride(1000)
    append(node, ORIGIN, [], 0)
    node.perform()

    node.tick(ELECTION_TICKS)
    askVote(node, term(9), ORIGIN, n3)

    expect(ofKind(node.perform(), 'request-vote-response')).toMatchObject([{granted: true}])
  })

  test('a node stuck at a higher term is freed: its answer makes the leader step down', () => {
    const stuck = driverAt({id: n3, term: term(9)})
    const leader = leaderAt({term: term(2)})
    leader.tick(1)
    const beats = leader.perform().filter(one => one.to === n3)

    for (const one of beats) stuck.raft.step(one)
    for (const one of stuck.perform()) leader.raft.step(one)

    expect(leader.raft.status()).toMatchObject({role: 'follower', currentTerm: 9})
  })

  test('learners do not keep a leader in office', () => {
    const leader = leaderAt({learners: [n4, n5]})

    for (let i = 0; i < 2 * ELECTION_TICKS; i++) {
      for (const from of [n4, n5]) {
        leader.step({kind: 'heartbeat-response', from, readRound: 0})
      }
      leader.tick()
    }

    expect(leader.raft.role).toBe('follower')
  })
})

describe('flow (thesis §10.2)', () => {
  test('a probe is sent once until something is heard', () => {
    const leader = leaderAt()

    for (let i = 0; i < 10; i++) leader.propose('x')

    expect(ofKind(leader.perform(), 'append-entries')).toEqual([])
  })

  test('appends follow each other without waiting once the logs agree', () => {
    const leader = leaderAt()
    leader.acknowledge(n2, 1)
    leader.perform()

    const sent = ['a', 'b', 'c'].map(text => {
      leader.propose(text)
      return ofKind(leader.perform(), 'append-entries').filter(one => one.to === n2)
    })

    expect(sent).toMatchObject([
      [{prev: at(1, 1), entries: [entry(1, 2, 'a')]}],
      [{prev: at(1, 2), entries: [entry(1, 3, 'b')]}],
      [{prev: at(1, 3), entries: [entry(1, 4, 'c')]}],
    ])
  })
})
