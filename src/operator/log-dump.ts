import type {ClusterClient} from '../client/cluster-client.js'
import type {LogEntry} from '../client/types.js'
import {describeCommand} from '../kv/command.js'
import {decodeMembership} from '../raft/membership.js'
import {logIndex} from '../raft/types.js'
import {memberAddress} from './resolve-member.js'
import {textValueOf} from './text-value.js'

/** One committed entry as it is shown; what does not apply is null. */
export interface LogRecord {
  readonly index: number
  readonly term: number
  readonly type: 'blank' | 'command' | 'membership'
  /** put, delete, open-session, checkpoint or malformed. */
  readonly op: string | null
  readonly key: string | null
  readonly keyEncoding: LogEncoding | null
  readonly value: string | null
  readonly valueEncoding: LogEncoding | null
  readonly expectedVersion: number | null
  readonly sessionId: number | null
  readonly sequence: number | null
  readonly membership: LoggedMembership | null
  /** Why a command could not be decoded. */
  readonly reason: string | null
  readonly dataBytes: number
  /** False: beyond the commit record of an offline log, so it may still be replaced. */
  readonly committed: boolean
}

export interface LoggedMembership {
  readonly voters: readonly number[]
  readonly votersOutgoing: readonly number[]
  readonly learners: readonly number[]
  readonly observers: readonly number[]
  readonly actor: string
  readonly reason: string
}

export interface LogDumpOptions {
  /** undefined: the first available. */
  readonly from?: number | undefined
  /** undefined: the commit index. */
  readonly to?: number | undefined
  /** Whose log; undefined: the leader's. */
  readonly member?: string | undefined
  /** Goes on with what is committed later, up to `to`. */
  readonly follow?: boolean | undefined
}

/**
 * Committed entries in order. RAFTCTL_LOG_COMPACTED names the first index available;
 * RAFTCTL_INDEX_NOT_FOUND when `from` is not committed yet, which a follower waits for.
 */
export async function* dumpLog(
  client: ClusterClient,
  {from = 0, to = Number.MAX_SAFE_INTEGER, member, follow = false}: LogDumpOptions,
): AsyncGenerator<LogRecord> {
  const address = await memberAddress(client, member)
  const entries = follow
    ? client.followLog(from, to, address)
    : client.logEntriesRange(from, to, address)
  for await (const entry of entries) yield recordOf(entry)
}

export const LOG_ENCODINGS = ['utf8', 'base64', 'hex'] as const
export type LogEncoding = (typeof LOG_ENCODINGS)[number]

export interface Selection {
  /** undefined: every type. */
  readonly type?: LogRecord['type'] | undefined
  /** Of keys and values; undefined: text where they are text, else base64. */
  readonly encoding?: LogEncoding | undefined
}

/** The records wanted, as they are wanted. */
export async function* selected(
  records: AsyncIterable<LogRecord>,
  {type, encoding}: Selection,
): AsyncGenerator<LogRecord> {
  for await (const record of records) {
    if (type !== undefined && record.type !== type) continue
    yield encoding === undefined ? record : encoded(record, encoding)
  }
}

function encoded(record: LogRecord, encoding: LogEncoding): LogRecord {
  const {key, keyEncoding, value, valueEncoding} = record
  return {
    ...record,
    ...(key !== null && {key: recoded(key, keyEncoding, encoding), keyEncoding: encoding}),
    ...(value !== null && {
      value: recoded(value, valueEncoding, encoding),
      valueEncoding: encoding,
    }),
  }
}

function recoded(text: string, from: LogEncoding | null, to: LogEncoding): string {
  return Buffer.from(text, from ?? 'utf8').toString(to)
}

export {describeCommand as loggedCommand} from '../kv/command.js'

/** An entry before it is decoded. */
export interface LoggedEntry extends LogEntry {
  readonly committed: boolean
}

/** What a node sends is committed. */
export function recordOf(entry: LogEntry | LoggedEntry): LogRecord {
  const {index, term, kind, data} = entry
  const committed = !('committed' in entry) || entry.committed
  const record = {index, term, type: kind, ...NOTHING, dataBytes: data.length, committed}
  if (kind === 'command') return describe(record, data)
  if (kind !== 'membership') return record
  const membership = decodeMembership(data, logIndex(index))
  if (membership === undefined) return {...record, reason: 'a membership that can not be read'}
  const {voters, votersOutgoing, learners, observers, origin} = membership
  const {actor, reason} = origin
  return {
    ...record,
    membership: {voters, votersOutgoing, learners, observers, actor, reason},
  }
}

type Fields = {-readonly [field in keyof LogRecord]: LogRecord[field]}

const NOTHING = {
  op: null,
  key: null,
  keyEncoding: null,
  value: null,
  valueEncoding: null,
  expectedVersion: null,
  sessionId: null,
  sequence: null,
  membership: null,
  reason: null,
}

// Fields are set in place: a dump goes through millions of these.
function describe(record: Fields, data: Uint8Array): LogRecord {
  const command = describeCommand(data)
  record.op = command.op
  if (command.op === 'malformed') record.reason = command.reason
  if (command.op !== 'put' && command.op !== 'delete') return record
  const key = textValueOf(command.key)
  record.key = key.text
  record.keyEncoding = key.encoding
  record.expectedVersion = command.expectedVersion
  record.sessionId = command.sessionId
  record.sequence = command.sequence
  if (command.op === 'delete') return record
  const value = textValueOf(command.value)
  record.value = value.text
  record.valueEncoding = value.encoding
  return record
}
