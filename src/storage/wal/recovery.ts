/**
 * Opening a log, whatever happened to the process that wrote it; raftctl-wal(5) lists what each crash
 * leaves.
 *
 *   partial files ──remove──▶ segments in order ──headers, chain, batches──▶ table
 *   last segment's tail: zeros ▶ nothing; torn ▶ cut, erased, reported; damaged ▶ refused
 *   an empty last segment ▶ removed, unless it is the only one: the batch it was made for never came
 */
import type {HardState} from '../../raft/types.js'
import type {FileSystem, OpenFile} from '../file-system.js'
import {ensureDirectory, PARTIAL, parentOf} from '../file-system.js'
import {NO_HARD_STATE, parseSegmentName} from './format.js'
import {LogTable} from './log-table.js'
import {type Batch, BatchScanner, examineTail} from './scan.js'
import {damaged, listSegments, readHeader, Segment} from './segment.js'

/** What opening a log found and did. */
export interface RecoveryReport {
  /** No log was there. */
  readonly isNew: boolean
  /** The last process stopped cleanly. */
  readonly wasSealed: boolean
  /** What was cut off the end, if anything: the one batch that was being written. */
  readonly cut: TailCut | undefined
  /** A last segment shorter than it was made, and mended with zeros. */
  readonly shortened: {readonly file: string; readonly bytes: number} | undefined
  readonly segments: number
  /** Live ones. */
  readonly entries: number
}

export interface TailCut {
  readonly file: string
  readonly offset: number
  /** Up to the last byte that was not zero. */
  readonly bytes: number
  /** Whole entries among them. */
  readonly entries: number
  /** The index that the log now lacks, the first that was cut if it held entries. */
  readonly nextIndex: number
}

/** Where writing goes on. */
export interface RecoveredLog {
  readonly table: LogTable
  readonly logId: Uint8Array | undefined
  readonly hardState: HardState
  readonly chain: number
  readonly report: RecoveryReport
}

const ZEROS = new Uint8Array(256 * 1024)

export async function recover(fs: FileSystem, directory: string): Promise<RecoveredLog> {
  await ensureDirectory(fs, directory)
  const names = fs.list(directory)
  for (const name of names) {
    if (name.endsWith(PARTIAL)) fs.remove(`${directory}/${name}`)
    else if (parseSegmentName(name) === undefined) {
      throw damaged(`${directory}/${name}`, 0, undefined, 'a file that is no part of the log')
    }
  }

  const replay = new Replay()
  const paths = listSegments(directory, names).map(name => `${directory}/${name}`)
  let cut: TailCut | undefined
  let shortened: RecoveryReport['shortened']
  for (const [i, path] of paths.entries()) {
    const isLast = i === paths.length - 1
    const file = fs.open(path, 'write')
    try {
      const segment = replay.begin(path, file)
      replay.batches(segment, file)
      const isShort = file.bytes() < segment.header.fileBytes
      if (isLast) {
        cut = judgeTail(segment, file, replay.table.lastIndex + 1)
        if (isShort) shortened = {file: path, bytes: file.bytes()}
        await mendTail(segment, file, replay.lastBatch, cut, fs)
      } else if (isShort || judgeTail(segment, file, replay.table.lastIndex + 1) !== undefined) {
        throw damaged(path, segment.end, replay.table.lastIndex + 1, 'the log is damaged')
      }
    } finally {
      file.close()
    }
    await fs.yieldTurn()
  }
  await removeUnused(fs, replay.table)
  await fs.syncDirectory(directory)

  const {table} = replay
  return {
    table,
    logId: table.active?.header.logId,
    hardState: replay.hardState,
    chain: replay.chain,
    report: {
      isNew: paths.length === 0,
      wasSealed: replay.isSealed && cut === undefined,
      cut,
      shortened,
      segments: table.segments.length,
      entries: table.lastIndex - table.prev.index,
    },
  }
}

/** Builds the table from segments given in order. */
export class Replay {
  readonly table = new LogTable()
  hardState: HardState = NO_HARD_STATE
  chain = 0
  isSealed = false
  /** The last batch of the segment begun last. */
  lastBatch: {readonly offset: number; readonly bytes: number} | undefined
  /** Where the log was cut back, in order written: what was written before, from `first` on, is dead. */
  readonly cutBacks: {sequence: number; offset: number; first: number}[] = []
  #indexesBatches: boolean

  /** Without an index of batches memory does not grow with the log; entries can't be located then. */
  constructor(indexesBatches = true) {
    this.#indexesBatches = indexesBatches
  }

