/**
 * The key-value state machine on LMDB.
 *
 *   apply ──▶ open layer ──seal──▶ sealed layers ──one transaction each──▶ LMDB ──▶ durableIndex
 *
 * The log holds the truth until the state is durable, so `apply` does not wait for LMDB: what it
 * changed is in memory at once, visible to every read, and reaches LMDB behind it. One transaction is
 * under way at a time and what is applied meanwhile gathers for the next, so that a busy node syncs
 * seldom. A crash falls back to the last durable transaction, which holds the applied index that it
 * stands for; the log continues from there.
 */
import {setImmediate} from 'node:timers/promises'
import {RaftctlError} from '../errors.js'
import type {StateMachine, StateSnapshot} from '../node/ports.js'
import {invariant} from '../raft/invariant.js'
import type {Membership} from '../raft/membership.js'
import type {SnapshotMeta} from '../raft/messages.js'
import type {Entry, LogIndex, Term} from '../raft/types.js'
import type {ByteString} from './bytes.js'
import {ChangeLog} from './changes.js'
import {Checkpoints, hashOf} from './checkpoints.js'
import {readContent, writeContent} from './content.js'
import {Generations} from './generations.js'
import type {Layer} from './layers.js'
import {LmdbStore, type StoreView} from './lmdb-store.js'
import {type KeyRange, type RangeResult, readRange} from './range.js'
import {
  damaged,
  encodeHead,
  HEAD_KEY,
  HISTORY_SECTION,
  type MembershipRecord,
  RECORDS_END,
  type StoredValue,
} from './records.js'
import {type CommandResult, KeyValueState} from './state.js'

/** A layer is written once it has as many bytes or entries; less waits for more, or for `flush`. */
const LAYER_BYTES_MIN = 1024 * 1024
const LAYER_ENTRIES_MIN = 2048
/** Behind a write under way a layer grows to as many: handing it to LMDB must not hold the loop long. */
const LAYER_BYTES_MAX = 8 * 1024 * 1024
const LAYER_ENTRIES_MAX = 8192
/** Applied and not yet stored: beyond it `apply` waits for LMDB. */
const UNSTORED_BYTES_MAX = 32 * 1024 * 1024
const RESTORE_BATCH_BYTES = 4 * 1024 * 1024
const RESTORE_BATCH_RECORDS = 8192

export class LmdbStateMachine implements StateMachine {
  readonly #generations: Generations
  /** The last changes, for watchers. */
  readonly changes: ChangeLog
  readonly #checkpoints = new Checkpoints()
  readonly #views = new Set<StoreView>()
  #store: LmdbStore
  #state: KeyValueState
  #durableIndex: LogIndex
  #writing: Promise<void> | undefined
  #switching: Promise<void> | undefined
  #flushing = 0
  #restoring = false
  #failure: unknown
  #closed = false

  private constructor(generations: Generations, store: LmdbStore) {
    this.#generations = generations
    this.#store = store
    this.#state = new KeyValueState(store)
    this.#durableIndex = this.#state.appliedIndex
    this.changes = new ChangeLog(this.#state.appliedIndex)
  }

  /**
   * Opens `directory`, or creates it with an empty state. What is found is durable. Throws
   * RAFTCTL_DATA_DAMAGED, RAFTCTL_FORMAT_NEWER, RAFTCTL_DISK_FULL, RAFTCTL_INPUT_OUTPUT.
   */
  static async open(directory: string): Promise<LmdbStateMachine> {
    const generations = await Generations.open(directory)
    const path = generations.current
    if (path === undefined) return LmdbStateMachine.#create(generations)
    const store = LmdbStore.open(path)
    try {
      if (store.get(HEAD_KEY) === undefined) throw damaged(`the state in ${path} has no head`)
      return new LmdbStateMachine(generations, store)
    } catch (error) {
      await store.close()
      throw error
    }
  }

  static async #create(generations: Generations): Promise<LmdbStateMachine> {
    const path = await generations.begin()
    const store = LmdbStore.open(path)
    try {
      const machine = new LmdbStateMachine(generations, store)
      await store.write(new Map([[HEAD_KEY, encodeHead(machine)]]))
      await generations.switchTo(path)
      return machine
    } catch (error) {
      await store.close()
      throw error
    }
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
    return this.#durableIndex
  }

