/**
 * What a running node offers to its services. `NodeRuntime` implements it for one Raft group;
 * `NodeHost` is the process around it, which may still be pristine.
 */
import type {ChangeOrigin, Membership} from '../raft/membership.js'
import type {Message, SnapshotMeta} from '../raft/messages.js'
import type {RaftStatus} from '../raft/status.js'
import type {Entry, LogIndex, NodeId, Term} from '../raft/types.js'
import type {Durations} from './histogram.js'
import type {ApplyResult, NodeIdentity, SnapshotInfo, UnusableSnapshot} from './ports.js'

/** Operational failures reject with a RaftctlError; see each method for its codes. */
export interface NodeRuntimeApi {
  status(): RaftStatus
  counters(): Counters
  readonly latencies: Latencies
  /** Calls back after every change of role, term, leader or membership; returns the way to stop. */
  onChange(listener: () => void): () => void

  /** Calls back each time the commit index has moved; returns the way to stop. */
  onCommit(listener: () => void): () => void

  /** Messages from peers. */
  step(messages: readonly Message[]): void

  /**
   * Appends a command and answers once it is applied here. RAFTCTL_NOT_LEADER and
   * RAFTCTL_OVERLOADED: not appended. RAFTCTL_NO_LEADER: lost its place to another leader's entry,
   * never applied. RAFTCTL_OUTCOME_UNKNOWN: this node can no longer tell.
   */
  propose(data: Uint8Array): Promise<Applied>
  /** The same, answering by a call, at once when it refuses: for services with many callers. */
  submit(data: Uint8Array, waiter: ProposalWaiter): void
  /** Resolves once a read of the local state is linearizable (thesis §6.4). RAFTCTL_NO_LEADER. */
  readBarrier(): Promise<LogIndex>
  /**
   * Leader only; resolves when applied here. RAFTCTL_NOT_LEADER, RAFTCTL_MEMBER_NOT_FOUND,
   * RAFTCTL_REFUSED, RAFTCTL_LEARNER_LAGS, RAFTCTL_CHANGE_IN_FLIGHT, RAFTCTL_COMPARE_FAILED.
   */
  changeMembership(request: MembershipRequest): Promise<MembershipChanged>
  /** Leader only; resolves when the target leads. Without a target: the most caught-up voter. */
  transferLeadership(target: NodeId | undefined): Promise<LeaderChange>
  /** One at a time; of everything applied now, and at least up to `atLeast`, which is applied. */
  createSnapshot(atLeast?: LogIndex): Promise<SnapshotInfo>
  listSnapshots(): SnapshotInfo[]
  /** Files of snapshots that are damaged, or not ours. */
  unusableSnapshots(): readonly UnusableSnapshot[]
  /** RAFTCTL_SNAPSHOT_NOT_FOUND; RAFTCTL_REFUSED: the log begins behind it, and no other reaches there. */
  deleteSnapshot(id: string): Promise<void>
  /** The file as bytes, from `offset`. RAFTCTL_SNAPSHOT_NOT_FOUND. */
  readSnapshot(id: string, offset: number, chunkBytes: number): AsyncIterable<Uint8Array>
  /** Committed entries of [lo, hi], clamped to the commit index, a page of about `bytesMax`. */
  logEntriesRange(lo: LogIndex, hi: LogIndex, bytesMax: number): LogRange
}

export type LogRange =
  | {kind: 'entries'; entries: Entry[]; commitIndex: LogIndex; firstIndex: LogIndex}
  | {kind: 'log-compacted'; firstIndex: LogIndex}

/** Whoever waits for a proposal; called once, one way or the other. */
export interface ProposalWaiter {
  applied(index: LogIndex, term: Term, result: ApplyResult): void
  failed(error: unknown): void
}

export interface Applied {
  readonly index: LogIndex
  readonly term: Term
  readonly result: ApplyResult
}

