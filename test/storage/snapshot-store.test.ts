import {describe, expect, test} from 'vitest'
import {RaftctlError} from '../../src/errors.js'
import type {StateSnapshot} from '../../src/node/ports.js'
import type {Membership} from '../../src/raft/membership.js'
import {EMPTY_MEMBERSHIP} from '../../src/raft/membership.js'
import {groupId, logIndex, nodeId, term} from '../../src/raft/types.js'
import {SimFileSystem} from '../../src/sim/sim-file-system.js'
import {openSnapshotStore} from '../../src/storage/snapshot-store.js'
import {seededRandom} from './log-helpers.js'

const DIRECTORY = '/data/snapshots'
const OPTIONS = {clusterId: 'c1', groupId: groupId(1), wallMs: () => 1234, keep: 3}

const membership: Membership = {
  ...EMPTY_MEMBERSHIP,
  index: logIndex(1),
  members: [{id: nodeId(1), name: 'a', address: 'h:1', storeId: 's1', promoteWhenReady: false}],
  voters: [nodeId(1)],
  nextMemberId: 2,
}

function source(index: number, bytes: number, inTerm = 1): StateSnapshot {
  const content = new Uint8Array(bytes)
  for (let i = 0; i < bytes; i++) content[i] = (i * (index + 7)) >> 3
  async function* pieces() {
    for (let at = 0; at < bytes; at += 10_000) yield content.subarray(at, at + 10_000)
  }
  return {
    meta: {index: logIndex(index), term: term(inTerm), membership},
    content: pieces(),
    close: () => {},
  }
}

async function open(fs = new SimFileSystem(), options = OPTIONS) {
  const store = await openSnapshotStore(fs, DIRECTORY, options)
  return {fs, store, unusable: store.unusable()}
}

async function isSame(one: AsyncIterable<Uint8Array>, other: AsyncIterable<Uint8Array>) {
  return (await gather(one)).equals(await gather(other))
}

async function gather(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of content) pieces.push(piece.slice())
  return Buffer.concat(pieces)
}

