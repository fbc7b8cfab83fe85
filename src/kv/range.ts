import type {LogIndex} from '../raft/types.js'
import {type ByteString, fromByteString, toByteString} from './bytes.js'
import {decodeValue, RECORDS_END, type RecordReader, VALUE_SECTION, valueKey} from './records.js'
import type {KeyValueState} from './state.js'

/** What one read of a range may give at most: about as many bytes of keys and values. */
export const RANGE_BYTES_MAX = 256 * 1024
export const RANGE_ITEMS_MAX = 4096

export interface KeyRange {
  /** Inclusive; empty for the first key. */
  readonly start: Uint8Array
  /** Exclusive; empty for no end. */
  readonly end: Uint8Array
  /** At least 1; RANGE_ITEMS_MAX at most count. */
  readonly itemsMax?: number
}

export interface RangeItem {
  readonly key: Uint8Array
  readonly version: number
  readonly value: Uint8Array
}

export interface RangeResult {
  readonly items: readonly RangeItem[]
  /** The state that answered. */
  readonly appliedIndex: LogIndex
  /** Where to go on; undefined at the end of the range. */
  readonly next: Uint8Array | undefined
}

/** One bounded read, consistent in itself; `reader` shows the store beneath the state as of now. */
export function readRange(
  state: KeyValueState,
  reader: RecordReader,
  {start, end, itemsMax = RANGE_ITEMS_MAX}: KeyRange,
): RangeResult {
  const from: ByteString = valueKey(toByteString(start))
  const to: ByteString = end.length === 0 ? RECORDS_END : valueKey(toByteString(end))
  const {appliedIndex} = state
  if (from >= to) return {items: [], appliedIndex, next: undefined}
  const count = Math.min(itemsMax, RANGE_ITEMS_MAX)
  const page = state.view(reader, from, to).page(from, to, RANGE_BYTES_MAX, count)
  const items = page.records.map(([key, record]) => ({
    key: fromByteString(key.slice(VALUE_SECTION.length)),
    ...decodeValue(record),
  }))
  const last = items.at(-1)
  const next = page.more && last !== undefined ? Uint8Array.of(...last.key, 0) : undefined
  return {items, appliedIndex, next}
}
