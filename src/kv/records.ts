/**
 * The state as records of one ordered store. The first byte of a record's key is its section:
 *
 *   1                    head: format, applied index, its term, membership
 *   2  log index         membership history: a membership entry, as it was applied
 *   3  session id        client session (sessions.ts)
 *   4  key               value: version, then the bytes
 *
 * Log index and id are 64-bit big-endian, so that byte order is their order. Head and memberships
 * (numbers little-endian):
 *
 *   head      format 4 bytes, zero 4, applied index 8, its term 8, membership's index 8, membership
 *   history   term 8 bytes, membership
 *
 * A membership is encoded as in its log entry; none at all is no bytes and index 0.
 */
import {RaftctlError} from '../errors.js'
import {
  decodeMembership,
  EMPTY_MEMBERSHIP,
  encodeMembership,
  type Membership,
} from '../raft/membership.js'
import {type LogIndex, logIndex, type Term, term} from '../raft/types.js'
import {
  type ByteString,
  readUint32,
  readUint64,
  readUint64Key,
  uint64Key,
  writeUint32,
  writeUint64,
} from './bytes.js'

export const STATE_FORMAT = 1

export const HEAD_KEY: ByteString = '\x01'
export const HISTORY_SECTION: ByteString = '\x02'
export const SESSION_SECTION: ByteString = '\x03'
export const VALUE_SECTION: ByteString = '\x04'
/** After every record. */
export const RECORDS_END: ByteString = '\x05'

const HEAD_BYTES = 32
const HISTORY_BYTES = 8
export const VALUE_HEADER_BYTES = 8

/** One membership entry that was applied; its origin is in the membership. */
export interface MembershipRecord {
  readonly index: LogIndex
  readonly term: Term
  readonly membership: Membership
}

export interface Head {
  readonly appliedIndex: LogIndex
  readonly appliedTerm: Term
  readonly membership: Membership
}

export interface StoredValue {
  /** Log index of the last write. */
  readonly version: number
  readonly value: Uint8Array
}

/** Records in key order, as of one moment. */
export interface RecordReader {
  get(key: ByteString): Uint8Array | undefined
  /**
   * Records of [start, end) in key order, cut off once they exceed `bytesMax` or number `countMax`
   * (both at least 1); `more` tells that it was cut off,
   * though nothing may be left. Those that fit into `memory` last until it is
   * cleared.
   */
  page(
    start: ByteString,
    end: ByteString,
    bytesMax: number,
    countMax: number,
    memory?: PageMemory,
  ): RecordPage
}

/**
 * Room for the records of one page, for who reads page after page: a gigabyte of new buffers would be work
 * for the garbage collector, which everything else waits for.
 */
export class PageMemory {
  readonly #bytes: Uint8Array
  #used = 0

  constructor(bytesMax: number) {
    this.#bytes = new Uint8Array(bytesMax)
  }

  /** What was taken before means nothing any more. */
  clear(): void {
    this.#used = 0
  }

  /** Room for as many bytes; new memory where it is full. */
  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#used) return new Uint8Array(length)
    this.#used += length
    return this.#bytes.subarray(this.#used - length, this.#used)
  }
}

export type StateRecord = readonly [key: ByteString, record: Uint8Array]

export interface RecordPage {
  readonly records: readonly StateRecord[]
  readonly more: boolean
}

export const historyKey = (index: number): ByteString => HISTORY_SECTION + uint64Key(index)
export const sessionKey = (id: number): ByteString => SESSION_SECTION + uint64Key(id)
export const valueKey = (key: ByteString): ByteString => VALUE_SECTION + key

/** The number in the key of a membership or a session; NaN for another key. */
export function numberOfKey(key: ByteString): number {
  return key.length === 9 ? readUint64Key(key, 1) : Number.NaN
}

export function encodeHead({appliedIndex, appliedTerm, membership}: Head): Uint8Array {
  const data = encodeMembershipOrNone(membership)
  const bytes = new Uint8Array(HEAD_BYTES + data.length)
  writeUint32(bytes, 0, STATE_FORMAT)
  writeUint64(bytes, 8, appliedIndex)
  writeUint64(bytes, 16, appliedTerm)
  writeUint64(bytes, 24, membership.index)
  bytes.set(data, HEAD_BYTES)
  return bytes
}

/** Throws RAFTCTL_FORMAT_NEWER and RAFTCTL_DATA_DAMAGED. */
export function decodeHead(bytes: Uint8Array): Head {
  if (bytes.length < HEAD_BYTES) throw damaged('the head of the state is cut short')
  const format = readUint32(bytes, 0)
  if (format > STATE_FORMAT) {
    throw new RaftctlError('RAFTCTL_FORMAT_NEWER', `the state has format ${format}`, {
      hint: 'Run the version of raftctl that wrote it, or a newer one.',
      details: {format, formatMax: STATE_FORMAT},
    })
  }
  const appliedIndex = readUint64(bytes, 8)
  const appliedTerm = readUint64(bytes, 16)
  const membership = decodeMembershipOrNone(bytes.subarray(HEAD_BYTES), readUint64(bytes, 24))
  if (format !== STATE_FORMAT || Number.isNaN(appliedIndex) || Number.isNaN(appliedTerm)) {
    throw damaged('the head of the state is not what was written')
  }
  if (membership === undefined) throw damaged('the membership in the state is unreadable')
  return {appliedIndex: logIndex(appliedIndex), appliedTerm: term(appliedTerm), membership}
}

export function encodeHistory({term: of, membership}: MembershipRecord): Uint8Array {
  const data = encodeMembership(membership)
  const bytes = new Uint8Array(HISTORY_BYTES + data.length)
  writeUint64(bytes, 0, of)
  bytes.set(data, HISTORY_BYTES)
  return bytes
}

export function decodeHistory(index: number, bytes: Uint8Array): MembershipRecord | undefined {
  if (Number.isNaN(index) || bytes.length <= HISTORY_BYTES) return undefined
  const of = readUint64(bytes, 0)
  const membership = decodeMembership(bytes.subarray(HISTORY_BYTES), logIndex(index))
  if (Number.isNaN(of) || membership === undefined) return undefined
  return {index: logIndex(index), term: term(of), membership}
}

export function encodeValue(version: number, value: Uint8Array): Uint8Array {
  // Small ones share a buffer with their neighbours: they go to the store together.
  const bytes = Buffer.allocUnsafe(VALUE_HEADER_BYTES + value.length)
  writeUint64(bytes, 0, version)
  bytes.set(value, VALUE_HEADER_BYTES)
  return bytes
}

export function versionOf(record: Uint8Array | undefined): number {
  return record === undefined ? 0 : readUint64(record, 0)
}

/** The value is a view of the record. */
export function decodeValue(record: Uint8Array): StoredValue {
  return {version: readUint64(record, 0), value: record.subarray(VALUE_HEADER_BYTES)}
}

export function damaged(message: string): RaftctlError {
  return new RaftctlError('RAFTCTL_DATA_DAMAGED', message, {
    hint: 'Replace this member: the other members hold the data.',
  })
}

function encodeMembershipOrNone(membership: Membership): Uint8Array {
  return membership.index === 0 ? new Uint8Array(0) : encodeMembership(membership)
}

function decodeMembershipOrNone(data: Uint8Array, index: number): Membership | undefined {
  if (Number.isNaN(index)) return undefined
  if (index === 0) return data.length === 0 ? EMPTY_MEMBERSHIP : undefined
  return decodeMembership(data, logIndex(index))
}
