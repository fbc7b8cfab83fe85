/**
 * What a command means, for every store: the key-value state as the log makes it. No clock, no
 * randomness, no input or output; the store beneath is read synchronously and written by others, layer
 * by layer.
 */
import {entryData} from '../raft/entry.js'
import {invariant} from '../raft/invariant.js'
import {decodeMembership, EMPTY_MEMBERSHIP, type Membership} from '../raft/membership.js'
import {type Entry, type LogIndex, logIndex, type Term, term} from '../raft/types.js'
import {type ByteString, toByteString} from './bytes.js'
import {type DeleteCommand, decodeCommand, type PutCommand} from './command.js'
import {type Layer, LayeredView} from './layers.js'
import {
  damaged,
  decodeHead,
  decodeHistory,
  decodeValue,
  encodeHead,
  encodeHistory,
  encodeValue,
  HEAD_KEY,
  HISTORY_SECTION,
  historyKey,
  type MembershipRecord,
  numberOfKey,
  RECORDS_END,
  type RecordReader,
  SESSION_SECTION,
  type StateRecord,
  type StoredValue,
  sessionKey,
  VALUE_SECTION,
  valueKey,
  versionOf,
} from './records.js'
import type {KeptResult} from './results.js'
import {decodeSession, encodeSession, type SessionRefusal, SessionTable} from './sessions.js'

/** Membership entries that stay readable after the log is compacted. */
export const MEMBERSHIP_HISTORY_MAX = 1000

/** The answer to one applied command: what `StateMachine.apply` gives for it. */
export type CommandResult =
  | KeptResult
  | SessionRefusal
  | {readonly kind: 'session-opened'; readonly sessionId: number}
  | {readonly kind: 'checkpoint'}
  | {readonly kind: 'malformed'; readonly reason: string}

/** What a record in memory costs beside its bytes, about. */
const RECORD_OVERHEAD_BYTES = 100
const LOAD_PAGE_BYTES = 1024 * 1024
const LOAD_PAGE_RECORDS = 1024

export class KeyValueState {
  readonly #store: RecordReader
  readonly #sealed: Layer[] = []
  #open: Layer
  readonly #sessions: SessionTable
  readonly #dirtySessions = new Set<number>()
  readonly #history: MembershipRecord[]
  #appliedIndex: LogIndex
  #appliedTerm: Term
  #membership: Membership
  #sealedIndex: LogIndex

  /** Loads head, sessions and history. Throws RAFTCTL_DATA_DAMAGED and RAFTCTL_FORMAT_NEWER. */
  constructor(store: RecordReader) {
    this.#store = store
    const head = store.get(HEAD_KEY)
    const {appliedIndex, appliedTerm, membership} =
      head === undefined
        ? {appliedIndex: logIndex(0), appliedTerm: term(0), membership: EMPTY_MEMBERSHIP}
        : decodeHead(head)
    this.#appliedIndex = appliedIndex
    this.#appliedTerm = appliedTerm
    this.#membership = membership
    this.#sealedIndex = appliedIndex
    this.#open = newLayer(appliedIndex)
    this.#history = [...loadHistory(store)]
    this.#sessions = new SessionTable(loadSessions(store))
  }

  get appliedIndex(): LogIndex {
    return this.#appliedIndex
  }

  get appliedTerm(): Term {
    return this.#appliedTerm
  }

  get membership(): Membership {
    return this.#membership
  }

