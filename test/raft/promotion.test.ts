import {expect, test} from 'vitest'
import {nodeId} from '../../src/raft/types.js'
import {CoreCluster} from '../support/core-cluster.js'

const learner = nodeId(2)

/** A sole voter that leads, and a learner whose node stays away for `ticksAway`. */
function clusterWithLearner(ticksAway: number): CoreCluster {
  const cluster = new CoreCluster({seed: 1, voters: 1})
  cluster.settle(5)
  const added = cluster.change(cluster.leader!, {
    kind: 'add-learner',
    member: {name: '', address: '', storeId: ''},
  })
  expect(added.kind).toBe('accepted')
  cluster.settle(ticksAway)
  cluster.add(learner)
  return cluster
}

// The first round began with the member's entry and lasted until its node was there: that it was slow
// says nothing about how the learner keeps up.
test('a learner that joined late is promoted on a group that writes nothing', () => {
  const cluster = clusterWithLearner(50)
  cluster.settle(10)

  const outcome = cluster.change(cluster.leader!, {kind: 'promote', id: learner})

  expect(outcome.kind).toBe('accepted')
})

test('a learner that has never been heard from is not promoted, and its gap is told', () => {
  const cluster = new CoreCluster({seed: 1, voters: 1})
  cluster.settle(5)
  const member = {name: '', address: '', storeId: ''}
  cluster.change(cluster.leader!, {kind: 'add-learner', member})
  cluster.settle(5)

  const outcome = cluster.change(cluster.leader!, {kind: 'promote', id: learner})

  expect(outcome).toEqual({
    kind: 'refused',
    reason: 'learner-lags',
    leader: nodeId(1),
    lag: {gap: 2, entriesPerTick: 0, recentlyActive: false},
  })
})

test('a learner that fell silent is not promoted, though it once had everything', () => {
  const cluster = clusterWithLearner(0)
  cluster.settle(10)
  cluster.crash(cluster.servers.get(learner)!)
  cluster.settle(12)

  const outcome = cluster.change(cluster.leader!, {kind: 'promote', id: learner})

  expect(outcome).toMatchObject({kind: 'refused', reason: 'learner-lags'})
})
