/** What a runtime is made of, held in a test's hand: time, disk and peers do what they are told. */
import type {RuntimeParts} from '../../src/node/parts.js'
import type {
  Clock,
  DurableLog,
  LogBatch,
  SnapshotInfo,
  SnapshotReceiver,
  SnapshotStore,
  StateMachine,
  StateSnapshot,
  Transport,
  UnusableSnapshot,
} from '../../src/node/ports.js'
import {NodeRuntime} from '../../src/node/runtime.js'
import {DEFAULT_SETTINGS, type NodeSettings} from '../../src/node/settings.js'
import {decodeEntry, encodeEntry} from '../../src/raft/entry.js'
import type {Membership} from '../../src/raft/membership.js'
import {EMPTY_MEMBERSHIP, encodeMembership} from '../../src/raft/membership.js'
import type {Message, SnapshotMeta} from '../../src/raft/messages.js'
import type {Ready} from '../../src/raft/ready.js'
import type {Entry, HardState, LogIndex, NodeId, Term} from '../../src/raft/types.js'
import {groupId, logIndex, nodeId, term} from '../../src/raft/types.js'
import {MemoryStateMachine} from '../../src/sim/memory-state-machine.js'
import {MemoryLog} from '../../src/storage/memory-log.js'
import {readyWith} from '../raft/support.js'

export const GROUP = groupId(1)

/** Lets everything run that is not waiting for time, disk or peers. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise(resolve => setImmediate(resolve))
}

/** Has the promise been settled, and how? Looks without waiting. */
export async function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  let outcome: unknown = 'pending'
  promise.then(
    value => {
      outcome = {value}
    },
    error => {
      outcome = {error}
    },
  )
  await settle()
  return outcome
}

/** A promise that is looked at later; until then its rejection must not count as unhandled. */
export function kept<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

export class ManualClock implements Clock {
  #nowMs = 0
  #timers = new Set<{readonly ms: number; dueMs: number; readonly callback: () => void}>()

