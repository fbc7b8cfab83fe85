import {expect, test} from 'vitest'
import {EMPTY_MEMBERSHIP, type Membership} from '../../src/raft/membership.js'
import {groupId, logIndex, nodeId, term} from '../../src/raft/types.js'
import {SimFileSystem} from '../../src/sim/sim-file-system.js'
import {groupPaths, openDataDirectory, readIdentity} from '../../src/storage/data-directory.js'
import type {FileSystem} from '../../src/storage/file-system.js'
import {restoreDataDirectory} from '../../src/storage/restored-directory.js'
import {writeSnapshotFile} from '../../src/storage/snapshot-file.js'
import {openSnapshotStore} from '../../src/storage/snapshot-store.js'
import {SnapshotUploads} from '../../src/storage/snapshot-upload.js'
import {openWal} from '../../src/storage/wal/wal.js'
import {MISHAPS, strikeEach} from './every-fault.js'
import {SMALL} from './log-helpers.js'

const FILE = '/backup.snap'
const DIRECTORY = '/data'
const GROUP = groupId(1)
const identity = {clusterId: 'new', nodeId: nodeId(1), storeId: 's'}
const STORE_ID = 'a'.repeat(32)
const PATHS = groupPaths(DIRECTORY, GROUP)
const {wal: WAL, snapshots: SNAPSHOTS} = PATHS

function voterAt(address: string, index: number): Membership {
  return {
    ...EMPTY_MEMBERSHIP,
    index: logIndex(index),
    members: [{id: nodeId(1), name: 'a', address, storeId: 's', promoteWhenReady: false}],
    voters: [nodeId(1)],
    nextMemberId: 2,
  }
}

async function writeBackup(fs: SimFileSystem): Promise<void> {
  const file = fs.open(FILE, 'create')
  const meta = {
    index: logIndex(70),
    term: term(4),
    membership: voterAt('old:1', 3),
    clusterId: 'old',
    groupId: GROUP,
    createdMs: 5,
  }
  async function* content() {
    yield new Uint8Array(100_000).fill(9)
  }
  await writeSnapshotFile(fs, file, meta, content(), () => {})
  await fs.syncDirectory('/')
}

function restore(fs: FileSystem): Promise<void> {
  const membership = ({index}: Membership) => voterAt('new:1', index)
  return restoreDataDirectory(fs, DIRECTORY, FILE, {identity, group: GROUP, membership, wal: SMALL})
}

async function expectRestored(fs: SimFileSystem): Promise<void> {
  const data = await openDataDirectory(fs, DIRECTORY)
  const {wal, recovery} = await openWal(fs, WAL, {mustExist: true})
  const options = {clusterId: 'new', groupId: GROUP, wallMs: () => 0}
  const store = await openSnapshotStore(fs, SNAPSHOTS, options)

  expect(data.identity).toEqual(identity)
  expect(recovery).toMatchObject({wasSealed: true, cut: undefined})
  expect(wal.hardState).toEqual({term: 4, votedFor: undefined, commitIndex: 70})
  expect([wal.firstIndex(), wal.lastIndex(), wal.term(logIndex(70))]).toEqual([71, 70, 4])
  expect(store.unusable()).toEqual([])
  expect(store.list()).toMatchObject([{index: 70, term: 4, membership: voterAt('new:1', 3)}])
  await wal.close()
  await data.release()
}

test('a snapshot becomes a directory of one voter, with an identity of its own', async () => {
  const fs = new SimFileSystem()
  await writeBackup(fs)

  await restore(fs)
  fs.crash()

  await expectRestored(fs)
})

test('a directory that holds something is refused and left as it is', async () => {
  const fs = new SimFileSystem()
  await writeBackup(fs)
  await restore(fs)
  const names = fs.list(DIRECTORY)

  await expect(restore(fs)).rejects.toMatchObject({code: 'RAFTCTL_NOT_PRISTINE'})
  expect(fs.list(DIRECTORY)).toEqual(names)
})

