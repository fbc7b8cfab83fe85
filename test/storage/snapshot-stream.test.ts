import {expect, test} from 'vitest'
import {RaftctlError} from '../../src/errors.js'
import {EMPTY_MEMBERSHIP} from '../../src/raft/membership.js'
import {groupId, logIndex, nodeId, term} from '../../src/raft/types.js'
import {SimFileSystem} from '../../src/sim/sim-file-system.js'
import {writeSnapshotFile} from '../../src/storage/snapshot-file.js'
import {SnapshotStreamCheck} from '../../src/storage/snapshot-stream.js'

const membership = {
  ...EMPTY_MEMBERSHIP,
  index: logIndex(1),
  members: [{id: nodeId(1), name: 'a', address: 'h:1', storeId: 's1', promoteWhenReady: false}],
  voters: [nodeId(1)],
  nextMemberId: 2,
}

async function snapshotOf(bytes: number): Promise<Uint8Array> {
  const fs = new SimFileSystem()
  const file = fs.open('/s', 'create')
  const meta = {index: logIndex(5), term: term(1), membership, createdMs: 1}
  async function* content() {
    if (bytes > 0) yield new Uint8Array(bytes).fill(7)
  }
  const header = {...meta, clusterId: 'c1', groupId: groupId(1)}
  await writeSnapshotFile(fs, file, header, content(), () => {})
  return fs.content('/s')
}

function check(content: Uint8Array, pieceBytes: number): number | RaftctlError {
  const stream = new SnapshotStreamCheck('the stream')
  try {
    for (let at = 0; at < content.length; at += pieceBytes) {
      stream.push(content.subarray(at, at + pieceBytes))
    }
    return stream.finish().index
  } catch (error) {
    expect(error).toBeInstanceOf(RaftctlError)
    return error as RaftctlError
  }
}

test('a whole snapshot passes, whatever the pieces are', async () => {
  for (const bytes of [0, 1, 65_536, 65_537, 200_000]) {
    const content = await snapshotOf(bytes)

    for (const pieceBytes of [997, 65_536, content.length]) {
      expect(check(content, pieceBytes)).toBe(5)
    }
  }
})

test('a snapshot that is cut at any byte, or goes on, does not pass', async () => {
  const content = await snapshotOf(100)

  for (let length = 0; length < content.length; length++) {
    expect(check(content.subarray(0, length), 64)).toMatchObject({code: 'RAFTCTL_DATA_DAMAGED'})
  }
  expect(check(Buffer.concat([content, Buffer.alloc(1)]), 64)).toMatchObject({
    code: 'RAFTCTL_DATA_DAMAGED',
  })
})

test('a flipped bit anywhere does not pass', async () => {
  const content = await snapshotOf(100)
  for (let bit = 0; bit < content.length * 8; bit++) {
    const flipped = content.slice()
    flipped[bit >> 3]! ^= 1 << (bit & 7)

    expect(check(flipped, 128)).toMatchObject({
      code: expect.stringMatching(/DATA_DAMAGED|FORMAT_NEWER/),
    })
  }
})
