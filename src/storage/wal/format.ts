/**
 * The log on disk; raftctl-wal(5) is its specification. Integers are little-endian.
 *
 *   segment  =  header (128 bytes)  batch…  zeros to the end of the file
 *   batch    =  [reset frame]  entry frame…  commit frame
 *   frame    =  payload length (4)  kind (1)  zero (3)  payload  zeros to a multiple of 8
 *
 * A commit frame's checksum runs over its whole batch and is seeded with the one before, so that a
 * batch can only follow the one it was written after. A seal is a commit frame of another kind without
 * entries, the last word of a clean stop.
 */
import {crc32} from 'node:zlib'
import type {Entry, HardState, LogIndex, LogPosition, NodeId, Term} from '../../raft/types.js'
import {getUint64, padded, setUint64, viewOf} from '../bytes.js'

export const FORMAT_VERSION = 1
export const HEADER_BYTES = 128
export const FRAME_HEADER_BYTES = 8
export const COMMIT_FRAME_BYTES = 64
export const LOG_ID_BYTES = 8

export const FRAME_ENTRY = 1
export const FRAME_RESET = 2
export const FRAME_COMMIT = 3
export const FRAME_SEAL = 4

const MAGIC = 0x314c_4157_5446_4152n // "RAFTWAL1"
const RESET_PAYLOAD_BYTES = 16
const COMMIT_PAYLOAD_BYTES = COMMIT_FRAME_BYTES - FRAME_HEADER_BYTES
const HEADER_CHECKSUM_AT = HEADER_BYTES - 4
const COMMIT_CHECKSUM_AT = COMMIT_FRAME_BYTES - 4

export const NO_HARD_STATE: HardState = {
  term: 0 as Term,
  votedFor: undefined,
  commitIndex: 0 as LogIndex,
}

/** What a segment must carry so that everything before it may go. */
export interface SegmentHeader {
  /** Drawn when the log was made; in every commit frame, so that no client can forge one. */
  readonly logId: Uint8Array
  /** From 1, without gaps. */
  readonly sequence: number
  /** Size that the file was made with. */
  readonly fileBytes: number
  /** The log's position before the first entry of this segment. */
  readonly prev: LogPosition
  /** As of the segment's beginning. */
  readonly hardState: HardState
  /** Checksum of the last commit frame before this segment; 0 for none. */
  readonly chain: number
}

export type HeaderRead =
  | {readonly kind: 'header'; readonly header: SegmentHeader}
  | {readonly kind: 'newer'; readonly version: number}
  | {readonly kind: 'damaged'}

export function encodeHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES)
  const view = viewOf(bytes)
  view.setBigUint64(0, MAGIC, true)
  view.setUint32(8, FORMAT_VERSION, true)
  view.setUint32(12, HEADER_BYTES, true)
  bytes.set(header.logId, 16)
  setUint64(view, 24, header.sequence)
  setUint64(view, 32, header.fileBytes)
  setUint64(view, 40, header.prev.index)
  setUint64(view, 48, header.prev.term)
  writeHardState(view, 56, header.hardState)
  view.setUint32(80, header.chain, true)
  view.setUint32(HEADER_CHECKSUM_AT, crc32(bytes.subarray(0, HEADER_CHECKSUM_AT)), true)
  return bytes
}

/** The version is looked at only under a good checksum, whose place is the same in every version. */
export function decodeHeader(bytes: Uint8Array): HeaderRead {
  if (bytes.length < HEADER_BYTES) return {kind: 'damaged'}
  const view = viewOf(bytes)
  const checksum = crc32(bytes.subarray(0, HEADER_CHECKSUM_AT))
  if (view.getBigUint64(0, true) !== MAGIC) return {kind: 'damaged'}
  if (view.getUint32(HEADER_CHECKSUM_AT, true) !== checksum) return {kind: 'damaged'}
  const version = view.getUint32(8, true)
  if (version > FORMAT_VERSION) return {kind: 'newer', version}
  return {
    kind: 'header',
    header: {
      logId: bytes.slice(16, 16 + LOG_ID_BYTES),
      sequence: getUint64(view, 24),
      fileBytes: getUint64(view, 32),
      prev: {index: getUint64(view, 40) as LogIndex, term: getUint64(view, 48) as Term},
      hardState: readHardState(view, 56),
      chain: view.getUint32(80, true),
    },
  }
}

export function entryFrameBytes(entry: Entry): number {
  return FRAME_HEADER_BYTES + padded(entry.record.length)
}

/** What a batch is made of, once it is known where it goes. */
export interface BatchContent {
  readonly reset: LogPosition | undefined
  readonly entries: readonly Entry[]
  readonly hardState: HardState
}

/** Size of the batch on disk. */
export function batchBytes(reset: LogPosition | undefined, entries: readonly Entry[]): number {
  let bytes = COMMIT_FRAME_BYTES
  if (reset !== undefined) bytes += FRAME_HEADER_BYTES + RESET_PAYLOAD_BYTES
  for (const entry of entries) bytes += entryFrameBytes(entry)
  return bytes
}

/**
 * Writes a batch that is to stand at `offset` of its file into `target`, which must be exactly as long
 * as the batch; answers the checksum that the next batch is chained to.
 */
