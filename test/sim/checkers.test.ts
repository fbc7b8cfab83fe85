// A checker that never fails is not one: each is shown what it exists for.
import {beforeEach, describe, expect, test} from 'vitest'
import {encodeCommand} from '../../src/kv/command.js'
import type {LogBatch} from '../../src/node/ports.js'
import type {CoreView} from '../../src/node/runtime.js'
import {encodeEntry} from '../../src/raft/entry.js'
import {EMPTY_MEMBERSHIP, encodeMembership, type Membership} from '../../src/raft/membership.js'
import type {Message} from '../../src/raft/messages.js'
import type {Entry, Role} from '../../src/raft/types.js'
import {groupId, logIndex, nodeId, ORIGIN, term} from '../../src/raft/types.js'
import {Checks} from '../../src/sim/checkers/checks.js'
import {disjointQuorums} from '../../src/sim/checkers/quorums.js'
import type {CheckerName} from '../../src/sim/checkers/verdict.js'
import {MemoryLog} from '../../src/storage/memory-log.js'

const [n1, n2, n3] = [nodeId(1), nodeId(2), nodeId(3)]
const THREE = membershipOf([1, 2, 3], 1)
const FIRST = encodeEntry(logIndex(1), term(1), 'membership', encodeMembership(THREE))

let checks: Checks

beforeEach(() => {
  checks = new Checks(() => ({step: 0, atMs: 0}), {entriesPerAppendMax: 2})
  checks.founded(FIRST)
  for (const id of [n1, n2, n3]) {
    store(id, {term: 1, entries: [FIRST], commit: 1})
    checks.started(id, 0)
  }
})

describe('elections', () => {
  test('two leaders of one term are found', () => {
    for (const id of [n1, n2, n3]) store(id, {term: 2, vote: 1})
    checks.look(core(1, {role: 'leader', term: 2}))
    expectClean()

    checks.look(core(2, {role: 'leader', term: 2}))

    expectViolation('election-safety')
  })

  test('a leader without the votes of a majority is found', () => {
    store(n1, {term: 2, vote: 1})

    checks.look(core(1, {role: 'leader', term: 2}))

    expectViolation('election-quorum')
  })

  test('a majority of one half is not enough in a joint stage', () => {
    const joint = {...THREE, voters: [n1], votersOutgoing: [n1, n2, n3]}
    store(n1, {term: 2, vote: 1})

    checks.look({...core(1, {role: 'leader', term: 2}), membership: joint})

    expectViolation('election-quorum')
  })

  test('a second vote in one term is found on the disk', () => {
    store(n2, {term: 2, vote: 1})
    expectClean()

    store(n2, {term: 2, vote: 3})

    expectViolation('one-vote-a-term')
  })

  test('a vote that leaves before it is on the disk is found', () => {
    checks.sent(voteResponse(2, 1, 2))

    expectViolation('promise-before-durable')
  })

  test('a vote that is on the disk, or whose term is past there, may leave', () => {
    store(n2, {term: 2, vote: 1})
    checks.sent(voteResponse(2, 1, 2))
    store(n3, {term: 4})
    checks.sent(voteResponse(3, 1, 3))

    expectClean()
  })

  test('a leader that lacks what an earlier one committed is found', () => {
    elect(1, 2)
    const entry = command(2, 2)
    for (const id of [n1, n2]) store(id, {entries: [entry]})
    checks.look(core(1, {role: 'leader', term: 2, commit: 2}))
    for (const id of [n2, n3]) store(id, {term: 3, vote: 3})
    expectClean()

    checks.look(core(3, {role: 'leader', term: 3}))

    expectViolation('leader-completeness')
  })
})

