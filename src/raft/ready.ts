import type {Message, SnapshotMeta} from './messages.js'
import type {Entry, HardState, LogIndex, NodeId} from './types.js'

/**
 * Everything that the caller must do, in queues whose name is the rule. Several may be in flight;
 * they are numbered from 1 and reported durable by number, in order.
 */
export interface Ready {
  readonly number: number
  /** May leave at once: they promise nothing. */
  readonly sendNow: readonly Message[]
  /** To be installed before `hardState` and `entries` are written: the whole log goes. */
  readonly snapshot: SnapshotMeta | undefined
  /** To be durable together with `entries`. */
  readonly hardState: HardState | undefined
  /** Without gaps. The first may lie at or below the log's last index: the suffix from it goes. */
  readonly entries: readonly Entry[]
  /** Leave only when this Ready's writes, and those of every earlier one, are durable. */
  readonly sendAfterSync: readonly Message[]
  /** To be applied in order, each exactly once; a page, bounded by bytes. */
  readonly committedEntries: readonly Entry[]
  /** Peers whose next entry is compacted: each wants the newest snapshot. */
  readonly snapshotsNeeded: readonly NodeId[]
  /** Reads that are safe once `lastApplied` has reached `index`. */
  readonly readStates: readonly ReadState[]
  /** Reads that will never be confirmed; their callers ask again. */
  readonly readsRefused: readonly number[]
}

export interface ReadState {
  readonly token: number
  readonly index: LogIndex
}

/** Must anything of this Ready reach the disk before it counts as persisted? */
export function mustSync(ready: Ready): boolean {
  return ready.hardState !== undefined || ready.entries.length > 0 || ready.snapshot !== undefined
}