  nowMs(): number {
    return this.#nowMs
  }
  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs
  }
  get timers(): number {
    return this.#timers.size
  }
  every(ms: number, callback: () => void): () => void {
    const timer = {ms, dueMs: this.#nowMs + ms, callback}
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }
  soon(callback: () => void): void {
    setImmediate(callback)
  }

  /** Every timer fires as often as it is due, with everything that follows from it in between. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    for (;;) {
      const due = [...this.#timers].filter(({dueMs}) => dueMs <= endMs)
      if (due.length === 0) break
      const next = due.reduce((a, b) => (b.dueMs < a.dueMs ? b : a))
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.dueMs += next.ms
      next.callback()
      await settle()
    }
    this.#nowMs = endMs
  }
}

/** A promise to be settled from outside. */
export function deferred<T = void>() {
  let resolve: (value: T) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  promise.catch(() => {})
  return {promise, resolve, reject}
}

/** A log in memory whose syncs can be held back, and made to fail. */
export class HeldLog implements DurableLog {
  readonly inner = new MemoryLog()
  readonly batches: LogBatch[] = []
  readonly compactions: number[] = []
  /** While true each append waits for `release` or `fail`. */
  held = false
  compactFailure: unknown
  closed = 0
  #waiting: ReturnType<typeof deferred<void>>[] = []

  get hardState(): HardState {
    return this.inner.hardState
  }
  get bytesWritten(): number {
    return this.inner.bytesWritten
  }
  get writing(): number {
    return this.#waiting.length
  }
  firstIndex(): LogIndex {
    return this.inner.firstIndex()
  }
  lastIndex(): LogIndex {
    return this.inner.lastIndex()
  }
  term(index: LogIndex): Term | undefined {
    return this.inner.term(index)
  }
  entries(lo: LogIndex, hi: LogIndex, bytesMax: number): Entry[] {
    return this.inner.entries(lo, hi, bytesMax)
  }
  async append(batch: LogBatch): Promise<void> {
    this.batches.push(batch)
    this.inner.appendNow(batch)
    if (!this.held) return
    const sync = deferred()
    this.#waiting.push(sync)
    await sync.promise
  }
  release(): void {
    this.#waiting.shift()?.resolve()
  }
  fail(error: unknown): void {
    this.#waiting.shift()?.reject(error)
  }
  async compact(index: LogIndex): Promise<void> {
    this.compactions.push(index)
    if (this.compactFailure !== undefined) throw this.compactFailure
    await this.inner.compact(index)
  }
  async close(): Promise<void> {
    this.closed++
  }
}

/** The real meaning of commands; applying can be held back, and made to fail. */
export class HeldStateMachine implements StateMachine {
  readonly inner = new MemoryStateMachine()
  held = false
  closed = 0
  flushFailure: unknown
  readonly applied: LogIndex[] = []
  #waiting: ReturnType<typeof deferred<void>>[] = []

  get appliedIndex(): LogIndex {
    return this.inner.appliedIndex
  }
  get appliedTerm(): Term {
    return this.inner.appliedTerm
  }
  get membership(): Membership {
    return this.inner.membership
  }
  get durableIndex(): LogIndex {
    return this.inner.durableIndex
  }
  async apply(entries: readonly Entry[]): Promise<unknown[]> {
    if (this.held) {
      const turn = deferred()
      this.#waiting.push(turn)
      await turn.promise
    }
    for (const {index} of entries) this.applied.push(index)
    return this.inner.apply(entries)
  }
  release(): void {
    this.#waiting.shift()?.resolve()
  }
  fail(error: unknown): void {
    this.#waiting.shift()?.reject(error)
  }
  async flush(): Promise<void> {
    if (this.flushFailure !== undefined) throw this.flushFailure
    await this.inner.flush()
  }
  snapshot(): StateSnapshot {
    return this.inner.snapshot()
  }
  restore(meta: SnapshotMeta, content: AsyncIterable<Uint8Array>): Promise<void> {
    return this.inner.restore(meta, content)
  }
  async close(): Promise<void> {
    this.closed++
  }
}

/** Snapshots in memory. */
export class MemorySnapshots implements SnapshotStore {
  #kept: {readonly info: SnapshotInfo; readonly content: Uint8Array[]}[] = []
  attempts = 0
  createFailure: unknown
  /** While set, `create` waits for it before it reads the content. */
  gate: Promise<void> | undefined

  list(): SnapshotInfo[] {
    return this.#kept.map(({info}) => info)
  }
  latest(): SnapshotInfo | undefined {
    return this.#kept.at(-1)?.info
  }
  unusable(): UnusableSnapshot[] {
    return []
  }
  async remove(id: string): Promise<void> {
    this.#kept = this.#kept.filter(({info}) => info.id !== id)
  }
  async create(source: StateSnapshot, signal?: AbortSignal): Promise<SnapshotInfo> {
    this.attempts++
    const aborted = new Promise<void>(resolve => signal?.addEventListener('abort', () => resolve()))
    if (this.gate !== undefined) await Promise.race([this.gate, aborted])
    signal?.throwIfAborted()
    if (this.createFailure !== undefined) throw this.createFailure
    const content: Uint8Array[] = []
    for await (const chunk of source.content) content.push(chunk.slice())
    return this.add(source.meta, content)
  }
  add(meta: SnapshotMeta, content: Uint8Array[]): SnapshotInfo {
    const bytes = content.reduce((sum, chunk) => sum + chunk.length, 0)
    const info = {...meta, id: `${meta.term}-${meta.index}`, bytes, createdMs: 0}
    this.#kept.push({info, content})
    this.#kept.sort((a, b) => a.info.term - b.info.term || a.info.index - b.info.index)
    return info
  }
  async *content(id: string): AsyncIterable<Uint8Array> {
    yield* this.#kept.find(({info}) => info.id === id)!.content
  }
  async *read(): AsyncIterable<Uint8Array> {}
  receive(): Promise<SnapshotReceiver> {
    throw new Error('nothing is received here')
  }
}

export class RecordingTransport implements Transport {
  readonly sent: Message[] = []
  readonly memberships: Membership[] = []
  readonly snapshots: {readonly to: NodeId; readonly sending: ReturnType<typeof deferred<void>>}[] =
    []

  send(messages: readonly Message[]): void {
    this.sent.push(...messages)
  }
  sendSnapshot(to: NodeId): Promise<void> {
    const sending = deferred()
    this.snapshots.push({to, sending})
    return sending.promise
  }
  setMembership(membership: Membership): void {
    this.memberships.push(membership)
  }
  ofKind<K extends Message['kind']>(kind: K): Extract<Message, {kind: K}>[] {
    return this.sent.filter((message): message is Extract<Message, {kind: K}> => {
      return message.kind === kind
    })
  }
}

export function membershipOf(voters: readonly number[], index = 1): Membership {
  return {
    ...EMPTY_MEMBERSHIP,
    index: logIndex(index),
    members: voters.map(id => ({
      id: nodeId(id),
      name: '',
      address: `127.0.0.1:${7400 + id}`,
      storeId: `store-${id}`,
      promoteWhenReady: false,
    })),
    voters: voters.map(nodeId),
    nextMemberId: Math.max(...voters) + 1,
  }
}

export function membershipEntry(membership: Membership, atTerm = 1): Entry {
  return encodeEntry(membership.index, term(atTerm), 'membership', encodeMembership(membership))
}

export function entryAt(index: number, atTerm: number, text = `${index}@${atTerm}`): Entry {
  return encodeEntry(logIndex(index), term(atTerm), 'command', new TextEncoder().encode(text))
}

export function blankAt(index: number, atTerm: number): Entry {
  const {record} = encodeEntry(logIndex(index), term(atTerm), 'blank')
  return decodeEntry(record)!
}

export function readyOf(number: number, parts: Partial<Ready> = {}): Ready {
  return readyWith({number, ...parts})
}

/** A node of a cluster of `voters`, itself 1, with the first entry in its log; not started. */
export function makeNode(voters: readonly number[] = [1], settings: Partial<NodeSettings> = {}) {
  const clock = new ManualClock()
  const log = new HeldLog()
  const stateMachine = new HeldStateMachine()
  const snapshots = new MemorySnapshots()
  const transport = new RecordingTransport()
  const disk = {freeBytes: undefined as number | undefined}
  const failures: unknown[] = []
  const notes: {event: string; fields: Readonly<Record<string, unknown>>}[] = []
  let removals = 0
  log.inner.appendNow({
    reset: undefined,
    hardState: {term: term(1), votedFor: undefined, commitIndex: logIndex(1)},
    entries: [membershipEntry(membershipOf(voters))],
  })
  const parts: RuntimeParts = {
    nodeId: nodeId(1),
    groupId: GROUP,
    settings: {...DEFAULT_SETTINGS, snapshotLogBytesMin: 0, ...settings},
    random: () => 0,
    clock,
    transport,
    log,
    stateMachine,
    snapshots,
    disk,
    events: {
      failed: error => failures.push(error),
      removed: () => {
        removals++
      },
      note: (event, fields) => notes.push({event, fields}),
    },
  }
  return {
    clock,
    log,
    stateMachine,
    snapshots,
    disk,
    transport,
    failures,
    notes,
    parts,
    get removals() {
      return removals
    },
    async start(): Promise<NodeRuntime> {
      const runtime = await NodeRuntime.start(parts)
      await settle()
      return runtime
    },
  }
}

/** A lone node that leads. */
export async function lead(settings: Partial<NodeSettings> = {}) {
  const node = makeNode([1], settings)
  const runtime = await node.start()
  await node.clock.advance(400)
  if (runtime.status().role !== 'leader') throw new Error('a lone voter leads')
  return {node, runtime}
}

/** A follower of leader 2 in a cluster of three, at `atTerm`; `prev` of its appends is index 1. */
export async function follow(atTerm = 2) {
  const node = makeNode([1, 2, 3])
  const runtime = await node.start()
  const send = (prev: {index: number; term: number}, entries: Entry[], commitIndex = 1) => {
    runtime.step([
      {
        kind: 'append-entries',
        groupId: GROUP,
        from: nodeId(2),
        to: nodeId(1),
        term: term(atTerm),
        prev: {index: logIndex(prev.index), term: term(prev.term)},
        entries,
        commitIndex: logIndex(commitIndex),
      },
    ])
  }
  send({index: 1, term: 1}, [])
  await settle()
  return {node, runtime, send}
}
