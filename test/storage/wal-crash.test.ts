import {describe, expect, test} from 'vitest'
import {RaftctlError} from '../../src/errors.js'
import {logIndex} from '../../src/raft/types.js'
import type {SimFileSystem, SimOperation} from '../../src/sim/sim-file-system.js'
import type {RecoveryReport} from '../../src/storage/wal/recovery.js'
import {openWal, type Wal} from '../../src/storage/wal/wal.js'
import {
  batch,
  contents,
  DIRECTORY,
  entry,
  hardState,
  position,
  range,
  SMALL,
  seededRandom,
  simWal,
  textOf,
} from './log-helpers.js'

const ONE_FILE = {...SMALL, segmentBytesMin: 2048}
const HEADER = 128

/** A log of three batches in one file, and where each of them ends. */
async function threeBatches(isSealed: boolean) {
  const {fs, wal} = await simWal(ONE_FILE)
  const path = `${DIRECTORY}/${fs.list(DIRECTORY).find(name => name.endsWith('.wal'))}`
  const ends = [HEADER]
  for (const [from, to] of [
    [1, 2],
    [3, 5],
    [6, 6],
  ] as const) {
    await wal.append(batch({hardState: hardState(1, 2, from - 1), entries: range(from, to)}))
    ends.push(HEADER + wal.bytesWritten)
  }
  if (isSealed) await wal.close()
  fs.kill()
  return {fs, path, ends, whole: fs.content(path), entriesAt: [0, 2, 5, 6]}
}

async function reopen(
  fs: SimFileSystem,
): Promise<{wal: Wal; recovery: RecoveryReport} | RaftctlError> {
  return openWal(fs, DIRECTORY, ONE_FILE).catch(error => {
    expect(error).toBeInstanceOf(RaftctlError)
    return error
  })
}

