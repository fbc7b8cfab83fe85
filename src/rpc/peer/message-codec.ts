/**
 * Raft messages on the wire. Their entries travel as the log's own records, one after the other, each
 * behind its length as a little-endian uint32; they are read as views of the received bytes.
 */
import {decodeEntry} from '../../raft/entry.js'
import type {InstallSnapshot, Message} from '../../raft/messages.js'
import type {Entry, LogPosition} from '../../raft/types.js'
import {groupId} from '../../raft/types.js'
import {
  indexFromWire,
  malformed,
  membershipFromWire,
  membershipToWire,
  nodeIdFromWire,
  termFromWire,
  toSafeNumber,
  toWireNumber,
} from '../codec.js'
import {
  type PeerBatch,
  type PeerHello,
  type PeerMessage,
  PeerMessageKind,
  type SnapshotHeader,
} from '../gen/raftctl/v1/peer.js'
import {BATCH_MESSAGES_MAX} from '../limits.js'

/** Everything but a snapshot, which has its own stream. */
export type StreamMessage = Exclude<Message, InstallSnapshot>

const LENGTH_BYTES = 4
const NO_ENTRIES = Buffer.alloc(0)

function setHint(wire: PeerMessage, position: LogPosition): void {
  wire.hintIndex = toWireNumber(position.index)
  wire.hintTerm = toWireNumber(position.term)
}

/** Throws RAFTCTL_USAGE or RAFTCTL_TOO_LARGE for what no sender of ours would write. */
export function batchFromWire(batch: PeerBatch): StreamMessage[] {
  const {messages} = batch
  if (messages.length > BATCH_MESSAGES_MAX) throw malformed('a batch holds too many messages')
  if (batch.groupId === 0n) throw malformed('the group id is missing')
  const group = toSafeNumber(batch.groupId)
  return messages.map(message => messageFromWire(message, group))
}

export function messageToWire(message: StreamMessage): PeerMessage {
  const wire: PeerMessage = {
    kind: KIND_CODES[message.kind],
    from: toWireNumber(message.from),
    to: toWireNumber(message.to),
    term: toWireNumber(message.term),
    index: 0n,
    indexTerm: 0n,
    commitIndex: 0n,
    flag: false,
    hintIndex: 0n,
    hintTerm: 0n,
    context: 0n,
    entries: NO_ENTRIES,
  }
  fill(wire, message)
  return wire
}

function fill(wire: PeerMessage, message: StreamMessage): void {
  switch (message.kind) {
    case 'request-pre-vote':
      setPosition(wire, message.last)
      setHint(wire, message.commit)
      return
    case 'request-vote':
      wire.flag = message.force
      setPosition(wire, message.last)
      setHint(wire, message.commit)
      return
    case 'request-pre-vote-response':
    case 'request-vote-response':
      wire.flag = message.granted
      setHint(wire, message.commit)
      return
    case 'append-entries':
      wire.commitIndex = toWireNumber(message.commitIndex)
      wire.entries = entriesToWire(message.entries)
      setPosition(wire, message.prev)
      return
    case 'append-entries-response':
      wire.index = toWireNumber(message.index)
      wire.flag = message.rejected
      setHint(wire, message.hint)
      return
    case 'heartbeat':
      wire.commitIndex = toWireNumber(message.commitIndex)
      wire.context = toWireNumber(message.readRound)
      return
    case 'heartbeat-response':
      wire.context = toWireNumber(message.readRound)
      return
    case 'install-snapshot-response':
      wire.index = toWireNumber(message.index)
      return
    case 'timeout-now':
      return
    case 'read-index':
      wire.context = toWireNumber(message.token)
      return
    case 'read-index-response':
      wire.context = toWireNumber(message.token)
      wire.flag = message.index !== undefined
      wire.index = toWireNumber(message.index ?? 0)
      return
    case 'member-removed':
      wire.index = toWireNumber(message.membershipIndex)
  }
}

function setPosition(wire: PeerMessage, position: LogPosition): void {
  wire.index = toWireNumber(position.index)
  wire.indexTerm = toWireNumber(position.term)
}

