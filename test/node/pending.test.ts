import {expect, test} from 'vitest'
import type {Applied} from '../../src/node/api.js'
import {PendingProposals, PendingReads} from '../../src/node/pending.js'
import {type LogIndex, logIndex, type Term, term} from '../../src/raft/types.js'
import {entryAt, kept, outcomeOf} from './fakes.js'

function added(proposals: PendingProposals, index: LogIndex, of: Term): Promise<Applied> {
  return kept(
    new Promise((resolve, failed) =>
      proposals.add(index, of, {
        applied: (at, ofEntry, result) => resolve({index: at, term: ofEntry, result}),
        failed,
      }),
    ),
  )
}

const refused = (code: string) => ({error: expect.objectContaining({code})})

test('a proposal is answered with the result of its own entry', async () => {
  const proposals = new PendingProposals()
  const answer = added(proposals, logIndex(7), term(2))

  proposals.applied([entryAt(6, 2), entryAt(7, 2)], ['six', 'seven'])

  expect(await outcomeOf(answer)).toEqual({value: {index: 7, term: 2, result: 'seven'}})
  expect(proposals.size).toBe(0)
})

test("another leader's entry in its place means that a proposal was never applied", async () => {
  const proposals = new PendingProposals()
  const answer = added(proposals, logIndex(7), term(2))

  proposals.applied([entryAt(7, 3)], [undefined])

  expect(await outcomeOf(answer)).toEqual(refused('RAFTCTL_NO_LEADER'))
})

test('an applied entry of a newer term settles proposals behind it, however far', async () => {
  const proposals = new PendingProposals()
  const dropped = added(proposals, logIndex(1000), term(2))
  const newer = added(proposals, logIndex(1001), term(3))

  proposals.applied([entryAt(6, 2)], [undefined])
  expect(await outcomeOf(dropped)).toBe('pending')
  proposals.applied([entryAt(7, 3)], [undefined])

  expect(await outcomeOf(dropped)).toEqual(refused('RAFTCTL_NO_LEADER'))
  expect(await outcomeOf(newer)).toBe('pending')
})

test('an index that is proposed again leaves the older proposal unknown', async () => {
  const proposals = new PendingProposals()
  const older = added(proposals, logIndex(7), term(2))
  const newer = added(proposals, logIndex(7), term(4))

  proposals.applied([entryAt(7, 4)], ['of four'])

  expect(await outcomeOf(older)).toEqual(refused('RAFTCTL_OUTCOME_UNKNOWN'))
  expect(await outcomeOf(newer)).toMatchObject({value: {term: 4}})
})

test('a snapshot leaves what it covers unknown, and drops what is of an older term behind it', async () => {
  const proposals = new PendingProposals()
  const covered = added(proposals, logIndex(7), term(2))
  const dropped = added(proposals, logIndex(30), term(2))
  const newer = added(proposals, logIndex(31), term(5))

  proposals.skipped({index: logIndex(20), term: term(4)})

  expect(await outcomeOf(covered)).toEqual(refused('RAFTCTL_OUTCOME_UNKNOWN'))
  expect(await outcomeOf(dropped)).toEqual(refused('RAFTCTL_NO_LEADER'))
  expect(await outcomeOf(newer)).toBe('pending')
})

test('what is still pending when the node stops is unknown', async () => {
  const proposals = new PendingProposals()
  const answer = added(proposals, logIndex(7), term(2))

  proposals.stopped()

  expect(await outcomeOf(answer)).toEqual(refused('RAFTCTL_OUTCOME_UNKNOWN'))
  expect(proposals.size).toBe(0)
})

test('a read is answered once its index is applied', async () => {
  const reads = new PendingReads()
  const applied = kept(reads.add(1, 1000))
  const waiting = kept(reads.add(2, 1000))

  reads.confirmed(1, logIndex(5), logIndex(5))
  reads.confirmed(2, logIndex(6), logIndex(5))
  expect(await outcomeOf(applied)).toEqual({value: 5})
  expect(await outcomeOf(waiting)).toBe('pending')
  reads.applied(logIndex(6))

  expect(await outcomeOf(waiting)).toEqual({value: 6})
})

test('a read that is refused, or confirmed too late, is refused once', async () => {
  const reads = new PendingReads()
  const lost = kept(reads.add(1, 1000))
  const late = kept(reads.add(2, 1000))

  reads.refused(1)
  reads.expire(999)
  expect(await outcomeOf(late)).toBe('pending')
  reads.expire(1000)
  reads.confirmed(2, logIndex(5), logIndex(5))

  expect(await outcomeOf(lost)).toEqual(refused('RAFTCTL_NO_LEADER'))
  expect(await outcomeOf(late)).toEqual(refused('RAFTCTL_NO_LEADER'))
})

test('a confirmed read whose index is not applied in time is refused too', async () => {
  const reads = new PendingReads()
  const read = kept(reads.add(1, 1000))

  reads.confirmed(1, logIndex(9), logIndex(5))
  reads.expire(999)
  expect(await outcomeOf(read)).toBe('pending')
  reads.expire(1000)
  reads.applied(logIndex(9))

  expect(await outcomeOf(read)).toEqual(refused('RAFTCTL_NO_LEADER'))
})

test('reads are refused when the node stops, confirmed or not', async () => {
  const reads = new PendingReads()
  const asked = kept(reads.add(1, 1000))
  const confirmed = kept(reads.add(2, 1000))
  reads.confirmed(2, logIndex(9), logIndex(5))

  reads.stopped()

  expect(await outcomeOf(asked)).toEqual(refused('RAFTCTL_NO_LEADER'))
  expect(await outcomeOf(confirmed)).toEqual(refused('RAFTCTL_NO_LEADER'))
})
