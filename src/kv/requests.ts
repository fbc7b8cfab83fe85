/** Between the wire of KeyValueService and commands, results and failures. */
import {RaftctlError} from '../errors.js'
import type {NodeHost, NodeRuntimeApi} from '../node/api.js'
import type {LogIndex} from '../raft/types.js'
import {toSafeNumber} from '../rpc/codec.js'
import type {
  DeleteRequest,
  DeleteResponse,
  GetResponse,
  PutRequest,
  PutResponse,
  WriteContext,
} from '../rpc/gen/raftctl/v1/kv.js'
import type {ChangeLog} from './changes.js'
import {encodeCommand, type SessionContext} from './command.js'
import type {KeyRange, RangeResult} from './range.js'
import type {StoredValue} from './records.js'
import type {CommandResult} from './state.js'

/** What the service reads from: the state as applied on this node. */
export interface KeyValueReader {
  readonly appliedIndex: LogIndex
  get(key: Uint8Array): StoredValue | undefined
  range(range: KeyRange): RangeResult
}

/** What watching and comparing members need besides. */
export interface KeyValueHistory {
  readonly changes: ChangeLog
  /** undefined: no checkpoint was applied there, or it is forgotten. */
  checkpointHash(index: number): Promise<string> | undefined
}

/** Throws RAFTCTL_USAGE and RAFTCTL_TOO_LARGE. */
export function encodePut({key, value, write, expectedVersion}: PutRequest): Uint8Array {
  return encodeCommand({
    op: 'put',
    key,
    value,
    session: sessionOf(write),
    expectedVersion: expectedVersion === undefined ? undefined : toSafeNumber(expectedVersion),
  })
}

/** Throws RAFTCTL_USAGE and RAFTCTL_TOO_LARGE. */
export function encodeDelete({key, write, expectedVersion}: DeleteRequest): Uint8Array {
  return encodeCommand({
    op: 'delete',
    key,
    session: sessionOf(write),
    expectedVersion: expectedVersion === undefined ? undefined : toSafeNumber(expectedVersion),
  })
}

export function putResponse(result: CommandResult): PutResponse {
  if (result.kind !== 'put') throw failureOf(result)
  return {version: BigInt(result.version), previousVersion: BigInt(result.previousVersion)}
}

export function deleteResponse(result: CommandResult): DeleteResponse {
  if (result.kind !== 'delete') throw failureOf(result)
  return {deleted: result.deleted, index: BigInt(result.index)}
}

export function getResponse(state: KeyValueReader, key: Uint8Array): GetResponse {
  const found = state.get(key)
  return {
    found: found !== undefined,
    value: toBuffer(found?.value ?? EMPTY),
    version: BigInt(found?.version ?? 0),
    appliedIndex: BigInt(state.appliedIndex),
  }
}

/** The failure that an applied command's result stands for. */
export function failureOf(result: CommandResult): RaftctlError {
  switch (result.kind) {
    case 'compare-failed': {
      const {expectedVersion, version} = result
      return new RaftctlError(
        'RAFTCTL_COMPARE_FAILED',
        `the key has version ${version}, not ${expectedVersion}`,
        {hint: 'Read the key again and decide anew.', details: {expectedVersion, version}},
      )
    }
    case 'session-expired':
      return new RaftctlError('RAFTCTL_SESSION_EXPIRED', 'the session is not known any more', {
        hint: 'Open a new session; the write was not applied by this request.',
      })
    case 'session-window-full':
      return new RaftctlError('RAFTCTL_OVERLOADED', 'the session has too many unanswered writes', {
        hint: 'Wait for answers before sending more.',
        details: {lowestUnanswered: result.lowestUnanswered},
      })
    case 'result-forgotten':
      return new RaftctlError(
        'RAFTCTL_OUTCOME_UNKNOWN',
        'the client said that it had the answer to this write, so it is not kept',
      )
    default:
      return new RaftctlError('RAFTCTL_UNEXPECTED', `a write was answered with ${result.kind}`)
  }
}

/** Throws RAFTCTL_NOT_INITIALISED on a pristine node. */
export function runtimeOf(host: NodeHost): NodeRuntimeApi {
  if (host.runtime !== undefined) return host.runtime
  throw notInitialised(host)
}

export function notInitialised(host: NodeHost): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_NOT_INITIALISED',
    `the node at ${host.address} belongs to no cluster yet`,
    {hint: `Run "raftctl init --endpoint ${host.address}", or add it with "raftctl member add".`},
  )
}

/** Names the leader, where this node knows one and the failure doesn't yet. */
export function withLeader(error: unknown, host: NodeHost): unknown {
  if (!(error instanceof RaftctlError) || error.leader !== undefined) return error
  const status = host.runtime?.status()
  const leader = status?.membership.members.find(({id}) => id === status.leaderId)
  if (leader === undefined) return error
  const {code, message, hint, details, cause} = error
  return new RaftctlError(code, message, {hint, details, cause, leader: leader.address})
}

export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function sessionOf(write: WriteContext | undefined): SessionContext | undefined {
  if (write === undefined || write.sessionId === 0n) return undefined
  return {
    sessionId: toSafeNumber(write.sessionId),
    sequence: toSafeNumber(write.sequence),
    lowestUnanswered: toSafeNumber(write.lowestUnanswered),
  }
}

const EMPTY = new Uint8Array(0)