describe('a snapshot that is made', () => {
  for (const bytes of [0, 1, 65_536, 65_537, 300_000]) {
    test(`is read back whole with ${bytes} bytes of content, also after a crash`, async () => {
      const {fs, store} = await open()

      const info = await store.create(source(7, bytes))
      fs.crash()
      const {store: again, unusable} = await open(fs)

      expect(unusable).toEqual([])
      expect(again.list()).toEqual([info])
      expect(info).toEqual({
        id: '0000000000000001-0000000000000007',
        index: 7,
        term: 1,
        membership,
        createdMs: 1234,
        bytes: fs.content(`${DIRECTORY}/${info.id}.snap`).length,
      })
      expect(await isSame(again.content(info.id), source(7, bytes).content)).toBe(true)
    })
  }

  test('takes the place of the oldest beyond the limit', async () => {
    const {fs, store} = await open()

    for (const index of [5, 9, 12, 40]) await store.create(source(index, 100))

    expect(store.list().map(info => info.index)).toEqual([9, 12, 40])
    expect(store.latest()?.index).toBe(40)
    expect(fs.list(DIRECTORY)).toEqual(store.list().map(info => `${info.id}.snap`))
  })

  test('is not made twice', async () => {
    const {store} = await open()
    const first = await store.create(source(5, 100))

    expect(await store.create(source(5, 100))).toEqual(first)
    expect(store.list()).toHaveLength(1)
  })

  test('is made one at a time', async () => {
    const {store} = await open()
    const first = store.create(source(5, 100_000))

    await expect(store.create(source(6, 100))).rejects.toMatchObject({
      code: 'RAFTCTL_CHANGE_IN_FLIGHT',
    })
    expect((await first).index).toBe(5)
  })

  test('leaves nothing behind when its source fails', async () => {
    const {fs, store} = await open()
    async function* failing() {
      yield new Uint8Array(100_000)
      throw new Error('the state is gone')
    }

    const creating = store.create({...source(5, 0), content: failing()})

    await expect(creating).rejects.toThrow('the state is gone')
    expect(fs.list(DIRECTORY)).toEqual([])
    expect((await store.create(source(5, 10))).index).toBe(5)
  })

  test('is given up once its signal is aborted, while it is written or read back', async () => {
    for (const pieces of [1, 7]) {
      const {fs, store} = await open()
      const stop = new AbortController()
      let given = 0
      async function* content() {
        for await (const piece of source(5, 70_000).content) {
          yield piece
          if (++given === pieces) stop.abort(new Error('stopping'))
        }
      }

      const creating = store.create({...source(5, 0), content: content()}, stop.signal)

      await expect(creating).rejects.toThrow('stopping')
      expect(given).toBe(pieces)
      expect([fs.list(DIRECTORY), store.list()]).toEqual([[], []])
      expect((await store.create(source(5, 10))).index).toBe(5)
    }
  })

  test('is whole or absent after a crash at any operation, or a failure of any', async () => {
    for (const isCrash of [true, false]) {
      for (let nth = 1; ; nth++) {
        let count = 0
        let isOn = false
        const fs = new SimFileSystem({
          random: seededRandom(nth),
          fault: () => {
            if (!isOn) return undefined
            count++
            const hits = isCrash ? count >= nth : count === nth
            return hits ? new RaftctlError('RAFTCTL_INPUT_OUTPUT', 'EIO') : undefined
          },
        })
        const {store} = await open(fs)
        const before = [await store.create(source(1, 100)), await store.create(source(2, 100))]
        before.push(await store.create(source(3, 100)))
        isOn = true
        const made = await store.create(source(4, 200_000)).catch(() => undefined)
        isOn = false
        if (count < nth) break
        if (isCrash) fs.crash()

        const {store: again, unusable} = await open(fs)

        expect(unusable).toEqual([])
        expect(fs.list(DIRECTORY).every(name => name.endsWith('.snap'))).toBe(true)
        const ids = again.list().map(info => info.id)
        expect(ids).toEqual(expect.arrayContaining(before.slice(1).map(info => info.id)))
        if (made !== undefined) expect(ids).toContain(made.id)
        for (const {id, index} of again.list()) {
          const bytes = index === 4 ? 200_000 : 100
          expect(await isSame(again.content(id), source(index, bytes).content)).toBe(true)
        }
      }
    }
  })
})

describe('a damaged snapshot', () => {
  test('is not listed, or fails when read, whatever bit is flipped', async () => {
    const {fs, store} = await open()
    const {id} = await store.create(source(7, 100))
    const path = `${DIRECTORY}/${id}.snap`
    const whole = fs.content(path)
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = whole.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      fs.overwrite(path, flipped)

      const {store: again, unusable} = await open(fs)

      if (again.list().length === 0) expect(unusable).toMatchObject([{file: path}])
      else {
        await expect(gather(again.content(id))).rejects.toMatchObject({
          code: 'RAFTCTL_DATA_DAMAGED',
        })
      }
    }
  })

  test('is not sent, whatever bit is flipped under a running node, and nobody is given it again', async () => {
    const {fs, store} = await open()
    const {id} = await store.create(source(7, 100))
    const path = `${DIRECTORY}/${id}.snap`
    const whole = fs.content(path)
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = whole.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      fs.overwrite(path, whole)
      const told: string[] = []
      const options = {...OPTIONS, onUnusable: ({file}: {file: string}) => told.push(file)}
      const {store: running} = await open(fs, options)
      fs.overwrite(path, flipped)

      const reading = gather(running.read(id, 0, 10_000))

      await expect(reading).rejects.toMatchObject({code: 'RAFTCTL_DATA_DAMAGED'})
      expect(running.list()).toEqual([])
      expect(running.unusable()).toMatchObject([{file: `${path}.damaged`}])
      expect(told).toEqual([`${path}.damaged`])
      expect((await open(fs)).unusable).toMatchObject([{file: `${path}.damaged`}])
      await running.remove(id)
      expect([fs.list(DIRECTORY), running.unusable()]).toEqual([[], []])
    }
  })

  test('is told from one that is gone, and may be made again beside it', async () => {
    const {fs, store} = await open()
    const {id} = await store.create(source(7, 200_000))
    const path = `${DIRECTORY}/${id}.snap`
    const flipped = fs.content(path).slice()
    flipped[150_000]! ^= 1
    fs.overwrite(path, flipped)

    await expect(gather(store.read(id, 140_000, 10_000))).rejects.toMatchObject({
      details: {file: path},
    })
    const again = await store.create(source(7, 200_000))
    fs.remove(path)

    expect(again.id).toBe(id)
    await expect(gather(store.read(id, 0, 10_000))).rejects.toThrow('the file is gone')
    expect(store.list()).toEqual([])
  })

  test('is not listed at any shorter length', async () => {
    const {fs, store} = await open()
    const {id} = await store.create(source(7, 100))
    const path = `${DIRECTORY}/${id}.snap`
    const whole = fs.content(path)
    for (let length = 0; length < whole.length; length++) {
      fs.overwrite(path, whole.slice(0, length))

      expect((await open(fs)).store.list()).toEqual([])
    }
  })

  test('of another cluster is left where it is and not listed', async () => {
    const {fs, store} = await open()
    await store.create(source(7, 100))

    const other = await open(fs, {...OPTIONS, clusterId: 'c2'})

    expect(other.store.list()).toEqual([])
    expect(other.unusable).toMatchObject([{error: {code: 'RAFTCTL_OTHER_CLUSTER_DATA'}}])
  })
})

