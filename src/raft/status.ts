import type {Membership} from './membership.js'
import type {GroupId, LogIndex, NodeId, Role, Term} from './types.js'

/** Everything there is to know about a node's core, as one plain object. */
export interface RaftStatus {
  readonly nodeId: NodeId
  readonly groupId: GroupId
  readonly role: Role
  readonly leaderId: NodeId | undefined
  readonly currentTerm: Term
  readonly votedFor: NodeId | undefined
  /** The first index that the log still holds. */
  readonly firstIndex: LogIndex
  readonly lastIndex: LogIndex
  /** Up to it this node's own log is durable. */
  readonly persistedIndex: LogIndex
  readonly commitIndex: LogIndex
  readonly lastApplied: LogIndex
  readonly logSnapshotIndex: LogIndex
  readonly logSnapshotTerm: Term
  /** As applied. */
  readonly membership: Membership
  /** Leader only: a leadership transfer under way. */
  readonly transferTarget: NodeId | undefined
  /** Leader only, others empty. */
  readonly progress: readonly PeerStatus[]
  /** True once told that it is no member any more. */
  readonly removed: boolean
}

export type ProgressState = 'probe' | 'replicate' | 'snapshot'

/** The leader's view of one peer. */
export interface PeerStatus {
  readonly id: NodeId
  readonly matchIndex: LogIndex
  readonly nextIndex: LogIndex
  readonly state: ProgressState
  /** Ticks since the last message from it; undefined before the first. */
  readonly lastContactTicks: number | undefined
  /** Append messages sent and not answered. */
  readonly inFlight: number
  /** Entries behind the leader's last index. */
  readonly lag: number
  /** Beyond the lag threshold: served from the log in pages. */
  readonly lagging: boolean
  /** Heard from within the last election timeout. */
  readonly recentlyActive: boolean
  /** Learners: its last finished catch-up round was shorter than an election timeout (thesis §4.2.1). */
  readonly caughtUp: boolean
  /** Learners: entries acknowledged per tick during the current round; 0 before the first answer. */
  readonly entriesPerTick: number
}
