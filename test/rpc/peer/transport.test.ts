import * as grpc from '@grpc/grpc-js'
import {afterEach, describe, expect, test} from 'vitest'
import {encodeEntry} from '../../../src/raft/entry.js'
import type {Message} from '../../../src/raft/messages.js'
import {groupId, logIndex, nodeId, ORIGIN, term} from '../../../src/raft/types.js'
import {type PeerFrame, PeerServiceClient} from '../../../src/rpc/gen/raftctl/v1/peer.js'
import {batchFrame} from '../../../src/rpc/peer/stream.js'
import {fromServiceError, type StatusLike} from '../../../src/rpc/status.js'
import {type FakeNode, startCluster, startFake, stopAll} from '../cluster-of-fakes.js'
import {FakeHost} from '../fake-host.js'
import {identityOf, membershipOf, until} from '../support.js'

afterEach(stopAll)

function heartbeat(from: number, to: number, round: number): Message {
  return {
    kind: 'heartbeat',
    groupId: groupId(1),
    from: nodeId(from),
    to: nodeId(to),
    term: term(1),
    commitIndex: logIndex(0),
    readRound: round,
  }
}

const rounds = (node: FakeNode) =>
  node.host.runtime!.stepped.map(message => (message.kind === 'heartbeat' ? message.readRound : -1))

const stateOf = (node: FakeNode, id: number) => node.transport.connections().get(nodeId(id))?.state

async function connected(nodes: FakeNode[]): Promise<void> {
  await until('everybody is connected', () =>
    nodes.every(node =>
      [...node.transport.connections().values()].every(({state}) => state === 'connected'),
    ),
  )
}

describe('the round trip', () => {
  test('of every connected peer is measured', async () => {
    const [nodes] = await startCluster(3)

    await until('each has been asked', () =>
      nodes.every(({transport}) =>
        [...transport.connections().values()].every(({roundTripMs}) => roundTripMs !== undefined),
      ),
    )

    expect(nodes[0]!.transport.roundTrip.count).toBeGreaterThanOrEqual(2)
    expect(nodes[0]!.transport.roundTrip.recent(performance.now()).maxMs).toBeGreaterThan(0)
  })
})

