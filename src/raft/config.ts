import {invariant} from './invariant.js'
import type {Member} from './membership.js'
import {EMPTY_MEMBERSHIP, type Membership} from './membership.js'
import type {GroupId, NodeId} from './types.js'

/** A seeded source of randomness: an integer in [0, 2^32). The core has no other. */
export type RandomSource = () => number

/** Bounds on what the core sends and keeps: integers ≥ 1, each with a default (thesis §10.2). */
export interface RaftLimits {
  /** Entries in one AppendEntries. 1 and up; default 300. */
  readonly entriesPerAppendMax: number
  /** Bytes of records in one AppendEntries, but at least one entry. Default 1 MiB. */
  readonly bytesPerAppendMax: number
  /** AppendEntries on their way to one peer without an answer. Default 64. */
  readonly inFlightMessagesMax: number
  /** Bytes of records on their way to one peer without an answer, but one append. Default 8 MiB. */
  readonly inFlightBytesMax: number
  /** AppendEntries on their way to one observer without an answer. Default 8. */
  readonly observerWindow: number
  /** Bytes of records that a leader holds uncommitted; beyond it proposals are refused. Default 64 MiB. */
  readonly uncommittedBytesMax: number
  /** Bytes of records in one page of `committedEntries`, but at least one entry. Default 1 MiB. */
  readonly applyBytesMax: number
  /** Bytes of records handed out for applying and not yet applied. Default 16 MiB. */
  readonly applyingBytesMax: number
  /** Entries behind which a peer counts as lagging and is served in pages. Default 1,000. */
  readonly lagThreshold: number
}

export const DEFAULT_LIMITS: RaftLimits = {
  entriesPerAppendMax: 300,
  bytesPerAppendMax: 1 << 20,
  inFlightMessagesMax: 64,
  inFlightBytesMax: 8 << 20,
  observerWindow: 8,
  uncommittedBytesMax: 64 << 20,
  applyBytesMax: 1 << 20,
  applyingBytesMax: 16 << 20,
  lagThreshold: 1000,
}

/** What a node is created with. Ticks are the caller's unit of time; all numbers are integers ≥ 1. */
export interface RaftConfig {
  /** Its own id, given by the membership and never used by another node. */
  readonly nodeId: NodeId
  /** The group whose messages it takes. */
  readonly groupId: GroupId
  /** Members at creation, for a group that `restore` says nothing of. */
  readonly voters?: readonly NodeId[]
  readonly learners?: readonly NodeId[]
  readonly observers?: readonly NodeId[]
  /** What a node is while no membership names it: a learner, or a follower that waits to be told. */
  readonly startsAsLearner?: boolean
  /** Ticks without a leader before an election; each draws from [electionTicks, 2 × electionTicks). */
  readonly electionTicks: number
  /** Ticks between a leader's heartbeats; less than `electionTicks`. */
  readonly heartbeatTicks: number
  /** Draws election timeouts (paper §5.2) and read tokens; the same seed gives the same run. */
  readonly random: RandomSource
  /** Those not given have their defaults. */
  readonly limits?: Partial<RaftLimits>
  /** Ask before campaigning, so that a cut-off node disturbs nobody (thesis §9.6). Default true. */
  readonly preVote?: boolean
  /** A leader that hears from no quorum for an election timeout steps down (thesis §6.2). Default true. */
  readonly checkQuorum?: boolean
}

/** Stops at what no node can run with: a range above is not kept. */
export function checkConfig(config: RaftConfig): void {
  invariant(config.heartbeatTicks >= 1, 'a heartbeat takes at least one tick')
  invariant(
    config.electionTicks > config.heartbeatTicks,
    'an election timeout is longer than a heartbeat',
  )
  const {electionTicks, heartbeatTicks, limits} = config
  for (const [name, value] of Object.entries({electionTicks, heartbeatTicks, ...limits})) {
    invariant(value === undefined || (Number.isSafeInteger(value) && value >= 1), `${name} ≥ 1`)
  }
}

/** The membership that the lists of a config describe. */
export function membershipAtCreation(config: RaftConfig): Membership {
  const ascending = (ids: readonly NodeId[] = []) => [...ids].sort((a, b) => a - b)
  const voters = ascending(config.voters)
  const learners = ascending(config.learners)
  const observers = ascending(config.observers)
  const ids = ascending([...voters, ...learners, ...observers])
  const members = ids.map(
    (id): Member => ({id, name: '', address: '', storeId: '', promoteWhenReady: false}),
  )
  const nextMemberId = (ids.at(-1) ?? 0) + 1
  return {...EMPTY_MEMBERSHIP, members, voters, learners, observers, nextMemberId}
}
