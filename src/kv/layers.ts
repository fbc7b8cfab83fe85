/**
 * What is applied and not yet in the store beneath, newest last:
 *
 *   reads ──▶ open layer ──▶ sealed layers ──▶ store
 *
 * A layer is filled while it is open, is sealed to be written in one transaction, and goes once the
 * store holds it. Layers are seen before the store, so it does no harm when the store shows a layer
 * already.
 */
import type {LogIndex} from '../raft/types.js'
import type {ByteString} from './bytes.js'
import type {PageMemory, RecordPage, RecordReader, StateRecord} from './records.js'

export interface Layer {
  /** undefined: the record goes. */
  readonly records: Map<ByteString, Uint8Array | undefined>
  bytes: number
  /** The state after this layer. */
  appliedIndex: LogIndex
}

/** The records of layers over those of a reader, as of now: later writes to the layers are not seen. */
export class LayeredView implements RecordReader {
  readonly #base: RecordReader
  readonly #merged = new Map<ByteString, Uint8Array | undefined>()
  readonly #keys: ByteString[]

  /** Oldest layer first. Only records of [start, end) can be read from the view. */
  constructor(base: RecordReader, layers: readonly Layer[], start: ByteString, end: ByteString) {
    this.#base = base
    for (const {records} of layers) {
      for (const [key, record] of records) {
        if (key >= start && key < end) this.#merged.set(key, record)
      }
    }
    this.#keys = [...this.#merged.keys()].sort(compare)
  }

  get(key: ByteString): Uint8Array | undefined {
    return this.#merged.has(key) ? this.#merged.get(key) : this.#base.get(key)
  }

  page(
    start: ByteString,
    end: ByteString,
    bytesMax: number,
    countMax: number,
    memory?: PageMemory,
  ): RecordPage {
    const records: StateRecord[] = []
    let bytes = 0
    const isFull = () => bytes > bytesMax || records.length >= countMax
    const take = (key: ByteString, record: Uint8Array): boolean => {
      if (isFull()) return false
      records.push([key, record])
      bytes += key.length + record.length
      return true
    }

    let at = this.#firstAtOrAfter(start)
    let from = start
    for (;;) {
      const below = this.#base.page(from, end, bytesMax, countMax, memory)
      const last = below.records.at(-1)?.[0]
      for (const [key, record] of below.records) {
        // Ours that lie before the store's next record, then the store's unless ours replaces it.
        for (; at < this.#keys.length && this.#keys[at]! < key; at++) {
          const own = this.#merged.get(this.#keys[at]!)
          if (own !== undefined && !take(this.#keys[at]!, own)) return {records, more: true}
        }
        if (this.#keys[at] === key) continue
        if (!take(key, record)) return {records, more: true}
      }
      if (below.more && last !== undefined) {
        if (isFull()) return {records, more: true}
        from = `${last}\0`
        continue
      }
      for (; at < this.#keys.length && this.#keys[at]! < end; at++) {
        const own = this.#merged.get(this.#keys[at]!)
        if (own !== undefined && !take(this.#keys[at]!, own)) return {records, more: true}
      }
      return {records, more: false}
    }
  }

  #firstAtOrAfter(key: ByteString): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#keys[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Byte order; localeCompare would be another. */
function compare(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0
}
