/**
 * A snapshot file. Integers are little-endian, checksums are CRC-32.
 *
 *   header   magic (8)  version (4)  header bytes (4)  group (8)  index (8)  term (8)  created, in
 *            milliseconds since 1970 (8)  content bytes (8)  membership index (8)  cluster id bytes (4)
 *            membership bytes (4)  cluster id  membership  checksum of the header so far (4)
 *   block…   length (4)  checksum, seeded with the one before (4)  content
 *   trailer  magic (8)  content bytes (8)  blocks (8)  last block's checksum (4)
 *            header's checksum (4)  zero (4)  checksum of the trailer so far (4)
 *
 * The first block's checksum is seeded with 0. The header's length is known before the content, its
 * content bytes only after: it is written last, into a file that still bears a temporary name.
 */
import {crc32} from 'node:zlib'
import {decodeMembership, encodeMembership} from '../raft/membership.js'
import type {SnapshotMeta} from '../raft/messages.js'
import type {GroupId, LogIndex, Term} from '../raft/types.js'
import {getUint64, setUint64, viewOf} from './bytes.js'

export const SNAPSHOT_VERSION = 1
export const BLOCK_BYTES = 64 * 1024
export const BLOCK_HEADER_BYTES = 8
export const TRAILER_BYTES = 40
/** A header larger than this is damaged: it holds a membership, nothing else of size. */
export const SNAPSHOT_HEADER_BYTES_MAX = 16 * 1024 * 1024

const FIXED_BYTES = 72
const HEADER_MAGIC = 0x3150_414e_5354_4652n // "RFTSNAP1"
const TRAILER_MAGIC = 0x3144_4e45_5354_4652n // "RFTSEND1"

export interface SnapshotHeader extends SnapshotMeta {
  readonly clusterId: string
  readonly groupId: GroupId
  readonly createdMs: number
  readonly contentBytes: number
}

export interface SnapshotTrailer {
  readonly contentBytes: number
  readonly blocks: number
  readonly chain: number
  readonly headerChecksum: number
}

export type SnapshotHeaderRead =
  | {readonly kind: 'header'; readonly header: SnapshotHeader; readonly checksum: number}
  | {readonly kind: 'newer'; readonly version: number}
  | {readonly kind: 'damaged'}

export function encodeSnapshotHeader(header: SnapshotHeader): Uint8Array {
  const clusterId = new TextEncoder().encode(header.clusterId)
  const membership = encodeMembership(header.membership)
  const bytes = new Uint8Array(FIXED_BYTES + clusterId.length + membership.length + 4)
  const view = viewOf(bytes)
  view.setBigUint64(0, HEADER_MAGIC, true)
  view.setUint32(8, SNAPSHOT_VERSION, true)
  view.setUint32(12, bytes.length, true)
  setUint64(view, 16, header.groupId)
  setUint64(view, 24, header.index)
  setUint64(view, 32, header.term)
  setUint64(view, 40, header.createdMs)
  setUint64(view, 48, header.contentBytes)
  setUint64(view, 56, header.membership.index)
  view.setUint32(64, clusterId.length, true)
  view.setUint32(68, membership.length, true)
  bytes.set(clusterId, FIXED_BYTES)
  bytes.set(membership, FIXED_BYTES + clusterId.length)
  view.setUint32(bytes.length - 4, crc32(bytes.subarray(0, bytes.length - 4)), true)
  return bytes
}

/** The length that a file's first sixteen bytes claim for its header; undefined if they can't be. */
export function snapshotHeaderBytes(start: Uint8Array): number | undefined {
  if (start.length < 16) return undefined
  const view = viewOf(start)
  const bytes = view.getUint32(12, true)
  const isPlausible = bytes >= FIXED_BYTES + 4 && bytes <= SNAPSHOT_HEADER_BYTES_MAX
  return view.getBigUint64(0, true) === HEADER_MAGIC && isPlausible ? bytes : undefined
}

/** Reads exactly the header's bytes. */
export function decodeSnapshotHeader(bytes: Uint8Array): SnapshotHeaderRead {
  if (snapshotHeaderBytes(bytes) !== bytes.length) return {kind: 'damaged'}
  const view = viewOf(bytes)
  const checksum = crc32(bytes.subarray(0, bytes.length - 4))
  if (view.getUint32(bytes.length - 4, true) !== checksum) return {kind: 'damaged'}
  const version = view.getUint32(8, true)
  if (version > SNAPSHOT_VERSION) return {kind: 'newer', version}

  const clusterIdEnd = FIXED_BYTES + view.getUint32(64, true)
  const membershipEnd = clusterIdEnd + view.getUint32(68, true)
  if (membershipEnd + 4 !== bytes.length) return {kind: 'damaged'}
  const membershipIndex = getUint64(view, 56) as LogIndex
  const membership = decodeMembership(bytes.subarray(clusterIdEnd, membershipEnd), membershipIndex)
  const numbers = [16, 24, 32, 40, 48, 56].map(offset => getUint64(view, offset))
  if (membership === undefined || !numbers.every(Number.isSafeInteger)) return {kind: 'damaged'}
  const header: SnapshotHeader = {
    clusterId: new TextDecoder().decode(bytes.subarray(FIXED_BYTES, clusterIdEnd)),
    groupId: numbers[0] as GroupId,
    index: numbers[1] as LogIndex,
    term: numbers[2] as Term,
    createdMs: numbers[3]!,
    contentBytes: numbers[4]!,
    membership,
  }
  return {kind: 'header', header, checksum}
}

export function encodeTrailer(trailer: SnapshotTrailer): Uint8Array {
  const bytes = new Uint8Array(TRAILER_BYTES)
  const view = viewOf(bytes)
  view.setBigUint64(0, TRAILER_MAGIC, true)
  setUint64(view, 8, trailer.contentBytes)
  setUint64(view, 16, trailer.blocks)
  view.setUint32(24, trailer.chain, true)
  view.setUint32(28, trailer.headerChecksum, true)
  view.setUint32(36, crc32(bytes.subarray(0, 36)), true)
  return bytes
}

export function decodeTrailer(bytes: Uint8Array): SnapshotTrailer | undefined {
  if (bytes.length !== TRAILER_BYTES) return undefined
  const view = viewOf(bytes)
  if (view.getBigUint64(0, true) !== TRAILER_MAGIC) return undefined
  if (view.getUint32(36, true) !== crc32(bytes.subarray(0, 36))) return undefined
  return {
    contentBytes: getUint64(view, 8),
    blocks: getUint64(view, 16),
    chain: view.getUint32(24, true),
    headerChecksum: view.getUint32(28, true),
  }
}

/** Of a file whose content, in full blocks but for the last, has `contentBytes`. */
export function snapshotFileBytes(headerBytes: number, contentBytes: number): number {
  const blocks = Math.ceil(contentBytes / BLOCK_BYTES)
  return headerBytes + contentBytes + blocks * BLOCK_HEADER_BYTES + TRAILER_BYTES
}

export function snapshotId(index: LogIndex, term: Term): string {
  return `${String(term).padStart(16, '0')}-${String(index).padStart(16, '0')}`
}

const ID = /^(\d{16})-(\d{16})$/

/** Position of an id, or undefined for what is none; ids come from peers and from file names. */
export function parseSnapshotId(id: string): {index: LogIndex; term: Term} | undefined {
  const match = ID.exec(id)
  if (match === null) return undefined
  const [term, index] = [Number(match[1]), Number(match[2])]
  if (!Number.isSafeInteger(term) || !Number.isSafeInteger(index)) return undefined
  return {index: index as LogIndex, term: term as Term}
}