describe('the last segment of an unsealed log', () => {
  test('cut off at any byte, keeps every whole batch before, and the cut is reported', async () => {
    const {fs, path, ends, whole, entriesAt} = await threeBatches(false)
    for (let length = HEADER; length < whole.length; length++) {
      fs.overwrite(path, whole.slice(0, length))

      const opened = await reopen(fs)

      if (opened instanceof RaftctlError) throw opened
      const batches = ends.filter(end => end <= length).length - 1
      expect(contents(opened.wal)).toEqual(range(1, entriesAt[batches]!).map(textOf))
      expect(opened.recovery.shortened).toEqual({file: path, bytes: length})
      await opened.wal.append(batch({entries: [entry(entriesAt[batches]! + 1, 2)]}))
      fs.kill()
      const again = await reopen(fs)
      if (again instanceof RaftctlError) throw again
      expect(again.recovery).toMatchObject({cut: undefined, shortened: undefined})
      expect(again.wal.lastIndex()).toBe(entriesAt[batches]! + 1)
      fs.kill()
    }
  })

  test('zeroed from any byte, keeps every whole batch before, and the cut is reported', async () => {
    const {fs, path, ends, whole, entriesAt} = await threeBatches(false)
    for (let from = HEADER; from < ends.at(-1)!; from++) {
      const zeroed = whole.slice()
      zeroed.fill(0, from)
      fs.overwrite(path, zeroed)

      const opened = await reopen(fs)

      if (opened instanceof RaftctlError) throw opened
      const batches = ends.filter(end => end <= from).length - 1
      const isUnchanged = from === ends[batches]
      // A checksum may itself end in zeros, so that the batch is whole all the same.
      const kept = zeroed.every((byte, i) => byte === whole[i]) ? batches + 1 : batches
      expect(contents(opened.wal)).toEqual(range(1, entriesAt[kept]!).map(textOf))
      if (!isUnchanged && kept === batches) {
        expect(opened.recovery.cut).toMatchObject({file: path, offset: ends[batches]})
        expect(
          fs
            .content(path)
            .subarray(ends[batches])
            .every(byte => byte === 0),
        ).toBe(true)
      }
      fs.kill()
    }
  })

  test('cut off or zeroed within its header, is refused', async () => {
    const {fs, path, whole} = await threeBatches(false)
    for (let from = 0; from < HEADER; from++) {
      const zeroed = whole.slice()
      zeroed.fill(0, from)
      if (zeroed.subarray(0, HEADER).every((byte, i) => byte === whole[i])) continue
      for (const content of [zeroed, whole.slice(0, from)]) {
        fs.overwrite(path, content)

        const opened = await reopen(fs)

        expect(opened).toMatchObject({code: 'RAFTCTL_DATA_DAMAGED', details: {file: path}})
      }
    }
  })

  test('with any bit flipped, is refused, or loses its last batch with a report', async () => {
    const {fs, path, ends, whole} = await threeBatches(false)
    const lastBatch = ends[2]!
    for (let bit = 0; bit < ends[3]! * 8; bit++) {
      const flipped = whole.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      fs.overwrite(path, flipped)

      const opened = await reopen(fs)

      if (bit >> 3 < lastBatch) {
        expect(opened).toMatchObject({code: 'RAFTCTL_DATA_DAMAGED'})
      } else {
        if (opened instanceof RaftctlError) throw opened
        expect(opened.recovery.cut).toMatchObject({offset: lastBatch, nextIndex: 6})
        expect(contents(opened.wal)).toEqual(range(1, 5).map(textOf))
      }
      fs.kill()
    }
  })

  test('with zeros in an earlier batch, is refused: zeros are no proof of a torn write', async () => {
    const {fs, path, ends, whole} = await threeBatches(false)
    const zeroed = whole.slice()
    zeroed.fill(0, ends[1], ends[2])
    fs.overwrite(path, zeroed)

    const opened = await reopen(fs)

    expect(opened).toMatchObject({
      code: 'RAFTCTL_DATA_DAMAGED',
      details: {file: path, offset: ends[1], index: 3},
    })
  })

  test('damaged in a batch that another followed, is refused though that one is torn', async () => {
    const {fs, path, ends, whole} = await threeBatches(false)
    const content = whole.slice()
    content[ends[1]! + 40]! ^= 1
    content.fill(0, ends[3]! - 64)
    fs.overwrite(path, content)

    expect(await reopen(fs)).toMatchObject({
      code: 'RAFTCTL_DATA_DAMAGED',
      details: {file: path, offset: ends[1], index: 3},
    })
  })

  test('written but not synced before a kill, is synced when it is believed', async () => {
    let isKilling = false
    const {fs, wal} = await simWal(ONE_FILE, {
      fault: operation => {
        if (!isKilling || operation !== 'sync') return undefined
        isKilling = false
        fs.kill()
        return new Error('killed')
      },
    })
    isKilling = true
    await expect(wal.append(batch({entries: range(1, 3)}))).rejects.toThrow('killed')

    const killed = await openWal(fs, DIRECTORY, ONE_FILE)
    fs.crash()
    const crashed = await openWal(fs, DIRECTORY, ONE_FILE)

    expect(contents(killed.wal)).toEqual(range(1, 3).map(textOf))
    expect(contents(crashed.wal)).toEqual(range(1, 3).map(textOf))
  })

  test('reports the entries that a torn batch held', async () => {
    const {fs, path, ends, whole} = await threeBatches(false)
    const torn = whole.slice()
    torn.fill(0, ends[3]! - 64)
    fs.overwrite(path, torn)

    const opened = await reopen(fs)

    expect(opened).toMatchObject({
      recovery: {cut: {offset: ends[2], entries: 1, nextIndex: 6, file: path}},
    })
  })
})

describe('a sealed log', () => {
  test('with any bit flipped under its seal, is refused', async () => {
    const {fs, path, ends, whole} = await threeBatches(true)
    for (let bit = 0; bit < ends[3]! * 8; bit++) {
      const flipped = whole.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      fs.overwrite(path, flipped)

      expect(await reopen(fs)).toMatchObject({code: 'RAFTCTL_DATA_DAMAGED'})
    }
  })
})

