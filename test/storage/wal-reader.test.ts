import {expect, test} from 'vitest'
import {logIndex} from '../../src/raft/types.js'
import {SimFileSystem} from '../../src/sim/sim-file-system.js'
import {openWal} from '../../src/storage/wal/wal.js'
import {readWal} from '../../src/storage/wal/wal-reader.js'
import {
  batch,
  contents,
  DIRECTORY,
  entry,
  hardState,
  position,
  range,
  SMALL,
  simWal,
  textOf,
} from './log-helpers.js'

const ALL = logIndex(Number.MAX_SAFE_INTEGER)

test('a log is read while its node writes to it, without a lock and without a change', async () => {
  const {fs, wal} = await simWal()
  await wal.append(batch({hardState: hardState(1, 2, 30), entries: range(1, 40)}))
  for (let i = 41; i <= 80; i++) await wal.append(batch({entries: [entry(i)]}))
  const before = fs.list(DIRECTORY).map(name => [...fs.content(`${DIRECTORY}/${name}`)])

  const view = await readWal(fs, DIRECTORY)

  expect([...view.entries(logIndex(0), ALL)].map(textOf)).toEqual(contents(wal))
  expect([...view.entries(logIndex(55), logIndex(57))].map(textOf)).toEqual(
    range(55, 57).map(textOf),
  )
  expect(view).toMatchObject({firstIndex: 1, lastIndex: 80, isSealed: false, tornBytes: 0})
  expect(view.hardState.commitIndex).toBe(30)
  expect(fs.list(DIRECTORY).map(name => [...fs.content(`${DIRECTORY}/${name}`)])).toEqual(before)
})

test('what was opened can be read to its end, though the node compacts meanwhile', async () => {
  const {fs, wal} = await simWal()
  for (let i = 1; i <= 80; i++) await wal.append(batch({entries: [entry(i)]}))
  const view = await readWal(fs, DIRECTORY)
  const reading = view.entries(logIndex(1), ALL)
  const read = [textOf(reading.next().value!)]

  await wal.append(batch({entries: range(10, 12, 2)}))
  await wal.compact(logIndex(12))

  expect(wal.firstIndex()).toBeGreaterThan(1)
  for (const each of reading) read.push(textOf(each))
  expect(read).toEqual(range(1, 80).map(textOf))
})

test('a torn tail is left as it is, and counted', async () => {
  const {fs, wal} = await simWal()
  await wal.append(batch({entries: range(1, 3)}))
  await wal.append(batch({entries: range(4, 5)}))
  fs.kill()
  const path = `${DIRECTORY}/${fs.list(DIRECTORY).find(name => name.endsWith('.wal'))}`
  const content = fs.content(path)
  const end = content.findLastIndex(byte => byte !== 0)
  content.fill(0, end - 20)
  fs.overwrite(path, content)

  const view = await readWal(fs, DIRECTORY)

  expect([...view.entries(logIndex(1), ALL)].map(textOf)).toEqual(range(1, 3).map(textOf))
  expect(view.tornBytes).toBeGreaterThan(0)
  expect(fs.content(path)).toEqual(content)
})

test('entries that a later batch or a reset overrode are not shown', async () => {
  const {fs, wal} = await simWal()
  await wal.append(batch({entries: range(1, 50, 1)}))
  await wal.append(batch({entries: range(20, 60, 2)}))
  const cutBack = await readWal(fs, DIRECTORY)
  const cutBackContents = contents(wal)
  await wal.append(batch({reset: position(40, 3), entries: range(41, 45, 3)}))
  await wal.close()
  const reset = await readWal(fs, DIRECTORY)

  expect([...cutBack.entries(logIndex(1), ALL)].map(textOf)).toEqual(cutBackContents)
  expect([...reset.entries(logIndex(1), ALL)].map(textOf)).toEqual(range(41, 45, 3).map(textOf))
  expect(reset).toMatchObject({isSealed: true, prev: {index: 40, term: 3}})
})

test('an announced segment without a batch changes nothing, and is removed at the next start', async () => {
  let isOff = false
  const {fs, wal} = await simWal(SMALL, {
    fault: operation => (isOff && operation === 'sync-directory' ? new Error('off') : undefined),
  })
  for (let i = 1; i <= 30; i++) await wal.append(batch({entries: [entry(i)]}))
  const expected = contents(wal)
  const names = fs.list(DIRECTORY)
  isOff = true
  await expect(wal.append(batch({entries: [entry(5, 2)]}))).rejects.toThrow('off')
  isOff = false
  fs.kill()
  expect(fs.list(DIRECTORY).at(-1)).toMatch(/-0000000000000005\.wal$/)

  const view = await readWal(fs, DIRECTORY)
  const {wal: again} = await openWal(fs, DIRECTORY, SMALL)

  expect([...view.entries(logIndex(1), ALL)].map(textOf)).toEqual(expected)
  expect([...view.entries(logIndex(10), ALL)].map(textOf)).toEqual(expected.slice(9))
  expect(contents(again)).toEqual(expected)
  expect(fs.list(DIRECTORY)).toEqual(names.filter(name => name.endsWith('.wal')))
})

test('a directory without a log is named', async () => {
  const fs = new SimFileSystem()

  await expect(readWal(fs, '/nowhere')).rejects.toMatchObject({
    code: 'RAFTCTL_FILE_NOT_FOUND',
    message: expect.stringContaining('/nowhere'),
  })
})
