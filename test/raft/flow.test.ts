// What travels between a leader and its peers, in figures.
import {expect, test} from 'vitest'
import type {AppendEntries, Message} from '../../src/raft/messages.js'
import type {NodeId} from '../../src/raft/types.js'
import {logIndex, term} from '../../src/raft/types.js'
import type {Driver} from './support.js'
import {
  at,
  driverAt,
  ELECTION_TICKS,
  entries,
  HEARTBEAT_TICKS,
  leaderAt,
  n1,
  n2,
  n3,
  n4,
  ofKind,
} from './support.js'

const LARGEST = {
  entriesPerAppendMax: Number.MAX_SAFE_INTEGER,
  bytesPerAppendMax: Number.MAX_SAFE_INTEGER,
  inFlightMessagesMax: Number.MAX_SAFE_INTEGER,
  inFlightBytesMax: Number.MAX_SAFE_INTEGER,
  observerWindow: Number.MAX_SAFE_INTEGER,
  uncommittedBytesMax: Number.MAX_SAFE_INTEGER,
  lagThreshold: Number.MAX_SAFE_INTEGER,
}

/** A leader whose peers have answered once: the logs are known to agree. */
function settledLeader(options: Parameters<typeof leaderAt>[0] = {}, peers = [n2, n3]): Driver {
  const leader = leaderAt(options)
  const {lastIndex} = leader.raft.status()
  for (const from of peers) leader.acknowledge(from, lastIndex)
  leader.perform()
  for (const from of peers) leader.acknowledge(from, lastIndex)
  leader.perform()
  return leader
}

function appendsTo(sent: readonly Message[], to: NodeId): AppendEntries[] {
  return ofKind(sent, 'append-entries').filter(one => one.to === to)
}

test('with the largest settings a thousand proposals before one answer go to each peer once', () => {
  const leader = settledLeader({limits: LARGEST})

  const sent = Array.from({length: 1000}, () => {
    leader.propose('x')
    return leader.perform()
  }).flat()

  for (const peer of [n2, n3]) {
    const indexes = appendsTo(sent, peer).flatMap(one => one.entries.map(({index}) => index))
    expect(indexes).toEqual(Array.from({length: 1000}, (_, i) => i + 2))
  }
})

test('what gathers between two Readys travels together, in pages', () => {
  const leader = settledLeader({limits: {entriesPerAppendMax: 300}})

  for (let i = 0; i < 700; i++) leader.propose('x')

  const sizes = appendsTo(leader.perform(), n2).map(one => one.entries.length)
  expect(sizes).toEqual([300, 300, 100])
})

test('appends in flight are bounded by their number', () => {
  const leader = settledLeader({limits: {inFlightMessagesMax: 3}})

  const sent = ['a', 'b', 'c', 'd', 'e'].flatMap(text => {
    leader.propose(text)
    return leader.perform()
  })
  leader.acknowledge(n2, 2)
  const after = leader.perform()

  expect(appendsTo(sent, n2)).toHaveLength(3)
  expect(appendsTo(after, n2).map(one => one.entries.length)).toEqual([2])
})

test('appends in flight are bounded by their bytes', () => {
  const leader = settledLeader({limits: {inFlightBytesMax: 2000}})

  const sent = Array.from({length: 10}, () => {
    leader.propose('x'.repeat(1000))
    return leader.perform()
  }).flat()

  expect(appendsTo(sent, n2)).toHaveLength(2)
})

test('an append holds at least one entry, however large', () => {
  const leader = settledLeader({limits: {bytesPerAppendMax: 10}})

  leader.propose('x'.repeat(1000))
  leader.propose('y')

  expect(appendsTo(leader.perform(), n2).map(one => one.entries.length)).toEqual([1, 1])
})

test('a follower that diverges by 100,000 entries over 10 terms is repaired in at most 12 probes', () => {
  const common = entries(1, ...Array(10).fill(1))
  const span = (of: (run: number) => number) =>
    Array.from({length: 100_000}, (_, i) => of(Math.floor(i / 10_000)))
  // Neither has a term of the other: even and odd ones by turns.
  const leader = leaderAt({
    log: [...common, ...entries(11, ...span(run => 2 * run + 3))],
    term: term(30),
    voters: [n1, n2],
  })
  const follower = driverAt({
    id: n2,
    log: [...common, ...entries(11, ...span(run => 2 * run + 2))],
    term: term(30),
    voters: [n1, n2],
  })

  let probes = 0
  leader.step({kind: 'heartbeat-response', from: n2, readRound: 0})
  for (let sent = leader.perform(); sent.length > 0; sent = leader.perform()) {
    for (const one of appendsTo(sent, n2)) {
      follower.raft.step(one)
      for (const back of follower.perform()) {
        if (back.kind === 'append-entries-response' && back.rejected) probes++
        leader.raft.step(back)
      }
    }
    if (probes > 100) break
  }

  expect(probes).toBeGreaterThan(1)
  expect(probes).toBeLessThanOrEqual(12)
  expect(follower.log.lastIndex()).toBe(100_011)
  expect(follower.log.term(logIndex(100_010))).toBe(21)
})