describe('a snapshot that is read', () => {
  test('gives the same bytes from any offset on, in chunks of any size', async () => {
    const {fs, store} = await open()
    const {id} = await store.create(source(7, 140_000))
    const whole = Buffer.from(fs.content(`${DIRECTORY}/${id}.snap`))
    const edges = [0, 65_544, 131_088, whole.length - 40, whole.length]
    const offsets = edges.flatMap(edge => [edge - 1, edge, edge + 1, edge + 300])
    for (const offset of offsets.filter(each => each >= 0)) {
      for (const chunkBytes of [1000, 65_536, 1_000_000]) {
        const read = await gather(store.read(id, offset, chunkBytes))

        expect(read.equals(whole.subarray(offset))).toBe(true)
      }
    }
  })

  test('is removed on demand, for good, and goes on being read', async () => {
    const {fs, store} = await open()
    const {id} = await store.create(source(7, 140_000))
    const kept = await store.create(source(9, 100))
    const reading = store.read(id, 0, 1000)
    await reading.next()

    await store.remove(id)

    expect((await gather(reading)).length).toBeGreaterThan(138_000)
    expect(store.list()).toEqual([kept])
    fs.crash()
    expect((await open(fs)).store.list()).toEqual([kept])
    await expect(store.remove(id)).rejects.toMatchObject({code: 'RAFTCTL_SNAPSHOT_NOT_FOUND'})
  })
})

