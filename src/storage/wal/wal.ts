/**
 * The write-ahead log of one Raft group.
 *
 *   append ──▶ memory (readable at once) ──▶ one write ──▶ one sync ──▶ resolved: durable
 *                                     └─ no room, or further back than this segment begins:
 *                                        a new segment first, synced before its name exists
 *
 * Nothing here catches a failed write or sync to go on: what the kernel holds after one is unknown, so
 * the log refuses everything from then on, and the node stops (storage.md).
 */
import {randomBytes} from 'node:crypto'
import {RaftctlError} from '../../errors.js'
import type {DurableLog, LogBatch} from '../../node/ports.js'
import type {Entry, HardState, LogIndex, LogPosition, Term} from '../../raft/types.js'
import {viewOf} from '../bytes.js'
import type {FileSystem} from '../file-system.js'
import {checkBatch, isEmptyBatch} from '../log-batch.js'
import {
  batchBytes,
  COMMIT_FRAME_BYTES,
  encodeBatch,
  encodeHeader,
  encodeSeal,
  HEADER_BYTES,
  LOG_ID_BYTES,
} from './format.js'
import type {LogTable} from './log-table.js'
import {RecentEntries} from './recent-entries.js'
import {type RecoveredLog, type RecoveryReport, recover} from './recovery.js'
import {parseBatch} from './scan.js'
import {damaged, REPLACE_HINT, Segment, segmentPath} from './segment.js'
import {SegmentMaker} from './segment-maker.js'

export interface WalOptions {
  /** Size of the first segment; each following one is twice as large, up to the largest. */
  readonly segmentBytesMin?: number
  readonly segmentBytesMax?: number
  /** Records of recent entries held in memory. */
  readonly memoryBytesMax?: number
  /** Bytes of entries that `compact` leaves behind its index. */
  readonly keepBytes?: number
  /** A log without a segment is refused: it was lost. For a node that has an identity. */
  readonly mustExist?: boolean
  /** Eight bytes that name a new log; random unless a simulation says otherwise. */
  readonly logId?: Uint8Array
}

const MIB = 1024 * 1024
const READ_AHEAD_BYTES = 256 * 1024
/** A larger batch gets a buffer of its own, which is given back. */
const SCRATCH_BYTES_MAX = 4 * MIB

/**
 * Opens the log of a directory, making it if need be; a new log's first segment is on disk when this
 * resolves. RAFTCTL_DATA_DAMAGED, RAFTCTL_FORMAT_NEWER: nothing was changed.
 */
export async function openWal(
  fs: FileSystem,
  directory: string,
  options: WalOptions = {},
): Promise<{wal: Wal; recovery: RecoveryReport}> {
  const recovered = await recover(fs, directory)
  if (recovered.report.isNew && options.mustExist) {
    throw new RaftctlError('RAFTCTL_DATA_DAMAGED', `the log in ${directory} is gone`, {
      hint: REPLACE_HINT,
      details: {directory},
    })
  }
  const wal = new Wal(fs, directory, recovered, options)
  if (recovered.report.isNew) await wal.createFirstSegment()
  return {wal, recovery: recovered.report}
}

export class Wal implements DurableLog {
  #fs: FileSystem
  #directory: string
  #options: Required<Omit<WalOptions, 'mustExist' | 'logId'>>
  #logId: Uint8Array
  #table: LogTable
  #recent: RecentEntries
  #maker: SegmentMaker
  #hardState: HardState
  /** As of the last batch written, which is what the next one is chained to. */
  #writtenHardState: HardState
  #chain: number
  #isSealed: boolean
  #scratch: Uint8Array = new Uint8Array(64 * 1024)
  #window: {path: string; from: number; bytes: Uint8Array} | undefined
  #lastRead: {path: string; offset: number; entries: readonly Entry[]} | undefined
  #bytesWritten = 0
  #isAppending = false
  #dropping: Promise<void> = Promise.resolve()
  #failure: unknown
  #isClosed = false

