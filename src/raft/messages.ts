/**
 * What nodes of a group say to each other. Every message names its group, its sender's term and both
 * ends; `RaftNode.step` filters all of them by term before it looks at anything else.
 */
import type {Membership} from './membership.js'
import type {Entry, GroupId, LogIndex, LogPosition, NodeId, Term} from './types.js'

interface Envelope {
  readonly groupId: GroupId
  readonly from: NodeId
  readonly to: NodeId
  readonly term: Term
}

/**
 * Vote messages carry a position that their sender knows to be committed. Whoever holds it learns that
 * it is: a voter that has not heard of a membership's commit must not be kept from electing by it.
 */
interface VoteEnvelope extends Envelope {
  readonly commit: LogPosition
}

/** Asks whether a vote could be won, at the term it would be asked for; changes no term (thesis §9.6). */
export interface RequestPreVote extends VoteEnvelope {
  readonly kind: 'request-pre-vote'
  readonly last: LogPosition
}

export interface RequestPreVoteResponse extends VoteEnvelope {
  readonly kind: 'request-pre-vote-response'
  readonly granted: boolean
}

/** Paper §5.2. `force` marks a campaign that the leader itself ordered; it overrides the lease. */
export interface RequestVote extends VoteEnvelope {
  readonly kind: 'request-vote'
  readonly last: LogPosition
  readonly force: boolean
}

export interface RequestVoteResponse extends VoteEnvelope {
  readonly kind: 'request-vote-response'
  readonly granted: boolean
}

/** Paper §5.3. `entries` follow `prev` without a gap. */
export interface AppendEntries extends Envelope {
  readonly kind: 'append-entries'
  readonly prev: LogPosition
  readonly entries: readonly Entry[]
  readonly commitIndex: LogIndex
}

/**
 * `index` is what is acknowledged (the request's `prev` plus its entries, never "my last index"), or,
 * when rejected, the request's `prev`. `hint` is the last position at or below it that could match.
 */
export interface AppendEntriesResponse extends Envelope {
  readonly kind: 'append-entries-response'
  readonly index: LogIndex
  readonly rejected: boolean
  readonly hint: LogPosition
}

/** Keeps the lease; `commitIndex` is at most what the receiver has acknowledged. */
export interface Heartbeat extends Envelope {
  readonly kind: 'heartbeat'
  readonly commitIndex: LogIndex
  /** Counter of read barriers waiting at the leader; echoed (thesis §6.4). */
  readonly readRound: number
}

export interface HeartbeatResponse extends Envelope {
  readonly kind: 'heartbeat-response'
  readonly readRound: number
}

/** Position and membership that a snapshot stands for. */
export interface SnapshotMeta {
  readonly index: LogIndex
  readonly term: Term
  readonly membership: Membership
}

/** Paper §7. The caller steps it once the snapshot's content is whole, verified and staged. */
export interface InstallSnapshot extends Envelope {
  readonly kind: 'install-snapshot'
  readonly snapshot: SnapshotMeta
}

/** `index`: everything up to it now matches the leader's log, whether or not it was installed. */
export interface InstallSnapshotResponse extends Envelope {
  readonly kind: 'install-snapshot-response'
  readonly index: LogIndex
}

/** Tells a caught-up voter to campaign at once (thesis §3.10). */
export interface TimeoutNow extends Envelope {
  readonly kind: 'timeout-now'
}

/** A member asks the leader for a read barrier; `token` is the asker's own. */
export interface ReadIndex extends Envelope {
  readonly kind: 'read-index'
  readonly token: number
}

/** `index` is undefined when the leader can't serve the barrier; the asker refuses the read. */
export interface ReadIndexResponse extends Envelope {
  readonly kind: 'read-index-response'
  readonly token: number
  readonly index: LogIndex | undefined
}

/** The receiver is no member as of the membership at this index, and its id is never used again. */
export interface MemberRemoved extends Envelope {
  readonly kind: 'member-removed'
  readonly membershipIndex: LogIndex
}

export type Message =
  | RequestPreVote
  | RequestPreVoteResponse
  | RequestVote
  | RequestVoteResponse
  | AppendEntries
  | AppendEntriesResponse
  | Heartbeat
  | HeartbeatResponse
  | InstallSnapshot
  | InstallSnapshotResponse
  | TimeoutNow
  | ReadIndex
  | ReadIndexResponse
  | MemberRemoved
