import {createServer} from 'node:http'
import {afterEach, expect, test} from 'vitest'
import {ClusterClient} from '../../src/client/cluster-client.js'
import {RaftctlError} from '../../src/errors.js'
import {addMember} from '../../src/operator/add-member.js'
import type {CatchUp} from '../../src/operator/catch-up.js'
import {promoteMember} from '../../src/operator/promote-member.js'
import {removeMember} from '../../src/operator/remove-member.js'
import {transferLeadership} from '../../src/operator/transfer-leadership.js'
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

async function started(count = 3, timeoutMs = 2000) {
  const cluster = await startFakes(count)
  const client = new ClusterClient({endpoints: cluster.addresses, timeoutMs})
  cleanups.push(
    () => client.close(),
    () => cluster.stop(),
  )
  return {cluster, client, leader: cluster.nodes[0]!}
}

async function pristineNode(cluster: FakeCluster, id: number): Promise<FakeNode> {
  const node = new FakeNode({id, cluster, pristine: true})
  await node.start()
  cleanups.push(() => node.kill())
  return node
}

/** Lets the leader carry changes out on the fakes; answers the kinds of those it was asked for. */
function obedient(cluster: FakeCluster, leader: FakeNode, joining?: FakeNode): string[] {
  const asked: string[] = []
  leader.changeMembership = ({change, expectedIndex}: ChangeMembershipRequest) => {
    asked.push(change!.$case)
    if (expectedIndex !== 0n && expectedIndex !== BigInt(cluster.membershipIndex)) {
      return new RaftctlError('RAFTCTL_COMPARE_FAILED', 'another membership')
    }
    const before = cluster.membership()
    cluster.membershipIndex += 1
    if (change?.$case === 'add' && joining !== undefined) {
      cluster.learners = [joining.id]
      cluster.nodes.push(joining)
      joining.onJoin = () => {
        leader.progress = [...leader.progress, progressOf(joining.id, {caughtUp: true})]
      }
    }
    if (change?.$case === 'promote') cluster.learners = []
    if (change?.$case === 'remove') {
      const at = cluster.nodes.findIndex(node => BigInt(node.id) === change.value)
      cluster.nodes.splice(at, 1)[0]!.kill()
    }
    return {
      before,
      after: cluster.membership(),
      memberId: change?.$case === 'add' ? BigInt(joining!.id) : 0n,
      changed: true,
    }
  }
  return asked
}

test('a new voter is a learner first, joins, and is promoted', async () => {
  const {cluster, client, leader} = await started()
  const joining = await pristineNode(cluster, 4)
  const asked = obedient(cluster, leader, joining)
  const steps: string[] = []

  const change = await addMember(client, joining.address, {
    role: 'voter',
    onStep: step => steps.push(step),
  })

  expect(asked).toEqual(['add', 'promote'])
  expect(steps).toEqual(['added', 'joined', 'seen'])
  expect(change).toMatchObject({
    changed: true,
    memberId: 4,
    role: 'voter',
    before: {voters: 3, quorum: 2, failureTolerance: 1},
    after: {voters: 4, quorum: 3, failureTolerance: 1},
    unverified: [],
  })
})

test('adding what is a member already changes nothing', async () => {
  const {cluster, client, leader} = await started()
  const asked = obedient(cluster, leader)

  const change = await addMember(client, cluster.nodes[1]!.address, {role: 'voter'})

  expect(change).toMatchObject({changed: false, memberId: 2, role: 'voter'})
  expect(asked).toEqual([])
})

test('an addition that stopped before the node joined goes on with the same id', async () => {
  const {cluster, client, leader} = await started()
  const joining = await pristineNode(cluster, 4)
  const asked = obedient(cluster, leader, joining)
  joining.joinFailure = new RaftctlError('RAFTCTL_INPUT_OUTPUT', 'disk trouble')
  const first = await errorOf(addMember(client, joining.address, {role: 'learner'}))
  joining.joinFailure = undefined

  const change = await addMember(client, joining.address, {role: 'learner'})

  expect(first.message).toContain('member 4 is in the membership, but its node did not join')
  expect(asked).toEqual(['add'])
  expect(change).toMatchObject({changed: true, memberId: 4, role: 'learner'})
})

test('a node of another cluster is not added', async () => {
  const {client} = await started()
  const other = await startFakes(1, 'c2')
  cleanups.push(() => other.stop())

  const code = await codeOf(addMember(client, other.nodes[0]!.address, {role: 'voter'}))

  expect(code).toBe('RAFTCTL_OTHER_CLUSTER_DATA')
})

