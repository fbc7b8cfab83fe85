/**
 * An entry's one encoding, shared by log and wire (little-endian):
 *
 *   offset  bytes  field
 *        0      1  kind: 1 blank, 2 command, 3 membership
 *        1      7  zero
 *        8      8  term
 *       16      8  index
 *       24      …  data
 *
 * The record carries no length and no checksum: what frames it (a log batch, a message) brings both.
 */
import type {Entry, EntryKind, LogIndex, LogPosition, Term} from './types.js'

export const ENTRY_HEADER_BYTES = 24

const CODE_BY_KIND: Record<EntryKind, number> = {blank: 1, command: 2, membership: 3}
const KIND_BY_CODE: readonly (EntryKind | undefined)[] = [
  undefined,
  'blank',
  'command',
  'membership',
]
const TWO_TO_32 = 0x1_0000_0000
const EMPTY = new Uint8Array(0)

/** Makes the entry and its record. `data` is copied, so that the caller may reuse its buffer. */
export function encodeEntry(
  index: LogIndex,
  term: Term,
  kind: EntryKind,
  data: Uint8Array = EMPTY,
): Entry {
  const record = takeBytes(ENTRY_HEADER_BYTES + data.length)
  record[0] = CODE_BY_KIND[kind]
  writeUint64(record, 8, term)
  writeUint64(record, 16, index)
  record.set(data, ENTRY_HEADER_BYTES)
  return {index, term, kind, record}
}

/**
 * Reads a record that came from disk or from a peer; the entry keeps a view of it.
 *
 * Returns undefined for what no encoder wrote: too short, an unknown kind, a set reserved byte, or a
 * term or index beyond 2^53 - 1.
 */
export function decodeEntry(record: Uint8Array): Entry | undefined {
  if (record.length < ENTRY_HEADER_BYTES) return undefined
  const kind = KIND_BY_CODE[record[0]!]
  if (kind === undefined) return undefined
  const reserved =
    record[1]! | record[2]! | record[3]! | record[4]! | record[5]! | record[6]! | record[7]!
  if (reserved !== 0) return undefined
  const term = readUint64(record, 8)
  const index = readUint64(record, 16)
  if (!Number.isSafeInteger(term) || !Number.isSafeInteger(index)) return undefined
  return {index: index as LogIndex, term: term as Term, kind, record}
}

/** What the proposer gave: a view, not a copy. */
export function entryData(entry: Entry): Uint8Array {
  return entry.record.subarray(ENTRY_HEADER_BYTES)
}

export function positionOf(entry: Entry): LogPosition {
  return {index: entry.index, term: entry.term}
}

/**
 * Small records share a buffer, which goes when the last of them does: they come and go in the order
 * of the log, and a buffer for each would cost more than all else that is done with it.
 */
const SLAB_BYTES = 64 * 1024
let slab = EMPTY
let slabUsed = 0

/** Zeros. */
function takeBytes(size: number): Uint8Array {
  if (size > SLAB_BYTES / 8) return new Uint8Array(size)
  if (slabUsed + size > slab.length) {
    slab = new Uint8Array(SLAB_BYTES)
    slabUsed = 0
  }
  slabUsed += size
  return slab.subarray(slabUsed - size, slabUsed)
}

function writeUint64(bytes: Uint8Array, offset: number, value: number): void {
  let low = value >>> 0
  let high = Math.floor(value / TWO_TO_32)
  for (let i = 0; i < 4; i++) {
    bytes[offset + i] = low & 0xff
    bytes[offset + 4 + i] = high & 0xff
    low >>>= 8
    high >>>= 8
  }
}

function readUint64(bytes: Uint8Array, offset: number): number {
  return readUint32(bytes, offset + 4) * TWO_TO_32 + readUint32(bytes, offset)
}

function readUint32(bytes: Uint8Array, offset: number): number {
  const low = bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16)
  return (low | (bytes[offset + 3]! << 24)) >>> 0
}