describe('logs', () => {
  test('an acknowledgement beyond the disk is found', () => {
    checks.sent(acknowledgement(2, 1, 1, 2))

    expectViolation('promise-before-durable')
  })

  test('an acknowledgement of what the leader does not have is found', () => {
    store(n2, {entries: [command(2, 1)]})
    elect(1, 2)
    store(n2, {term: 2, vote: 1})
    store(n1, {entries: [command(2, 2)]})

    checks.sent(acknowledgement(2, 1, 2, 2))

    expectViolation('false-acknowledgement')
  })

  test('a leader that replaces its own entries is found', () => {
    elect(1, 2)
    store(n1, {entries: [command(2, 2), command(3, 2)]})
    expectClean()

    store(n1, {entries: [command(3, 2)]})

    expectViolation('leader-append-only')
  })

  test('two entries of one index and term with other content are found', () => {
    store(n1, {entries: [command(2, 2, 'a')]})
    expectClean()

    store(n2, {entries: [command(2, 2, 'b')]})

    expectViolation('log-matching')
  })

  test('an entry that follows another term than elsewhere is found', () => {
    store(n1, {entries: [command(2, 2), command(3, 3)]})
    expectClean()

    store(n2, {entries: [command(2, 1), command(3, 3)]})

    expectViolation('log-matching')
  })

  test('a message that leaves a gap is found', () => {
    checks.sent(append(1, 2, 1, [command(3, 1)]))

    expectViolation('log-matching')
  })

  test('a message with more entries than the limit is found', () => {
    checks.sent(append(1, 2, 1, [command(2, 1), command(3, 1), command(4, 1)]))

    expectViolation('flow-bounds')
  })

  test('a log that lost what was durable is found at the next start', async () => {
    store(n1, {entries: [command(2, 1)]})

    checks.recovered(n1, await logOf({term: 1, commit: 1}, [FIRST]))

    expectViolation('durability')
  })

  test('a log may show the whole batch that was under way, or nothing of it', async () => {
    const under = {reset: undefined, hardState: undefined, entries: [command(2, 1)]}
    checks.appending(n1, under)
    checks.recovered(n1, await logOf({term: 1, commit: 1}, [FIRST, command(2, 1)]))
    checks.appending(n2, under)
    checks.recovered(n2, await logOf({term: 1, commit: 1}, [FIRST]))

    expectClean()
  })
})

describe('commits', () => {
  test('a commit without a majority of disks is found', () => {
    elect(1, 2)
    store(n1, {entries: [command(2, 2)]})

    checks.look(core(1, {role: 'leader', term: 2, commit: 2}))

    expectViolation('commit-quorum')
  })

  test("a commit of an earlier term's entry by counting is found", () => {
    for (const id of [n1, n2, n3]) store(id, {entries: [command(2, 1)]})
    elect(1, 2)

    checks.look(core(1, {role: 'leader', term: 2, commit: 2}))

    expectViolation('commit-quorum')
  })

  test('a follower that knows more than any leader committed is found', () => {
    checks.look(core(2, {term: 1, commit: 2}))

    expectViolation('commit-quorum')
  })

  test('a term, a commit index or an applied index that falls is found', () => {
    checks.look(core(1, {term: 5, commit: 1}))
    expectClean()

    checks.look(core(1, {term: 4, commit: 1}))

    expectViolation('monotone')
  })
})

describe('states', () => {
  beforeEach(() => {
    elect(1, 2)
    const entries = [command(2, 2), command(3, 2)]
    for (const id of [n1, n2]) store(id, {entries})
    checks.look(core(1, {role: 'leader', term: 2, commit: 3}))
    checks.applied(n1, [FIRST, ...entries], [undefined, 1, 2])
    expectClean()
  })

  test('another entry at an applied index is found', () => {
    checks.applied(n2, [FIRST, command(2, 1)], [undefined, 1])

    expectViolation('state-machine-safety')
  })

  test('another result of the same entry is found', () => {
    checks.applied(n2, [FIRST, command(2, 2)], [undefined, 9])

    expectViolation('state-machine-safety')
  })

  test('an entry that is applied twice, or left out, is found', () => {
    checks.applied(n2, [FIRST], [undefined])
    expectClean()

    checks.applied(n2, [command(3, 2)], [2])

    expectViolation('apply-order')
  })

  test('an entry that is applied before it is committed is found', () => {
    checks.applied(n1, [command(4, 2)], [3])

    expectViolation('apply-order')
  })

  test('bytes that were changed in memory are found', () => {
    const entry = command(4, 2, 'abc')
    for (const id of [n1, n2]) store(id, {entries: [entry]})
    checks.look(core(1, {role: 'leader', term: 2, commit: 4}))
    entry.record[entry.record.length - 1]!++

    checks.applied(n1, [entry], [3])

    expectViolation('state-machine-safety')
  })

  test('two states of one position that differ are found', () => {
    const meta = {index: logIndex(3), term: term(2), membership: THREE}
    checks.snapshot(n1, meta, 77)
    expectClean()

    checks.installed(n2, meta, 78)

    expectViolation('snapshot-content')
  })
})