test('a node whose clock is far from that of the leader is not added, and may be once it is set', async () => {
  const {cluster, client, leader} = await started()
  const joining = await pristineNode(cluster, 4)
  const asked = obedient(cluster, leader, joining)
  joining.timeMs -= 600_000n
  const refused = await errorOf(addMember(client, joining.address, {role: 'learner'}))
  joining.timeMs += 600_000n

  const change = await addMember(client, joining.address, {role: 'learner'})

  expect(refused).toMatchObject({code: 'RAFTCTL_REFUSED', details: {rule: 'clock'}})
  expect(refused.message).toMatch(
    /clock of the node at \S+ is (?:599|600)(?:\.\d)? s behind the leader's/,
  )
  expect(refused.spec.exit).toBe(12)
  expect(asked).toEqual(['add'])
  expect(change).toMatchObject({changed: true, memberId: 4})
})

test('a port of something else is no node, and says so', async () => {
  const {client} = await started()
  const server = createServer((_, answer) => answer.end('hello'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => server.close())
  const {port} = server.address() as {port: number}

  const error = await errorOf(addMember(client, `127.0.0.1:${port}`, {role: 'voter'}))

  expect(error).toMatchObject({code: 'RAFTCTL_UNREACHABLE', spec: {exit: 15}})
  expect(error.message).toContain('is not a raftctl node')
})

test('a node with the address of another member is refused by name', async () => {
  const {cluster, client} = await started()
  const other = cluster.nodes[1]!
  const joining = await pristineNode(cluster, 4)
  joining.advertised = other.address

  const error = await errorOf(addMember(client, joining.address, {role: 'voter'}))

  expect(error).toMatchObject({code: 'RAFTCTL_REFUSED', details: {rule: 'address', memberId: 2}})
})

test('an address at which nothing listens is unreachable', async () => {
  const {cluster, client} = await started()
  const gone = await pristineNode(cluster, 4)
  gone.kill()

  const code = await codeOf(addMember(client, gone.address, {role: 'voter'}))

  expect(code).toBe('RAFTCTL_UNREACHABLE')
})

test('a lagging learner is waited for, with its progress, until it is promoted', async () => {
  const {cluster, client, leader} = await started(4)
  cluster.learners = [4]
  const asked = obedient(cluster, leader)
  const [one, two] = leader.progress
  const behind = (lag: bigint) => [
    one!,
    two!,
    progressOf(4, {matchIndex: 100n - lag, lag, entriesPerSecond: 50, caughtUp: lag === 0n}),
  ]
  leader.progress = behind(90n)
  const seen: CatchUp[] = []

  const change = await promoteMember(client, '4', {
    wait: true,
    onProgress: catchUp => {
      seen.push(catchUp)
      leader.progress = behind(seen.length < 2 ? 45n : 0n)
    },
  })

  expect(seen.map(({gap}) => gap)).toEqual([90, 45, 0])
  expect(seen[0]!.etaMs).toBeNull()
  expect(seen[1]!.etaMs).toBeGreaterThan(0)
  expect(asked).toEqual(['promote'])
  expect(change).toMatchObject({changed: true, role: 'voter', after: {voters: 4}})
})

test('a learner that does not catch up in time stays one, and the hint says how to go on', async () => {
  const {cluster, client, leader} = await started(4)
  cluster.learners = [4]
  leader.progress = leader.progress.map(peer => (peer.id === 4n ? {...peer, lag: 7n} : peer))

  const error = await errorOf(promoteMember(client, '4', {wait: true, waitMs: 100}))

  expect(error).toMatchObject({
    code: 'RAFTCTL_TIMED_OUT',
    details: {memberId: 4, gap: 7},
    hint: 'Run "raftctl member promote 4 --wait" to go on.',
  })
})

test('promoting a voter changes nothing', async () => {
  const {client} = await started()

  expect(await promoteMember(client, '2')).toMatchObject({changed: false, role: 'voter'})
})

test('a removal is read back from the members that are left', async () => {
  const {cluster, client, leader} = await started()
  const asked = obedient(cluster, leader)

  const change = await removeMember(client, 'n3')

  expect(asked).toEqual(['remove'])
  expect(change).toMatchObject({
    changed: true,
    memberId: 3,
    role: null,
    before: {voters: 3},
    after: {voters: 2, quorum: 2, failureTolerance: 0},
    verifiedBy: [1, 2],
  })
})

test('an id that was removed before is gone already', async () => {
  const {cluster, client} = await started()
  cluster.nextMemberId = 9

  expect(await removeMember(client, '7')).toMatchObject({changed: false, memberId: 7, role: null})
  expect(await codeOf(removeMember(client, '9'))).toBe('RAFTCTL_MEMBER_NOT_FOUND')
})

test('leadership goes to no learner, and to its holder without a change', async () => {
  const {cluster, client} = await started(4)
  cluster.learners = [4]

  expect(await codeOf(transferLeadership(client, '4'))).toBe('RAFTCTL_REFUSED')
  expect(await transferLeadership(client, '1')).toMatchObject({changed: false, from: 1, to: 1})
})
