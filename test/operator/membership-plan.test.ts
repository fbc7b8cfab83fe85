import {describe, expect, test} from 'vitest'
import type {ClusterStatus} from '../../src/client/types.js'
import {
  compositionOf,
  enforce,
  planMembership,
  type Wish,
} from '../../src/operator/membership-plan.js'
import {expectIndex} from '../../src/operator/prepared-change.js'
import {statusOf} from './status-of.js'

const three = statusOf({voters: [1, 2, 3]})
const withLearner = statusOf({voters: [1, 2, 3], learners: [4], lagging: [4]})
const fit = withCaughtUp(withLearner, 4)

function withCaughtUp(status: ClusterStatus, id: number): ClusterStatus {
  return {
    ...status,
    members: status.members.map(member =>
      member.id === id ? {...member, caughtUp: true} : member,
    ),
  }
}

function plan(status: ClusterStatus, wish: Partial<Wish>) {
  return planMembership(status, {...compositionOf(status), what: 'it', ...wish})
}

const rules = (status: ClusterStatus, wish: Partial<Wish>) =>
  plan(status, wish).refusals.map(({rule, forceable}) => `${rule}${forceable ? ' (force)' : ''}`)

describe('a plan', () => {
  test('of what is in force changes nothing, whatever the stage', () => {
    expect(plan({...three, stage: 'joint'}, {})).toMatchObject({
      changed: false,
      path: 'none',
      refusals: [],
      warnings: [],
    })
  })

  test('of one voter goes directly, of two through the joint stage', () => {
    expect(plan(three, {voters: [1, 2]}).path).toBe('direct')
    expect(plan(fit, {voters: [1, 2, 4], learners: []}).path).toBe('joint')
    expect(plan(three, {voters: [1, 2], learners: [3]}).path).toBe('direct')
  })

  test('tells the arithmetic before and after, and what would still work', () => {
    const dead = withCaughtUp(statusOf({voters: [1, 2, 3], learners: [4], dead: [3]}), 4)

    expect(plan(dead, {voters: [1, 2, 3, 4], learners: []})).toMatchObject({
      before: {
        voters: 3,
        quorum: 2,
        failureTolerance: 1,
        votersUpToDate: 2,
        failureToleranceNow: 0,
      },
      after: {voters: 4, quorum: 3, failureTolerance: 1, votersUpToDate: 3, failureToleranceNow: 0},
      refusals: [],
    })
  })

  test('warns of an even number, of less tolerance, and of a leader that goes', () => {
    expect(plan(three, {voters: [2, 3]}).warnings).toEqual([
      '2 voters survive no more failures than 1, and need one more',
      'afterwards no voter may fail',
      'member 1 leads; it hands leadership over first',
    ])
  })

  test('names the members to come among those that catch up first', () => {
    expect(plan(three, {voters: [1, 2, 3, 4], joining: [4]})).toMatchObject({
      waitsFor: [4],
      refusals: [],
      after: {votersUpToDate: 4},
    })
  })
})

describe('refused is', () => {
  test('every change while another is under way', () => {
    expect(rules({...three, stage: 'joint'}, {voters: [1, 2]})).toEqual(['change-in-flight'])
  })

  test('a learner that lags, unless it is waited for', () => {
    const wish = {voters: [1, 2, 3, 4], learners: []}

    expect(rules(withLearner, wish)).toEqual(['learner-lags'])
    expect(rules(withLearner, {...wish, waits: true})).toEqual([])
    expect(plan(withLearner, {...wish, waits: true}).waitsFor).toEqual([4])
    expect(rules(fit, wish)).toEqual([])
  })

  test('an observer that is to vote', () => {
    const status: ClusterStatus = {
      ...withLearner,
      members: withLearner.members.map(member =>
        member.id === 4 ? {...member, role: 'observer'} : member,
      ),
    }

    expect(rules(status, {voters: [1, 2, 3, 4], observers: []})).toEqual(['observer'])
  })

  test('a set whose majority is dead for good, and one that merely lags may be forced', () => {
    const dead = statusOf({voters: [1, 2, 3, 4, 5], dead: [4, 5]})
    const lagging = statusOf({voters: [1, 2, 3, 4, 5], lagging: [4, 5]})

    expect(rules(dead, {voters: [3, 4, 5]})).toEqual(['quorum'])
    expect(rules(lagging, {voters: [3, 4, 5]})).toEqual(['up-to-date (force)'])
  })

  test('nothing about voters when only a learner goes', () => {
    const status = statusOf({voters: [1, 2, 3], learners: [4], lagging: [2, 3]})

    expect(rules(status, {learners: []})).toEqual([])
  })
})

test('a rule that nothing refused by may be named and does not matter', () => {
  expect(() => enforce(plan(three, {voters: [1, 2]}), ['up-to-date'])).not.toThrow()
})

test('another membership than expected is refused, unless nothing is to be changed', () => {
  expect(() => expectIndex({plan: plan(three, {voters: [1, 2]})}, 9)).toThrow(
    expect.objectContaining({code: 'RAFTCTL_COMPARE_FAILED', details: {index: 10, expected: 9}}),
  )
  expect(() => expectIndex({plan: plan(three, {voters: [1, 2]})}, 10)).not.toThrow()
  expect(() => expectIndex({plan: plan(three, {})}, 9)).not.toThrow()
})