describe('a log of several segments', () => {
  async function severalSegments() {
    const {fs, wal} = await simWal()
    for (let i = 1; i <= 60; i++) await wal.append(batch({entries: [entry(i)]}))
    fs.kill()
    const paths = fs.list(DIRECTORY).filter(name => name.endsWith('.wal'))
    return {fs, paths: paths.map(name => `${DIRECTORY}/${name}`)}
  }

  test('is refused when a segment in the middle is gone', async () => {
    const {fs, paths} = await severalSegments()
    fs.remove(paths[1]!)

    expect(await reopen(fs)).toMatchObject({code: 'RAFTCTL_DATA_DAMAGED'})
  })

  test('is refused when an earlier segment lost its last batch', async () => {
    const {fs, paths} = await severalSegments()
    const content = fs.content(paths[0]!)
    const end = content.findLastIndex(byte => byte !== 0) + 1
    fs.overwrite(paths[0]!, content.fill(0, end - 100, end))

    expect(await reopen(fs)).toMatchObject({
      code: 'RAFTCTL_DATA_DAMAGED',
      details: {file: paths[0]},
    })
  })

  test('is refused when a segment of another log took the place of one', async () => {
    const {fs, paths} = await severalSegments()
    const other = await simWal({...SMALL, logId: Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9)})
    for (let i = 1; i <= 60; i++) await other.wal.append(batch({entries: [entry(i)]}))
    fs.overwrite(paths[1]!, other.fs.content(paths[1]!))

    expect(await reopen(fs)).toMatchObject({code: 'RAFTCTL_DATA_DAMAGED'})
  })

  test('is refused with a file in it that is no part of it', async () => {
    const {fs} = await severalSegments()
    fs.overwrite(`${DIRECTORY}/notes.txt`, Uint8Array.of(1))

    expect(await reopen(fs)).toMatchObject({
      code: 'RAFTCTL_DATA_DAMAGED',
      message: expect.stringContaining('notes.txt'),
    })
  })
})

/** A story that goes through every path that writes: rolling, cutting back, resetting, compacting. */
async function story(wal: Wal, acknowledge: (state: string[]) => void): Promise<void> {
  const done = () => acknowledge(stateOf(wal))
  for (let i = 1; i <= 24; i++) {
    await wal.append(batch({hardState: hardState(1, 1, i - 1), entries: [entry(i)]}))
    done()
  }
  await wal.append(batch({hardState: hardState(2, 3, 5), entries: range(6, 30, 2)}))
  done()
  await wal.compact(range(20, 20)[0]!.index)
  done()
  await wal.append(batch({reset: position(90, 3), hardState: hardState(3, 1, 90)}))
  done()
  await wal.append(batch({entries: range(91, 110, 3)}))
  done()
  await wal.close()
}

function stateOf(wal: Wal): string[] {
  return [JSON.stringify(wal.hardState), `last ${wal.lastIndex()}`, ...contents(wal)]
}

const OPERATIONS: SimOperation[] = ['open', 'write', 'sync', 'rename', 'remove', 'sync-directory']

describe('a file operation that fails', () => {
  for (const failing of OPERATIONS) {
    test(`(${failing}, each in turn) ends the log, and loses nothing acknowledged`, async () => {
      for (let nth = 1; ; nth++) {
        let count = 0
        let isFailing = true
        const random = seededRandom(nth)
        const fault = (operation: SimOperation, path: string) => {
          if (!isFailing || operation !== failing || ++count !== nth) return undefined
          return new RaftctlError('RAFTCTL_INPUT_OUTPUT', `${path}: EIO`)
        }
        const acknowledged: string[][] = []
        const seen: string[] = []
        let wal: Wal | undefined
        const {fs, error} = await tell({random, fault}, async opened => {
          wal = opened
          await story(opened, state => {
            acknowledged.push(state)
            seen.push(state.join())
          })
        })
        isFailing = false
        if (count < nth) break

        if (wal !== undefined && error !== undefined) {
          await expect(wal.append(batch({entries: [entry(1)]}))).rejects.toMatchObject({
            code: 'RAFTCTL_NODE_STOPPED',
          })
        }
        fs.crash()
        const again = await openWal(fs, DIRECTORY, SMALL)

        // What was acknowledged last is there, or the one batch after it, which was on its way; and
        // compaction may have gone further.
        const state = stateOf(again.wal)
        const last = acknowledged.at(-1)
        if (last !== undefined) expect(continues(last, state)).toBe(true)
      }
    })
  }
})