  /** Reads a segment's header and checks that it continues the one before. */
  begin(path: string, file: OpenFile): Segment {
    const header = readHeader(file)
    const {active} = this.table
    this.lastBatch = undefined
    if (active === undefined) {
      this.table.reset(header.prev)
      this.hardState = header.hardState
      this.chain = header.chain
    } else if (
      Buffer.compare(header.logId, active.header.logId) !== 0 ||
      header.chain !== this.chain
    ) {
      const what = 'the log is damaged: the next segment does not continue this one'
      throw damaged(active.path, active.end, this.table.lastIndex + 1, what)
    }
    const segment = new Segment(path, header)
    this.table.segments.push(segment)
    return segment
  }

  /** Reads every whole batch of the segment that was not read before. */
  batches(segment: Segment, file: OpenFile): void {
    const scanner = new BatchScanner(file, segment.header.logId, segment.end, this.chain)
    for (let batch = scanner.next(); batch !== undefined; batch = scanner.next()) {
      this.#take(segment, batch)
      segment.end = scanner.offset
      this.chain = scanner.chain
    }
  }

  #take(segment: Segment, batch: Batch): void {
    const {table} = this
    const {sequence} = segment.header
    const {offset} = batch
    this.lastBatch = {offset, bytes: batch.bytes}
    if (batch.reset !== undefined) {
      table.reset(batch.reset)
      this.cutBacks.push({sequence, offset, first: 0})
    }
    const first = batch.entries[0]?.index
    if (first !== undefined) {
      // The segments whose entries lay between were dropped, and a crash left the later ones of them:
      // the log begins with this segment.
      const {prev} = segment.header
      if (first <= table.prev.index && first === prev.index + 1) {
        table.reset(prev)
        this.cutBacks.push({sequence, offset, first: 0})
      }
      if (first <= table.prev.index || first > table.lastIndex + 1 || first < segment.firstIndex) {
        const what = `the log is damaged: a batch begins at ${first}, out of order`
        throw damaged(segment.path, batch.offset, table.lastIndex + 1, what)
      }
      if (first <= table.lastIndex) this.cutBacks.push({sequence, offset, first})
      table.addEntries(batch.entries)
      if (this.#indexesBatches) segment.addBatch(first, offset)
    }
    this.hardState = batch.commit.hardState
    this.isSealed = batch.commit.isSeal
    segment.isSettled = true
  }
}

function judgeTail(segment: Segment, file: OpenFile, nextIndex: number): TailCut | undefined {
  const tail = examineTail(file, segment.header.logId, segment.end)
  if (tail.kind === 'zeros') return undefined
  if (tail.kind === 'damaged') {
    const what = `the log is damaged, and was written to after it (offset ${tail.evidence})`
    throw damaged(segment.path, segment.end, nextIndex, what)
  }
  const {bytes, entries} = tail
  return {file: segment.path, offset: segment.end, bytes, entries, nextIndex}
}

/**
 * Writes the last whole batch again, erases the cut tail, gives a short file its size back, and syncs:
 * that batch may never have been synced, and from now on it is counted on. If its sync failed, the
 * kernel may show it, take it for written, and lose it with the power; written again, it is not.
 */
async function mendTail(
  segment: Segment,
  file: OpenFile,
  lastBatch: Replay['lastBatch'],
  cut: TailCut | undefined,
  fs: FileSystem,
): Promise<void> {
  if (lastBatch !== undefined) {
    const bytes = new Uint8Array(lastBatch.bytes)
    file.read(bytes, lastBatch.offset)
    file.write(bytes, lastBatch.offset)
  }
  if (cut !== undefined) await writeZeros(fs, file, cut.offset, cut.offset + cut.bytes)
  await writeZeros(fs, file, file.bytes(), segment.header.fileBytes)
  await file.syncData()
}

/** Real zeros, not a hole: blocks that exist need no metadata when they are synced later. */
export async function writeZeros(
  fs: FileSystem,
  file: OpenFile,
  from: number,
  to: number,
): Promise<void> {
  for (let at = from; at < to; at += ZEROS.length) {
    file.write(ZEROS.subarray(0, Math.min(ZEROS.length, to - at)), at)
    await fs.yieldTurn()
  }
}

async function removeUnused(fs: FileSystem, table: LogTable): Promise<void> {
  const last = table.active
  if (last === undefined || last.isSettled || table.segments.length === 1) return
  table.segments.pop()
  fs.remove(last.path)
  await fs.syncDirectory(parentOf(last.path))
}