describe('messages', () => {
  test('arrive in the order in which they were sent, in both directions at once', async () => {
    const [[a, b, c]] = await startCluster(3)
    await connected([a!, b!, c!])
    const order = Array.from({length: 500}, (_, i) => i)

    for (const i of order) {
      a!.transport.send([heartbeat(1, 2, i), heartbeat(1, 3, i)])
      b!.transport.send([heartbeat(2, 1, i)])
      if (i % 50 === 0) await new Promise(resolve => setImmediate(resolve))
    }

    await until('all are there', () => rounds(b!).length + rounds(c!).length === 1000)
    await until('all are there', () => rounds(a!).length === 500)
    expect([rounds(a!), rounds(b!), rounds(c!)]).toEqual([order, order, order])
  })

  test('larger than one batch arrive whole, entries intact', async () => {
    const [[a, b]] = await startCluster(2)
    await connected([a!, b!])
    const data = Buffer.alloc(700_000, 7)
    const entries = [1, 2, 3, 4].map(i => encodeEntry(logIndex(i), term(1), 'command', data))
    const append: Message = {
      kind: 'append-entries',
      groupId: groupId(1),
      from: nodeId(1),
      to: nodeId(2),
      term: term(1),
      prev: ORIGIN,
      entries,
      commitIndex: logIndex(4),
    }

    a!.transport.send([append, heartbeat(1, 2, 1), append])

    const got = b!.host.runtime!.stepped
    await until('all three are there', () => got.length === 3)
    const records = got.flatMap(message =>
      message.kind === 'append-entries'
        ? message.entries.map(entry => Buffer.from(entry.record))
        : [],
    )
    expect(records.length).toBe(8)
    expect(records.every((record, i) => record.equals(entries[i % 4]!.record))).toBe(true)
  })

  test('reach a peer that was started again on the same port', async () => {
    const [[a, b], membership] = await startCluster(2)
    await connected([a!, b!])
    await b!.stop()
    await until('the loss is noticed', () => stateOf(a!, 2) !== 'connected')
    const again = new FakeHost()
    again.belong(identityOf(2), membership)

    const b2 = await startFake(b!.address, again)
    b2.transport.setMembership(membership)

    await connected([a!, b2])
    a!.transport.send([heartbeat(1, 2, 7)])
    b2.transport.send([heartbeat(2, 1, 8)])
    await until('both arrive', () => rounds(a!).includes(8) && rounds(b2).includes(7))
  })

  test('for a peer that is away do not pile up, and the latest are kept', async () => {
    const [[a, b], membership] = await startCluster(2)
    await b!.stop()
    await until('the loss is noticed', () => stateOf(a!, 2) !== 'connected')

    for (let i = 0; i < 10_000; i++) a!.transport.send([heartbeat(1, 2, i)])

    expect(a!.transport.connections().get(nodeId(2))!.queuedBytes).toBeLessThan(10_000)
    const again = new FakeHost()
    again.belong(identityOf(2), membership)
    const b2 = await startFake(b!.address, again)
    await until('the latest arrives', () => rounds(b2).includes(9999))
    expect(rounds(b2).length).toBeLessThanOrEqual(64)
  })

  test('reach a node that opened a stream though the membership does not name it', async () => {
    const [[a], membership] = await startCluster(1)
    const stranger = await startFake()
    stranger.host.belong(identityOf(9), membership)
    stranger.transport.setMembership(membership)
    await connected([stranger])
    stranger.transport.send([heartbeat(9, 1, 1)])
    await until('the stranger is heard', () => rounds(a!).length === 1)

    a!.transport.send([heartbeat(1, 9, 2)])

    await until('the stranger is answered', () => rounds(stranger).includes(2))
  })

  test('still reach a member just after its removal', async () => {
    const [[a, b], membership] = await startCluster(2)
    await connected([a!, b!])

    a!.transport.setMembership({...membershipOf([a!.address], 2), nextMemberId: 3})
    a!.transport.send([heartbeat(1, 2, 1)])

    await until('it is told', () => rounds(b!).includes(1))
    expect(a!.transport.connections().size).toBe(0)
    expect(membership.members.length).toBe(2)
  })

  test('follow a member to its new address', async () => {
    const [[a, b], membership] = await startCluster(2)
    await connected([a!, b!])
    await b!.stop()
    const moved = new FakeHost()
    moved.belong(identityOf(2), membership)
    const b2 = await startFake('127.0.0.1:0', moved)

    a!.transport.setMembership(membershipOf([a!.address, b2.address], 2))

    await connected([a!])
    a!.transport.send([heartbeat(1, 2, 3)])
    await until('it arrives', () => rounds(b2).includes(3))
  })
})

