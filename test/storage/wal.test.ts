import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, describe, expect, test} from 'vitest'
import {logIndex} from '../../src/raft/types.js'
import {NodeFileSystem} from '../../src/storage/node-file-system.js'
import {openWal} from '../../src/storage/wal/wal.js'
import {describeDurableLog} from './durable-log.contract.js'
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

const scratch = mkdtempSync(join(tmpdir(), 'raftctl-wal-'))
afterAll(() => rmSync(scratch, {recursive: true, force: true}))
let directories = 0
const freshDirectory = () => join(scratch, String(directories++), 'wal')

describeDurableLog('Wal on a simulated disk', async () => (await simWal()).wal)
describeDurableLog('Wal with entries in memory', async () => {
  return (await simWal({...SMALL, memoryBytesMax: 1e6})).wal
})
describeDurableLog('Wal on a real disk', async () => {
  return (await openWal(new NodeFileSystem(), freshDirectory(), SMALL)).wal
})

describe('a log that is opened again', () => {
  test('holds what was appended, after a clean stop and after a kill', async () => {
    const {fs, wal} = await simWal()
    for (let i = 1; i <= 100; i++) {
      await wal.append(batch({hardState: hardState(3, 2, i - 1), entries: [entry(i, 3)]}))
    }
    await wal.close()

    const sealed = await openWal(fs, DIRECTORY, SMALL)
    await sealed.wal.append(batch({entries: range(50, 60, 4)}))
    fs.kill()
    const killed = await openWal(fs, DIRECTORY, SMALL)

    expect(sealed.recovery).toMatchObject({isNew: false, wasSealed: true, cut: undefined})
    expect(killed.recovery).toMatchObject({wasSealed: false, cut: undefined, entries: 60})
    expect(contents(killed.wal)).toEqual([...range(1, 49, 3), ...range(50, 60, 4)].map(textOf))
    expect(killed.wal.hardState).toEqual(hardState(3, 2, 99))
  })

  test('is written to the same bytes on a real disk as on the simulated one', async () => {
    const fs = new NodeFileSystem()
    const directory = freshDirectory()
    const real = (await openWal(fs, directory, SMALL)).wal
    const sim = await simWal()
    for (const wal of [real, sim.wal]) {
      await wal.append(batch({entries: range(1, 60)}))
      await wal.append(batch({entries: range(10, 90, 2)}))
      await wal.close()
    }

    const names = fs.list(directory)
    const bytesOf = (name: string) => {
      const file = fs.open(join(directory, name), 'read')
      const bytes = new Uint8Array(file.bytes())
      file.read(bytes, 0)
      file.close()
      return bytes
    }

    expect(names).toEqual(sim.fs.list(DIRECTORY))
    for (const name of names) {
      expect(bytesOf(name)).toEqual(sim.fs.content(`${DIRECTORY}/${name}`))
    }
    const again = (await openWal(fs, directory, SMALL)).wal
    expect(contents(again)).toEqual([...range(1, 9), ...range(10, 90, 2)].map(textOf))
    await again.close()
  })

  test('remembers what compaction left behind it', async () => {
    const {fs, wal} = await simWal()
    await wal.append(batch({hardState: hardState(9, 1, 0)}))
    for (let i = 1; i <= 200; i++) await wal.append(batch({entries: [entry(i, 9)]}))
    await wal.compact(logIndex(180))
    const first = wal.firstIndex()
    fs.crash()

    const {wal: again} = await openWal(fs, DIRECTORY, SMALL)

    expect(first).toBeGreaterThan(150)
    expect(again.firstIndex()).toBe(first)
    expect(again.term(logIndex(first - 1))).toBe(9)
    expect(again.hardState).toEqual(hardState(9, 1, 0))
    expect(contents(again)).toEqual(range(first, 200, 9).map(textOf))
  })

  test('remembers the position of a reset that no entry followed', async () => {
    const {fs, wal} = await simWal()
    await wal.append(batch({entries: range(1, 100)}))
    await wal.append(batch({reset: position(500, 6), hardState: hardState(6, undefined, 500)}))
    fs.crash()

    const {wal: again} = await openWal(fs, DIRECTORY, SMALL)

    expect([again.firstIndex(), again.lastIndex()]).toEqual([501, 500])
    expect(again.term(logIndex(500))).toBe(6)
    expect(again.hardState).toEqual(hardState(6, undefined, 500))
  })

  test('is refused when it must exist and is gone', async () => {
    const {fs} = await simWal()

    const opening = openWal(fs, '/data/elsewhere', {...SMALL, mustExist: true})

    await expect(opening).rejects.toMatchObject({code: 'RAFTCTL_DATA_DAMAGED'})
  })

  test('exists as soon as it was opened, so that its loss would show', async () => {
    const {fs} = await simWal()
    fs.crash()

    const {recovery} = await openWal(fs, DIRECTORY, {...SMALL, mustExist: true})

    expect(recovery).toMatchObject({isNew: false, segments: 1, entries: 0})
  })
})