  /** Oldest first; at most MEMBERSHIP_HISTORY_MAX. */
  get membershipHistory(): readonly MembershipRecord[] {
    return this.#history
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  /** Of all layers. */
  get unstoredBytes(): number {
    return this.#sealed.reduce((sum, {bytes}) => sum + bytes, this.#open.bytes)
  }

  get openLayer(): {readonly bytes: number; readonly entries: number} {
    return {bytes: this.#open.bytes, entries: this.#appliedIndex - this.#sealedIndex}
  }

  /** Oldest first. */
  get sealedLayers(): readonly Layer[] {
    return this.#sealed
  }

  /** Applies the entry that follows `appliedIndex`; any other breaks an invariant. */
  apply(entry: Entry): CommandResult | undefined {
    invariant(
      entry.index === this.#appliedIndex + 1,
      `entry ${entry.index} follows the applied index ${this.#appliedIndex}`,
    )
    const result = this.#applyKind(entry)
    this.#appliedIndex = entry.index
    this.#appliedTerm = entry.term
    this.#open.appliedIndex = entry.index
    return result
  }

  get(key: Uint8Array): StoredValue | undefined {
    const record = this.#record(valueKey(toByteString(key)))
    return record === undefined ? undefined : decodeValue(record)
  }

  /** A view of the records of [start, end) over `reader`, which shows the store as of now. */
  view(reader: RecordReader, start: ByteString, end: ByteString): LayeredView {
    return new LayeredView(reader, [...this.#sealed, this.#open], start, end)
  }

  /**
   * Closes the open layer, with all that it needs to stand in the store by itself. Returns false
   * when nothing was applied since the last.
   */
  seal(): boolean {
    if (this.#sealedIndex === this.#appliedIndex) return false
    for (const id of this.#dirtySessions) {
      this.#set(sessionKey(id), encodeSession(this.#sessions.get(id)!))
    }
    this.#dirtySessions.clear()
    this.#set(HEAD_KEY, encodeHead(this))
    this.#sealed.push(this.#open)
    this.#sealedIndex = this.#appliedIndex
    this.#open = newLayer(this.#appliedIndex)
    return true
  }

  /** The store holds `layer`, the oldest, from now on. */
  release(layer: Layer): void {
    invariant(this.#sealed[0] === layer, 'layers reach the store in order')
    this.#sealed.shift()
  }

  #applyKind(entry: Entry): CommandResult | undefined {
    switch (entry.kind) {
      case 'blank':
        return undefined
      case 'membership':
        this.#applyMembership(entry)
        return undefined
      case 'command':
        return this.#applyCommand(entry)
    }
  }

  #applyMembership(entry: Entry): void {
    const membership = decodeMembership(entryData(entry), entry.index)
    invariant(membership !== undefined, `membership entry ${entry.index} can be read`)
    const record: MembershipRecord = {index: entry.index, term: entry.term, membership}
    this.#membership = membership
    this.#history.push(record)
    this.#set(historyKey(entry.index), encodeHistory(record))
    if (this.#history.length > MEMBERSHIP_HISTORY_MAX) {
      this.#set(historyKey(this.#history.shift()!.index), undefined)
    }
  }

  #applyCommand(entry: Entry): CommandResult {
    const command = decodeCommand(entryData(entry))
    switch (command.op) {
      case 'malformed':
        return {kind: 'malformed', reason: command.reason}
      case 'open-session':
        this.#dropSessions(this.#sessions.open(entry.index))
        this.#dirtySessions.add(entry.index)
        return {kind: 'session-opened', sessionId: entry.index}
      case 'checkpoint':
        return {kind: 'checkpoint'}
      case 'put':
      case 'delete':
        return this.#applyWrite(command, entry.index)
    }
  }

  #applyWrite(command: PutCommand | DeleteCommand, index: LogIndex): CommandResult {
    const context = command.session
    if (context === undefined) return this.#write(command, index)
    const admission = this.#sessions.admit(context)
    if (admission.kind === 'refused') return admission.refusal
    if (admission.kind === 'repeated') return admission.result
    const result = this.#write(command, index)
    this.#dirtySessions.add(context.sessionId)
    this.#dropSessions(this.#sessions.keep(admission.session, context, result, index))
    return result
  }

  #write(command: PutCommand | DeleteCommand, index: LogIndex): KeptResult {
    const key = valueKey(toByteString(command.key))
    const version = versionOf(this.#record(key))
    const {expectedVersion} = command
    if (expectedVersion !== undefined && expectedVersion !== version) {
      return {kind: 'compare-failed', expectedVersion, version}
    }
    if (command.op === 'put') {
      this.#set(key, encodeValue(index, command.value))
      return {kind: 'put', version: index, previousVersion: version}
    }
    if (version > 0) this.#set(key, undefined)
    return {kind: 'delete', deleted: version > 0, index}
  }

  #dropSessions(ids: readonly number[]): void {
    for (const id of ids) {
      this.#dirtySessions.delete(id)
      this.#set(sessionKey(id), undefined)
    }
  }

  #set(key: ByteString, record: Uint8Array | undefined): void {
    this.#open.records.set(key, record)
    this.#open.bytes += key.length + (record?.length ?? 0) + RECORD_OVERHEAD_BYTES
  }

  #record(key: ByteString): Uint8Array | undefined {
    if (this.#open.records.has(key)) return this.#open.records.get(key)
    for (let i = this.#sealed.length - 1; i >= 0; i--) {
      const {records} = this.#sealed[i]!
      if (records.has(key)) return records.get(key)
    }
    return this.#store.get(key)
  }
}

function newLayer(appliedIndex: LogIndex): Layer {
  return {records: new Map(), bytes: 0, appliedIndex}
}

function* loadHistory(store: RecordReader): Generator<MembershipRecord> {
  for (const [key, record] of load(store, HISTORY_SECTION, SESSION_SECTION)) {
    const decoded = decodeHistory(numberOfKey(key), record)
    if (decoded === undefined) throw damaged('a membership in the state is unreadable')
    yield decoded
  }
}

function* loadSessions(store: RecordReader) {
  for (const [key, record] of load(store, SESSION_SECTION, VALUE_SECTION)) {
    const session = decodeSession(numberOfKey(key), record)
    if (session === undefined) throw damaged('a session in the state is unreadable')
    yield session
  }
}

/** Every record of [start, end), a page at a time. */
export function* load(
  reader: RecordReader,
  start: ByteString,
  end: ByteString = RECORDS_END,
): Generator<StateRecord> {
  let from = start
  for (;;) {
    const {records, more} = reader.page(from, end, LOAD_PAGE_BYTES, LOAD_PAGE_RECORDS)
    yield* records
    if (!more) return
    from = `${records.at(-1)![0]}\0`
  }
}