describe('a connection is refused by name', () => {
  async function pair(change: (b: FakeHost) => void): Promise<FakeNode> {
    const [a, b] = [await startFake(), await startFake()]
    const membership = membershipOf([a!.address, b!.address])
    a!.host.belong(identityOf(1), membership)
    change(b!.host)
    a!.transport.setMembership(membership)
    return a!
  }

  const cases: [string, (b: FakeHost) => void, string, string][] = [
    ['by a pristine node', () => {}, 'blank-data', 'RAFTCTL_BLANK_DATA'],
    [
      'by a node of another cluster',
      b => b.belong(identityOf(2, 'c2')),
      'wrong-cluster',
      'RAFTCTL_WRONG_CLUSTER',
    ],
    [
      'by the same node on another disk',
      b => b.belong({...identityOf(2), storeId: 'another'}),
      'wrong-store',
      'RAFTCTL_WRONG_STORE',
    ],
    ['by another node', b => b.belong(identityOf(3)), 'wrong-store', 'RAFTCTL_WRONG_STORE'],
    [
      'by a removed node',
      b => {
        b.belong(identityOf(2))
        b.removed = true
      },
      'removed',
      'RAFTCTL_MEMBER_REMOVED',
    ],
  ]

  for (const [who, change, state, code] of cases) {
    test(who, async () => {
      const a = await pair(change)

      await until('it is refused', () => stateOf(a, 2) === state)
      expect(a.transport.connections().get(nodeId(2))).toMatchObject({state, code})
    })
  }

  test('where the membership names no address, and the others are still reached', async () => {
    const [[a, b]] = await startCluster(2)

    a!.transport.setMembership(membershipOf([a!.address, b!.address, ''], 2))

    await until('the other is connected', () => stateOf(a!, 2) === 'connected')
    expect(stateOf(a!, 3)).toBe('refused')
  })

  test('where nothing listens', async () => {
    const [a, gone] = [await startFake(), await startFake()]
    await gone.stop()
    a.host.belong(identityOf(1))

    a.transport.setMembership(membershipOf([a.address, gone.address]))

    await until('it is refused', () => stateOf(a, 2) === 'refused')
  })

  test('to a second process with an identity that is live', async () => {
    const [[a, b], membership] = await startCluster(2)
    await connected([a!, b!])
    const twin = await startFake()
    twin.host.belong(identityOf(2), membership)

    twin.transport.setMembership(membership)

    await until('the twin is refused', () => stateOf(twin, 1) === 'wrong-store')
    twin.transport.send([heartbeat(2, 1, 666)])
    b!.transport.send([heartbeat(2, 1, 1)])
    await until('the first is still heard', () => rounds(a!).includes(1))
    expect(rounds(a!)).not.toContain(666)
  })

  test('until the pristine node has joined, and then no longer', async () => {
    const [a, b] = [await startFake(), await startFake()]
    const membership = membershipOf([a.address, b.address])
    a.host.belong(identityOf(1), membership)
    a.transport.setMembership(membership)
    await until('it is refused', () => stateOf(a, 2) === 'blank-data')

    b.host.belong(identityOf(2), membership)

    await connected([a])
  })
})

describe('what no peer would send ends the stream with an error and changes nothing:', () => {
  const from = {...identityOf(2), nodeId: 2n, processNonce: 'p', address: 'h:1'}
  const hello: PeerFrame = {
    body: {$case: 'hello', value: {from, toNodeId: 1n, toStoreId: 's1'}},
  }
  const beat = batchFrame([heartbeat(2, 1, 1) as never])
  const cases: [string, PeerFrame[], string][] = [
    ['a batch before the hello', [beat], 'RAFTCTL_USAGE'],
    ['an empty frame', [{body: undefined}], 'RAFTCTL_USAGE'],
    ['a second hello', [hello, hello], 'RAFTCTL_USAGE'],
    [
      'a message in another name',
      [hello, batchFrame([heartbeat(3, 1, 1) as never])],
      'RAFTCTL_USAGE',
    ],
    ['a message for another', [hello, batchFrame([heartbeat(2, 3, 1) as never])], 'RAFTCTL_USAGE'],
    [
      'one bad message among good ones',
      [hello, batchFrame([heartbeat(2, 1, 1), heartbeat(3, 1, 2)] as never[])],
      'RAFTCTL_USAGE',
    ],
    [
      'a hello without an identity',
      [{body: {$case: 'hello', value: {from: undefined, toNodeId: 1n, toStoreId: ''}}}],
      'RAFTCTL_USAGE',
    ],
  ]

  for (const [what, frames, code] of cases) {
    test(what, async () => {
      const [[a]] = await startCluster(1)
      const client = new PeerServiceClient(a!.address, grpc.credentials.createInsecure())
      const call = client.exchange()
      call.on('data', () => {})
      const failed = new Promise<StatusLike>(resolve => call.once('error', resolve as never))
      call.on('error', () => {})

      for (const frame of frames) call.write(frame)

      expect(fromServiceError(await failed)).toMatchObject({code})
      expect(a!.host.runtime!.stepped).toEqual([])
      client.close()
    })
  }

  test('bytes that are no message', async () => {
    const [[a]] = await startCluster(1)
    const client = new grpc.Client(a!.address, grpc.credentials.createInsecure())
    const call = client.makeBidiStreamRequest(
      '/raftctl.v1.PeerService/Exchange',
      (bytes: Buffer) => bytes,
      bytes => bytes,
    )
    call.on('data', () => {})
    const failed = new Promise<StatusLike>(resolve => call.once('error', resolve as never))

    call.write(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff]))

    expect((await failed).code).toBe(grpc.status.INTERNAL)
    expect(a!.host.runtime!.stepped).toEqual([])
    client.close()
  })
})
