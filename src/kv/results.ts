/**
 * What a write did, as 17 bytes (little-endian): kind 1, then two numbers of 8 bytes.
 *
 *   1 put              version, version before
 *   2 delete           log index, 1 when there was such a key
 *   3 compare-failed   version expected, version found
 */
import {readUint64, writeUint64} from './bytes.js'

export type KeptResult =
  | {readonly kind: 'put'; readonly version: number; readonly previousVersion: number}
  | {readonly kind: 'delete'; readonly deleted: boolean; readonly index: number}
  | {readonly kind: 'compare-failed'; readonly expectedVersion: number; readonly version: number}

export const RESULT_BYTES = 17

export function writeResult(bytes: Uint8Array, at: number, result: KeptResult): void {
  switch (result.kind) {
    case 'put':
      bytes[at] = 1
      writeUint64(bytes, at + 1, result.version)
      writeUint64(bytes, at + 9, result.previousVersion)
      return
    case 'delete':
      bytes[at] = 2
      writeUint64(bytes, at + 1, result.index)
      writeUint64(bytes, at + 9, result.deleted ? 1 : 0)
      return
    case 'compare-failed':
      bytes[at] = 3
      writeUint64(bytes, at + 1, result.expectedVersion)
      writeUint64(bytes, at + 9, result.version)
  }
}

/** Undefined for what `writeResult` never wrote. */
export function readResult(bytes: Uint8Array, at: number): KeptResult | undefined {
  const a = readUint64(bytes, at + 1)
  const b = readUint64(bytes, at + 9)
  if (Number.isNaN(a) || Number.isNaN(b)) return undefined
  switch (bytes[at]) {
    case 1:
      return {kind: 'put', version: a, previousVersion: b}
    case 2:
      return b > 1 ? undefined : {kind: 'delete', deleted: b === 1, index: a}
    case 3:
      return {kind: 'compare-failed', expectedVersion: a, version: b}
    default:
      return undefined
  }
}
