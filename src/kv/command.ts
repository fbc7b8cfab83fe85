/**
 * A command's one encoding, made at the service edge and carried as the data of a log entry
 * (little-endian):
 *
 *   offset  bytes  field
 *        0      1  version: 1
 *        1      1  operation: 1 put, 2 delete, 3 open-session, 4 checkpoint
 *        2      1  flags: 1 session, 2 expected version
 *        3      1  zero
 *        4     24  with a session: its id, the sequence, the lowest unanswered sequence
 *        …      8  with an expected version: it
 *        …      2  put and delete: bytes of the key, then
 *        …      4  put: bytes of the value
 *        …      …  the key, the value; nothing after them
 *
 * The log is shared by all members, so a command that no encoder wrote is decoded to the same
 * `malformed` on each of them and changes nothing.
 */
import {RaftctlError} from '../errors.js'
import {readUint16, readUint32, readUint64, writeUint16, writeUint32, writeUint64} from './bytes.js'

/** A key has 1 to this many bytes. */
export const KEY_BYTES_MAX = 1024
/** A value has 0 to this many bytes: 1 MiB. */
export const VALUE_BYTES_MAX = 1024 * 1024

/** Where a write belongs (thesis §6.3), so that it is applied once however often it is proposed. */
export interface SessionContext {
  /** Log index of the entry that opened the session; from 1. */
  readonly sessionId: number
  /** From 1; used for one command only. */
  readonly sequence: number
  /** Answers below it may be forgotten; at most `sequence`, 0 for "no news". */
  readonly lowestUnanswered: number
}

export interface PutCommand {
  readonly op: 'put'
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly session: SessionContext | undefined
  /** The version that the key must have, 0 for "does not exist"; undefined for any. */
  readonly expectedVersion: number | undefined
}

export interface DeleteCommand {
  readonly op: 'delete'
  readonly key: Uint8Array
  readonly session: SessionContext | undefined
  readonly expectedVersion: number | undefined
}

export interface OpenSessionCommand {
  readonly op: 'open-session'
}

/** Changes nothing; every member takes the hash of its state at this entry. */
export interface CheckpointCommand {
  readonly op: 'checkpoint'
}

export type Command = PutCommand | DeleteCommand | OpenSessionCommand | CheckpointCommand

export interface Malformed {
  readonly op: 'malformed'
  readonly reason: string
}

const VERSION = 1
const OPERATIONS = ['', 'put', 'delete', 'open-session', 'checkpoint'] as const
const FLAG_SESSION = 1
const FLAG_EXPECTED_VERSION = 2
const HEADER_BYTES = 4
const SESSION_BYTES = 24

/** As `writeCommand`, into bytes of its own. */
export function encodeCommand(command: Command): Uint8Array {
  const data = new Uint8Array(commandBytes(command))
  writeCommand(data, 0, command)
  return data
}

/** What `writeCommand` writes, bytes. */
export function commandBytes(command: Command): number {
  if (command.op === 'open-session' || command.op === 'checkpoint') return HEADER_BYTES
  const {session, expectedVersion, key} = command
  const sessionBytes = session === undefined ? 0 : SESSION_BYTES
  const expectedBytes = expectedVersion === undefined ? 0 : 8
  const valueBytes = command.op === 'put' ? command.value.length : 0
  return (
    HEADER_BYTES + sessionBytes + expectedBytes + lengthBytes(command.op) + key.length + valueBytes
  )
}

/**
 * Throws RAFTCTL_USAGE for an empty key or an impossible session, RAFTCTL_TOO_LARGE beyond the limits
 * of key and value: what is encoded is never malformed.
 */
export function writeCommand(data: Uint8Array, start: number, command: Command): void {
  const {op} = command
  data[start] = VERSION
  data[start + 1] = OPERATIONS.indexOf(op)
  data[start + 2] = 0
  data[start + 3] = 0
  if (op === 'open-session' || op === 'checkpoint') return

  const {key, session, expectedVersion} = command
  checkWrite(key, op === 'put' ? command.value : undefined)
  let at = start + HEADER_BYTES
  if (session !== undefined) {
    checkSession(session)
    data[start + 2]! |= FLAG_SESSION
    writeUint64(data, at, session.sessionId)
    writeUint64(data, at + 8, session.sequence)
    writeUint64(data, at + 16, session.lowestUnanswered)
    at += SESSION_BYTES
  }
  if (expectedVersion !== undefined) {
    data[start + 2]! |= FLAG_EXPECTED_VERSION
    writeUint64(data, at, expectedVersion)
    at += 8
  }
  writeUint16(data, at, key.length)
  if (op === 'put') writeUint32(data, at + 2, command.value.length)
  at += lengthBytes(op)
  data.set(key, at)
  if (op === 'put') data.set(command.value, at + key.length)
}