describe('a snapshot that comes in', () => {
  async function sender(index = 7, bytes = 150_000) {
    const {store} = await open()
    const info = await store.create(source(index, bytes))
    return {info, file: await gather(store.read(info.id, 0, 10_000))}
  }

  test('is listed once it is whole and verified', async () => {
    const {info, file} = await sender()
    const {fs, store} = await open()
    const receiver = await store.receive(info.id, file.length)
    for (let at = 0; at < file.length; at += 40_000) {
      await receiver.write(at, file.subarray(at, at + 40_000))
      expect(store.list()).toEqual([])
    }

    expect(await receiver.finish()).toEqual(info)

    expect(store.list()).toEqual([info])
    fs.crash()
    expect((await open(fs)).store.list()).toEqual([info])
  })

  test('goes on where an earlier stream was left, which is ended by it', async () => {
    const {info, file} = await sender()
    const {store} = await open()
    const first = await store.receive(info.id, file.length)
    await first.write(0, file.subarray(0, 1000))

    const second = await store.receive(info.id, file.length)

    expect(second.offset).toBe(1000)
    await expect(first.write(1000, file.subarray(1000))).rejects.toMatchObject({
      code: 'RAFTCTL_REFUSED',
    })
    await first.abort()
    await second.write(1000, file.subarray(1000))
    expect(await second.finish()).toEqual(info)
  })

  test('is refused with a hole, an overlap, too much, or too little', async () => {
    const {info, file} = await sender()
    const {store} = await open()
    const receiver = await store.receive(info.id, file.length)
    await receiver.write(0, file.subarray(0, 1000))

    const refused = {code: 'RAFTCTL_REFUSED'}
    await expect(receiver.write(1001, file.subarray(1001))).rejects.toMatchObject(refused)
    await expect(receiver.write(999, file.subarray(999))).rejects.toMatchObject(refused)
    const tooMuch = new Uint8Array(file.length)
    await expect(receiver.write(1000, tooMuch)).rejects.toMatchObject(refused)
    await expect(receiver.finish()).rejects.toMatchObject(refused)
    await receiver.write(1000, file.subarray(1000))
    expect(await receiver.finish()).toEqual(info)
  })

  test('is removed when it is damaged, and may come again from the start', async () => {
    const {info, file} = await sender()
    const {fs, store} = await open()
    const damagedFile = Buffer.from(file)
    damagedFile[100_000]! ^= 1
    const receiver = await store.receive(info.id, file.length)
    await receiver.write(0, damagedFile)

    await expect(receiver.finish()).rejects.toMatchObject({code: 'RAFTCTL_DATA_DAMAGED'})

    expect([fs.list(DIRECTORY), store.list()]).toEqual([[], []])
    expect((await store.receive(info.id, file.length)).offset).toBe(0)
  })

  test('is refused from another cluster, and under the name of another', async () => {
    const {info, file} = await sender()
    const other = await open(new SimFileSystem(), {...OPTIONS, clusterId: 'c2'})
    const foreign = await other.store.receive(info.id, file.length)
    await foreign.write(0, file)
    const {store} = await open()
    const misnamed = await store.receive('0000000000000001-0000000000000008', file.length)
    await misnamed.write(0, file)

    await expect(foreign.finish()).rejects.toMatchObject({code: 'RAFTCTL_OTHER_CLUSTER_DATA'})
    await expect(misnamed.finish()).rejects.toMatchObject({code: 'RAFTCTL_DATA_DAMAGED'})
    expect([other.store.list(), store.list()]).toEqual([[], []])
  })

  test('ends an older one that comes in, and is not ended by an older one', async () => {
    const [older, newer] = [await sender(7), await sender(9)]
    const {store} = await open()
    const first = await store.receive(older.info.id, older.file.length)
    await first.write(0, older.file.subarray(0, 1000))

    const second = await store.receive(newer.info.id, newer.file.length)

    expect(second.offset).toBe(0)
    await expect(store.receive(older.info.id, older.file.length)).rejects.toMatchObject({
      code: 'RAFTCTL_REFUSED',
    })
    await second.write(0, newer.file)
    await first.abort()
    expect(await second.finish()).toEqual(newer.info)
  })

  test('aborts one that is being made and holds no more', async () => {
    const {info, file} = await sender(9)
    const {store} = await open()
    const making = store.create(source(8, 2_000_000))
    const receiver = await store.receive(info.id, file.length)

    await expect(making).rejects.toMatchObject({code: 'RAFTCTL_REFUSED'})
    await receiver.write(0, file)
    expect(await receiver.finish()).toEqual(info)
  })

  test('needs no bytes when it is here already', async () => {
    const {info, file} = await sender()
    const {store} = await open()
    await store.create(source(7, 150_000))

    const receiver = await store.receive(info.id, file.length)

    expect(receiver.offset).toBe(info.bytes)
    expect((await receiver.finish()).id).toBe(info.id)
  })

  test('is refused under an id or with a length that no snapshot has', async () => {
    const {store} = await open()
    for (const [id, bytes] of [
      ['../../etc/passwd', 100],
      ['7-1', 100],
      ['0000000000000001-0000000000000007', 0],
      ['0000000000000001-0000000000000007', Number.NaN],
    ] as const) {
      await expect(store.receive(id, bytes)).rejects.toMatchObject({code: 'RAFTCTL_USAGE'})
    }
    expect(() => store.content('../x')).toThrow(
      expect.objectContaining({code: 'RAFTCTL_SNAPSHOT_NOT_FOUND'}),
    )
  })
})
