import {randomBytes} from 'node:crypto'
import {connect} from 'node:http2'
import * as grpc from '@grpc/grpc-js'
import {afterEach, describe, expect, test} from 'vitest'
import type {InstallSnapshot} from '../../../src/raft/messages.js'
import {groupId, logIndex, nodeId, term} from '../../../src/raft/types.js'
import {membershipToWire} from '../../../src/rpc/codec.js'
import {
  PeerServiceClient,
  type SnapshotFrame,
  SnapshotFrame as SnapshotFrames,
} from '../../../src/rpc/gen/raftctl/v1/peer.js'
import {fromServiceError, type StatusLike} from '../../../src/rpc/status.js'
import {type FakeNode, startCluster, stopAll} from '../cluster-of-fakes.js'
import {FakeSnapshots, idOf} from '../fake-snapshots.js'
import {until} from '../support.js'

afterEach(stopAll)

const CHUNK = 256 * 1024
/** Of a byte each, from a sender that reads no answer. */
const CHUNKS = 2000

async function twoNodes(): Promise<{
  a: FakeNode
  b: FakeNode
  from: FakeSnapshots
  to: FakeSnapshots
}> {
  const [[a, b], membership] = await startCluster(2)
  const [from, to] = [new FakeSnapshots(membership), new FakeSnapshots(membership)]
  a!.snapshots = from
  b!.snapshots = to
  return {a: a!, b: b!, from, to}
}

function install(index: number, membership: FakeSnapshots['membership']): InstallSnapshot {
  return {
    kind: 'install-snapshot',
    groupId: groupId(1),
    from: nodeId(1),
    to: nodeId(2),
    term: term(3),
    snapshot: {index: logIndex(index), term: term(1), membership},
  }
}

const installs = (node: FakeNode) =>
  node.host.runtime!.stepped.filter(message => message.kind === 'install-snapshot')

test('a snapshot arrives whole, and only then is it stepped', async () => {
  const {a, b, from, to} = await twoNodes()
  from.add(10, randomBytes(3 * CHUNK + 17))
  const message = install(10, from.membership)
  let early = 0
  to.beforeWrite = async () => {
    early += installs(b).length
  }

  await a.transport.sendSnapshot(nodeId(2), message)

  expect(to.files.get(idOf(10))!.bytes.equals(from.files.get(idOf(10))!.bytes)).toBe(true)
  expect(installs(b)).toEqual([message])
  expect(early).toBe(0)
})

test('the newest snapshot goes, whichever was asked for', async () => {
  const {a, b, from} = await twoNodes()
  from.add(10, randomBytes(100))
  from.add(20, randomBytes(100))

  await a.transport.sendSnapshot(nodeId(2), install(10, from.membership))

  expect(installs(b)).toEqual([install(20, from.membership)])
})

test('what was cut off is resumed where it ended', async () => {
  const {a, b, from, to} = await twoNodes()
  const {bytes} = from.add(10, randomBytes(8 * CHUNK))
  let left = 3
  to.beforeWrite = () => (left-- > 0 ? Promise.resolve() : Promise.reject(new Error('disk hiccup')))
  await expect(a.transport.sendSnapshot(nodeId(2), install(10, from.membership))).rejects.toThrow()
  to.beforeWrite = () => Promise.resolve()

  await a.transport.sendSnapshot(nodeId(2), install(10, from.membership))

  expect(from.reads).toEqual([0, 3 * CHUNK])
  expect(to.files.get(idOf(10))!.info.bytes).toBe(bytes)
  expect(installs(b).length).toBe(1)
})

test('at most four chunks are under way to a slow receiver', async () => {
  const {a, from, to} = await twoNodes()
  from.add(10, randomBytes(20 * CHUNK))
  let taken = 0
  let release = () => {}
  to.beforeWrite = () => {
    taken++
    return taken < 5
      ? Promise.resolve()
      : new Promise(resolve => {
          release = resolve
        })
  }
  const read = from.read.bind(from)
  let handedOut = 0
  from.read = async function* (...args) {
    for await (const chunk of read(...args)) {
      handedOut++
      yield chunk
    }
  }

  const sent = a.transport.sendSnapshot(nodeId(2), install(10, from.membership))
  await until('the receiver is stuck', () => taken === 5)
  await until('the sender is stuck too', () => handedOut === 8)

  expect(taken).toBe(5)
  to.beforeWrite = () => Promise.resolve()
  release()
  await sent
})

