import {afterEach, expect, test} from 'vitest'
import {ClusterClient} from '../../src/client/cluster-client.js'
import {RaftctlError} from '../../src/errors.js'
import {cancelSet, prepareMoves, prepareSet} from '../../src/operator/change-membership.js'
import {memberHistory} from '../../src/operator/member-history.js'
import {prepareReplacement} from '../../src/operator/replace-member.js'
import {prepareUpdate} from '../../src/operator/update-member.js'
import type {ChangeMembershipRequest} from '../../src/rpc/gen/raftctl/v1/cluster.js'
import {
  codeOf,
  errorOf,
  type FakeCluster,
  FakeNode,
  progressOf,
  startFakes,
} from '../client/fake-cluster.js'

const cleanups: (() => void)[] = []

afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

async function started(count: number, learners: number[] = []) {
  const cluster = await startFakes(count)
  cluster.learners = learners
  const client = new ClusterClient({endpoints: cluster.addresses, timeoutMs: 2000})
  cleanups.push(
    () => client.close(),
    () => cluster.stop(),
  )
  return {cluster, client, leader: cluster.nodes[0]!}
}

/** Each stage lasts for a few questions; then the membership asked for holds. */
function obedient(cluster: FakeCluster, {ends = true, joining = [] as FakeNode[]} = {}) {
  const asked: ChangeMembershipRequest[] = []
  const change = (request: ChangeMembershipRequest) => {
    asked.push(request)
    if (request.expectedIndex !== BigInt(cluster.membershipIndex)) {
      return new RaftctlError('RAFTCTL_COMPARE_FAILED', 'another membership')
    }
    const before = cluster.membership()
    cluster.membershipIndex += 1
    let memberId = 0n
    if (request.change?.$case === 'set') {
      const {voters, learners} = request.change.value
      cluster.stage = 'learner-sync'
      cluster.target = {voters, learners}
      if (ends) setTimeout(() => settle(cluster), 50)
    }
    if (request.change?.$case === 'cancel') {
      cluster.stage = 'uniform'
      cluster.target = undefined
    }
    if (request.change?.$case === 'add') {
      const node = joining.shift()!
      memberId = BigInt(node.id)
      cluster.learners = [...cluster.learners, node.id]
      cluster.nodes.push(node)
      node.onJoin = () => {
        const leader = cluster.leader!
        leader.progress = [...leader.progress, progressOf(node.id, {caughtUp: true})]
      }
    }
    return {before, after: cluster.membership(), memberId, changed: true}
  }
  for (const node of cluster.nodes) node.changeMembership = change
  return asked
}

function settle(cluster: FakeCluster): void {
  const {voters, learners} = cluster.target!
  const stay = [...voters, ...learners].map(Number)
  for (const node of [...cluster.nodes]) {
    if (stay.includes(node.id)) continue
    cluster.nodes.splice(cluster.nodes.indexOf(node), 1)[0]!.kill()
  }
  cluster.learners = learners.map(Number)
  cluster.membershipIndex += 2
  cluster.stage = 'uniform'
  cluster.target = undefined
}

const kinds = (asked: ChangeMembershipRequest[]) => asked.map(({change}) => change!.$case)

test('a set is answered only when the stage is uniform again', async () => {
  const {cluster, client} = await started(4, [4])
  const asked = obedient(cluster)

  const prepared = await prepareSet(client, ['1', '2', 'n4'], {})
  const change = await prepared.run(client, {reason: 'swap'})

  expect(kinds(asked)).toEqual(['set'])
  expect(asked[0]).toMatchObject({origin: {reason: 'swap', actor: expect.stringMatching(/.@./)}})
  expect(cluster.stage).toBe('uniform')
  expect(change).toMatchObject({
    changed: true,
    voters: [1, 2, 4],
    learners: [],
    removed: [3],
    membershipIndex: 4,
    unverified: [],
  })
})

test('a learner that does not catch up in time leaves everything as it was', async () => {
  const {cluster, client, leader} = await started(4, [4])
  const asked = obedient(cluster)
  leader.progress = leader.progress.map(peer => (peer.id === 4n ? {...peer, lag: 9n} : peer))

  const prepared = await prepareSet(client, ['1', '2', '4'], {})
  const error = await errorOf(prepared.run(client, {waitMs: 100}))

  expect(error).toMatchObject({code: 'RAFTCTL_TIMED_OUT', details: {memberId: 4, gap: 9}})
  expect(asked).toEqual([])
})

test('a set that does not come to its end says in which stage it is, and can be given up', async () => {
  const {cluster, client} = await started(4, [4])
  const asked = obedient(cluster, {ends: false})

  const prepared = await prepareSet(client, ['1', '2', '4'], {})
  const error = await errorOf(prepared.run(client, {waitMs: 150}))
  const cancelled = await cancelSet(client)
  const again = await cancelSet(client)

  expect(error).toMatchObject({
    code: 'RAFTCTL_TIMED_OUT',
    details: {stage: 'learner-sync'},
    hint: expect.stringContaining('raftctl member set --cancel'),
  })
  expect(cancelled).toMatchObject({changed: true, voters: [1, 2, 3], learners: [4]})
  expect(again.changed).toBe(false)
  expect(kinds(asked)).toEqual(['set', 'cancel'])
})