/** Reads what `encodeCommand` wrote; key and value are views of `data`. Never throws. */
export function decodeCommand(data: Uint8Array): Command | Malformed {
  if (data.length < HEADER_BYTES) return malformed('shorter than a command')
  if (data[0] !== VERSION) return malformed('unknown version')
  const op = OPERATIONS[data[1]!]
  const flags = data[2]!
  if (op === undefined || op === '') return malformed('unknown operation')
  if (flags > 3 || data[3] !== 0) return malformed('unknown flags')
  if (op === 'open-session' || op === 'checkpoint') {
    if (flags !== 0 || data.length !== HEADER_BYTES) return malformed('bytes left over')
    return {op}
  }

  const hasSession = (flags & FLAG_SESSION) !== 0
  const hasExpected = (flags & FLAG_EXPECTED_VERSION) !== 0
  const lengthsAt = HEADER_BYTES + (hasSession ? SESSION_BYTES : 0) + (hasExpected ? 8 : 0)
  const keyAt = lengthsAt + lengthBytes(op)
  if (data.length < keyAt) return malformed('cut short')
  const session = hasSession ? readSession(data) : undefined
  if (session === null) return malformed('impossible session')
  const expectedVersion = hasExpected ? readUint64(data, lengthsAt - 8) : undefined
  if (Number.isNaN(expectedVersion)) return malformed('impossible version')

  const keyBytes = readUint16(data, lengthsAt)
  const valueBytes = op === 'put' ? readUint32(data, lengthsAt + 2) : 0
  if (keyBytes < 1 || keyBytes > KEY_BYTES_MAX) return malformed('key size')
  if (valueBytes > VALUE_BYTES_MAX) return malformed('value size')
  const valueAt = keyAt + keyBytes
  if (data.length !== valueAt + valueBytes) return malformed('another length than it says')

  const key = data.subarray(keyAt, valueAt)
  if (op === 'delete') return {op, key, session, expectedVersion}
  return {op, key, value: data.subarray(valueAt), session, expectedVersion}
}

function lengthBytes(op: 'put' | 'delete'): number {
  return op === 'put' ? 6 : 2
}

/** A command as one flat object, for people: what `log dump` shows of an entry's data. */
export type CommandDescription =
  | {
      readonly op: 'put'
      readonly key: Uint8Array
      readonly value: Uint8Array
      readonly expectedVersion: number | null
      readonly sessionId: number | null
      readonly sequence: number | null
    }
  | {
      readonly op: 'delete'
      readonly key: Uint8Array
      readonly expectedVersion: number | null
      readonly sessionId: number | null
      readonly sequence: number | null
    }
  | OpenSessionCommand
  | CheckpointCommand
  | Malformed

/** Never throws; key and value are views of `data`. */
export function describeCommand(data: Uint8Array): CommandDescription {
  const command = decodeCommand(data)
  if (command.op !== 'put' && command.op !== 'delete') return command
  const where = {
    expectedVersion: command.expectedVersion ?? null,
    sessionId: command.session?.sessionId ?? null,
    sequence: command.session?.sequence ?? null,
  }
  if (command.op === 'delete') return {op: 'delete', key: command.key, ...where}
  return {op: 'put', key: command.key, value: command.value, ...where}
}

/** Throws RAFTCTL_USAGE for an empty key, RAFTCTL_TOO_LARGE beyond KEY_BYTES_MAX. */
export function checkKey(key: Uint8Array): void {
  if (key.length === 0) {
    throw new RaftctlError('RAFTCTL_USAGE', 'the key is empty', {
      hint: `Give a key of 1 to ${KEY_BYTES_MAX} bytes.`,
    })
  }
  if (key.length > KEY_BYTES_MAX) throw tooLarge('key', key.length, KEY_BYTES_MAX)
}

/** As `checkKey`, and RAFTCTL_TOO_LARGE for a value beyond VALUE_BYTES_MAX; a delete has none. */
export function checkWrite(key: Uint8Array, value: Uint8Array | undefined): void {
  checkKey(key)
  if (value !== undefined) checkValue(value)
}

function checkValue(value: Uint8Array): void {
  if (value.length > VALUE_BYTES_MAX) throw tooLarge('value', value.length, VALUE_BYTES_MAX)
}

function checkSession({sessionId, sequence, lowestUnanswered}: SessionContext): void {
  if (isSession(sessionId, sequence, lowestUnanswered)) return
  throw new RaftctlError('RAFTCTL_USAGE', 'the session of the write is impossible', {
    hint: 'Sequences start at 1, and the lowest unanswered one is at most the one that is sent.',
    details: {sessionId, sequence, lowestUnanswered},
  })
}

function readSession(data: Uint8Array): SessionContext | null {
  const sessionId = readUint64(data, HEADER_BYTES)
  const sequence = readUint64(data, HEADER_BYTES + 8)
  const lowestUnanswered = readUint64(data, HEADER_BYTES + 16)
  if (!isSession(sessionId, sequence, lowestUnanswered)) return null
  return {sessionId, sequence, lowestUnanswered}
}

// NaN, which is what a number beyond 2^53 - 1 is read as, fails every comparison.
function isSession(sessionId: number, sequence: number, lowestUnanswered: number): boolean {
  return sessionId >= 1 && sequence >= 1 && lowestUnanswered >= 0 && lowestUnanswered <= sequence
}

function tooLarge(what: string, bytes: number, bytesMax: number): RaftctlError {
  return new RaftctlError('RAFTCTL_TOO_LARGE', `the ${what} has ${bytes} bytes`, {
    hint: `A ${what} has at most ${bytesMax} bytes.`,
    details: {what, bytes, bytesMax},
  })
}

function malformed(reason: string): Malformed {
  return {op: 'malformed', reason}
}