  /** The last applied membership entries, oldest first; at most a thousand. */
  membershipHistory(): readonly MembershipRecord[] {
    return [...this.#state.membershipHistory]
  }

  /**
   * Resolves once the results are visible to reads; durable they are when `durableIndex` says so.
   * Rejects for good after a failed write to the disk.
   */
  async apply(entries: readonly Entry[]): Promise<(CommandResult | undefined)[]> {
    this.#checkUsable()
    invariant(!this.#restoring, 'nothing is applied during a restore')
    const results = entries.map(entry => {
      const result = this.#state.apply(entry)
      this.changes.add(entry, result)
      if (result?.kind === 'checkpoint') this.#checkpoints.take(this.snapshot())
      return result
    })
    this.changes.advance(this.appliedIndex)
    const {bytes, entries: count} = this.#state.openLayer
    if (bytes >= LAYER_BYTES_MAX || count >= LAYER_ENTRIES_MAX) this.#state.seal()
    this.#write()
    while (this.#state.unstoredBytes > UNSTORED_BYTES_MAX) {
      this.#state.seal()
      await this.#written()
    }
    return results
  }

  async flush(): Promise<void> {
    this.#checkUsable()
    const target = this.appliedIndex
    this.#flushing++
    try {
      while (this.#durableIndex < target) await (this.#switching ?? this.#written())
    } finally {
      this.#flushing--
    }
  }

  /** The value of a key in the state as of `appliedIndex`. */
  get(key: Uint8Array): StoredValue | undefined {
    this.#checkUsable()
    return this.#state.get(key)
  }

  /** Values in key order, as of the `appliedIndex` that it names; bounded by a count and by bytes. */
  range(range: KeyRange): RangeResult {
    this.#checkUsable()
    return readRange(this.#state, this.#store, range)
  }

  snapshot(): StateSnapshot {
    this.#checkUsable()
    const {appliedIndex: index, appliedTerm: term, membership} = this
    this.#state.seal()
    const view = this.#store.view()
    this.#views.add(view)
    const records = this.#state.view(view, HISTORY_SECTION, RECORDS_END)
    this.#write()
    return {
      meta: {index, term, membership},
      content: yielding(writeContent(records)),
      close: () => {
        this.#views.delete(view)
        view.close()
      },
    }
  }

  /**
   * SHA-256 in hex over the content as of `index`: equal on all members that applied up to it. Reads
   * the whole state, a page a turn of the event loop.
   */
  async hash(): Promise<{index: LogIndex; hash: string}> {
    const snapshot = this.snapshot()
    return {index: snapshot.meta.index, hash: await hashOf(snapshot)}
  }

  /** The same as of a checkpoint entry; undefined when none was applied there, or it is forgotten. */
  checkpointHash(index: number): Promise<string> | undefined {
    return this.#checkpoints.hashAt(index)
  }

  /**
   * Builds a new generation, and puts it in force once it is whole and durable. Damaged content is
   * refused (RAFTCTL_DATA_DAMAGED) and leaves the state as it was. Open snapshots end with the
   * generation that they read. Nothing may be applied meanwhile.
   */
  async restore(meta: SnapshotMeta, content: AsyncIterable<Uint8Array>): Promise<void> {
    this.#checkUsable()
    invariant(!this.#restoring, 'one restore at a time')
    this.#restoring = true
    try {
      await this.#restore(meta, content)
    } finally {
      this.#restoring = false
    }
  }

  /** Flushes first, unless a write failed before. */
  async close(): Promise<void> {
    if (this.#closed) return
    try {
      if (this.#failure === undefined) await this.flush()
    } finally {
      this.#closed = true
      while (this.#writing !== undefined) await this.#writing
      await this.#switching?.catch(() => {})
      this.#closeViews()
      await this.#store.close()
    }
  }

  async #restore(meta: SnapshotMeta, content: AsyncIterable<Uint8Array>): Promise<void> {
    const path = await this.#generations.begin()
    const store = LmdbStore.open(path)
    let state: KeyValueState
    try {
      await fill(store, meta, content)
      state = new KeyValueState(store)
      while (this.#writing !== undefined) await this.#writing
      this.#checkUsable()
    } catch (error) {
      await store.close()
      throw error
    }
    this.#switching = this.#switchTo(path, store, state)
    try {
      await this.#switching
    } finally {
      this.#switching = undefined
    }
    await this.#generations.sweep()
  }

  async #switchTo(path: string, store: LmdbStore, state: KeyValueState): Promise<void> {
    const old = this.#store
    try {
      await this.#generations.switchTo(path)
    } catch (error) {
      // Either generation may be in force now.
      this.#failure = error
      await store.close()
      throw error
    }
    this.#closeViews()
    this.#store = store
    this.#state = state
    this.#durableIndex = state.appliedIndex
    this.#checkpoints.clear()
    this.changes.reset(state.appliedIndex)
    await old.close()
  }

  #closeViews(): void {
    for (const view of this.#views) view.close()
    this.#views.clear()
  }

  #checkUsable(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#closed) throw new RaftctlError('RAFTCTL_NODE_STOPPED', 'the state is closed')
  }

  /** Waits for the write under way, or for one of whatever there is; rejects if it failed. */
  async #written(): Promise<void> {
    this.#write()
    await this.#writing
    this.#checkUsable()
  }

  /** Starts to write the oldest layer, unless a write is under way or it is better to wait for more. */
  #write(): void {
    const busy = this.#writing !== undefined || this.#switching !== undefined
    if (busy || this.#failure !== undefined) return
    const {bytes, entries} = this.#state.openLayer
    const due = this.#flushing > 0 || bytes >= LAYER_BYTES_MIN || entries >= LAYER_ENTRIES_MIN
    if (due && this.#state.sealedLayers.length === 0) this.#state.seal()
    const layer = this.#state.sealedLayers[0]
    if (layer !== undefined) this.#writing = this.#writeLayer(layer)
  }

  async #writeLayer(layer: Layer): Promise<void> {
    try {
      await this.#store.write(layer.records)
      this.#state.release(layer)
      this.#durableIndex = layer.appliedIndex
    } catch (error) {
      this.#failure = error
    }
    this.#writing = undefined
    this.#write()
  }
}

async function fill(
  store: LmdbStore,
  meta: SnapshotMeta,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  let batch = new Map<ByteString, Uint8Array>()
  let bytes = 0
  for await (const [key, record] of readContent(content)) {
    batch.set(key, record)
    bytes += key.length + record.length
    if (bytes < RESTORE_BATCH_BYTES && batch.size < RESTORE_BATCH_RECORDS) continue
    await store.write(batch)
    batch = new Map()
    bytes = 0
  }
  // The head goes last: a generation without one is never in force.
  const {index: appliedIndex, term: appliedTerm, membership} = meta
  batch.set(HEAD_KEY, encodeHead({appliedIndex, appliedTerm, membership}))
  await store.write(batch)
}

async function* yielding(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    yield chunk
    await setImmediate()
  }
}
