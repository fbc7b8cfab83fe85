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

/** The data of a membership entry, and of a snapshot's header: JSON with keys in a fixed order. */
export function encodeMembership(membership: Membership): Uint8Array {
  const {members, voters, votersOutgoing, learners, learnersNext, observers} = membership
  const {target, nextMemberId, origin} = membership
  return new TextEncoder().encode(
    JSON.stringify({
      members: members.map(({id, name, address, storeId, promoteWhenReady}) => ({
        id,
        name,
        address,
        storeId,
        promoteWhenReady,
      })),
      voters,
      votersOutgoing,
      learners,
      learnersNext,
      observers,
      target: target && {voters: target.voters, learners: target.learners},
      nextMemberId,
      origin: {timeMs: origin.timeMs, actor: origin.actor, reason: origin.reason},
    }),
  )
}

/**
 * Reads what `encodeMembership` wrote; `index` is that of the entry that carries it. Returns
 * undefined for anything else: not JSON, a field missing or of another type, no voter, a member
 * without a role or with two.
 */
export function decodeMembership(data: Uint8Array, index: LogIndex): Membership | undefined {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', {fatal: true}).decode(data))
  } catch {
    return undefined
  }
  if (!isRecord(value) || !isRecord(value.origin)) return undefined
  const {members, voters, votersOutgoing, learners, learnersNext, observers} = value
  const {target, nextMemberId, origin} = value
  if (!Array.isArray(members) || !members.every(isMember)) return undefined
  const lists = [voters, votersOutgoing, learners, learnersNext, observers]
  if (!lists.every(isIdList) || !isId(nextMemberId)) return undefined
  if (target !== undefined) {
    if (!isRecord(target) || !isIdList(target.voters) || !isIdList(target.learners)) {
      return undefined
    }
  }
  const {timeMs, actor, reason} = origin
  if (typeof timeMs !== 'number' || typeof actor !== 'string' || typeof reason !== 'string') {
    return undefined
  }

  const membership = {...value, index} as unknown as Membership
  const decoded: Membership = {...membership, target: membership.target}
  return isConsistent(decoded) ? decoded : undefined
}

/** Every member has exactly one role, every role a member, and there is a voter; so in the target. */
export function isConsistent(membership: Membership): boolean {
  const {members, voters, votersOutgoing, learners, learnersNext, observers} = membership
  const ids = members.map(member => member.id)
  const voting = new Set([...voters, ...votersOutgoing])
  const roles = [...voting, ...learners, ...observers]
  return (
    voters.length > 0 &&
    isAscending(ids) &&
    [voters, votersOutgoing, learners, learnersNext, observers].every(isAscending) &&
    roles.length === ids.length &&
    roles.every(id => ids.includes(id)) &&
    new Set(roles).size === roles.length &&
    learnersNext.every(id => votersOutgoing.includes(id) && !voters.includes(id)) &&
    ids.every(id => id < membership.nextMemberId) &&
    (membership.target === undefined || isConsistentTarget(membership, membership.target))
  )
}

/** A target can be entered as it is: it names voters and learners of a uniform membership, once. */
function isConsistentTarget(membership: Membership, {voters, learners}: MembershipTarget): boolean {
  const known = [...membership.voters, ...membership.learners]
  return (
    voters.length > 0 &&
    membership.votersOutgoing.length === 0 &&
    [voters, learners].every(isAscending) &&
    [...voters, ...learners].every(id => known.includes(id)) &&
    !voters.some(id => learners.includes(id))
  )
}

function isAscending(ids: readonly number[]): boolean {
  return ids.every((id, i) => i === 0 || ids[i - 1]! < id)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isId(value: unknown): value is NodeId {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function isIdList(value: unknown): value is NodeId[] {
  return Array.isArray(value) && value.every(isId)
}

function isMember(value: unknown): value is Member {
  return (
    isRecord(value) &&
    isId(value.id) &&
    typeof value.name === 'string' &&
    typeof value.address === 'string' &&
    typeof value.storeId === 'string' &&
    typeof value.promoteWhenReady === 'boolean'
  )
}

/** Counts in a quorum, in either half. */
export function isVoter(membership: Membership, id: NodeId): boolean {
  return membership.voters.includes(id) || membership.votersOutgoing.includes(id)
}

export function isMemberId(membership: Membership, id: NodeId): boolean {
  return membership.members.some(member => member.id === id)
}

/**
 * Was this id a member once, and is it none any more? Ids come from a counter, so one below it that
 * is missing was removed, and one at or above it is not known yet.
 */
export function isRemovedId(membership: Membership, id: NodeId): boolean {
  return id < membership.nextMemberId && !isMemberId(membership, id)
}