test('a joint stage can not be given up', async () => {
  const {cluster, client} = await started(3)
  cluster.stage = 'joint'

  expect(await codeOf(cancelSet(client))).toBe('RAFTCTL_CHANGE_IN_FLIGHT')
})

test('a change made meanwhile by somebody else is not written over', async () => {
  const {cluster, client} = await started(4, [4])
  obedient(cluster)
  const prepared = await prepareSet(client, ['1', '2', '4'], {})
  cluster.membershipIndex += 1

  expect(await codeOf(prepared.run(client, {}))).toBe('RAFTCTL_COMPARE_FAILED')
})

test('a set whose answer was lost is found under way', async () => {
  const {cluster, client, leader} = await started(4, [4])
  obedient(cluster)
  const change = leader.changeMembership
  leader.changeMembership = request => {
    change(request)
    return new RaftctlError('RAFTCTL_OUTCOME_UNKNOWN', 'the connection was lost')
  }

  const prepared = await prepareSet(client, ['1', '2', '4'], {})

  expect(await prepared.run(client, {})).toMatchObject({changed: true, voters: [1, 2, 4]})
})

test('the leader hands over before it votes no more', async () => {
  const {cluster, client} = await started(3)
  obedient(cluster)

  const prepared = await prepareMoves(client, {demote: ['1']})
  const change = await prepared.run(client, {})

  expect(cluster.leader?.id).not.toBe(1)
  expect(change).toMatchObject({voters: [2, 3], learners: [1]})
})

test('a member can not be moved two ways', async () => {
  const {client} = await started(3)

  expect(await codeOf(prepareMoves(client, {remove: ['3'], demote: ['n3']}))).toBe('RAFTCTL_USAGE')
})

test('a member on an empty disk is replaced where it is, under its own name', async () => {
  const {cluster, client, leader} = await started(3)
  const old = cluster.nodes[2]!
  old.kill()
  leader.progress = leader.progress.map(peer =>
    peer.id === 3n ? {...peer, connection: 'blank-data', recentlyActive: false} : peer,
  )
  const fresh = new FakeNode({id: 4, cluster, pristine: true})
  fresh.address = old.address
  await fresh.start()
  cleanups.push(() => fresh.kill())
  const asked = obedient(cluster, {joining: [fresh]})
  const never = () => Promise.reject(new Error('the address is known'))

  const prepared = await prepareReplacement(client, '3', {address: never, name: 'n3'})
  const change = await prepared.run(client, {})

  expect(prepared.plan).toMatchObject({refusals: [], after: {voterIds: [1, 2, 4]}})
  expect(kinds(asked)).toEqual(['add', 'set'])
  expect(asked[0]?.change?.value).toMatchObject({replaces: 3n, address: old.address, name: 'n3'})
  expect(change).toMatchObject({changed: true, voters: [1, 2, 4], added: [4], removed: [3]})
})

test('a member is not replaced by itself', async () => {
  const {cluster, client} = await started(3)
  const address = async () => ''

  const error = await errorOf(prepareReplacement(client, '3', {address}, cluster.nodes[2]!.address))

  expect(error).toMatchObject({code: 'RAFTCTL_REFUSED', details: {rule: 'same-node'}})
})

test('a member that was removed before is not replaced', async () => {
  const {cluster, client} = await started(3)
  cluster.nextMemberId = 9

  const code = await codeOf(prepareReplacement(client, '7', {address: async () => ''}))

  expect(code).toBe('RAFTCTL_MEMBER_NOT_FOUND')
})

test('an address where the member does not answer can be forced', async () => {
  const {cluster, client} = await started(3)
  const spare = new FakeNode({id: 9, cluster, pristine: true})
  await spare.start()
  cleanups.push(() => spare.kill())

  const moved = await prepareUpdate(client, '3', {address: spare.address})
  const renamed = await prepareUpdate(client, '3', {name: 'c'})
  const taken = await codeOf(prepareUpdate(client, '3', {address: cluster.nodes[0]!.address}))

  expect(moved.plan.refusals).toMatchObject([{rule: 'address', forceable: true}])
  expect(renamed.plan).toMatchObject({changed: true, refusals: []})
  expect(taken).toBe('RAFTCTL_REFUSED')
})

test('the history tells what each change did', async () => {
  const {cluster, client} = await started(4, [4])
  const now = cluster.membership()
  const at = (index: number, fields: Partial<typeof now>, actor = 'me@here', timeMs = 5n) => ({
    term: 1n,
    membership: {
      ...now,
      index: BigInt(index),
      origin: {timeMs, actor, reason: `r${index}`},
      ...fields,
    },
  })
  const three = {members: now.members.slice(0, 3), learners: []}
  cluster.history = [
    at(1, three),
    at(5, {}),
    at(6, {voters: [1n, 2n, 3n, 4n], learners: []}, 'leader', 0n),
    at(9, {...three, voters: [1n, 2n], members: now.members.slice(0, 2)}),
  ]

  const all = await memberHistory(client, undefined)
  const last = await memberHistory(client, 2)

  expect(all.map(({index, change}) => [index, change])).toEqual([
    [1, 'voters 1,2,3'],
    [5, '+4 learner'],
    [6, '4 voter'],
    [9, '-3, -4'],
  ])
  expect(all[2]).toMatchObject({actor: 'leader', time: null})
  expect(last).toEqual(all.slice(2))
})
