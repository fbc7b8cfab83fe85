/**
 * Who belongs to the group, and the changes allowed to that (paper §6, thesis §4).
 *
 *   uniform ──change of one voter──────────────────────────────────▶ uniform
 *      │ change of more                                                 ▲
 *      ▼                                                                │
 *   learner-sync ──every new voter caught up──▶ joint ──applied──▶ (leave)
 *
 * A membership entry carries the whole membership that holds once it is applied, never a difference:
 * one change is in flight at a time, so the leader always knows what it builds on.
 */
import type {LogIndex, NodeId} from './types.js'
import {logIndex} from './types.js'

export interface Member {
  readonly id: NodeId
  /** Never all digits, unique in the membership; '' until the operator gives one. */
  readonly name: string
  /** host:port where peers and clients reach it. */
  readonly address: string
  /** The disk the id is bound to; a node on any other disk is not this member. */
  readonly storeId: string
  /** On a learner only: the leader promotes it once it is caught up. */
  readonly promoteWhenReady: boolean
}

/** Where a membership entry comes from; given by the caller, kept for `member history`. */
export interface ChangeOrigin {
  /** Milliseconds since 1970 on the proposer's clock; 0 where unknown. */
  readonly timeMs: number
  readonly actor: string
  readonly reason: string
}

export interface Membership {
  /** Index of the entry that carried it; 0 for none. */
  readonly index: LogIndex
  /** Every member exactly once, ordered by id. */
  readonly members: readonly Member[]
  /** Ids, ascending; the incoming half in a joint stage. */
  readonly voters: readonly NodeId[]
  /** The outgoing half; empty unless joint. */
  readonly votersOutgoing: readonly NodeId[]
  readonly learners: readonly NodeId[]
  /** Voters of the outgoing half that become learners when the joint stage is left. */
  readonly learnersNext: readonly NodeId[]
  readonly observers: readonly NodeId[]
  /** The voters and learners that `changeMembership` was asked for, while it syncs its learners. */
  readonly target: MembershipTarget | undefined
  /** The next id to give out; ids below it are in use or were, and are never used again. */
  readonly nextMemberId: number
  readonly origin: ChangeOrigin
}

export interface MembershipTarget {
  readonly voters: readonly NodeId[]
  readonly learners: readonly NodeId[]
}

export type MembershipStage = 'uniform' | 'learner-sync' | 'joint'

export const NO_ORIGIN: ChangeOrigin = {timeMs: 0, actor: '', reason: ''}

export const EMPTY_MEMBERSHIP: Membership = {
  index: logIndex(0),
  members: [],
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  observers: [],
  target: undefined,
  nextMemberId: 1,
  origin: NO_ORIGIN,
}

export function stageOf(membership: Membership): MembershipStage {
  if (membership.votersOutgoing.length > 0) return 'joint'
  return membership.target === undefined ? 'uniform' : 'learner-sync'
}
