import type {LogBatch} from '../../src/node/ports.js'
import {encodeEntry, entryData} from '../../src/raft/entry.js'
import type {LogReader} from '../../src/raft/log-reader.js'
import type {Entry, HardState} from '../../src/raft/types.js'
import {logIndex, nodeId, term} from '../../src/raft/types.js'
import {SimFileSystem, type SimFileSystemOptions} from '../../src/sim/sim-file-system.js'
import {openWal, type Wal, type WalOptions} from '../../src/storage/wal/wal.js'

export const DIRECTORY = '/data/wal'
export const LOG_ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
/** Small enough that a test goes through many segments. */
export const SMALL: WalOptions = {
  segmentBytesMin: 1024,
  segmentBytesMax: 2048,
  keepBytes: 0,
  memoryBytesMax: 0,
  logId: LOG_ID,
}

export function entry(index: number, inTerm = 1, text = `entry ${index} of term ${inTerm}`): Entry {
  return encodeEntry(logIndex(index), term(inTerm), 'command', new TextEncoder().encode(text))
}

export function range(from: number, to: number, inTerm = 1): Entry[] {
  return Array.from({length: to - from + 1}, (_, i) => entry(from + i, inTerm))
}

export function hardState(inTerm: number, vote: number | undefined, commit: number): HardState {
  const votedFor = vote === undefined ? undefined : nodeId(vote)
  return {term: term(inTerm), votedFor, commitIndex: logIndex(commit)}
}

export function batch(part: Partial<LogBatch>): LogBatch {
  return {reset: undefined, hardState: undefined, entries: [], ...part}
}

export function position(index: number, inTerm: number) {
  return {index: logIndex(index), term: term(inTerm)}
}

/** Everything a log holds, in a form that compares well. */
export function contents(log: LogReader): string[] {
  const [lo, hi] = [log.firstIndex(), log.lastIndex()]
  const entries = lo > hi ? [] : log.entries(lo, hi, Number.MAX_SAFE_INTEGER)
  return entries.map(textOf)
}

export function textOf(each: Entry): string {
  return `${each.index}/${each.term} ${new TextDecoder().decode(entryData(each))}`
}

export async function simWal(
  options: WalOptions = SMALL,
  fsOptions: SimFileSystemOptions = {},
): Promise<{fs: SimFileSystem; wal: Wal}> {
  const fs = new SimFileSystem(fsOptions)
  // A process of its own: a crash ends what it was still doing.
  const {wal} = await openWal(fs.mount(), DIRECTORY, options)
  return {fs, wal}
}

/** mulberry32: uniform in [0, 1) from a seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