test('a damaged file is refused and nothing is stepped', async () => {
  const {a, b, from} = await twoNodes()
  from.add(10, randomBytes(100))
  from.files.get(idOf(10))!.bytes[5]! ^= 1

  const sent = a.transport.sendSnapshot(nodeId(2), install(10, from.membership))

  await expect(sent).rejects.toMatchObject({name: 'RaftctlError'})
  expect(installs(b)).toEqual([])
})

test('two calls for one peer are one transfer', async () => {
  const {a, b, from} = await twoNodes()
  from.add(10, randomBytes(1000))
  const message = install(10, from.membership)

  await Promise.all([
    a.transport.sendSnapshot(nodeId(2), message),
    a.transport.sendSnapshot(nodeId(2), message),
  ])

  expect(installs(b).length).toBe(1)
})

test('a transfer ends when its node stops', async () => {
  const {a, from, to} = await twoNodes()
  from.add(10, randomBytes(20 * CHUNK))
  let stuck = false
  let release = () => {}
  to.beforeWrite = () => {
    stuck = true
    return new Promise(resolve => {
      release = resolve
    })
  }
  const sent = a.transport.sendSnapshot(nodeId(2), install(10, from.membership))
  const outcome = expect(sent).rejects.toMatchObject({code: 'RAFTCTL_NODE_STOPPED'})
  await until('it is under way', () => stuck)

  await a.stop()

  await outcome
  release()
})

