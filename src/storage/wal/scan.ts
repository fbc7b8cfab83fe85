/**
 * Reading batches in the order they were written, believing none before its checksum.
 *
 * What follows the last whole batch of a file is one of three things: zeros; what a crash left of the
 * one batch that was not synced yet; or damage. At most one batch is ever on its way, so anything that
 * was written after a bad batch shows that the bad one had been synced, and has been damaged since.
 */
import {decodeEntry} from '../../raft/entry.js'
import type {Entry, LogPosition} from '../../raft/types.js'
import {isZero, padded, viewOf} from '../bytes.js'
import type {OpenFile} from '../file-system.js'
import {
  batchChecksum,
  COMMIT_FRAME_BYTES,
  type Commit,
  decodeCommit,
  decodeReset,
  FRAME_ENTRY,
  FRAME_HEADER_BYTES,
  FRAME_RESET,
} from './format.js'

const WINDOW_BYTES = 1024 * 1024
const RESET_FRAME_BYTES = 24

export interface Batch {
  readonly offset: number
  readonly bytes: number
  readonly reset: LogPosition | undefined
  /** Without gaps; their records are views of what was read. */
  readonly entries: readonly Entry[]
  readonly commit: Commit
}

export type BatchRead =
  | {readonly kind: 'batch'; readonly batch: Batch}
  /** At least so many bytes, counted from the batch's start, are needed to tell. */
  | {readonly kind: 'short'; readonly bytes: number}
  | {readonly kind: 'bad'}

const BAD: BatchRead = {kind: 'bad'}

/** Reads the batch at `at` of `bytes`, which is `offset` of its file. */
export function parseBatch(
  bytes: Uint8Array,
  at: number,
  offset: number,
  logId: DataView,
): BatchRead {
  const view = viewOf(bytes)
  let reset: LogPosition | undefined
  const frames: number[] = []
  let next = at
  for (;;) {
    if (next + FRAME_HEADER_BYTES > bytes.length) {
      return {kind: 'short', bytes: next - at + FRAME_HEADER_BYTES}
    }
    const payloadBytes = view.getUint32(next, true)
    const kind = view.getUint32(next + 4, true)
    if (kind === FRAME_ENTRY) {
      frames.push(next)
      next += FRAME_HEADER_BYTES + padded(payloadBytes)
    } else if (kind === FRAME_RESET && next === at) {
      if (at + RESET_FRAME_BYTES > bytes.length) return {kind: 'short', bytes: RESET_FRAME_BYTES}
      reset = decodeReset(view, at)
      next += RESET_FRAME_BYTES
    } else {
      break
    }
  }
  if (next + COMMIT_FRAME_BYTES > bytes.length) {
    return {kind: 'short', bytes: next - at + COMMIT_FRAME_BYTES}
  }
  const commit = decodeCommit(view, next, logId)
  if (commit === undefined || commit.bodyBytes !== next - at) return BAD
  if (commit.offset !== offset + commit.bodyBytes) return BAD
  const end = next + COMMIT_FRAME_BYTES
  if (batchChecksum(bytes.subarray(at, end), commit.previousChain) !== commit.chain) return BAD

  const entries: Entry[] = []
  for (const frame of frames) {
    const start = frame + FRAME_HEADER_BYTES
    const entry = decodeEntry(bytes.subarray(start, start + view.getUint32(frame, true)))
    const before = entries.at(-1)
    if (entry === undefined || (before !== undefined && entry.index !== before.index + 1))
      return BAD
    entries.push(entry)
  }
  return {kind: 'batch', batch: {offset, bytes: end - at, reset, entries, commit}}
}

/** Goes through one file from batch to batch, in memory bounded by its largest batch. */
export class BatchScanner {
  readonly fileBytes: number
  /** Behind the last batch that `next` gave. */
  offset: number
  #chain: number
  #file: OpenFile
  #logId: DataView
  #window: Uint8Array = new Uint8Array(0)
  #windowAt = 0

  constructor(file: OpenFile, logId: Uint8Array, offset: number, chain: number) {
    this.#file = file
    this.#logId = viewOf(logId)
    this.fileBytes = file.bytes()
    this.offset = offset
    this.#chain = chain
  }

  /** Checksum of the last batch given. */
  get chain(): number {
    return this.#chain
  }