test('a peer that lost a message is sent the rest again after its next heartbeat', () => {
  const leader = settledLeader()
  leader.propose('lost')
  leader.perform()
  leader.propose('x')
  leader.perform()

  leader.step({
    kind: 'append-entries-response',
    from: n2,
    index: logIndex(2),
    rejected: true,
    hint: at(1, 1),
  })

  expect(appendsTo(leader.perform(), n2)).toMatchObject([
    {prev: at(1, 1), entries: [{index: 2}, {index: 3}]},
  ])
})

test('observers get committed entries only, in a bounded window', () => {
  const leader = settledLeader({voters: [n1, n2], observers: [n4], limits: {observerWindow: 2}}, [
    n2,
    n4,
  ])

  const before = Array.from({length: 10}, () => {
    leader.propose('x')
    return leader.perform()
  }).flat()
  const sent = Array.from({length: 10}, (_, i) => {
    leader.acknowledge(n2, i + 2)
    return leader.perform()
  }).flat()
  leader.acknowledge(n4, 2)
  const after = leader.perform()

  expect(appendsTo(before, n4)).toEqual([])
  expect(appendsTo(sent, n4).map(one => one.entries.map(({index}) => index))).toEqual([[2], [3]])
  expect(appendsTo(after, n4).map(one => one.entries.length)).toEqual([8])
})

test('a silent observer is never felt: it is in no quorum and keeps nobody waiting', () => {
  const leader = settledLeader({observers: [n4]})

  for (let i = 0; i < 3 * ELECTION_TICKS; i++) {
    leader.acknowledge(n2, leader.propose('x'))
    leader.tick()
    leader.perform()
  }

  expect(leader.raft.role).toBe('leader')
  expect(leader.raft.commitIndex).toBe(leader.raft.status().lastIndex)
})

test('over the uncommitted limit a proposal is refused, until something is committed', () => {
  const leader = settledLeader({limits: {uncommittedBytesMax: 3000}})
  const data = new Uint8Array(1000)

  const outcomes = [1, 2, 3, 4].map(() => leader.raft.propose(data))
  leader.perform()
  leader.acknowledge(n2, 2)
  const after = leader.raft.propose(data)

  expect(outcomes.map(one => one.kind)).toEqual(['accepted', 'accepted', 'refused', 'refused'])
  expect(outcomes[2]).toEqual({kind: 'refused', reason: 'too-much-uncommitted', leader: n1})
  expect(after).toMatchObject({kind: 'accepted', index: 4})
})

test('a single proposal is taken, however large', () => {
  const leader = settledLeader({limits: {uncommittedBytesMax: 100}})

  expect(leader.raft.propose(new Uint8Array(10_000)).kind).toBe('accepted')
})

test('leaving the joint stage is exempt from the uncommitted limit', () => {
  const leader = settledLeader({voters: [n1, n2, n3], limits: {uncommittedBytesMax: 1}})

  leader.raft.changeMembership({voters: [n1], learners: [n2, n3]})
  for (let i = 0; i < 3; i++) {
    leader.perform()
    for (const from of [n2, n3]) leader.acknowledge(from, leader.raft.status().lastIndex)
    leader.perform()
  }

  expect(leader.raft.membership).toMatchObject({
    voters: [n1],
    votersOutgoing: [],
    learners: [n2, n3],
  })
})

test('beyond the lag threshold a peer is served in pages, and reported as lagging', () => {
  const limits = {lagThreshold: 100, entriesPerAppendMax: 10}
  const leader = settledLeader({limits})

  const sent = Array.from({length: 150}, () => {
    leader.acknowledge(n2, leader.propose('x'))
    return leader.perform()
  }).flat()
  const [ahead, behind] = leader.raft.status().progress
  leader.acknowledge(n3, 2)
  const after = leader.perform()

  expect(behind).toMatchObject({id: n3, lag: 150, lagging: true})
  expect(ahead).toMatchObject({id: n2, lag: 0, lagging: false})
  const withEntries = appendsTo(sent, n3).filter(one => one.entries.length > 0)
  expect(withEntries).toHaveLength(64)
  expect(appendsTo(after, n3)).toEqual([])
})

