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
  readonly keyEncoding: 'utf8' | 'base64' | null
  readonly value: string | null
  readonly valueEncoding: 'utf8' | 'base64' | null
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
}

/** Committed entries in order. RAFTCTL_LOG_COMPACTED names the first index available. */
export async function* dumpLog(
  client: ClusterClient,
  {from = 0, to = Number.MAX_SAFE_INTEGER, member}: LogDumpOptions,
): AsyncGenerator<LogRecord> {
  const address = await memberAddress(client, member)
  for await (const entry of client.logEntriesRange(from, to, address)) yield recordOf(entry)
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