async function tell(
  options: Parameters<typeof simWal>[1],
  act: (wal: Wal) => Promise<void>,
): Promise<{fs: SimFileSystem; error: unknown}> {
  const {SimFileSystem: Sim} = await import('../../src/sim/sim-file-system.js')
  const fs = new Sim(options)
  try {
    const {wal} = await openWal(fs, DIRECTORY, SMALL)
    await act(wal)
    return {fs, error: undefined}
  } catch (error) {
    return {fs, error}
  }
}

/** Every state that the story may be in after `acknowledged` was, one batch later at most. */
let storyStates: string[][] | undefined
async function allStates(): Promise<string[][]> {
  if (storyStates !== undefined) return storyStates
  const states: string[][] = []
  const {wal} = await simWal()
  await story(wal, state => states.push(state))
  storyStates = states
  return states
}
const reference = await allStates()

function continues(acknowledged: readonly string[], found: readonly string[]): boolean {
  const at = reference.findLastIndex(state => isSame(state, acknowledged))
  return reference.slice(Math.max(at, 0), at + 3).some(state => isSame(state, found))
}

/** Equal but for entries at the front that compaction took. */
function isSame(one: readonly string[], other: readonly string[]): boolean {
  const tail = Math.min(one.length, other.length) - 2
  const end = (state: readonly string[]) => (tail === 0 ? [] : state.slice(-tail))
  return one[0] === other[0] && one[1] === other[1] && end(one).join() === end(other).join()
}

describe('a crash between any two operations', () => {
  test('loses nothing acknowledged, whatever of the rest the disk kept', async () => {
    const {fs: counting} = await tell({fault: countAll}, wal => story(wal, () => {}))
    const total = operations
    expect(counting.list(DIRECTORY).length).toBeGreaterThan(0)

    for (let crashAt = 1; crashAt <= total; crashAt++) {
      for (let seed = 0; seed < 4; seed++) {
        operations = 0
        let isPlugged = true
        const fault = () => {
          operations++
          if (isPlugged && operations >= crashAt)
            return new RaftctlError('RAFTCTL_UNEXPECTED', 'off')
          return undefined
        }
        let last: string[] | undefined
        const random = seed === 0 ? undefined : seededRandom(crashAt * 10 + seed)
        const {fs} = await tell({random, fault}, wal =>
          story(wal, state => {
            last = state
          }),
        )
        isPlugged = false
        fs.crash()

        const again = await openWal(fs, DIRECTORY, SMALL)

        if (last !== undefined) expect(continues(last, stateOf(again.wal))).toBe(true)
        const next = again.wal.lastIndex() + 1
        await again.wal.append(batch({entries: [entry(next, 9)]}))
        fs.crash()
        const third = await openWal(fs, DIRECTORY, SMALL)
        expect(third.wal.lastIndex()).toBe(next)
      }
    }
  })
})

describe('compaction while a batch that cuts back is on its way to the disk', () => {
  for (const keepBytes of [0, 100]) {
    test(`takes nothing that the batch has not replaced yet (${keepBytes} bytes kept)`, async () => {
      let pausing = 0
      const syncPause = () => (pausing-- === 1 ? new Promise<void>(() => {}) : Promise.resolve())
      const {fs, wal} = await simWal({...SMALL, keepBytes}, {syncPause})
      for (let i = 1; i <= 60; i++) await wal.append(batch({entries: [entry(i, 1)]}))
      const first = wal.firstIndex()
      const names = fs.list(DIRECTORY).filter(name => name.endsWith('.wal'))

      // The second sync is the batch's own; the first is that of its new segment's header.
      pausing = 2
      wal.append(batch({entries: range(30, 31, 2)})).catch(() => {})
      while (pausing > 0) await fs.yieldTurn()
      await wal.compact(logIndex(29))
      await wal.compact(logIndex(60))
      const segments = fs.list(DIRECTORY).filter(name => name.endsWith('.wal'))
      fs.crash()
      const {wal: again} = await openWal(fs, DIRECTORY, SMALL)

      expect(first).toBe(1)
      expect(segments.length).toBeGreaterThan(0)
      expect(names.length).toBeGreaterThan(3)
      expect(again.lastIndex()).toBe(60)
      expect(contents(again)).toEqual(range(again.firstIndex(), 60, 1).map(textOf))
      expect(again.firstIndex()).toBeLessThanOrEqual(30)
    })
  }
})

let operations = 0
function countAll(): undefined {
  operations++
  return undefined
}