test('a damaged snapshot is refused before anything is written', async () => {
  const fs = new SimFileSystem()
  await writeBackup(fs)
  const content = fs.content(FILE)
  content[50_000]! ^= 1
  fs.overwrite(FILE, content)

  await expect(restore(fs)).rejects.toMatchObject({code: 'RAFTCTL_DATA_DAMAGED'})
  expect(fs.kindOf(DIRECTORY)).toBeUndefined()
})

for (const mishap of MISHAPS) {
  test(`whatever is struck by "${mishap}", the directory is whole or can be restored anew`, async () => {
    const struck = await strikeEach({
      mishap,
      prepare: writeBackup,
      act: restore,
      check: async ({fs}) => {
        const isNode =
          fs.kindOf(DIRECTORY) === 'directory' && readIdentity(fs, DIRECTORY) !== undefined
        if (!isNode) await restore(fs)
        await expectRestored(fs)
      },
    })

    expect(struck).toBeGreaterThan(20)
  })
}

const uploadsOf = (fs: FileSystem) => new SnapshotUploads(fs, PATHS, async () => {})

/** What a pristine node does with a file that it is sent, and with its place in the new cluster. */
async function takeUpload(fs: FileSystem, file: Uint8Array): Promise<void> {
  const data = await openDataDirectory(fs, DIRECTORY)
  const uploads = uploadsOf(fs)
  await uploads.sweep({isPristine: true})
  const upload = await uploads.begin(file.length, STORE_ID)
  for (let at = 0; at < file.length; at += 30_000) await upload.write(file.slice(at, at + 30_000))
  const {sha256} = await upload.finish()
  const membership = ({index}: Membership) => voterAt('new:1', index)
  await uploads.unpack(sha256, {identity, group: GROUP, membership, wal: SMALL})
  await data.writeIdentity(identity)
  await uploads.sweep({isPristine: false})
  await data.release()
}

for (const mishap of MISHAPS) {
  test(`whatever is struck by "${mishap}", a node that is sent a snapshot is whole, or pristine and the same store`, async () => {
    const source = new SimFileSystem()
    await writeBackup(source)
    const file = source.content(FILE)

    const struck = await strikeEach({
      mishap,
      act: fs => takeUpload(fs, file),
      check: async ({fs}) => {
        const isThere = fs.kindOf(DIRECTORY) === 'directory'
        const isNode = isThere && readIdentity(fs, DIRECTORY) !== undefined
        if (!isNode) {
          if (isThere) await (await openDataDirectory(fs, DIRECTORY)).release()
          await uploadsOf(fs).sweep({isPristine: true})
          for (const path of [WAL, SNAPSHOTS]) {
            expect(fs.kindOf(path) === undefined ? [] : fs.list(path)).toEqual([])
          }
          expect([undefined, STORE_ID]).toContain(SnapshotUploads.heldStoreId(fs, PATHS))
          await takeUpload(fs, file)
        }
        await uploadsOf(fs).sweep({isPristine: false})
        await expectRestored(fs)
        expect(fs.list(`${DIRECTORY}/groups/1`)).toEqual(['snapshots', 'wal'])
      },
    })

    expect(struck).toBeGreaterThan(30)
  })
}

test('an upload that is cut, too long or damaged leaves a pristine node', async () => {
  const source = new SimFileSystem()
  await writeBackup(source)
  const file = source.content(FILE)
  const fs = new SimFileSystem()
  await openDataDirectory(fs, DIRECTORY)
  const uploads = uploadsOf(fs)

  const short = await uploads.begin(file.length, STORE_ID)
  await short.write(file.slice(0, 100))
  await expect(short.finish()).rejects.toMatchObject({code: 'RAFTCTL_USAGE'})
  await expect(short.write(file)).rejects.toMatchObject({code: 'RAFTCTL_USAGE'})
  const next = await uploads.begin(file.length, STORE_ID)
  await expect(short.write(file)).rejects.toMatchObject({code: 'RAFTCTL_REFUSED'})
  file[70_000]! ^= 1
  await next.write(file)
  await expect(next.finish()).rejects.toMatchObject({code: 'RAFTCTL_DATA_DAMAGED'})
  next.abort()

  expect(fs.list(`${DIRECTORY}/groups/1`)).toEqual(['store'])
  expect(SnapshotUploads.heldStoreId(fs, PATHS)).toBe(STORE_ID)
})
