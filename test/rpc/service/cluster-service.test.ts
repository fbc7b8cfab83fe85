import * as grpc from '@grpc/grpc-js'
import {afterEach, describe, expect, test} from 'vitest'
import type {RaftctlError} from '../../../src/errors.js'
import {EMPTY_MEMBERSHIP, NO_ORIGIN} from '../../../src/raft/membership.js'
import {logIndex, nodeId, term} from '../../../src/raft/types.js'
import {membershipToWire} from '../../../src/rpc/codec.js'
import {
  ClusterServiceClient,
  type InitialiseResponse,
  type JoinRequest,
  type MembershipHistoryResponse,
  type StatusResponse,
} from '../../../src/rpc/gen/raftctl/v1/cluster.js'
import {fromServiceError} from '../../../src/rpc/status.js'
import {type FakeNode, startCluster, startFake, stopAll} from '../cluster-of-fakes.js'
import {identityOf, membershipOf, until} from '../support.js'

const clients: grpc.Client[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await stopAll()
})

function call<Response>(
  node: FakeNode,
  start: (
    client: ClusterServiceClient,
    done: (error: grpc.ServiceError | null, response: Response) => void,
  ) => void,
): Promise<Response> {
  const client = new ClusterServiceClient(node.address, grpc.credentials.createInsecure())
  clients.push(client)
  return new Promise((resolve, reject) => {
    start(client, (error, response) =>
      error ? reject(fromServiceError(error)) : resolve(response),
    )
  })
}

interface Asked {
  clusterId?: string
  addresses?: string[]
  timeMs?: number
}

function initialise(node: FakeNode, nodes: FakeNode[], asked: Asked = {}) {
  const {clusterId = 'c1', addresses = nodes.map(({address}) => address), timeMs = 5} = asked
  const voters = addresses.map((address, i) => ({
    id: 0n,
    name: `n-${i + 1}`,
    address,
    storeId: '',
    promoteWhenReady: false,
  }))
  const origin = {timeMs: BigInt(timeMs), actor: 'me', reason: 'test'}
  return call<InitialiseResponse>(node, (client, done) => {
    client.initialise({clusterId, voters, origin}, done)
  })
}

const status = (node: FakeNode) =>
  call<StatusResponse>(node, (client, done) => client.status({}, done))

const three = () => Promise.all([startFake(), startFake(), startFake()])

function expectOneBeginning(nodes: FakeNode[]) {
  const records = nodes.map(({host}) => Buffer.from(host.joins[0]!.firstRecord!).toString('hex'))
  expect(new Set(records).size).toBe(1)
  nodes.forEach(({host}, i) => {
    expect(host.joins.length).toBe(1)
    expect(host.identity).toEqual({clusterId: 'c1', nodeId: i + 1, storeId: host.storeId})
  })
}

