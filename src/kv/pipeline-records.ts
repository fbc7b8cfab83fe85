/**
 * Writes and their answers as bytes, so that a stream that carries many spends little on each
 * (little-endian, one record after the other):
 *
 *   write    id 8, length 4, the command as the log will carry it (command.ts)
 *   answer   id 8, kind 1, two numbers 8 each (results.ts)
 */
import {readUint32, readUint64, writeUint32, writeUint64} from './bytes.js'
import {commandBytes, type DeleteCommand, type PutCommand, writeCommand} from './command.js'
import {type KeptResult, RESULT_BYTES, readResult, writeResult} from './results.js'

export interface PipelineWrite {
  /** Drawn by the client, unique on the stream; up to 2^53 - 1. */
  readonly id: number
  readonly command: PutCommand | DeleteCommand
}

export interface PipelineAnswer {
  readonly id: number
  readonly result: KeptResult
}

const WRITE_HEADER_BYTES = 12
const ANSWER_BYTES = 8 + RESULT_BYTES

/** RAFTCTL_USAGE and RAFTCTL_TOO_LARGE, as `writeCommand`. */
export function encodeWrites(writes: readonly PipelineWrite[]): Buffer {
  let size = 0
  for (const {command} of writes) size += WRITE_HEADER_BYTES + commandBytes(command)
  const bytes = Buffer.allocUnsafe(size)
  let at = 0
  for (const {id, command} of writes) {
    const length = commandBytes(command)
    writeUint64(bytes, at, id)
    writeUint32(bytes, at + 8, length)
    at += WRITE_HEADER_BYTES
    writeCommand(bytes, at, command)
    at += length
  }
  return bytes
}

/** How many writes there are; undefined for what no client wrote. */
export function countWrites(bytes: Uint8Array): number | undefined {
  let count = 0
  for (let at = 0; at < bytes.length; count++) {
    if (bytes.length - at < WRITE_HEADER_BYTES || Number.isNaN(readUint64(bytes, at))) {
      return undefined
    }
    at += WRITE_HEADER_BYTES + readUint32(bytes, at + 8)
    if (at > bytes.length) return undefined
  }
  return count
}

/** Gives each write's command as a view of `bytes`, which `countWrites` has found whole. */
export function readWrites(
  bytes: Uint8Array,
  give: (id: number, command: Uint8Array) => void,
): void {
  for (let at = 0; at < bytes.length; ) {
    const start = at + WRITE_HEADER_BYTES
    const end = start + readUint32(bytes, at + 8)
    give(readUint64(bytes, at), bytes.subarray(start, end))
    at = end
  }
}

export function encodeAnswers(answers: readonly PipelineAnswer[]): Buffer {
  const bytes = Buffer.allocUnsafe(answers.length * ANSWER_BYTES)
  let at = 0
  for (const {id, result} of answers) {
    writeUint64(bytes, at, id)
    writeResult(bytes, at + 8, result)
    at += ANSWER_BYTES
  }
  return bytes
}

/** Returns false for what no node wrote. */
export function readAnswers(
  bytes: Uint8Array,
  give: (id: number, result: KeptResult) => void,
): boolean {
  if (bytes.length % ANSWER_BYTES !== 0) return false
  for (let at = 0; at < bytes.length; at += ANSWER_BYTES) {
    const id = readUint64(bytes, at)
    const result = readResult(bytes, at + 8)
    if (Number.isNaN(id) || result === undefined) return false
    give(id, result)
  }
  return true
}