export interface MembershipRequest {
  readonly change:
    | {
        readonly kind: 'add'
        readonly role: 'voter' | 'learner' | 'observer'
        readonly name: string
        readonly address: string
        readonly storeId: string
        readonly promoteWhenReady: boolean
        /** The member whose address and name it may have, because it is to stand in for it. */
        readonly replaces?: NodeId | undefined
      }
    | {readonly kind: 'promote'; readonly id: NodeId; readonly whenReady: boolean}
    | {readonly kind: 'demote' | 'remove'; readonly id: NodeId}
    | {
        readonly kind: 'update'
        readonly id: NodeId
        readonly address: string
        readonly name: string
        readonly promoteWhenReady: boolean
      }
    | {readonly kind: 'set'; readonly voters: NodeId[]; readonly learners: NodeId[]}
    /** Gives up a `set` whose new voters are still catching up. */
    | {readonly kind: 'cancel'}
  /** Compare-and-set on the membership's index; undefined for any. */
  readonly expectedIndex: LogIndex | undefined
  readonly origin: ChangeOrigin
}

export interface MembershipChanged {
  readonly before: Membership
  readonly after: Membership
  /** The id that `add` drew. */
  readonly memberId: NodeId | undefined
  readonly changed: boolean
}

/** A membership entry that this node has applied; who made the change is in its `origin`. */
export interface AppliedMembership {
  readonly index: LogIndex
  readonly term: Term
  readonly membership: Membership
}

export interface LeaderChange {
  readonly from: NodeId
  readonly to: NodeId
  readonly term: Term
}

/** Totals since the process began. */
export interface Counters {
  readonly proposals: number
  readonly proposalsRefused: number
  /** In the log and not answered yet: the one figure here that goes down. */
  readonly proposalsPending: number
  readonly entriesAppended: number
  readonly entriesApplied: number
  readonly logSyncs: number
  readonly logSyncMs: number
  readonly logBytes: number
  readonly elections: number
  readonly leaderChanges: number
  readonly messagesSent: number
  readonly messagesReceived: number
  readonly snapshotsCreated: number
  readonly snapshotsInstalled: number
}

/** How long the work of a runtime takes. */
export interface Latencies {
  /** From handing what is to be written to the log until its write begins. */
  readonly queue: Durations
  /** One write and sync of the log. */
  readonly sync: Durations
  /** From a proposal here until it is committed. */
  readonly commit: Durations
  /** One batch of the state machine. */
  readonly apply: Durations
  /** From the first campaign of this node until a leader is known. */
  readonly election: Durations
  /** How late the event loop's timers are. */
  readonly eventLoop: Durations
}

export interface DiskSpace {
  /** What an unprivileged process may still write. */
  readonly freeBytes: number
  readonly totalBytes: number
  /** Less is free than the node needs: it refuses proposals and hands leadership over. */
  readonly isLow: boolean
}

/** One node process. */
export interface NodeHost {
  /** undefined: pristine. */
  readonly identity: NodeIdentity | undefined
  /** On a pristine node: the one it would take; drawn when the process began. */
  readonly storeId: string
  readonly processNonce: string
  /** host:port under which others reach this node. */
  readonly address: string
  readonly name: string
  readonly version: string
  /** Milliseconds since 1970. */
  readonly startedMs: number
  /** undefined: pristine. */
  readonly runtime: NodeRuntimeApi | undefined
  /** Of the file system that holds its data; undefined: not known. */
  readonly diskSpace?: DiskSpace | undefined
  /** True once the group told this node that it is no member any more. */
  readonly removed: boolean
  /**
   * Gives a pristine node its identity and starts its runtime. `firstRecord` is the first entry of
   * a new cluster (an encoded record); undefined when joining an existing one. `membership` is whom
   * to talk to until the log says otherwise. Repeating the same join is answered with success.
   * RAFTCTL_NOT_PRISTINE, RAFTCTL_WRONG_STORE.
   */
  join(plan: JoinPlan): Promise<void>
  /** Takes a snapshot that a pristine node is to begin with; ends an earlier one. RAFTCTL_NOT_PRISTINE. */
  receiveUpload(bytes: number): Promise<SnapshotUpload>
}

/** A file on its way to a pristine node; nothing else of the node changes. */
export interface SnapshotUpload {
  write(piece: Uint8Array): Promise<void>
  /** Once all of it is verified, each record too. RAFTCTL_DATA_DAMAGED. */
  finish(): Promise<{readonly sha256: string; readonly header: SnapshotMeta}>
  abort(): void
}

export interface JoinPlan {
  readonly identity: NodeIdentity
  readonly membership: Membership
  readonly firstRecord: Uint8Array | undefined
  /** SHA-256 in hex of the uploaded snapshot that a new cluster begins with. */
  readonly restores?: string | undefined
}