describe('initialising', () => {
  test('gives three pristine nodes their places and one and the same first entry', async () => {
    const nodes = await three()

    const answer = await initialise(nodes[1], nodes)

    expect(answer).toEqual({clusterId: 'c1', nodeId: 2n})
    expectOneBeginning(nodes)
    expect(nodes[0].host.runtime!.membership).toMatchObject({
      index: 1,
      voters: [1, 2, 3],
      nextMemberId: 4,
      members: nodes.map(({host, address}, i) => ({
        id: i + 1,
        name: `n-${i + 1}`,
        address,
        storeId: host.storeId,
      })),
    })
  })

  test('makes a cluster of one', async () => {
    const node = await startFake()

    await initialise(node, [node])

    expectOneBeginning([node])
  })

  test('twice under the same id is success and changes nothing', async () => {
    const nodes = await three()
    await initialise(nodes[0], nodes)

    const answer = await initialise(nodes[0], nodes, {timeMs: 999})

    expect(answer).toEqual({clusterId: 'c1', nodeId: 1n})
    expectOneBeginning(nodes)
  })

  test('that got half-way is completed, with the first entry that was begun with', async () => {
    const nodes = await three()
    nodes[2].host.failJoin = new Error('no disk')
    await expect(initialise(nodes[0], nodes)).rejects.toMatchObject({code: 'RAFTCTL_UNEXPECTED'})
    expect(nodes[0].host.identity).toBeUndefined()
    await until('node 2 has joined', () => nodes[1].host.identity !== undefined)
    nodes[2].host.failJoin = undefined

    await initialise(nodes[0], nodes, {timeMs: 999})

    expectOneBeginning(nodes)
  })

  test('that got half-way with a node since started anew is refused, naming it', async () => {
    const nodes = await three()
    nodes[2].host.failJoin = new Error('no disk')
    await initialise(nodes[0], nodes).catch(() => {})
    await until('node 2 has joined', () => nodes[1].host.identity !== undefined)
    nodes[2].host.failJoin = undefined
    nodes[2].host.storeId = 'another'

    const error = await initialise(nodes[0], nodes).catch((e: RaftctlError) => e)

    expect(error).toMatchObject({code: 'RAFTCTL_REFUSED'})
    expect((error as RaftctlError).message).toContain(nodes[2].address)
    expect(nodes[0].host.identity).toBeUndefined()
  })

  test('that got half-way, in a cluster that has since gone on, is refused', async () => {
    const nodes = await three()
    nodes[2].host.failJoin = new Error('no disk')
    await initialise(nodes[0], nodes).catch(() => {})
    await until('node 2 has joined', () => nodes[1].host.identity !== undefined)
    nodes[2].host.failJoin = undefined
    const runtime = nodes[1].host.runtime!
    runtime.membership = {...runtime.membership, index: logIndex(9)}

    await expect(initialise(nodes[0], nodes)).rejects.toMatchObject({code: 'RAFTCTL_REFUSED'})
    expect(nodes[0].host.identity).toBeUndefined()
  })

  test('that got half-way, with a node that has yet to apply its membership, may be repeated', async () => {
    const nodes = await three()
    nodes[2].host.failJoin = new Error('no disk')
    await initialise(nodes[0], nodes).catch(() => {})
    await until('node 2 has joined', () => nodes[1].host.identity !== undefined)
    nodes[2].host.failJoin = undefined
    const runtime = nodes[1].host.runtime!
    const {membership} = runtime
    runtime.membership = EMPTY_MEMBERSHIP
    await expect(initialise(nodes[0], nodes)).rejects.toMatchObject({
      code: 'RAFTCTL_CHANGE_IN_FLIGHT',
    })
    runtime.membership = membership

    await initialise(nodes[0], nodes)

    expectOneBeginning(nodes)
  })

  test('with a node of another cluster is refused, naming it, and nobody joins', async () => {
    const nodes = await three()
    nodes[2].host.belong(identityOf(7, 'c2'), membershipOf([nodes[2].address]))

    const error = await initialise(nodes[0], nodes).catch((e: RaftctlError) => e)

    expect(error).toMatchObject({
      code: 'RAFTCTL_NOT_PRISTINE',
      details: {address: nodes[2].address, clusterId: 'c2'},
    })
    expect([nodes[0].host.identity, nodes[1].host.identity]).toEqual([undefined, undefined])
  })

  test('a node that belongs to another cluster is refused', async () => {
    const nodes = await three()
    await initialise(nodes[0], nodes)

    await expect(initialise(nodes[0], nodes, {clusterId: 'c2'})).rejects.toMatchObject({
      code: 'RAFTCTL_NOT_PRISTINE',
    })
  })

  const bad: [string, (nodes: FakeNode[]) => Asked, string][] = [
    ['without voters', () => ({addresses: []}), 'RAFTCTL_REFUSED'],
    ['without the called node', n => ({addresses: [n[1]!.address]}), 'RAFTCTL_REFUSED'],
    [
      'with one node twice',
      n => ({
        addresses: [n[0]!.address, n[1]!.address, n[1]!.address.replace('127.0.0.1', 'localhost')],
      }),
      'RAFTCTL_REFUSED',
    ],
    ['with an address that is none', () => ({addresses: ['x']}), 'RAFTCTL_USAGE'],
    ['without a cluster id', () => ({clusterId: ''}), 'RAFTCTL_USAGE'],
  ]
  for (const [what, asked, code] of bad) {
    test(`${what} is refused and nobody joins`, async () => {
      const nodes = await three()

      await expect(initialise(nodes[0], nodes, asked(nodes))).rejects.toMatchObject({code})
      expect(nodes.map(({host}) => host.identity)).toEqual([undefined, undefined, undefined])
    })
  }

  test('with a node that is not there is refused, and nobody joins', async () => {
    const nodes = await three()
    await nodes[2].stop()

    await expect(initialise(nodes[0], nodes)).rejects.toMatchObject({code: 'RAFTCTL_UNREACHABLE'})
    expect([nodes[0].host.identity, nodes[1].host.identity]).toEqual([undefined, undefined])
  })

  test('from two sides at once ends with one cluster or none, never with two', async () => {
    const nodes = await three()

    await Promise.allSettled([
      initialise(nodes[0], nodes, {clusterId: 'c1', timeMs: 1}),
      initialise(nodes[0], nodes, {clusterId: 'c2', timeMs: 2}),
    ])

    const ids = new Set(nodes.map(({host}) => host.identity?.clusterId))
    expect(ids.size).toBe(1)
  })
})