export function encodeBatch(
  target: Uint8Array,
  content: BatchContent,
  logId: Uint8Array,
  offset: number,
  chain: number,
): number {
  const view = viewOf(target)
  let at = 0
  if (content.reset !== undefined) {
    writeFrameHeader(view, at, RESET_PAYLOAD_BYTES, FRAME_RESET)
    setUint64(view, at + 8, content.reset.index)
    setUint64(view, at + 16, content.reset.term)
    at += FRAME_HEADER_BYTES + RESET_PAYLOAD_BYTES
  }
  for (const {record} of content.entries) {
    writeFrameHeader(view, at, record.length, FRAME_ENTRY)
    at += FRAME_HEADER_BYTES
    target.set(record, at)
    const end = at + record.length
    at += padded(record.length)
    for (let zero = end; zero < at; zero++) target[zero] = 0
  }
  return writeCommit(target, at, FRAME_COMMIT, content.hardState, logId, offset, chain)
}

/** The seal's bytes, to stand at `offset`, and the checksum that the next batch is chained to. */
export function encodeSeal(
  hardState: HardState,
  logId: Uint8Array,
  offset: number,
  chain: number,
): {bytes: Uint8Array; chain: number} {
  const bytes = new Uint8Array(COMMIT_FRAME_BYTES)
  return {bytes, chain: writeCommit(bytes, 0, FRAME_SEAL, hardState, logId, offset, chain)}
}

export interface Commit {
  readonly isSeal: boolean
  readonly hardState: HardState
  /** Bytes of the batch before this frame. */
  readonly bodyBytes: number
  readonly previousChain: number
  readonly chain: number
  /** Of the frame in its file. */
  readonly offset: number
}

/** A frame that has a commit frame's shape and this log's id; its checksum is not looked at. */
export function decodeCommit(view: DataView, at: number, logId: DataView): Commit | undefined {
  if (at + COMMIT_FRAME_BYTES > view.byteLength) return undefined
  if (view.getUint32(at, true) !== COMMIT_PAYLOAD_BYTES) return undefined
  const kind = view.getUint32(at + 4, true)
  if (kind !== FRAME_COMMIT && kind !== FRAME_SEAL) return undefined
  if (view.getBigUint64(at + 8, true) !== logId.getBigUint64(0, true)) return undefined
  return {
    isSeal: kind === FRAME_SEAL,
    hardState: readHardState(view, at + 16),
    bodyBytes: view.getUint32(at + 40, true),
    previousChain: view.getUint32(at + 44, true),
    offset: getUint64(view, at + 48),
    chain: view.getUint32(at + COMMIT_CHECKSUM_AT, true),
  }
}

/** The checksum of a batch, from its first byte to its commit frame's end. */
export function batchChecksum(batch: Uint8Array, previousChain: number): number {
  return crc32(batch.subarray(0, batch.length - 4), previousChain)
}

export function decodeReset(view: DataView, at: number): LogPosition {
  return {
    index: getUint64(view, at + FRAME_HEADER_BYTES) as LogIndex,
    term: getUint64(view, at + FRAME_HEADER_BYTES + 8) as Term,
  }
}

function writeFrameHeader(view: DataView, at: number, payloadBytes: number, kind: number): void {
  view.setUint32(at, payloadBytes, true)
  view.setUint32(at + 4, kind, true)
}

function writeCommit(
  target: Uint8Array,
  at: number,
  kind: number,
  hardState: HardState,
  logId: Uint8Array,
  batchOffset: number,
  chain: number,
): number {
  const view = viewOf(target)
  writeFrameHeader(view, at, COMMIT_PAYLOAD_BYTES, kind)
  target.set(logId, at + 8)
  writeHardState(view, at + 16, hardState)
  view.setUint32(at + 40, at, true)
  view.setUint32(at + 44, chain, true)
  setUint64(view, at + 48, batchOffset + at)
  view.setUint32(at + 56, 0, true)
  const checksum = batchChecksum(target, chain)
  view.setUint32(at + COMMIT_CHECKSUM_AT, checksum, true)
  return checksum
}

function writeHardState(view: DataView, at: number, hardState: HardState): void {
  setUint64(view, at, hardState.term)
  setUint64(view, at + 8, hardState.votedFor ?? 0)
  setUint64(view, at + 16, hardState.commitIndex)
}

function readHardState(view: DataView, at: number): HardState {
  const votedFor = getUint64(view, at + 8)
  return {
    term: getUint64(view, at) as Term,
    votedFor: votedFor === 0 ? undefined : (votedFor as NodeId),
    commitIndex: getUint64(view, at + 16) as LogIndex,
  }
}

const NAME = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/

/** `<sequence>-<first index>.wal`, both in sixteen hexadecimal digits: sorted by name is in order. */
export function segmentName(sequence: number, firstIndex: number): string {
  return `${hex16(sequence)}-${hex16(firstIndex)}.wal`
}

export function parseSegmentName(name: string): {sequence: number; firstIndex: number} | undefined {
  const match = NAME.exec(name)
  if (match === null) return undefined
  const sequence = Number.parseInt(match[1]!, 16)
  const firstIndex = Number.parseInt(match[2]!, 16)
  return Number.isSafeInteger(sequence) && Number.isSafeInteger(firstIndex)
    ? {sequence, firstIndex}
    : undefined
}

function hex16(value: number): string {
  return value.toString(16).padStart(16, '0')
}
