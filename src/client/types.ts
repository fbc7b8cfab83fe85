/**
 * What the client answers: plain objects that `--json` prints as they are. Ids and indexes are
 * numbers below 2^53, cluster ids strings, times RFC 3339 in UTC, durations `…Ms`, sizes `…Bytes`.
 * Unknown is null, never absent.
 */
import type {SecurityFiles} from '../rpc/security.js'
import type {CallerAbort} from './deadline.js'

export type {SecurityFiles}

export interface ClientOptions extends CallerAbort {
  /** host:port of at least one node; one is enough. */
  readonly endpoints: readonly string[]
  /** How long one call may take, retries included, from 1. */
  readonly timeoutMs: number
  /** The cluster to talk to; another one is refused with RAFTCTL_WRONG_CLUSTER. */
  readonly clusterId?: string | undefined
  /** Certificates and token; without: plain text, and nothing to show. */
  readonly security?: SecurityFiles | undefined
}

export type MemberRole = 'voter' | 'learner' | 'observer'
export type Stage = 'uniform' | 'learner-sync' | 'joint'

export interface MemberRecord {
  readonly id: number
  readonly name: string
  readonly address: string
  readonly storeId: string
  readonly promoteWhenReady: boolean
}

export interface MembershipView {
  /** Index of the log entry that carried it; 0 for none. */
  readonly index: number
  readonly stage: Stage
  readonly members: readonly MemberRecord[]
  readonly voters: readonly number[]
  /** The outgoing half of a joint stage; empty otherwise. */
  readonly votersOutgoing: readonly number[]
  readonly learners: readonly number[]
  readonly observers: readonly number[]
  /** Ids below it are in use or were, and are never used again. */
  readonly nextMemberId: number
  /** In the stage learner-sync: what the group is on its way to. */
  readonly target: {readonly voters: readonly number[]; readonly learners: readonly number[]} | null
}

/** A membership that was in force from its index on, and where it came from. */
export interface AppliedMembership {
  readonly term: number
  readonly membership: MembershipView
  /** null: made by the leader itself. */
  readonly time: string | null
  readonly actor: string
  readonly reason: string
}

/** Committed entries of one log, as a fingerprint. */
export interface EntryRange {
  readonly first: number
  readonly last: number
  readonly firstTerm: number
  readonly lastTerm: number
  /** SHA-256, in hexadecimal digits. */
  readonly checksum: string
}

export interface EntryRanges {
  /** Without a gap; empty when nothing of what was asked for is committed there. */
  readonly ranges: readonly EntryRange[]
  readonly firstIndex: number
  readonly commitIndex: number
}

/** The leader's view of one other member. */
export interface Progress {
  readonly id: number
  readonly matchIndex: number
  readonly nextIndex: number
  /** probe, replicate or snapshot. */
  readonly state: string
  /** null: never heard from. */
  readonly lastContactMs: number | null
  /** Entries behind the leader's last index. */
  readonly lag: number
  readonly lagging: boolean
  readonly caughtUp: boolean
  readonly entriesPerSecond: number
  readonly recentlyActive: boolean
  readonly connection: string
}

/** One node's own view. */
export interface NodeStatus {
  /** Where this client asked. */
  readonly endpoint: string
  /** "" on a pristine node, whose `nodeId` is 0. */
  readonly clusterId: string
  readonly nodeId: number
  readonly storeId: string
  readonly name: string
  readonly address: string
  readonly version: string
  /** pristine, follower, pre-candidate, candidate, leader, learner, observer or removed. */
  readonly raftRole: string
  readonly term: number
  readonly leaderId: number | null
  readonly firstIndex: number
  readonly lastIndex: number
  readonly commitIndex: number
  readonly appliedIndex: number
  readonly snapshotIndex: number
  readonly membership: MembershipView
  /** From the leader only; others empty. */
  readonly progress: readonly Progress[]
  readonly time: string
  readonly pid: number
  readonly uptimeMs: number
  /** Of the file system that holds its data; null: not known. */
  readonly diskFreeBytes: number | null
  readonly diskTotalBytes: number | null
  /** It takes no writes until there is more room. */
  readonly diskLow: boolean
  /** Found damaged while it ran, and set aside. */
  readonly damagedFiles: readonly DamagedFile[]
}