describe('clients', () => {
  test('a write that takes effect twice is found', () => {
    commitWrites(put(2, 1), put(3, 1))
    checks.applied(n1, [FIRST], [undefined])
    checks.applied(n1, [put(2, 1)], [{kind: 'put', version: 2, previousVersion: 0}])
    expectClean()

    checks.applied(n1, [put(3, 1)], [{kind: 'put', version: 3, previousVersion: 2}])

    expectViolation('applied-twice')
  })

  test('a write that is answered from the session has no second effect', () => {
    commitWrites(put(2, 1), put(3, 1))
    const result = {kind: 'put', version: 2, previousVersion: 0} as const
    checks.applied(n1, [FIRST, put(2, 1), put(3, 1)], [undefined, result, result])
    checks.writes.acknowledged(1, 1, result)
    checks.writes.finish(3)

    expectClean()
  })

  test('a write that is acknowledged and was applied nowhere is found', () => {
    checks.writes.acknowledged(1, 1, {kind: 'put', version: 2, previousVersion: 0})

    expectViolation('acknowledged-lost')
  })

  test('a write that is acknowledged and gone in the end is found', () => {
    commitWrites(put(2, 1))
    const result = {kind: 'put', version: 2, previousVersion: 0} as const
    checks.applied(n1, [FIRST, put(2, 1)], [undefined, result])
    checks.writes.acknowledged(1, 1, result)
    expectClean()

    checks.writes.finish(1)

    expectViolation('acknowledged-lost')
  })
})

describe('memberships', () => {
  test('two that follow each other and could decide apart are found', () => {
    elect(1, 2)
    const next = membershipOf([4, 5, 6], 2)
    const entry = encodeEntry(logIndex(2), term(2), 'membership', encodeMembership(next))
    for (const id of [n1, n2]) store(id, {entries: [entry]})
    checks.look(core(1, {role: 'leader', term: 2, commit: 2}))

    checks.applied(n1, [FIRST, entry], [undefined, undefined])

    expectViolation('disjoint-quorums')
  })

  const cases: readonly [string, number[], number[], boolean][] = [
    ['one voter more', [1, 2, 3], [1, 2, 3, 4], false],
    ['one voter fewer', [1, 2, 3, 4], [1, 2, 3], false],
    ['two voters more', [1, 2, 3], [1, 2, 3, 4, 5], true],
    ['one voter, from the only one', [1], [2], true],
  ]
  for (const [title, before, after, disjoint] of cases) {
    test(`${title}: ${disjoint ? 'disjoint' : 'no disjoint'} majorities`, () => {
      const found = disjointQuorums(membershipOf(before, 1), membershipOf(after, 2))

      expect(found !== undefined).toBe(disjoint)
    })
  }

  test('a joint stage has no majority apart from either side', () => {
    const joint = {voters: [4, 5, 6].map(nodeId), votersOutgoing: [1, 2, 3].map(nodeId)}

    expect(disjointQuorums(membershipOf([1, 2, 3], 1), joint)).toBeUndefined()
    expect(disjointQuorums(joint, membershipOf([4, 5, 6], 3))).toBeUndefined()
  })

  test('a member that believes to be removed is found', () => {
    checks.removed(n2)

    expectViolation('wrongly-removed')
  })
})

