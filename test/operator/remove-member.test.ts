import {expect, test} from 'vitest'
import type {ClusterStatus} from '../../src/client/types.js'
import {RaftctlError} from '../../src/errors.js'
import {enforce, planMembership} from '../../src/operator/membership-plan.js'
import {checkRemoval} from '../../src/operator/remove-member.js'
import {statusOf} from './status-of.js'

const ids = (count: number) => Array.from({length: count}, (_, i) => i + 1)

/** Every set of `size` of these ids. */
function subsets(of: readonly number[], size: number): number[][] {
  if (size === 0) return [[]]
  return of.flatMap((id, i) => subsets(of.slice(i + 1), size - 1).map(rest => [id, ...rest]))
}

const ALLOWED = 'allowed'
const LAST = 'last-voter'
const LOST = 'quorum-lost'
const QUORUM = 'quorum'
const LAGS = 'up-to-date'

/**
 * For each number of voters and of those that are dead, or lag: what becomes of the removal of a
 * living one, and of one of those. Without a majority nothing can be committed at all.
 */
const TABLE = [
  {voters: 1, bad: 0, dead: [LAST], lagging: [LAST]},
  {voters: 2, bad: 0, dead: [ALLOWED], lagging: [ALLOWED]},
  {voters: 2, bad: 1, dead: [LOST, LOST], lagging: [LAGS, ALLOWED]},
  {voters: 3, bad: 0, dead: [ALLOWED], lagging: [ALLOWED]},
  {voters: 3, bad: 1, dead: [QUORUM, ALLOWED], lagging: [LAGS, ALLOWED]},
  {voters: 3, bad: 2, dead: [LOST, LOST], lagging: [LAGS, LAGS]},
  {voters: 4, bad: 0, dead: [ALLOWED], lagging: [ALLOWED]},
  {voters: 4, bad: 1, dead: [ALLOWED, ALLOWED], lagging: [ALLOWED, ALLOWED]},
  {voters: 4, bad: 2, dead: [LOST, LOST], lagging: [LAGS, ALLOWED]},
  {voters: 4, bad: 3, dead: [LOST, LOST], lagging: [LAGS, LAGS]},
  {voters: 5, bad: 0, dead: [ALLOWED], lagging: [ALLOWED]},
  {voters: 5, bad: 1, dead: [ALLOWED, ALLOWED], lagging: [ALLOWED, ALLOWED]},
  {voters: 5, bad: 2, dead: [QUORUM, ALLOWED], lagging: [LAGS, ALLOWED]},
  {voters: 5, bad: 3, dead: [LOST, LOST], lagging: [LAGS, LAGS]},
  {voters: 5, bad: 4, dead: [LOST, LOST], lagging: [LAGS, LAGS]},
] as const

function removal(voters: number, bad: number[], id: number, kind: 'dead' | 'lagging') {
  const status = statusOf({voters: ids(voters), [kind]: bad})
  const member = status.members.find(other => other.id === id)!
  try {
    checkRemoval(status, member)
    return {rule: ALLOWED, error: undefined}
  } catch (error) {
    if (error instanceof RaftctlError) return {rule: error.details.rule, error}
    throw error
  }
}

for (const {voters, bad, ...expected} of TABLE) {
  for (const kind of ['dead', 'lagging'] as const) {
    const [ofGood, ofBad] = expected[kind]
    const cases = subsets(ids(voters), bad).flatMap(set =>
      ids(voters).map(id => ({set, id, rule: set.includes(id) ? ofBad : ofGood})),
    )

    test(`of ${voters} voters, ${bad} ${kind}: ${[ofGood, ofBad].filter(Boolean).join(', then ')}`, () => {
      const outcomes = cases.map(({set, id}) => removal(voters, set, id, kind).rule)

      expect(outcomes).toEqual(cases.map(({rule}) => rule))
    })

    test(`of ${voters} voters, ${bad} ${kind}, each refusal tells its arithmetic`, () => {
      for (const {set, id, rule} of cases) {
        const {error} = removal(voters, set, id, kind)
        if (rule === ALLOWED) continue
        const good = ids(voters).filter(other => !set.includes(other))
        const left = good.filter(other => other !== id).length
        const sentence = {
          [LAST]: `member ${id} (n${id}) is the last voter`,
          [LOST]: `the leader hears ${good.length} of ${voters} voters, itself included`,
          [QUORUM]: `of the ${voters - 1} voters left, ${left} `,
          [LAGS]: `of the ${voters - 1} voter${voters === 2 ? '' : 's'} left, ${left} `,
        }[rule!]
        expect(error?.message).toContain(sentence)
      }
    })
  }
}

test('a quorum that lags may be forced, one that is dead may not', () => {
  const lagging = statusOf({voters: [1, 2, 3], lagging: [3]})
  const dead = statusOf({voters: [1, 2, 3], dead: [3]})

  const force = (status: ClusterStatus, rule: string) => () =>
    enforce(planMembership(status, {what: 'x', voters: [1, 3], learners: [], observers: []}), [
      rule,
    ])

  expect(force(lagging, 'up-to-date')).not.toThrow()
  expect(force(dead, 'quorum')).toThrow(`rule "quorum" can't be forced`)
  expect(force(dead, 'up-to-date')).toThrow('would lose the quorum')
})

test('a refusal that can be forced says with which flag', () => {
  const status = statusOf({voters: [1, 2, 3], lagging: [3]})

  expect(() => checkRemoval(status, status.members[1]!)).toThrow(
    expect.objectContaining({hint: expect.stringContaining('--force up-to-date')}),
  )
})

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
        heardAfter: 1,
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