export interface DamagedFile {
  /** On that node. */
  readonly file: string
  readonly problem: string
}

export interface MemberStatus {
  readonly id: number
  readonly name: string
  readonly role: MemberRole
  /** As the member itself says; null when it does not answer. */
  readonly raftRole: string | null
  readonly leader: boolean
  readonly address: string
  readonly storeId: string
  readonly promoteWhenReady: boolean
  /** Whether this client got an answer from it. */
  readonly reachable: boolean
  /** Why not, as one sentence. */
  readonly unreachableReason: string | null
  /** Acknowledged to the leader. */
  readonly matchIndex: number | null
  /** Entries behind the leader's last index. */
  readonly lag: number | null
  /** Since the leader last heard from it. */
  readonly lastContactMs: number | null
  /** The leader's connection to it. */
  readonly connection: string | null
  /** probe, replicate or snapshot. */
  readonly replication: string | null
  /** The leader hears from it and it is within the lag threshold; null without a leader. */
  readonly upToDate: boolean | null
  /** The leader has heard from it within an election timeout; null without a leader. */
  readonly heard: boolean | null
  /** A learner that may be promoted at once; null without a leader. */
  readonly caughtUp: boolean | null
  readonly term: number | null
  readonly firstIndex: number | null
  readonly lastIndex: number | null
  readonly commitIndex: number | null
  readonly appliedIndex: number | null
  readonly snapshotIndex: number | null
  readonly membershipIndex: number | null
  readonly version: string | null
  readonly pid: number | null
  readonly uptimeMs: number | null
  readonly time: string | null
  /** The node at this address runs on a disk other than the member's own. */
  readonly blankData: boolean
  /** Its disk is nearly full, so that it takes no writes; null when it does not answer. */
  readonly diskLow: boolean | null
  /** Files that it found damaged and set aside; null when it does not answer. */
  readonly damagedFiles: readonly DamagedFile[] | null
}

export interface ClusterStatus {
  readonly clusterId: string
  /** null: nobody that answered leads. */
  readonly leaderId: number | null
  readonly leaderAddress: string | null
  readonly term: number
  readonly membershipIndex: number
  readonly stage: Stage
  /** How many vote. */
  readonly voters: number
  /** How many of them must agree; in a joint stage each half needs its own majority. */
  readonly quorum: number
  /** Voters that are up to date and reached by the leader, itself included. */
  readonly votersUpToDate: number
  /** How many voters may fail from now on before writes stop; 0 too when they have stopped. */
  readonly failureTolerance: number
  /** The same if every voter were up to date. */
  readonly failureToleranceNominal: number
  /** A leader with a quorum, and every member reachable, up to date and on its own disk. */
  readonly healthy: boolean
  /** What keeps it from being healthy, a sentence each. */
  readonly problems: readonly string[]
  readonly commitIndex: number
  /** Ids below it are in use or were. */
  readonly nextMemberId: number
  readonly members: readonly MemberStatus[]
}

export interface ChangeOrigin {
  readonly actor: string
  readonly reason: string
}

export interface NewMember {
  readonly address: string
  readonly name: string
}

export type MembershipChange =
  | {
      readonly kind: 'add'
      readonly address: string
      readonly name: string
      readonly storeId: string
      readonly role: MemberRole
      readonly promoteWhenReady: boolean
      /** The member that it is to stand in for, whose address and name it may have. */
      readonly replaces?: number | undefined
    }
  | {readonly kind: 'promote'; readonly id: number; readonly whenReady: boolean}
  | {readonly kind: 'demote' | 'remove'; readonly id: number}
  | ({readonly kind: 'update'} & Omit<MemberRecord, 'storeId'>)
  /** Voters and learners, all of them; answered when its learners begin to catch up. */
  | {readonly kind: 'set'; readonly voters: readonly number[]; readonly learners: readonly number[]}
  /** Gives up a `set` whose new voters are still catching up. */
  | {readonly kind: 'cancel'}

export interface MembershipChangeOptions {
  /** Compare-and-set on the membership's index; undefined for any. */
  readonly expectedIndex?: number | undefined
  readonly origin?: ChangeOrigin | undefined
}

export interface MembershipChanged {
  readonly before: MembershipView
  readonly after: MembershipView
  /** The id that `add` drew. */
  readonly memberId: number | null
  readonly changed: boolean
}

