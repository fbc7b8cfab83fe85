import {expect, test} from 'vitest'
import {resolveMember} from '../../src/operator/resolve-member.js'
import {statusOf} from './status-of.js'

const status = statusOf({voters: [1, 2, 12], names: {12: 'spare'}})

const cases = [
  {text: '2', id: 2, as: 'an id'},
  {text: '12', id: 12, as: 'an id whose digits begin like another'},
  {text: 'spare', id: 12, as: 'a name'},
  {text: '10.0.0.1:7400', id: 1, as: 'an address'},
]

for (const {text, id, as} of cases) {
  test(`"${text}" is understood as ${as}`, () => {
    expect(resolveMember(status, text).id).toBe(id)
  })
}

test('an unknown member is not found, and the hint says where to look', () => {
  expect(() => resolveMember(status, '9')).toThrow(
    expect.objectContaining({
      code: 'RAFTCTL_MEMBER_NOT_FOUND',
      hint: 'Run "raftctl member list" to see the members.',
    }),
  )
})

test('a name that two members have is refused with both', () => {
  const doubled = statusOf({voters: [1, 2, 3], names: {1: 'x', 3: 'x'}})

  expect(() => resolveMember(doubled, 'x')).toThrow(
    expect.objectContaining({code: 'RAFTCTL_USAGE', details: {candidates: [1, 3]}}),
  )
})
