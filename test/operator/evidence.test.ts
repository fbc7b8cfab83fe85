import {afterEach, expect, test} from 'vitest'
import {ClusterClient} from '../../src/client/cluster-client.js'
import {diagnose} from '../../src/operator/doctor.js'
import {gatherEvidence} from '../../src/operator/evidence.js'
import {memberViews} from '../../src/operator/member-views.js'
import {moveLeadershipAway} from '../../src/operator/transfer-leadership.js'
import {codeOf, entry, startFakes} from '../client/fake-cluster.js'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

async function started(count = 3) {
  const cluster = await startFakes(count)
  const client = new ClusterClient({endpoints: cluster.addresses, timeoutMs: 2000})
  cleanups.push(
    () => client.close(),
    () => cluster.stop(),
  )
  for (const node of cluster.nodes) {
    node.entries = [1, 2, 3].map(entry)
    node.commitIndex = 3
  }
  return {cluster, client, options: {endpoints: cluster.addresses, clusterId: undefined}}
}

test('every node is asked, also those that only the membership names', async () => {
  const {cluster, client, options} = await started()

  const evidence = await gatherEvidence(client, {...options, endpoints: [cluster.addresses[1]!]})

  expect(evidence.nodes.map(({nodeId}) => nodeId).sort()).toEqual([1, 2, 3])
  expect(evidence.answers.filter(({configured}) => configured)).toHaveLength(1)
  expect(evidence.comparisons.map(({kind}) => kind)).toEqual(['compared', 'compared'])
})

test('a second cluster among the endpoints is found', async () => {
  const {client, options} = await started()
  const other = await startFakes(1, 'c2')
  cleanups.push(() => other.stop())
  const endpoints = [...options.endpoints, ...other.addresses]

  const {findings} = await diagnose(client, {...options, endpoints})

  expect(findings).toContainEqual(
    expect.objectContaining({check: 'one-cluster', severity: 'error', exit: 10}),
  )
})

test('a diverged log is found, and at which entry', async () => {
  const {cluster, client, options} = await started()
  cluster.nodes[2]!.entries[1] = {...entry(2), data: Buffer.from('else')}

  const {findings} = await diagnose(client, options)

  expect(findings[0]).toMatchObject({
    check: 'log',
    exit: 14,
    problem: 'members 1 and 3 differ in the committed entry 2 (terms 1 and 1)',
  })
})

test('a member that is dead is found, and the others are looked at all the same', async () => {
  const {cluster, client, options} = await started()
  cluster.nodes[2]!.kill()

  const {findings, checks} = await diagnose(client, options)

  expect(findings[0]).toMatchObject({check: 'members', memberId: 3, severity: 'error'})
  expect(checks.find(({check}) => check === 'log')?.state).toBe('ok')
})

test('when nobody answers there is nothing to examine', async () => {
  const {cluster, client, options} = await started()
  cluster.stop()

  expect(await codeOf(diagnose(client, options))).toBe('RAFTCTL_UNREACHABLE')
})

test("each member's own view is shown, and whether they agree", async () => {
  const {cluster, client} = await started()
  const agreed = await memberViews(client)
  cluster.nodes[1]!.term = 7

  const views = await memberViews(client)

  expect(agreed).toMatchObject({agreed: true, items: [{id: 1}, {id: 2}, {id: 3}]})
  expect(views.agreed).toBe(false)
  expect(views.items[1]).toMatchObject({id: 2, term: 7, raftRole: 'follower', voters: [1, 2, 3]})
})

test('leadership leaves the member that has it, and nobody else', async () => {
  const {client} = await started()

  const idle = await moveLeadershipAway(client, '2', undefined)
  const moved = await moveLeadershipAway(client, '1', '3')
  const again = await moveLeadershipAway(client, '1', undefined)

  expect(idle).toMatchObject({changed: false, to: 1})
  expect(moved).toMatchObject({changed: true, from: 1, to: 3})
  expect(again).toMatchObject({changed: false, to: 3})
})