function expectClean(): void {
  expect(checks.verdict.violation).toBeUndefined()
}

function expectViolation(checker: CheckerName): void {
  expect(checks.verdict.violation?.message).toBeDefined()
  expect(checks.verdict.violation?.checker).toBe(checker)
}

interface Stored {
  readonly term?: number
  readonly vote?: number
  readonly commit?: number
  readonly entries?: readonly Entry[]
}

/** Makes something durable on a node. */
function store(id: typeof n1, {term: at, vote, commit, entries = []}: Stored): void {
  const before = checks.disks.of(id).hardState
  const hardState =
    at === undefined
      ? undefined
      : {
          term: term(at),
          votedFor: vote === undefined ? undefined : nodeId(vote),
          commitIndex: logIndex(commit ?? before.commitIndex),
        }
  const batch: LogBatch = {reset: undefined, hardState, entries}
  checks.appending(id, batch)
  checks.appended(id)
}

function elect(id: number, at: number): void {
  for (const voter of [n1, n2]) store(voter, {term: at, vote: id})
  checks.look(core(id, {role: 'leader', term: at}))
}

function commitWrites(...entries: readonly Entry[]): void {
  elect(1, 2)
  for (const id of [n1, n2]) store(id, {entries})
  checks.look(core(1, {role: 'leader', term: 2, commit: entries.at(-1)!.index}))
}

function core(id: number, at: {role?: Role; term: number; commit?: number}): CoreView {
  return {
    nodeId: nodeId(id),
    role: at.role ?? 'follower',
    currentTerm: term(at.term),
    commitIndex: logIndex(at.commit ?? 1),
    lastApplied: logIndex(0),
    // As at the start of a group: its first membership is committed, and not applied yet.
    membership: {...THREE, index: logIndex(0)},
    leaderId: undefined,
    removed: false,
    status: () => {
      throw new Error('no checker asks for more than the fields')
    },
  }
}

function membershipOf(ids: readonly number[], index: number): Membership {
  const voters = ids.map(nodeId)
  const members = voters.map(id => ({
    id,
    name: '',
    address: '',
    storeId: '',
    promoteWhenReady: false,
  }))
  return {...EMPTY_MEMBERSHIP, index: logIndex(index), members, voters, nextMemberId: 10}
}

function command(index: number, at: number, text = ''): Entry {
  return encodeEntry(logIndex(index), term(at), 'command', new TextEncoder().encode(text))
}

function put(index: number, sequence: number): Entry {
  const session = {sessionId: 1, sequence, lowestUnanswered: 1}
  const key = Uint8Array.of(1)
  const data = encodeCommand({op: 'put', key, value: key, session, expectedVersion: undefined})
  return encodeEntry(logIndex(index), term(2), 'command', data)
}

async function logOf(at: {term: number; commit: number}, entries: readonly Entry[]) {
  const log = new MemoryLog()
  const hardState = {
    term: term(at.term),
    votedFor: undefined,
    commitIndex: logIndex(at.commit),
  }
  await log.append({reset: undefined, hardState, entries})
  return log
}

const envelope = (from: number, to: number, at: number) => ({
  groupId: groupId(1),
  from: nodeId(from),
  to: nodeId(to),
  term: term(at),
})

function voteResponse(from: number, to: number, at: number): Message {
  return {kind: 'request-vote-response', ...envelope(from, to, at), granted: true, commit: ORIGIN}
}

function acknowledgement(from: number, to: number, at: number, index: number): Message {
  const range = {index: logIndex(index), rejected: false, hint: ORIGIN}
  return {kind: 'append-entries-response', ...envelope(from, to, at), ...range}
}

function append(from: number, to: number, prevIndex: number, entries: Entry[]): Message {
  const prev = {index: logIndex(prevIndex), term: term(1)}
  const range = {prev, entries, commitIndex: logIndex(0)}
  return {kind: 'append-entries', ...envelope(from, to, 1), ...range}
}
