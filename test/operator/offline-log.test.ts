import {mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {encodeCommand} from '../../src/kv/command.js'
import {dumpOfflineLog, verifyOfflineLog} from '../../src/operator/offline-log.js'
import {encodeEntry} from '../../src/raft/entry.js'
import {groupId, logIndex, nodeId, term} from '../../src/raft/types.js'
import {groupPaths, openDataDirectory} from '../../src/storage/data-directory.js'
import {NodeFileSystem} from '../../src/storage/node-file-system.js'
import {openWal, type Wal} from '../../src/storage/wal/wal.js'

const fs = new NodeFileSystem()
let directory: string
let walPath: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'raftctl-offline-'))
  walPath = groupPaths(directory, groupId(1)).wal
})

afterEach(async () => {
  await rm(directory, {recursive: true, force: true})
})

function put(index: number) {
  const key = Buffer.from(`key-${index}`)
  const command = {op: 'put', key, value: key, session: undefined, expectedVersion: 0} as const
  return encodeEntry(logIndex(index), term(1), 'command', encodeCommand(command))
}

async function logOf(from: number, to: number, commitIndex: number): Promise<Wal> {
  const {wal} = await openWal(fs, walPath, {
    segmentBytesMin: 4096,
    segmentBytesMax: 4096,
    keepBytes: 0,
  })
  for (let index = from; index <= to; index++) {
    const hardState = {term: term(1), votedFor: undefined, commitIndex: logIndex(commitIndex)}
    await wal.append({reset: undefined, hardState, entries: [put(index)]})
  }
  return wal
}

async function dump(options: Parameters<typeof dumpOfflineLog>[1] = {}) {
  const indexes: string[] = []
  for await (const page of dumpOfflineLog(directory, options)) {
    for (const {index, committed} of page) indexes.push(committed ? `${index}` : `${index}?`)
  }
  return indexes
}

test('a dump ends at the commit record, and goes on to the end, marked, when told', async () => {
  await logOf(1, 6, 4)

  expect(await dump()).toEqual(['1', '2', '3', '4'])
  expect(await dump({from: 2, to: 3})).toEqual(['2', '3'])
  expect(await dump({uncommitted: true})).toEqual(['1', '2', '3', '4', '5?', '6?'])
  expect(await dump({from: 5})).toEqual([])
})

test('a dump from before the first entry is refused with the first index that there is', async () => {
  const wal = await logOf(1, 100, 100)
  await wal.compact(logIndex(90))
  const firstIndex = wal.firstIndex()
  expect(firstIndex).toBeGreaterThan(1)

  await expect(dump({from: 1})).rejects.toMatchObject({
    code: 'RAFTCTL_LOG_COMPACTED',
    details: {firstIndex},
  })
  expect((await dump())[0]).toBe(`${firstIndex}`)
})

test('a directory without a log is no data directory', async () => {
  await expect(dump()).rejects.toMatchObject({code: 'RAFTCTL_FILE_NOT_FOUND'})
})

test('a whole log is verified, with whose it is', async () => {
  const data = await openDataDirectory(fs, directory)
  await data.writeIdentity({clusterId: 'c1', nodeId: nodeId(2), storeId: 's'})
  await data.release()
  const wal = await logOf(1, 20, 20)
  await wal.close()

  expect(await verifyOfflineLog(directory)).toMatchObject({
    clusterId: 'c1',
    memberId: 2,
    firstIndex: 1,
    lastIndex: 20,
    commitIndex: 20,
    sealed: true,
    tornBytes: 0,
  })
})

test('damage is named by file, offset and index, and nothing is changed', async () => {
  const wal = await logOf(1, 60, 60)
  await wal.close()
  const file = join(walPath, (await readdir(walPath)).sort()[0]!)
  const content = await readFile(file)
  content[1000]! ^= 1
  await writeFile(file, content)

  const failure = verifyOfflineLog(directory)

  await expect(failure).rejects.toMatchObject({
    code: 'RAFTCTL_DATA_DAMAGED',
    details: {file, offset: expect.any(Number), index: expect.any(Number)},
  })
  expect(await readFile(file)).toEqual(content)
})