/** Throws RAFTCTL_USAGE or RAFTCTL_TOO_LARGE for what no sender of ours would write. */
export function messageFromWire(wire: PeerMessage, group: number): StreamMessage {
  const envelope = {
    groupId: groupId(group),
    from: nodeIdFromWire(wire.from),
    to: nodeIdFromWire(wire.to),
    term: termFromWire(wire.term),
  }
  switch (wire.kind) {
    case PeerMessageKind.REQUEST_PRE_VOTE:
      return {kind: 'request-pre-vote', ...envelope, last: positionOf(wire), commit: hintOf(wire)}
    case PeerMessageKind.REQUEST_PRE_VOTE_RESPONSE:
      return {
        kind: 'request-pre-vote-response',
        ...envelope,
        granted: wire.flag,
        commit: hintOf(wire),
      }
    case PeerMessageKind.REQUEST_VOTE:
      return {
        kind: 'request-vote',
        ...envelope,
        last: positionOf(wire),
        commit: hintOf(wire),
        force: wire.flag,
      }
    case PeerMessageKind.REQUEST_VOTE_RESPONSE:
      return {
        kind: 'request-vote-response',
        ...envelope,
        granted: wire.flag,
        commit: hintOf(wire),
      }
    case PeerMessageKind.APPEND_ENTRIES: {
      const prev = positionOf(wire)
      const entries = entriesFromWire(wire.entries, prev)
      return {
        kind: 'append-entries',
        ...envelope,
        prev,
        entries,
        commitIndex: indexFromWire(wire.commitIndex),
      }
    }
    case PeerMessageKind.APPEND_ENTRIES_RESPONSE:
      return {
        kind: 'append-entries-response',
        ...envelope,
        index: indexFromWire(wire.index),
        rejected: wire.flag,
        hint: hintOf(wire),
      }
    case PeerMessageKind.HEARTBEAT:
      return {
        kind: 'heartbeat',
        ...envelope,
        commitIndex: indexFromWire(wire.commitIndex),
        readRound: toSafeNumber(wire.context),
      }
    case PeerMessageKind.HEARTBEAT_RESPONSE:
      return {kind: 'heartbeat-response', ...envelope, readRound: toSafeNumber(wire.context)}
    case PeerMessageKind.INSTALL_SNAPSHOT_RESPONSE:
      return {kind: 'install-snapshot-response', ...envelope, index: indexFromWire(wire.index)}
    case PeerMessageKind.TIMEOUT_NOW:
      return {kind: 'timeout-now', ...envelope}
    case PeerMessageKind.READ_INDEX:
      return {kind: 'read-index', ...envelope, token: toSafeNumber(wire.context)}
    case PeerMessageKind.READ_INDEX_RESPONSE: {
      const index = wire.flag ? indexFromWire(wire.index) : undefined
      return {kind: 'read-index-response', ...envelope, token: toSafeNumber(wire.context), index}
    }
    case PeerMessageKind.MEMBER_REMOVED:
      return {kind: 'member-removed', ...envelope, membershipIndex: indexFromWire(wire.index)}
    default:
      throw malformed(`no message is of kind ${wire.kind}`)
  }
}

function positionOf(wire: PeerMessage): LogPosition {
  return {index: indexFromWire(wire.index), term: termFromWire(wire.indexTerm)}
}

function hintOf(wire: PeerMessage): LogPosition {
  return {index: indexFromWire(wire.hintIndex), term: termFromWire(wire.hintTerm)}
}

const KIND_CODES: Record<StreamMessage['kind'], PeerMessageKind> = {
  'request-pre-vote': PeerMessageKind.REQUEST_PRE_VOTE,
  'request-pre-vote-response': PeerMessageKind.REQUEST_PRE_VOTE_RESPONSE,
  'request-vote': PeerMessageKind.REQUEST_VOTE,
  'request-vote-response': PeerMessageKind.REQUEST_VOTE_RESPONSE,
  'append-entries': PeerMessageKind.APPEND_ENTRIES,
  'append-entries-response': PeerMessageKind.APPEND_ENTRIES_RESPONSE,
  heartbeat: PeerMessageKind.HEARTBEAT,
  'heartbeat-response': PeerMessageKind.HEARTBEAT_RESPONSE,
  'install-snapshot-response': PeerMessageKind.INSTALL_SNAPSHOT_RESPONSE,
  'timeout-now': PeerMessageKind.TIMEOUT_NOW,
  'read-index': PeerMessageKind.READ_INDEX,
  'read-index-response': PeerMessageKind.READ_INDEX_RESPONSE,
  'member-removed': PeerMessageKind.MEMBER_REMOVED,
}

