import {afterEach, describe, expect, test} from 'vitest'
import {ClusterClient} from '../../src/client/cluster-client.js'
import type {ClusterStatus} from '../../src/client/types.js'
import {type Condition, lacking, waitUntil} from '../../src/operator/wait-until.js'
import {errorOf, startFakes} from '../client/fake-cluster.js'
import {statusOf} from './status-of.js'

const three = statusOf({voters: [1, 2, 3]})
const oneDead = statusOf({voters: [1, 2, 3], dead: [3]})
const oneLags = statusOf({voters: [1, 2, 3], lagging: [3]})
const leaderless: ClusterStatus = {...three, leaderId: null, healthy: false}
const withLearner = statusOf({voters: [1, 2, 3], learners: [4]})
const joint: ClusterStatus = {...three, stage: 'joint'}
const GOAL = 5000

const cases: [string, ClusterStatus, Condition, string | undefined][] = [
  ['a leader is there', three, {kind: 'leader'}, undefined],
  ['a leader is missing', leaderless, {kind: 'leader'}, 'no member leads'],
  ['two of three are enough to be ready', oneDead, {kind: 'ready'}, undefined],
  ['nobody is ready without a leader', leaderless, {kind: 'ready'}, 'no member leads'],
  ['all well is healthy', three, {kind: 'healthy'}, undefined],
  ['a dead voter is not healthy', oneDead, {kind: 'healthy'}, 'member 3 (n3)'],
  ['who has all has caught up', three, {kind: 'caught-up', member: '2'}, undefined],
  ['who lags has not', oneLags, {kind: 'caught-up', member: '3'}, 'member 3 (n3) is at 1 of 5000'],
  ['who is silent has not', oneDead, {kind: 'caught-up', member: '3'}, 'does not hear member 3'],
  ['one of three may stop', three, {kind: 'safe-to-stop', member: '2'}, undefined],
  ['the dead one may stop', oneDead, {kind: 'safe-to-stop', member: '3'}, undefined],
  [
    'a second one may not',
    oneDead,
    {kind: 'safe-to-stop', member: '2'},
    'without member 2 (n2) 1 of 3 voters would be up to date, 2 are needed',
  ],
  ['nor while another lags', oneLags, {kind: 'safe-to-stop', member: '2'}, 'would be up to date'],
  ['a learner may stop', withLearner, {kind: 'safe-to-stop', member: '4'}, undefined],
  ['nobody may stop in between', joint, {kind: 'safe-to-stop', member: '2'}, 'under way (joint)'],
  ['it is applied', three, {kind: 'applied', index: 5000, member: undefined}, undefined],
  [
    'it is not yet',
    three,
    {kind: 'applied', index: 5001, member: undefined},
    'applied 5000 of 5001',
  ],
  ['all have it', three, {kind: 'applied', index: 5000, member: 'all'}, undefined],
  ['not all answer', oneDead, {kind: 'applied', index: 1, member: 'all'}, 'does not answer'],
  ['it is a voter', three, {kind: 'member', member: 'n2', role: 'voter'}, undefined],
  ['not settled yet', joint, {kind: 'member', member: '2', role: 'voter'}, 'under way (joint)'],
  ['still a learner', withLearner, {kind: 'member', member: '4', role: 'voter'}, 'is a learner'],
  ['it leads', three, {kind: 'member', member: '1', role: 'leader'}, undefined],
  ['it does not', three, {kind: 'member', member: '2', role: 'leader'}, 'does not lead'],
  ['it is not there yet', three, {kind: 'member', member: '7', role: 'voter'}, 'no member "7"'],
  ['it is gone', three, {kind: 'member', member: '7', role: 'removed'}, undefined],
  ['it is still there', three, {kind: 'member', member: '3', role: 'removed'}, 'is a voter'],
]

describe('waiting goes by the status:', () => {
  for (const [title, status, condition, expected] of cases) {
    test(`${title} (${condition.kind})`, () => {
      const missing = lacking(status, condition, GOAL)

      if (expected === undefined) expect(missing).toBeUndefined()
      else expect(missing).toContain(expected)
    })
  }

  test('a member that would have to be there is not waited for', () => {
    expect(() => lacking(three, {kind: 'caught-up', member: '9'}, GOAL)).toThrow(
      expect.objectContaining({code: 'RAFTCTL_MEMBER_NOT_FOUND'}),
    )
  })
})

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

async function started() {
  const cluster = await startFakes(3)
  const client = new ClusterClient({endpoints: cluster.addresses, timeoutMs: 300})
  cleanups.push(
    () => client.close(),
    () => cluster.stop(),
  )
  return {cluster, client}
}

test('a wait ends as soon as it holds', async () => {
  const {cluster, client} = await started()
  for (const node of cluster.nodes) node.leads = false
  let looks = 0

  const waited = await waitUntil(
    client,
    {kind: 'leader'},
    {
      timeoutMs: 10_000,
      onLook: () => {
        looks += 1
        if (looks === 2) cluster.elect(1)
      },
    },
  )

  expect(looks).toBe(2)
  expect(waited).toMatchObject({condition: 'leader', leaderId: 2})
})

test('a wait that is over in vain says what is missing', async () => {
  const {client} = await started()

  const error = await errorOf(
    waitUntil(client, {kind: 'member', member: '3', role: 'learner'}, {timeoutMs: 150}),
  )

  expect(error).toMatchObject({
    code: 'RAFTCTL_TIMED_OUT',
    details: {condition: 'member', missing: 'member 3 (n3) is a voter'},
  })
})

test('while no node answers it goes on', async () => {
  const {cluster, client} = await started()
  cluster.stop()

  const error = await errorOf(waitUntil(client, {kind: 'leader'}, {timeoutMs: 200}))

  expect(error.code).toBe('RAFTCTL_TIMED_OUT')
})