export interface LeaderChange {
  readonly from: number
  readonly to: number
  readonly term: number
}

export interface LogEntry {
  readonly index: number
  readonly term: number
  readonly kind: 'blank' | 'command' | 'membership'
  readonly data: Uint8Array
}

export interface Snapshot {
  readonly id: string
  readonly index: number
  readonly term: number
  readonly sizeBytes: number
  readonly created: string
  readonly nodeId: number
}

export interface Sample {
  readonly nodeId: number
  readonly time: string
  readonly role: string
  readonly term: number
  readonly leaderId: number | null
  readonly firstIndex: number
  readonly lastIndex: number
  readonly commitIndex: number
  readonly appliedIndex: number
  readonly snapshotIndex: number
  readonly proposalsTotal: number
  readonly proposalsRefusedTotal: number
  readonly entriesAppendedTotal: number
  readonly entriesAppliedTotal: number
  readonly logSyncsTotal: number
  readonly logSyncMsTotal: number
  readonly logBytesTotal: number
  readonly electionsTotal: number
  readonly leaderChangesTotal: number
  readonly messagesSentTotal: number
  readonly messagesReceivedTotal: number
  readonly snapshotsCreatedTotal: number
  readonly snapshotsInstalledTotal: number
  /** null: not known. */
  readonly diskFreeBytes: number | null
  readonly diskLow: boolean
  readonly residentBytes: number
  /** p99 of the last minute. */
  readonly eventLoopDelayMs: number
  readonly persistedIndex: number
  readonly proposalsPending: number
  /** Open on the node's port. */
  readonly connections: number
  readonly cpuSecondsTotal: number
  /** Share of the last minute that the event loop was busy, 0 to 1. */
  readonly eventLoopUtilization: number
  readonly latencies: readonly Latency[]
  readonly peers: readonly PeerFigures[]
  /** Everything as Prometheus text, where that was asked for. */
  readonly prometheus: string | null
}

export type LatencyName =
  | 'queue'
  | 'sync'
  | 'commit'
  | 'apply'
  | 'election'
  | 'round_trip'
  | 'event_loop'

export interface Latency {
  /** A node of another version may know others. */
  readonly name: LatencyName | (string & {})
  /** Since the process began. */
  readonly count: number
  readonly sumMs: number
  /** Of the last minute, as are those below; all null if nothing happened in it. */
  readonly recentCount: number
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly maxMs: number | null
}

/** How a node stands with another member. */
export interface PeerFigures {
  readonly id: number
  readonly connected: boolean
  readonly queuedBytes: number
  readonly droppedMessagesTotal: number
  /** null: not known. */
  readonly roundTripMs: number | null
  /** Leader only, else 0. */
  readonly inFlight: number
  readonly matchIndex: number
  readonly lag: number
}

export interface WatchMetrics {
  /** 10 to 3,600,000. */
  readonly intervalMs: number
  /** Also whenever role, term or leader change. */
  readonly onChange?: boolean
  /** Each sample carries the Prometheus text. */
  readonly prometheus?: boolean
}

export interface KeyPut {
  /** Log index of this write; the key's version. */
  readonly version: number
  /** null: there was no such key. */
  readonly previousVersion: number | null
}

export interface KeyDeleted {
  readonly deleted: boolean
  readonly index: number
}

export interface KeyFound {
  readonly value: Uint8Array
  readonly version: number
  readonly appliedIndex: number
}

export interface KeyValue {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly version: number
}

export interface RangeOptions {
  /** Inclusive; undefined for the first key. */
  readonly start?: Uint8Array | undefined
  /** Exclusive; undefined for no end. */
  readonly end?: Uint8Array | undefined
  /** undefined for all; from 1. */
  readonly limit?: number | undefined
  readonly stale?: boolean | undefined
}

/** What one write did to one key. */
export interface KeyChange {
  readonly op: 'put' | 'delete'
  readonly key: Uint8Array
  /** Empty for a delete. */
  readonly value: Uint8Array
  /** Log index of the write. */
  readonly version: number
}

export interface WatchOptions {
  /** Inclusive; undefined for the first key. */
  readonly start?: Uint8Array | undefined
  /** Exclusive; undefined for no end. */
  readonly end?: Uint8Array | undefined
  /** Changes after this version; undefined: from now on. */
  readonly after?: number | undefined
}