export function entriesToWire(entries: readonly Entry[]): Buffer {
  if (entries.length === 0) return NO_ENTRIES
  let bytes = 0
  for (const {record} of entries) bytes += LENGTH_BYTES + record.length
  const blob = Buffer.allocUnsafe(bytes)
  let offset = 0
  for (const {record} of entries) {
    offset = blob.writeUInt32LE(record.length, offset)
    blob.set(record, offset)
    offset += record.length
  }
  return blob
}

/**
 * The entries after `prev`, as views of `blob`. Refused as a whole: a length beyond the end, a record
 * that is none, an index that does not follow, a term that goes back.
 */
export function entriesFromWire(blob: Buffer, prev: LogPosition): Entry[] {
  const entries: Entry[] = []
  let {index, term}: {index: number; term: number} = prev
  for (let offset = 0; offset < blob.length; ) {
    if (blob.length - offset < LENGTH_BYTES) throw malformed('an entry is cut off')
    const start = offset + LENGTH_BYTES
    const end = start + blob.readUInt32LE(offset)
    if (end > blob.length) throw malformed('an entry is cut off')
    const entry = decodeEntry(blob.subarray(start, end))
    if (entry === undefined) throw malformed('an entry can not be read')
    if (entry.index !== index + 1) throw malformed('the entries do not follow each other')
    if (entry.term < term) throw malformed('the terms of the entries go back')
    index = entry.index
    term = entry.term
    entries.push(entry)
    offset = end
  }
  return entries
}

/** About what a message takes in a batch, bytes; a little more rather than less. */
export function wireBytes(message: StreamMessage): number {
  let bytes = 64
  if (message.kind === 'append-entries') {
    for (const {record} of message.entries) bytes += LENGTH_BYTES + record.length
  }
  return bytes
}

export function snapshotHeaderToWire(
  message: InstallSnapshot,
  snapshotId: string,
  fileBytes: number,
  hello: PeerHello,
): SnapshotHeader {
  const {snapshot} = message
  return {
    hello,
    groupId: toWireNumber(message.groupId),
    term: toWireNumber(message.term),
    snapshotId,
    snapshotIndex: toWireNumber(snapshot.index),
    snapshotTerm: toWireNumber(snapshot.term),
    membership: membershipToWire(snapshot.membership),
    fileBytes: toWireNumber(fileBytes),
  }
}

const SNAPSHOT_ID = /^(\d{1,16})-(\d{1,16})$/

export interface IncomingSnapshot {
  /** To be stepped once the file is whole and verified. */
  readonly message: InstallSnapshot
  readonly id: string
  readonly fileBytes: number
}

/** `from` and `to` are known from the hello, which the header carries too. */
export function snapshotHeaderFromWire(wire: SnapshotHeader): IncomingSnapshot {
  const {hello} = wire
  if (hello?.from === undefined) throw malformed('the hello is missing')
  if (wire.groupId === 0n) throw malformed('the group id is missing')
  const index = indexFromWire(wire.snapshotIndex)
  const term = termFromWire(wire.snapshotTerm)
  const id = wire.snapshotId
  // The id names a file: it says what the position says, and is never a path of the sender's.
  const [, ofTerm, ofIndex] = SNAPSHOT_ID.exec(id) ?? []
  if (Number(ofTerm) !== term || Number(ofIndex) !== index) {
    throw malformed('the snapshot id contradicts its position')
  }
  const membership = membershipFromWire(wire.membership)
  if (index < 1 || membership.voters.length === 0) throw malformed('the snapshot covers nothing')
  return {
    id,
    fileBytes: toSafeNumber(wire.fileBytes),
    message: {
      kind: 'install-snapshot',
      groupId: groupId(toSafeNumber(wire.groupId)),
      from: nodeIdFromWire(hello.from.nodeId),
      to: nodeIdFromWire(hello.toNodeId),
      term: termFromWire(wire.term),
      snapshot: {index, term, membership},
    },
  }
}