describe('compaction', () => {
  test('keeps at least the bytes it was told to', async () => {
    const {wal} = await simWal({...SMALL, keepBytes: 5000})
    for (let i = 1; i <= 300; i++) await wal.append(batch({entries: [entry(i)]}))

    await wal.compact(logIndex(300))

    const kept = wal.entries(wal.firstIndex(), wal.lastIndex(), 1e9)
    const bytes = kept.reduce((sum, each) => sum + each.record.length + 72, 0)
    expect(wal.firstIndex()).toBeGreaterThan(1)
    expect(bytes).toBeGreaterThan(5000)
    expect(bytes).toBeLessThan(5000 + 3 * 2048)
  })

  test('is no harm to a log whose suffix was cut back over several segments', async () => {
    const {fs, wal: first} = await simWal()
    for (let i = 1; i <= 120; i++) await first.append(batch({entries: [entry(i, 1)]}))
    for (let i = 40; i <= 120; i++) await first.append(batch({entries: [entry(i, 2)]}))
    const expected = [...range(1, 39, 1), ...range(40, 120, 2)].map(textOf)

    let wal = first
    for (let index = 5; index <= 120; index += 5) {
      await wal.compact(logIndex(index))
      fs.kill()
      wal = (await openWal(fs, DIRECTORY, SMALL)).wal

      expect(wal.firstIndex()).toBeLessThanOrEqual(index + 1)
      expect(contents(wal)).toEqual(expected.slice(wal.firstIndex() - 1))
    }
    expect(wal.firstIndex()).toBeGreaterThan(100)
  })
})

test('compaction leaves a whole log where it keeps bytes around a cut-back suffix', async () => {
  for (let keepBytes = 0; keepBytes < 12_000; keepBytes += 300) {
    const {wal} = await simWal({...SMALL, keepBytes})
    for (let i = 1; i <= 60; i++) await wal.append(batch({entries: [entry(i, 1)]}))
    for (let i = 30; i <= 70; i++) await wal.append(batch({entries: [entry(i, 2)]}))
    const expected = [...range(1, 29, 1), ...range(30, 70, 2)].map(textOf)

    await wal.compact(logIndex(70))

    expect(wal.lastIndex()).toBe(70)
    expect(contents(wal)).toEqual(expected.slice(wal.firstIndex() - 1))
    expect(wal.term(logIndex(wal.firstIndex() - 1))).toBe(
      wal.firstIndex() === 1 ? 0 : wal.firstIndex() <= 30 ? 1 : 2,
    )
  }
})

describe('a log in use', () => {
  test('reads old entries from segments when memory holds only the newest', async () => {
    const {wal} = await simWal({...SMALL, memoryBytesMax: 200})
    for (let i = 1; i <= 100; i++) await wal.append(batch({entries: range(i, i + 2)}))

    const read = wal.entries(logIndex(3), logIndex(102), 1e9)

    expect(read.map(textOf)).toEqual(range(3, 102).map(textOf))
  })

  test('takes a batch larger than a segment', async () => {
    const {fs, wal} = await simWal()
    const large = entry(1, 1, 'x'.repeat(100_000))

    await wal.append(batch({entries: [large]}))
    fs.crash()
    const {wal: again} = await openWal(fs, DIRECTORY, SMALL)

    expect(contents(again)).toEqual([textOf(large)])
  })

  test('takes one batch at a time', async () => {
    const {wal} = await simWal()
    const first = wal.append(batch({entries: [entry(1)]}))

    await expect(wal.append(batch({entries: [entry(2)]}))).rejects.toThrow('one batch at a time')
    await first
  })

  test('notices on reading that a segment was damaged since', async () => {
    const {fs, wal} = await simWal()
    for (let i = 1; i <= 100; i++) await wal.append(batch({entries: [entry(i)]}))
    await wal.close()
    const {wal: again} = await openWal(fs, DIRECTORY, SMALL)
    const path = `${DIRECTORY}/${fs.list(DIRECTORY)[0]}`
    const file = fs.open(path, 'write')
    file.write(Uint8Array.of(0xff), 128 + 40)

    const read = () => again.entries(logIndex(1), logIndex(100), 1e9)

    expect(read).toThrow(expect.objectContaining({code: 'RAFTCTL_DATA_DAMAGED'}))
    await expect(again.append(batch({entries: [entry(101)]}))).rejects.toMatchObject({
      code: 'RAFTCTL_NODE_STOPPED',
    })
  })
})

test('the bytes after an index are those of the batches behind it, over segments and a restart', async () => {
  const {fs, wal} = await simWal()
  const sizes: number[] = []
  for (let i = 1; i <= 60; i++) {
    const before = wal.bytesWritten
    await wal.append(batch({entries: [entry(i)]}))
    sizes.push(wal.bytesWritten - before)
  }
  fs.kill()

  const {wal: again} = await openWal(fs, DIRECTORY, SMALL)

  for (const index of [0, 1, 30, 59, 60]) {
    const expected = sizes.slice(index).reduce((sum, size) => sum + size, 0)
    expect(wal.bytesAfter(logIndex(index))).toBe(expected)
    expect(again.bytesAfter(logIndex(index))).toBe(expected)
  }
})