  constructor(fs: FileSystem, directory: string, recovered: RecoveredLog, options: WalOptions) {
    this.#fs = fs
    this.#directory = directory
    this.#options = {
      segmentBytesMin: options.segmentBytesMin ?? MIB,
      segmentBytesMax: options.segmentBytesMax ?? 64 * MIB,
      memoryBytesMax: options.memoryBytesMax ?? 16 * MIB,
      keepBytes: options.keepBytes ?? 64 * MIB,
    }
    this.#logId = recovered.logId ?? options.logId ?? randomBytes(LOG_ID_BYTES)
    this.#table = recovered.table
    this.#recent = new RecentEntries(recovered.table.lastIndex + 1)
    this.#maker = new SegmentMaker(fs, directory)
    this.#hardState = recovered.hardState
    this.#writtenHardState = recovered.hardState
    this.#chain = recovered.chain
    this.#isSealed = recovered.report.wasSealed
  }

  get hardState(): HardState {
    return this.#hardState
  }

  get bytesWritten(): number {
    return this.#bytesWritten
  }

  bytesAfter(index: LogIndex): number {
    return this.#table.bytesAfter(index)
  }

  firstIndex(): LogIndex {
    return this.#table.firstIndex
  }

  lastIndex(): LogIndex {
    return this.#table.lastIndex
  }

  term(index: LogIndex): Term | undefined {
    return this.#table.term(index)
  }

  /** RAFTCTL_DATA_DAMAGED: what is read from disk is checked again, each time. */
  entries(lo: LogIndex, hi: LogIndex, bytesMax: number): Entry[] {
    if (lo < this.firstIndex() || hi > this.lastIndex() || lo > hi) {
      throw new Error(`log range ${lo} to ${hi} is outside of the log`)
    }
    const entries: Entry[] = []
    let bytes = 0
    const takes = (entry: Entry): boolean => {
      bytes += entry.record.length
      const fits = bytes <= bytesMax || entries.length === 0
      if (fits) entries.push(entry)
      return fits
    }
    const recentFirst = this.#recent.firstIndex
    let next: number = lo
    while (next <= hi && next < recentFirst) {
      const page = this.#readBatch(next as LogIndex, Math.min(hi, recentFirst - 1))
      if (!page.every(takes)) return entries
      next += page.length
    }
    while (next <= hi && takes(this.#recent.get(next))) next++
    return entries
  }

  async append(batch: LogBatch): Promise<void> {
    this.#refuseIfUnusable()
    if (this.#isAppending) throw new Error('the log takes one batch at a time')
    checkBatch(batch, this)
    if (isEmptyBatch(batch)) return

    this.#isAppending = true
    try {
      const {segment, size} = await this.#accept(batch)
      this.#write(segment, batch, size)
      await segment.file(this.#fs).syncData()
      segment.isSettled = true
    } catch (error) {
      this.#failure ??= error
      throw error
    } finally {
      this.#isAppending = false
    }
    if (batch.reset !== undefined) {
      // Everything before the segment that the reset began is dead.
      const {active} = this.#table
      this.#enqueueDrop(() => this.#table.segments.indexOf(active!)).catch(() => {})
    }
  }

  async compact(index: LogIndex): Promise<void> {
    this.#refuseIfUnusable()
    await this.#enqueueDrop(() => this.#table.droppable(index, this.#options.keepBytes))
  }

  /** After a failure there is no seal: the next start judges what the disk holds. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    if (this.#isAppending) throw new Error('the log is closed during an append')
    this.#isClosed = true
    await this.#dropping.catch(() => {})
    try {
      if (this.#failure === undefined && !this.#isSealed) await this.#seal()
      await this.#maker.stop()
    } finally {
      for (const segment of this.#table.segments) segment.close()
    }
  }

  /** Makes an empty log exist, so that its later absence shows that it was lost. */
  async createFirstSegment(): Promise<void> {
    await this.#roll(this.#table.last, 0)
  }

  /** Takes the batch into memory, and finds or makes the segment it goes to. */
  #accept(
    batch: LogBatch,
  ): {segment: Segment; size: number} | Promise<{segment: Segment; size: number}> {
    const {reset, entries} = batch
    const first = entries[0]?.index
    const size = batchBytes(reset, entries)
    const {active} = this.#table
    const rolls =
      active === undefined ||
      reset !== undefined ||
      (first !== undefined && first < active.firstIndex) ||
      active.end + size + COMMIT_FRAME_BYTES > active.header.fileBytes
    const prev = reset ?? this.#positionBefore(first)

    if (reset !== undefined) {
      this.#table.reset(reset)
      this.#recent.clear(reset.index + 1)
    }
    if (first !== undefined) {
      this.#table.addEntries(entries)
      this.#recent.add(entries)
    }
    this.#hardState = batch.hardState ?? this.#hardState
    if (!rolls) return {segment: active, size}
    return this.#roll(prev, size).then(segment => ({segment, size}))
  }

  #positionBefore(first: LogIndex | undefined): LogPosition {
    if (first === undefined) return this.#table.last
    const index = (first - 1) as LogIndex
    return {index, term: this.#table.term(index)!}
  }

  #write(segment: Segment, batch: LogBatch, size: number): void {
    const hardState = batch.hardState ?? this.#writtenHardState
    const target = this.#buffer(size)
    const content = {reset: batch.reset, entries: batch.entries, hardState}
    const chain = encodeBatch(target, content, this.#logId, segment.end, this.#chain)
    segment.file(this.#fs).write(target, segment.end)

    if (batch.entries.length > 0) segment.addBatch(batch.entries[0]!.index, segment.end)
    segment.end += size
    this.#chain = chain
    this.#writtenHardState = hardState
    this.#isSealed = false
    this.#bytesWritten += size
    this.#recent.evictTo(this.#options.memoryBytesMax)
    // A second to spare is enough: begin the next segment while this one is half empty.
    if (segment.end * 2 > segment.header.fileBytes) {
      this.#maker.prepare(this.#segmentBytes(segment.header.sequence + 1))
    }
  }

  #buffer(size: number): Uint8Array {
    if (size > SCRATCH_BYTES_MAX) return new Uint8Array(size)
    if (size > this.#scratch.length)
      this.#scratch = new Uint8Array(Math.max(size, this.#scratch.length * 2))
    return this.#scratch.subarray(0, size)
  }

  /** A new segment for a batch of `size` that follows `prev`. Its name exists once it is whole. */
  async #roll(prev: LogPosition, size: number): Promise<Segment> {
    const sequence = (this.#table.active?.header.sequence ?? 0) + 1
    const bytesMin = HEADER_BYTES + size + COMMIT_FRAME_BYTES
    const blank = await this.#maker.take(bytesMin, this.#segmentBytes(sequence))
    const header = {
      logId: this.#logId,
      sequence,
      fileBytes: blank.bytes,
      prev,
      hardState: this.#writtenHardState,
      chain: this.#chain,
    }
    const path = segmentPath(this.#directory, header)
    blank.file.write(encodeHeader(header), 0)
    await blank.file.syncData()
    this.#fs.rename(blank.path, path)
    await this.#fs.syncDirectory(this.#directory)
    const segment = new Segment(path, header, blank.file)
    this.#table.segments.push(segment)
    return segment
  }

  #segmentBytes(sequence: number): number {
    const {segmentBytesMin, segmentBytesMax} = this.#options
    return Math.min(segmentBytesMax, segmentBytesMin * 2 ** Math.min(sequence - 1, 30))
  }

  async #seal(): Promise<void> {
    const {active} = this.#table
    if (active === undefined) return
    const seal = encodeSeal(this.#hardState, this.#logId, active.end, this.#chain)
    const file = active.file(this.#fs)
    file.write(seal.bytes, active.end)
    await file.syncData()
  }

  /** The entries from `index` on, up to `hi`, that the batch holding `index` has. */
  #readBatch(index: LogIndex, hi: number): readonly Entry[] {
    const {segment, slot} = this.#table.locate(index)
    const offset = segment.offsets[slot]!
    let entries =
      this.#lastRead?.path === segment.path && this.#lastRead.offset === offset
        ? this.#lastRead.entries
        : undefined
    if (entries === undefined) {
      entries = this.#readFromDisk(segment, slot, index)
      this.#lastRead = {path: segment.path, offset, entries}
    }
    const skip = index - entries[0]!.index
    const end = Math.min(hi + 1, this.#table.firstAfter(segment, slot)) - entries[0]!.index
    return skip === 0 && end >= entries.length ? entries : entries.slice(skip, end)
  }

  #readFromDisk(segment: Segment, slot: number, index: LogIndex): readonly Entry[] {
    const offset = segment.offsets[slot]!
    const end = segment.offsets[slot + 1] ?? segment.end
    const {bytes, from} = this.#readAround(segment, offset, end)
    const read = parseBatch(bytes, offset - from, offset, viewOf(this.#logId))
    if (read.kind !== 'batch' || read.batch.entries[0]?.index !== segment.firsts[slot]) {
      this.#failure ??= damaged(segment.path, offset, index, 'the log was damaged while in use')
      throw this.#failure
    }
    return read.batch.entries
  }

  /** Reads ahead, as the next batches will be wanted next; what is written never changes. */
  #readAround(segment: Segment, offset: number, end: number): {bytes: Uint8Array; from: number} {
    const held = this.#window
    if (
      held?.path === segment.path &&
      held.from <= offset &&
      end <= held.from + held.bytes.length
    ) {
      return held
    }
    const size = Math.max(end - offset, Math.min(READ_AHEAD_BYTES, segment.end - offset))
    const bytes = new Uint8Array(size)
    const count = segment.file(this.#fs).read(bytes, offset)
    this.#window = {path: segment.path, from: offset, bytes: bytes.subarray(0, count)}
    return this.#window
  }

  #enqueueDrop(count: () => number): Promise<void> {
    const drop = this.#dropping.then(async () => {
      if (this.#failure !== undefined) throw this.#failure
      try {
        await this.#dropSegments(count())
      } catch (error) {
        this.#failure ??= error
        throw error
      }
    })
    this.#dropping = drop.catch(() => {})
    return drop
  }

  /** Oldest first, each removal durable before the next: a crash leaves no gap. */
  async #dropSegments(count: number): Promise<void> {
    if (count === 0) return
    const dropped = this.#table.drop(count)
    this.#recent.dropBefore(this.#table.firstIndex)
    for (const segment of dropped) {
      segment.close()
      await this.#fs.discard(segment.path)
      await this.#fs.syncDirectory(this.#directory)
      await this.#fs.yieldTurn()
    }
  }

  #refuseIfUnusable(): void {
    if (this.#isClosed) throw new RaftctlError('RAFTCTL_NODE_STOPPED', 'the log is closed')
    if (this.#failure === undefined) return
    throw new RaftctlError(
      'RAFTCTL_NODE_STOPPED',
      'the log failed before, and takes nothing more',
      {
        hint: 'Look at the first error; start the node again once its cause is gone.',
        cause: this.#failure,
      },
    )
  }
}
