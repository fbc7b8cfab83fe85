/**
 * Reading a log without a lock and without changing anything, whether its node runs or not. Memory does
 * not grow with the log.
 *
 * Two passes over the segments: the first finds where the log was cut back and where it ends, the second
 * gives the entries that nothing later overrides, up to that end. The files are held open in between,
 * so that a running node may compact meanwhile.
 */
import {RaftctlError} from '../../errors.js'
import type {Entry, HardState, LogIndex, LogPosition} from '../../raft/types.js'
import type {FileSystem, OpenFile} from '../file-system.js'
import {HEADER_BYTES} from './format.js'
import {Replay} from './recovery.js'
import {BatchScanner, examineTail, type Tail} from './scan.js'
import {damaged, listSegments, type Segment} from './segment.js'

export interface WalView {
  /** The position before the first entry. */
  readonly prev: LogPosition
  readonly firstIndex: LogIndex
  readonly lastIndex: LogIndex
  /** Its `commitIndex` is the commit record: entries above it may still be replaced. */
  readonly hardState: HardState
  /** Stopped cleanly, and not written to since. */
  readonly isSealed: boolean
  /** Bytes behind the last whole batch: being written just now, or left by a crash. */
  readonly tornBytes: number
  readonly segments: number
  /** Of all segments, dead batches and zeros included. */
  readonly sizeBytes: number
  /**
   * Entries of the inclusive range, which is clamped to the log, in order; each may be kept. Throws
   * RAFTCTL_DATA_DAMAGED where a segment is.
   */
  entries(lo: LogIndex, hi: LogIndex): Generator<Entry>
  close(): void
}

const ATTEMPTS = 5

/** RAFTCTL_FILE_NOT_FOUND without a log; RAFTCTL_DATA_DAMAGED, RAFTCTL_FORMAT_NEWER. */
export async function readWal(fs: FileSystem, directory: string): Promise<WalView> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await view(fs, directory)
    } catch (error) {
      // A running node may have dropped a segment between the listing and the opening, or have added
      // one; look again.
      const mayBeRace = error instanceof RaftctlError && error.code !== 'RAFTCTL_FORMAT_NEWER'
      if (!mayBeRace || attempt === ATTEMPTS || fs.kindOf(directory) === undefined) throw error
      await fs.yieldTurn()
    }
  }
}

async function view(fs: FileSystem, directory: string): Promise<WalView> {
  const names =
    fs.kindOf(directory) === 'directory' ? listSegments(directory, fs.list(directory)) : []
  if (names.length === 0) {
    throw new RaftctlError('RAFTCTL_FILE_NOT_FOUND', `there is no log in ${directory}`, {
      hint: 'Name the data directory of a node: the one that holds node.json.',
      details: {directory},
    })
  }
  const files: OpenFile[] = []
  try {
    for (const name of names) files.push(fs.open(`${directory}/${name}`, 'read'))
    const replay = new Replay(false)
    let tornBytes = 0
    for (const [i, file] of files.entries()) {
      const segment = replay.begin(file.path, file)
      const tail = readToEnd(replay, segment, file)
      if (tail.kind === 'damaged' || (tail.kind === 'torn' && i < files.length - 1)) {
        const index = replay.table.lastIndex + 1
        throw damaged(file.path, segment.end, index, 'the log is damaged')
      }
      if (tail.kind === 'torn') tornBytes = tail.bytes
      await fs.yieldTurn()
    }
    return new SegmentsView(replay, files, tornBytes)
  } catch (error) {
    for (const file of files) file.close()
    throw error
  }
}

/** A running node may finish a batch just after the scan stopped before it: then go on from there. */
function readToEnd(replay: Replay, segment: Segment, file: OpenFile): Tail {
  for (let attempt = 1; ; attempt++) {
    replay.batches(segment, file)
    const tail = examineTail(file, segment.header.logId, segment.end)
    if (tail.kind !== 'damaged' || attempt === ATTEMPTS) return tail
  }
}

class SegmentsView implements WalView {
  readonly prev: LogPosition
  readonly firstIndex: LogIndex
  readonly lastIndex: LogIndex
  readonly hardState: HardState
  readonly isSealed: boolean
  readonly tornBytes: number
  readonly segments: number
  readonly sizeBytes: number
  #parts: readonly {readonly segment: Segment; readonly file: OpenFile}[]
  #files: readonly OpenFile[]
  #cutBacks: Replay['cutBacks']

  constructor(replay: Replay, files: readonly OpenFile[], tornBytes: number) {
    const {table} = replay
    this.prev = table.prev
    this.firstIndex = table.firstIndex
    this.lastIndex = table.lastIndex
    this.hardState = replay.hardState
    this.isSealed = replay.isSealed && tornBytes === 0
    this.tornBytes = tornBytes
    this.segments = files.length
    this.sizeBytes = files.reduce((sum, file) => sum + file.bytes(), 0)
    // A segment without a batch says nothing yet, whatever its header announces.
    this.#parts = table.segments
      .map((segment, i) => ({segment, file: files[i]!}))
      .filter(({segment}) => segment.isSettled)
    this.#files = files
    this.#cutBacks = replay.cutBacks
  }

  *entries(lo: LogIndex, hi: LogIndex): Generator<Entry> {
    const limits = this.#limits()
    let next = Math.max(lo, this.firstIndex)
    const last = Math.min(hi, this.lastIndex)
    let passed = 0
    for (const [i, {segment, file}] of this.#parts.entries()) {
      if (next > last) return
      if (this.#isBefore(i, next)) continue
      const {header} = segment
      const scanner = new BatchScanner(file, header.logId, HEADER_BYTES, header.chain)
      while (scanner.offset < segment.end) {
        const batch = scanner.next()
        if (batch === undefined) {
          throw damaged(segment.path, scanner.offset, next, 'the log is damaged')
        }
        while (
          passed < limits.length &&
          isAtOrBefore(limits[passed]!, header.sequence, batch.offset)
        ) {
          passed++
        }
        const limit = limits[passed]?.first ?? Number.POSITIVE_INFINITY
        for (const entry of batch.entries) {
          if (entry.index !== next || entry.index >= limit) continue
          if (next > last) return
          yield entry
          next++
        }
      }
    }
  }

  close(): void {
    for (const file of this.#files) file.close()
  }

  /** Every place of a cut-back, with the lowest index that it or any later one cut. */
  #limits(): {sequence: number; offset: number; first: number}[] {
    let lowest = Number.POSITIVE_INFINITY
    const limits = this.#cutBacks.map(each => ({...each}))
    for (const each of limits.reverse()) {
      lowest = Math.min(lowest, each.first)
      each.first = lowest
    }
    return limits.reverse()
  }

  /** Do all live entries of this segment lie before `index`? */
  #isBefore(i: number, index: number): boolean {
    const following = this.#parts[i + 1]?.segment
    if (following === undefined) return false
    const {sequence} = following.header
    const isCut = this.#cutBacks.some(each => each.sequence >= sequence)
    return !isCut && following.firstIndex <= index
  }
}

function isAtOrBefore(
  place: {sequence: number; offset: number},
  sequence: number,
  offset: number,
): boolean {
  return place.sequence < sequence || (place.sequence === sequence && place.offset <= offset)
}