  /** The next batch, or undefined where no whole one follows the last. */
  next(): Batch | undefined {
    for (;;) {
      const at = this.offset - this.#windowAt
      const read =
        at > this.#window.length
          ? ({kind: 'short', bytes: 0} as const)
          : parseBatch(this.#window, at, this.offset, this.#logId)
      if (read.kind === 'short') {
        if (!this.#fill(read.bytes)) return undefined
        continue
      }
      if (read.kind === 'bad' || read.batch.commit.previousChain !== this.#chain) return undefined
      this.offset += read.batch.bytes
      this.#chain = read.batch.commit.chain
      return read.batch
    }
  }

  /** Reads at least `bytes` from `offset` on into a new window, so that given records stay valid. */
  #fill(bytes: number): boolean {
    const left = this.fileBytes - this.offset
    if (bytes > left) return false
    const window = new Uint8Array(Math.min(left, Math.max(WINDOW_BYTES, bytes * 2)))
    const count = this.#file.read(window, this.offset)
    if (count < bytes) return false
    this.#window = window.subarray(0, count)
    this.#windowAt = this.offset
    return count > 0
  }
}

export type Tail =
  | {readonly kind: 'zeros'}
  /** `bytes` up to the last that is not zero; `entries` are the whole ones that begin the batch. */
  | {readonly kind: 'torn'; readonly bytes: number; readonly entries: number}
  /** `evidence`: offset of something that was written after the bad batch. */
  | {readonly kind: 'damaged'; readonly evidence: number}

/** Judges what follows `offset`, where no whole batch begins. */
export function examineTail(file: OpenFile, logId: Uint8Array, offset: number): Tail {
  const fileBytes = file.bytes()
  const end = lastSetByte(file, offset, fileBytes)
  if (end === offset) return {kind: 'zeros'}
  const id = viewOf(logId)
  const window = new Uint8Array(Math.min(WINDOW_BYTES, fileBytes - offset))
  // Windows overlap by a frame less one step, so that no frame hides on an edge.
  const step = Math.max(8, padded(window.length - COMMIT_FRAME_BYTES + 1) - 8)
  for (let start = offset; start < end; start += step) {
    const count = file.read(window, start)
    const view = viewOf(window.subarray(0, count))
    for (let at = 0; at + COMMIT_FRAME_BYTES <= count; at += 8) {
      const commit = decodeCommit(view, at, id)
      if (commit === undefined) continue
      const position = start + at
      if (position + COMMIT_FRAME_BYTES < end) return {kind: 'damaged', evidence: position}
      if (isWhole(file, commit, position, offset)) return {kind: 'damaged', evidence: position}
    }
  }
  return {kind: 'torn', bytes: end - offset, entries: countEntries(file, offset, end)}
}

/** Does a whole batch, whatever it is chained to, end in the commit frame at `position`? */
function isWhole(file: OpenFile, commit: Commit, position: number, from: number): boolean {
  const start = position - commit.bodyBytes
  if (commit.offset !== position || start < from) return false
  const bytes = new Uint8Array(commit.bodyBytes + COMMIT_FRAME_BYTES)
  if (file.read(bytes, start) < bytes.length) return false
  return batchChecksum(bytes, commit.previousChain) === commit.chain
}

/** The offset behind the last byte that is not zero; `from` if there is none. */
function lastSetByte(file: OpenFile, from: number, fileBytes: number): number {
  const window = new Uint8Array(Math.min(WINDOW_BYTES, Math.max(0, fileBytes - from)))
  let end = from
  for (let start = from; start < fileBytes; start += window.length) {
    const count = file.read(window, start)
    const piece = window.subarray(0, count)
    if (isZero(piece)) continue
    let last = count
    while (piece[last - 1] === 0) last--
    end = start + last
  }
  return end
}

/** How many entry frames at the tail's beginning look whole; for the report only. */
function countEntries(file: OpenFile, offset: number, end: number): number {
  const bytes = new Uint8Array(end - offset)
  const view = viewOf(bytes.subarray(0, file.read(bytes, offset)))
  let count = 0
  let at = 0
  if (view.byteLength >= RESET_FRAME_BYTES && view.getUint32(4, true) === FRAME_RESET) {
    at = RESET_FRAME_BYTES
  }
  while (at + FRAME_HEADER_BYTES <= view.byteLength) {
    if (view.getUint32(at + 4, true) !== FRAME_ENTRY) break
    const start = at + FRAME_HEADER_BYTES
    const payloadBytes = view.getUint32(at, true)
    if (start + payloadBytes > view.byteLength) break
    if (decodeEntry(bytes.subarray(start, start + payloadBytes)) === undefined) break
    count++
    at = start + padded(payloadBytes)
  }
  return count
}
