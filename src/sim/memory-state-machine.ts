/**
 * The key-value state machine over a store in memory that loses what was not flushed when it crashes.
 * The meaning of commands is the same code as LMDB's; deterministic, without timers.
 */
import {crc32} from 'node:zlib'
import {type ByteString, toByteString} from '../kv/bytes.js'
import {readContent, writeContent} from '../kv/content.js'
import {type KeyRange, type RangeResult, readRange} from '../kv/range.js'
import {
  encodeHead,
  HEAD_KEY,
  HISTORY_SECTION,
  type MembershipRecord,
  RECORDS_END,
  type RecordPage,
  type RecordReader,
  type StateRecord,
  type StoredValue,
} from '../kv/records.js'
import {type CommandResult, KeyValueState} from '../kv/state.js'
import type {StateMachine, StateSnapshot} from '../node/ports.js'
import type {Membership} from '../raft/membership.js'
import type {SnapshotMeta} from '../raft/messages.js'
import type {Entry, LogIndex, Term} from '../raft/types.js'

/** What survives the process: hand it to the next state machine. */
export class MemoryDisk {
  store: MemoryStore = new MemoryStore()
  /** Of the process that has it; one that is gone writes nothing any more. */
  owner = 0
}

export class MemoryStateMachine implements StateMachine {
  readonly #disk: MemoryDisk
  readonly #owner: number
  #state: KeyValueState

  constructor(disk: MemoryDisk = new MemoryDisk()) {
    this.#disk = disk
    this.#owner = ++disk.owner
    this.#state = new KeyValueState(disk.store)
  }

  get #store(): MemoryStore {
    return this.#disk.store
  }

  get appliedIndex(): LogIndex {
    return this.#state.appliedIndex
  }

  get appliedTerm(): Term {
    return this.#state.appliedTerm
  }

  get membership(): Membership {
    return this.#state.membership
  }

  get durableIndex(): LogIndex {
    return this.#store.appliedIndex
  }

  membershipHistory(): readonly MembershipRecord[] {
    return [...this.#state.membershipHistory]
  }

  async apply(entries: readonly Entry[]): Promise<(CommandResult | undefined)[]> {
    return this.applyNow(entries)
  }

  applyNow(entries: readonly Entry[]): (CommandResult | undefined)[] {
    return entries.map(entry => this.#state.apply(entry))
  }

  async flush(): Promise<void> {
    this.flushNow()
  }

  flushNow(): void {
    if (!this.#isOwner) return
    this.#state.seal()
    for (const layer of [...this.#state.sealedLayers]) {
      this.#store.write(layer.records, layer.appliedIndex)
      this.#state.release(layer)
    }
  }

  get(key: Uint8Array): StoredValue | undefined {
    return this.#state.get(key)
  }

  range(range: KeyRange): RangeResult {
    return readRange(this.#state, this.#store, range)
  }

  snapshot(): StateSnapshot {
    const {appliedIndex: index, appliedTerm: term, membership} = this
    this.#state.seal()
    const frozen = this.#store.copy()
    const view = this.#state.view(frozen, HISTORY_SECTION, RECORDS_END)
    return {
      meta: {index, term, membership},
      content: asynchronous(writeContent(view)),
      close: () => {},
    }
  }

  async restore(meta: SnapshotMeta, content: AsyncIterable<Uint8Array>): Promise<void> {
    const store = new MemoryStore()
    const records = new Map<ByteString, Uint8Array>()
    for await (const [key, record] of readContent(content)) records.set(key, record)
    const {index: appliedIndex, term: appliedTerm, membership} = meta
    records.set(HEAD_KEY, encodeHead({appliedIndex, appliedTerm, membership}))
    store.write(records, appliedIndex)
    if (!this.#isOwner) return
    this.#state = new KeyValueState(store)
    this.#disk.store = store
  }

  async close(): Promise<void> {
    await this.flush()
  }

  /** As after a crash and a restart: everything beyond `durableIndex` is gone. */
  crash(): void {
    this.#state = new KeyValueState(this.#store)
  }

  /** Of the whole content: equal for equal states. */
  checksum(): number {
    this.#state.seal()
    let checksum = 0
    for (const chunk of this.#chunks()) checksum = crc32(chunk, checksum)
    return checksum
  }

  /** The whole content as one string of bytes: equal states give equal strings. */
  content(): ByteString {
    this.#state.seal()
    let content = ''
    for (const chunk of this.#chunks()) content += toByteString(chunk)
    return content
  }

  #chunks(): Generator<Uint8Array> {
    return writeContent(this.#state.view(this.#store, HISTORY_SECTION, RECORDS_END))
  }

  get #isOwner(): boolean {
    return this.#owner === this.#disk.owner
  }
}

/** Records in a Map, and their keys in order once somebody asks. */
class MemoryStore implements RecordReader {
  #records = new Map<ByteString, Uint8Array>()
  #keys: ByteString[] | undefined
  #appliedIndex = 0 as LogIndex

  get appliedIndex(): LogIndex {
    return this.#appliedIndex
  }

  get(key: ByteString): Uint8Array | undefined {
    return this.#records.get(key)
  }

  page(start: ByteString, end: ByteString, bytesMax: number, countMax: number): RecordPage {
    this.#keys ??= [...this.#records.keys()].sort((a, b) => (a < b ? -1 : 1))
    const records: StateRecord[] = []
    let bytes = 0
    for (let i = firstAtOrAfter(this.#keys, start); i < this.#keys.length; i++) {
      const key = this.#keys[i]!
      if (key >= end) break
      if (bytes > bytesMax || records.length >= countMax) return {records, more: true}
      const record = this.#records.get(key)!
      records.push([key, record])
      bytes += key.length + record.length
    }
    return {records, more: false}
  }

  write(records: ReadonlyMap<ByteString, Uint8Array | undefined>, appliedIndex: LogIndex): void {
    for (const [key, record] of records) {
      if (record === undefined) this.#records.delete(key)
      else this.#records.set(key, record)
    }
    this.#keys = undefined
    this.#appliedIndex = appliedIndex
  }

  copy(): MemoryStore {
    const copy = new MemoryStore()
    copy.#records = new Map(this.#records)
    copy.#keys = this.#keys
    copy.#appliedIndex = this.#appliedIndex
    return copy
  }
}

function firstAtOrAfter(keys: readonly ByteString[], key: ByteString): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}

async function* asynchronous(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks
}
