import {expect, test} from 'vitest'
import {EMPTY_MEMBERSHIP, type Membership, NO_ORIGIN} from '../../src/raft/membership.js'
import {planChange} from '../../src/raft/membership-change.js'
import {nodeId} from '../../src/raft/types.js'

const members = [1, 2, 3].map(id => ({
  id: nodeId(id),
  name: `n${id}`,
  address: `h${id}:1`,
  storeId: `s${id}`,
  promoteWhenReady: false,
}))
const membership: Membership = {
  ...EMPTY_MEMBERSHIP,
  members,
  voters: members.map(({id}) => id),
  nextMemberId: 4,
}

const add = (fields: {name?: string; address?: string; storeId?: string; replaces?: number}) => {
  const {name = 'new', address = 'h9:1', storeId = 's9', replaces} = fields
  const member = {name, address, storeId, replaces: replaces ? nodeId(replaces) : undefined}
  const planned = planChange(membership, {kind: 'add-learner', member}, NO_ORIGIN)
  return planned.kind === 'refused' ? planned.reason : planned.kind
}

test('who stands in for a member may have its name and address, and only its', () => {
  expect(add({name: 'n3', address: 'h3:1', replaces: 3})).toBe('changed')
  expect(add({name: 'n2', address: 'h3:1', replaces: 3})).toBe('name-taken')
  expect(add({address: 'h2:1', replaces: 3})).toBe('address-taken')
  expect(add({address: 'h3:1'})).toBe('address-taken')
})

test('who stands in for a member needs a disk of its own', () => {
  expect(add({storeId: 's3', replaces: 3})).toBe('store-taken')
})

test('the one that is stood in for stays a voter until it is removed', () => {
  const member = {name: 'n3', address: 'h3:1', storeId: 's9', replaces: nodeId(3)}

  const planned = planChange(membership, {kind: 'add-learner', member}, NO_ORIGIN)

  expect(planned).toMatchObject({
    kind: 'changed',
    membership: {voters: [1, 2, 3], learners: [4], nextMemberId: 5},
  })
})
