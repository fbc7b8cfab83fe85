/**
 * What the runtime needs from the world. Each port is implemented by the real thing and by the
 * simulation; `daemon.ts` and `sim` choose.
 */
import type {RaftctlError} from '../errors.js'
import type {LogReader} from '../raft/log-reader.js'
import type {Membership} from '../raft/membership.js'
import type {Message, SnapshotMeta} from '../raft/messages.js'
import type {Entry, HardState, LogIndex, NodeId, Term} from '../raft/types.js'

export interface Clock {
  /** Milliseconds, monotone. */
  nowMs(): number
  /** Milliseconds since 1970. */
  wallMs(): number
  /** Calls back every `ms` until the returned function is called. */
  every(ms: number, callback: () => void): () => void
  /** Calls back at the end of the current turn of the event loop. */
  soon(callback: () => void): void
}

/** The file system that holds the data directory. */
export interface Disk {
  /** As measured a moment ago, without waiting; undefined: not known. */
  readonly freeBytes: number | undefined
}

export interface Transport {
  /** Hands messages over, best effort, in order; never blocks, never throws. Raft retries. */
  send(messages: readonly Message[]): void
  /**
   * Sends the newest snapshot to a peer over its own stream. Resolves when the peer has staged it
   * whole and handed it to its own runtime; rejects when that failed.
   */
  sendSnapshot(to: NodeId, message: Message & {kind: 'install-snapshot'}): Promise<void>
  /** The members to keep connections to, whenever the membership changes. */
  setMembership(membership: Membership): void
}

/** What one write to the log holds: all of it durable together, or none. */
export interface LogBatch {
  /** Drops the whole log; it then starts after this position. Written before the rest. */
  readonly reset: {readonly index: LogIndex; readonly term: Term} | undefined
  readonly hardState: HardState | undefined
  readonly entries: readonly Entry[]
}

export interface DurableLog extends LogReader {
  readonly hardState: HardState
  /**
   * Appends a batch and makes it durable with one sync. One call at a time. Readable at once, by
   * the reader's methods; promised only when this resolves. A rejection is final: the node stops.
   */
  append(batch: LogBatch): Promise<void>
  /** Drops whole segments of entries at or below `index`, keeping a bounded number of bytes. */
  compact(index: LogIndex): Promise<void>
  /** Bytes of log records written since the process began. */
  readonly bytesWritten: number
  /** Bytes of the records after `index`, about, whoever wrote them. */
  bytesAfter?(index: LogIndex): number
  /** Writes the seal of a clean stop and closes. */
  close(): Promise<void>
}

/** The answer to one applied command; opaque to the runtime. */
export type ApplyResult = unknown

export interface StateMachine {
  readonly appliedIndex: LogIndex
  readonly appliedTerm: Term
  /** As of `appliedIndex`. */
  readonly membership: Membership
  /** Everything up to it survives a crash; at most `appliedIndex`. */
  readonly durableIndex: LogIndex
  /**
   * Applies entries in order, all kinds, and stores with them the applied index, its term and the
   * membership, in one transaction. Answers one result per entry; blank and membership entries get
   * undefined. Deterministic: no clock, no randomness.
   */
  apply(entries: readonly Entry[]): Promise<ApplyResult[]>
  /** Makes everything applied so far durable. */
  flush(): Promise<void>
  /** A read view of the state as of now; content in key order. */
  snapshot(): StateSnapshot
  /** Replaces the whole state. Crash-safe: either the old or the new state is found after it. */
  restore(meta: SnapshotMeta, content: AsyncIterable<Uint8Array>): Promise<void>
  close(): Promise<void>
}

export interface StateSnapshot {
  readonly meta: SnapshotMeta
  /** May be read while writes go on. Each chunk lasts until the next is asked for. */
  readonly content: AsyncIterable<Uint8Array>
  /** Must be called, also after a failure. */
  close(): void
}

export interface SnapshotInfo extends SnapshotMeta {
  /** `<term>-<index>`. */
  readonly id: string
  /** Of the file. */
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly createdMs: number
}

/** A file that bears a snapshot's name and is none that this node may use. */
export interface UnusableSnapshot {
  readonly file: string
  readonly error: RaftctlError
}

export interface SnapshotStore {
  /** Newest last; verified files only. */
  list(): SnapshotInfo[]
  latest(): SnapshotInfo | undefined
  /** Files that may not be used, oldest first: they were found damaged, or are another cluster's. */
  unusable(): readonly UnusableSnapshot[]
  /**
   * Writes, syncs, verifies, renames, syncs the directory; then drops the oldest beyond its limit.
   * Rejects soon with the signal's reason once that is aborted, and leaves nothing behind.
   */
  create(source: StateSnapshot, signal?: AbortSignal): Promise<SnapshotInfo>
  /** Removes a file for good, an unusable one too; durable when it resolves. */
  remove(id: string): Promise<void>
  /**
   * The logical content, verified block by block, each lasting until the next; throws
   * RAFTCTL_DATA_DAMAGED. Readable to its end even if the snapshot is dropped after this call; to be read,
   * or its file stays open.
   */
  content(id: string): AsyncIterable<Uint8Array>
  /**
   * The file as bytes, from `offset`, in chunks of at most `chunkBytes`, each checked before it goes.
   * RAFTCTL_DATA_DAMAGED names the file, which is then no longer in `list`, but in `unusable`.
   */
  read(id: string, offset: number, chunkBytes: number): AsyncIterable<Uint8Array>
  /** Starts or resumes taking a file from a peer. */
  receive(id: string, bytes: number): Promise<SnapshotReceiver>
}

/** One incoming file. A newer stream for the same or a newer snapshot ends an older one. */
export interface SnapshotReceiver {
  /** Where the sender is to go on: bytes already held. */
  readonly offset: number
  /** Refuses what does not continue exactly at `offset`. */
  write(offset: number, chunk: Uint8Array): Promise<void>
  /** Verifies the whole file, syncs and renames it; only then is it in `list`. */
  finish(): Promise<SnapshotInfo>
  abort(): Promise<void>
}

/** What node.json holds: written once, when the node is initialised or joins. */
export interface NodeIdentity {
  readonly clusterId: string
  readonly nodeId: NodeId
  readonly storeId: string
}