describe('joining', () => {
  function request(node: FakeNode, change: Partial<JoinRequest> = {}): JoinRequest {
    const membership = membershipOf(['h:1', 'h:2', node.address], 7)
    const members = membership.members.map(member => ({...member}))
    members[2]!.storeId = node.host.storeId
    return {
      clusterId: 'c1',
      nodeId: 3n,
      storeId: node.host.storeId,
      membership: membershipToWire({...membership, members, origin: NO_ORIGIN}),
      firstRecord: Buffer.alloc(0),
      restores: Buffer.alloc(0),
      ...change,
    }
  }
  const join = (node: FakeNode, asked: JoinRequest) =>
    call(node, (client, done) => client.join(asked, done))

  test('gives a pristine node its place, and is success when repeated', async () => {
    const node = await startFake()

    await join(node, request(node))
    await join(node, request(node))

    expect(node.host.joins.length).toBe(1)
    expect(node.host.identity).toMatchObject({clusterId: 'c1', nodeId: 3})
    expect(node.host.joins[0]!.firstRecord).toBeUndefined()
  })

  test('with a snapshot is success when repeated, but not under what another made of it', async () => {
    const node = await startFake()
    const asked = request(node, {restores: Buffer.alloc(32)})
    const origin = {timeMs: 8n, actor: 'another operator', reason: ''}
    const other = {...asked, membership: {...asked.membership!, origin}}

    await join(node, asked)
    await join(node, asked)

    await expect(join(node, other)).rejects.toMatchObject({code: 'RAFTCTL_NOT_PRISTINE'})
    expect(node.host.joins.length).toBe(1)
  })

  const bad: [string, Partial<JoinRequest>, string][] = [
    ['another store', {storeId: 'other'}, 'RAFTCTL_USAGE'],
    ['an id that the membership does not name', {nodeId: 9n}, 'RAFTCTL_USAGE'],
    ['no membership', {membership: undefined}, 'RAFTCTL_USAGE'],
    ['a first record that is none', {firstRecord: Buffer.from('x')}, 'RAFTCTL_USAGE'],
  ]
  for (const [what, change, code] of bad) {
    test(`with ${what} is refused`, async () => {
      const node = await startFake()

      await expect(join(node, request(node, change))).rejects.toMatchObject({code})
      expect(node.host.identity).toBeUndefined()
    })
  }

  test('under the store of an earlier process is refused', async () => {
    const node = await startFake()
    const asked = request(node)
    node.host.storeId = 'drawn anew'

    await expect(join(node, asked)).rejects.toMatchObject({code: 'RAFTCTL_WRONG_STORE'})
  })

  test('a second place is refused', async () => {
    const node = await startFake()
    await join(node, request(node))

    await expect(join(node, request(node, {clusterId: 'c2'}))).rejects.toMatchObject({
      code: 'RAFTCTL_NOT_PRISTINE',
    })
  })
})

describe('status', () => {
  test('of a pristine node says so', async () => {
    const node = await startFake()

    expect(await status(node)).toMatchObject({
      role: 'pristine',
      clusterId: '',
      nodeId: 0n,
      storeId: node.host.storeId,
      address: node.address,
      version: '0.0.0-test',
      membership: undefined,
    })
  })

  test('shows each connection', async () => {
    const [[a, b]] = await startCluster(2)
    await until('they are connected', () =>
      [...a!.transport.connections().values()].every(({state}) => state === 'connected'),
    )

    const {connections, role} = await status(a!)

    expect(role).toBe('follower')
    expect(connections).toEqual([
      {
        id: BigInt(nodeId(2)),
        address: b!.address,
        state: 'connected',
        queuedBytes: 0n,
        code: '',
        detail: '',
      },
    ])
  })

  test('of a removed node says so', async () => {
    const node = await startFake()
    node.host.belong(identityOf(1), membershipOf([node.address]))
    node.host.removed = true

    expect(await status(node)).toMatchObject({role: 'removed'})
  })
})

test('changes on a pristine node are refused', async () => {
  const node = await startFake()

  await expect(
    call(node, (client, done) => client.transferLeadership({target: 0n}, done)),
  ).rejects.toMatchObject({code: 'RAFTCTL_NOT_INITIALISED'})
})

describe('the history of the membership', () => {
  const history = (node: FakeNode, limit: number) =>
    call<MembershipHistoryResponse>(node, (client, done) => {
      client.membershipHistory({limit}, done)
    })

  test('is told oldest first, with who made each change, or only the newest of it', async () => {
    const [[node]] = await startCluster(1)
    const membership = membershipOf([node!.address])
    node!.host.history = [3, 7, 9].map(index => ({
      index: logIndex(index),
      term: term(2),
      membership: {
        ...membership,
        index: logIndex(index),
        origin: {timeMs: 5, actor: 'me@here', reason: `change ${index}`},
      },
    }))

    const all = await history(node!, 0)
    const newest = await history(node!, 2)

    const told = ({changes}: MembershipHistoryResponse) =>
      changes.map(change => [change.membership?.index, change.membership?.origin?.reason])
    expect(told(all)).toEqual([
      [3n, 'change 3'],
      [7n, 'change 7'],
      [9n, 'change 9'],
    ])
    expect(told(newest)).toEqual(told(all).slice(1))
    expect(all.changes[0]).toMatchObject({term: 2n, membership: {origin: {actor: 'me@here'}}})
  })

  test('is nothing that a pristine node has', async () => {
    const node = await startFake()

    await expect(history(node, 0)).rejects.toMatchObject({code: 'RAFTCTL_NOT_INITIALISED'})
  })
})