test('a snapshot that nothing is heard of is asked for again after four election timeouts', () => {
  const leader = leaderAt({snapshot: at(1, 5), log: entries(6, 1)})
  leader.step({
    kind: 'append-entries-response',
    from: n3,
    index: logIndex(6),
    rejected: true,
    hint: at(1, 1),
  })
  const asked: number[] = []

  for (let tick = 0; tick <= 4 * ELECTION_TICKS; tick++) {
    for (let ready = leader.performOne(); ready; ready = leader.performOne()) {
      for (const _ of ready.snapshotsNeeded) asked.push(tick)
    }
    for (const from of [n2, n3]) leader.step({kind: 'heartbeat-response', from, readRound: 0})
    leader.tick()
  }

  expect(asked).toEqual([0, 4 * ELECTION_TICKS])
})

test('a snapshot that moves is not given up', () => {
  const leader = leaderAt({snapshot: at(1, 5), log: entries(6, 1)})
  const rejected = {kind: 'append-entries-response', from: n3, index: logIndex(6)} as const
  leader.step({...rejected, rejected: true, hint: at(1, 1)})
  leader.perform()
  let asked = 0

  for (let tick = 0; tick < 10 * ELECTION_TICKS; tick++) {
    leader.raft.reportSnapshot(n3, 'moving')
    for (const from of [n2, n3]) leader.step({kind: 'heartbeat-response', from, readRound: 0})
    leader.tick()
    for (let ready = leader.performOne(); ready; ready = leader.performOne()) {
      asked += ready.snapshotsNeeded.length
    }
  }

  expect(asked).toBe(0)
})

test('a peer that is never heard from gets no snapshot sent after it', () => {
  const leader = leaderAt({snapshot: at(1, 5), log: entries(6, 1)})

  let asked = 0
  for (let i = 0; i < 5 * ELECTION_TICKS; i++) {
    leader.step({kind: 'heartbeat-response', from: n2, readRound: 0})
    leader.tick()
    asked += leader.performOne()?.snapshotsNeeded.length ?? 0
  }

  expect(asked).toBe(0)
})

test('pages to apply are bounded by bytes, and so is what waits to be applied', () => {
  const log = entries(1, ...Array(100).fill(1))
  const limits = {applyBytesMax: 240, applyingBytesMax: 480}
  const node = driverAt({log, commit: 100, applied: 0, limits})

  const first = node.raft.takeReady()
  const second = node.raft.takeReady()
  const third = node.raft.takeReady()
  node.raft.advanceApplied(logIndex(10))
  const fourth = node.raft.takeReady()

  expect(first?.committedEntries).toHaveLength(10)
  expect(second?.committedEntries).toHaveLength(10)
  expect(third).toBeUndefined()
  expect(fourth?.committedEntries.map(({index}) => index)).toEqual(
    [...Array(10)].map((_, i) => 21 + i),
  )
})

test('the range that readers see ends at the commit index, and begins where the log does', () => {
  const node = driverAt({snapshot: at(1, 5), log: entries(6, 1, 1, 1), commit: 7}).raft

  expect(node.logEntriesRange(logIndex(6), logIndex(Number.MAX_SAFE_INTEGER))).toEqual({
    kind: 'entries',
    entries: entries(6, 1, 1),
  })
  expect(node.logEntriesRange(logIndex(8), logIndex(9))).toEqual({kind: 'entries', entries: []})
  expect(node.logEntriesRange(logIndex(5), logIndex(9))).toEqual({
    kind: 'log-compacted',
    firstIndex: 6,
  })
})

test('heartbeats are small: they carry no entries and are one a peer and interval', () => {
  const leader = settledLeader()
  leader.tick(HEARTBEAT_TICKS)
  leader.perform()

  let beats = 0
  for (let i = 0; i < 10 * HEARTBEAT_TICKS; i++) {
    leader.tick()
    beats += ofKind(leader.perform(), 'heartbeat').length
    if (leader.raft.role !== 'leader') break
    leader.step({kind: 'heartbeat-response', from: n2, readRound: 0})
  }

  expect(beats).toBe(20)
})
