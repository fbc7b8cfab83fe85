import {expect, test} from 'vitest'
import {RaftctlError} from '../../src/errors.js'
import {checkRemoval} from '../../src/operator/remove-member.js'
import {statusOf} from './status-of.js'

const ids = (count: number) => Array.from({length: count}, (_, i) => i + 1)

/**
 * Voters, how many of them are dead (a led cluster has a majority alive), and whether a living or a
 * dead one may go. A majority of those left must be up to date.
 */
const TABLE = [
  {voters: 1, dead: 0, living: false, gone: undefined},
  {voters: 2, dead: 0, living: true, gone: undefined},
  {voters: 3, dead: 0, living: true, gone: undefined},
  {voters: 3, dead: 1, living: false, gone: true},
  {voters: 4, dead: 0, living: true, gone: undefined},
  {voters: 4, dead: 1, living: true, gone: true},
  {voters: 5, dead: 0, living: true, gone: undefined},
  {voters: 5, dead: 1, living: true, gone: true},
  {voters: 5, dead: 2, living: false, gone: true},
] as const

function removal(voters: number, dead: number, id: number, kind: 'dead' | 'lagging'): string {
  const lost = ids(voters).slice(voters - dead)
  const status = statusOf({voters: ids(voters), [kind]: lost})
  const member = status.members.find(other => other.id === id)!
  try {
    checkRemoval(status, member)
    return 'allowed'
  } catch (error) {
    if (error instanceof RaftctlError) return error.code
    throw error
  }
}

for (const {voters, dead, living, gone} of TABLE) {
  for (const kind of ['dead', 'lagging'] as const) {
    test(`of ${voters} voters, ${dead} ${kind}, a living one ${living ? 'may' : 'may not'} go`, () => {
      const expected = living ? 'allowed' : 'RAFTCTL_REFUSED'

      // Voter 1 leads.
      expect(removal(voters, dead, 1, kind)).toBe(expected)
    })

    if (gone === undefined) continue
    test(`of ${voters} voters, ${dead} ${kind}, one of those may go`, () => {
      expect(removal(voters, dead, voters, kind)).toBe(gone ? 'allowed' : 'RAFTCTL_REFUSED')
    })
  }
}

test('the refusal names the rule and the arithmetic', () => {
  const status = statusOf({voters: [1, 2, 3], dead: [3]})

  const remove = () => checkRemoval(status, status.members[1]!)

  expect(remove).toThrow(
    expect.objectContaining({
      code: 'RAFTCTL_REFUSED',
      message:
        'removing member 2 (n2) would lose the quorum: of the 2 voters left, 1 is up to date, ' +
        'and 2 are needed',
      details: {
        rule: 'quorum',
        memberId: 2,
        votersAfter: 2,
        quorumAfter: 2,
        upToDateAfter: 1,
      },
    }),
  )
})

test('the last voter stays', () => {
  const status = statusOf({voters: [1], learners: [2]})

  expect(() => checkRemoval(status, status.members[0]!)).toThrow('member 1 (n1) is the last voter')
})

test('a learner may always go', () => {
  const status = statusOf({voters: [1, 2, 3], learners: [4], dead: [3]})

  expect(() => checkRemoval(status, status.members[3]!)).not.toThrow()
})