describe('over a hand-made stream', () => {
  function open(b: FakeNode) {
    const client = new PeerServiceClient(b.address, grpc.credentials.createInsecure())
    const call = client.installSnapshot()
    const progress: number[] = []
    call.on('data', answer => progress.push(Number(answer.offset)))
    const failed = new Promise<StatusLike>(resolve => call.on('error', resolve as never))
    return {call, progress, failed, close: () => client.close()}
  }

  function header(index: number, to: FakeSnapshots, fileBytes = 1000): SnapshotFrame {
    const from = {clusterId: 'c1', nodeId: 1n, storeId: 's1', processNonce: '', address: 'h:1'}
    return {
      body: {
        $case: 'header',
        value: {
          hello: {from: {...from, processNonce: nonce}, toNodeId: 2n, toStoreId: 's2'},
          groupId: 1n,
          term: 3n,
          snapshotId: idOf(index),
          snapshotIndex: BigInt(index),
          snapshotTerm: 1n,
          membership: membershipToWire(to.membership),
          fileBytes: BigInt(fileBytes),
        },
      },
    }
  }
  const chunk = (offset: number, bytes: number): SnapshotFrame => ({
    body: {$case: 'chunk', value: {offset: BigInt(offset), data: Buffer.alloc(bytes)}},
  })
  let nonce = ''

  /** As gRPC frames it. */
  function onTheWire(frame: SnapshotFrame): Buffer {
    const message = SnapshotFrames.encode(frame).finish()
    const prefix = Buffer.alloc(5)
    prefix.writeUInt32BE(message.length, 1)
    return Buffer.concat([prefix, message])
  }

  async function setUp() {
    const set = await twoNodes()
    nonce = set.a.host.processNonce
    return set
  }

  test('a newer snapshot ends an older one, which is let go first', async () => {
    const {b, to} = await setUp()
    const older = open(b)
    older.call.write(header(10, to))
    await until('the older is under way', () => older.progress.length === 1)

    const newer = open(b)
    newer.call.write(header(20, to))

    expect(fromServiceError(await older.failed)).toMatchObject({code: 'RAFTCTL_REFUSED'})
    await until('the newer is under way', () => newer.progress.length === 1)
    expect(to.aborted).toEqual([idOf(10)])
    older.close()
    newer.close()
  })

  test('an older snapshot is taken once nobody goes on with the newer one', async () => {
    const {b, to} = await setUp()
    const newer = open(b)
    newer.call.write(header(20, to))
    await until('the newer is under way', () => newer.progress.length === 1)
    newer.call.write(chunk(0, 100))
    await until('a part is here', () => newer.progress.at(-1) === 100)
    newer.call.cancel()
    await newer.failed

    const older = await takenUp(
      () => open(b),
      stream => stream.call.write(header(10, to)),
    )

    expect(to.aborted).toEqual([idOf(20)])
    older.close()
    newer.close()
  })

  test('a stream that is cut leaves its part for the next', async () => {
    const {b, to} = await setUp()
    const first = open(b)
    first.call.write(header(10, to))
    first.call.write(chunk(0, 100))
    await until('a part is here', () => first.progress.at(-1) === 100)
    first.call.cancel()
    await first.failed

    const second = await takenUp(
      () => open(b),
      stream => stream.call.write(header(10, to)),
    )

    expect([second.progress, to.aborted]).toEqual([[100], []])
    first.close()
    second.close()
  })

  /** The end of the stream before may still be on its way: tried until it is not. */
  async function takenUp(
    attempt: () => ReturnType<typeof open>,
    begin: (stream: ReturnType<typeof open>) => void,
  ) {
    for (;;) {
      const stream = attempt()
      begin(stream)
      let refused = false
      stream.failed.then(() => {
        refused = true
      })
      await until('an answer', () => refused || stream.progress.length === 1)
      if (!refused) return stream
      stream.close()
    }
  }

  test('a sender that reads no answer is cut all the same when the node stops', async () => {
    const {b, to} = await setUp()
    let taken = 0
    to.beforeWrite = async () => {
      taken += 1
    }
    const session = connect(`http://${b.address}`, {settings: {initialWindowSize: 512}})
    session.on('error', () => {})
    const stream = session.request({
      ':method': 'POST',
      ':path': '/raftctl.v1.PeerService/InstallSnapshot',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    stream.on('error', () => {})
    stream.write(onTheWire(header(10, to, CHUNKS)))
    for (let at = 0; at < CHUNKS; at++) stream.write(onTheWire(chunk(at, 1)))
    // As soon as its answers fill the window, it takes no more.
    let before = -1
    await until('it is stuck', () => {
      const stuck = taken > 0 && taken === before
      before = taken
      return stuck
    })

    const began = performance.now()
    await b.stop()

    expect(taken).toBeLessThan(CHUNKS)
    expect(performance.now() - began).toBeLessThan(5000)
    session.destroy()
  })

  test('an older snapshot does not end a newer one', async () => {
    const {b, to} = await setUp()
    const newer = open(b)
    newer.call.write(header(20, to))
    await until('the newer is under way', () => newer.progress.length === 1)

    const older = open(b)
    older.call.write(header(10, to))

    expect(fromServiceError(await older.failed)).toMatchObject({code: 'RAFTCTL_REFUSED'})
    newer.call.write(chunk(0, 100))
    await until('the newer goes on', () => newer.progress.at(-1) === 100)
    older.close()
    newer.close()
  })

  const bad: [string, (to: FakeSnapshots) => SnapshotFrame[]][] = [
    ['a chunk before the header', () => [chunk(0, 10)]],
    ['a chunk that leaves a hole', to => [header(10, to), chunk(5, 10)]],
    ['a chunk beyond the end', to => [header(10, to), chunk(0, 1001)]],
    ['an empty chunk', to => [header(10, to), chunk(0, 0)]],
    ['a second header', to => [header(10, to), header(10, to)]],
    [
      'an id that is a path',
      to => {
        const frame = header(10, to)
        if (frame.body?.$case === 'header') frame.body.value.snapshotId = '../../../etc/passwd'
        return [frame]
      },
    ],
  ]

  for (const [what, frames] of bad) {
    test(`${what} is refused and changes nothing`, async () => {
      const {b, to} = await setUp()
      const stream = open(b)

      for (const frame of frames(to)) stream.call.write(frame)

      expect(fromServiceError(await stream.failed)).toMatchObject({code: 'RAFTCTL_USAGE'})
      expect([installs(b), to.list()]).toEqual([[], []])
      stream.close()
    })
  }
})
