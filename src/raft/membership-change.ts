/**
 * The changes of a membership, as pure functions: what holds now and what is asked for in, what would
 * hold next out. Nothing here knows of leaders, logs or who is caught up.
 */
import type {ChangeOrigin, Member, Membership} from './membership.js'
import {isConsistent, isMemberId, stageOf} from './membership.js'
import type {NodeId} from './types.js'
import {nodeId} from './types.js'

/** What an operator says of a new member; the membership draws the id. */
export type NewMember = Pick<Member, 'name' | 'address' | 'storeId'> & {
  readonly promoteWhenReady?: boolean
  /** The member that it is to stand in for: until that one is removed they share address or name. */
  readonly replaces?: NodeId | undefined
}

type Adding = 'add-voter' | 'add-learner' | 'add-observer'
type Removing = 'remove' | 'remove-voter' | 'remove-learner' | 'remove-observer'
type Of<Kind extends string, Fields> = {[K in Kind]: {readonly kind: K} & Fields}[Kind]

export type MembershipChange =
  | Of<Adding, {readonly member: NewMember}>
  | Of<Removing | 'promote' | 'demote', {readonly id: NodeId}>
  | Of<'update', {readonly id: NodeId; readonly set: MemberUpdate}>
  | Of<'set', {readonly voters: readonly NodeId[]; readonly learners: readonly NodeId[]}>
  /** `cancel` gives up a `set` that is still syncing its learners. */
  | Of<'cancel' | 'enter-joint' | 'leave-joint', unknown>

export type MemberUpdate = Partial<Pick<Member, 'name' | 'address' | 'promoteWhenReady'>>

export type ChangeRefusal =
  | 'unknown-member'
  | 'not-a-voter'
  | 'not-a-learner'
  | 'not-an-observer'
  | 'no-voter-left'
  | 'address-taken'
  | 'store-taken'
  | 'name-taken'
  | 'overlapping-roles'
  | 'change-in-flight'
  | 'nothing-to-cancel'

export type PlannedChange =
  | {readonly kind: 'changed'; readonly membership: Membership}
  | {readonly kind: 'unchanged'}
  | {readonly kind: 'refused'; readonly reason: ChangeRefusal}

/** What would hold after `change`. Its `index` is still that of the old membership. */
export function planChange(
  membership: Membership,
  change: MembershipChange,
  origin: ChangeOrigin,
): PlannedChange {
  const planned = plan(membership, change)
  if (typeof planned === 'string') {
    return planned === 'unchanged' ? {kind: 'unchanged'} : {kind: 'refused', reason: planned}
  }
  const next = ordered({...membership, ...planned, origin})
  return isConsistent(next)
    ? {kind: 'changed', membership: next}
    : {kind: 'refused', reason: next.voters.length === 0 ? 'no-voter-left' : 'overlapping-roles'}
}

type Plan = Partial<Membership> | ChangeRefusal | 'unchanged'

function plan(membership: Membership, change: MembershipChange): Plan {
  const stage = stageOf(membership)
  if (change.kind === 'cancel') {
    return stage === 'learner-sync' ? {target: undefined} : 'nothing-to-cancel'
  }
  if (change.kind === 'enter-joint') return enterJoint(membership)
  if (change.kind === 'leave-joint') return leaveJoint(membership)
  if (stage !== 'uniform') return 'change-in-flight'

  switch (change.kind) {
    case 'add-voter':
    case 'add-learner':
    case 'add-observer':
      return add(membership, change.kind, change.member)
    case 'set':
      return setTarget(membership, change.voters, change.learners)
    default:
      if (!isMemberId(membership, change.id)) return 'unknown-member'
  }

  const {voters, learners, observers} = membership
  const {id} = change
  switch (change.kind) {
    case 'remove-voter':
      return voters.includes(id) ? remove(membership, id) : 'not-a-voter'
    case 'remove-learner':
      return learners.includes(id) ? remove(membership, id) : 'not-a-learner'
    case 'remove-observer':
      return observers.includes(id) ? remove(membership, id) : 'not-an-observer'
    case 'remove':
      return remove(membership, id)
    case 'promote':
      return promote(membership, id)
    case 'demote':
      return demote(membership, id)
    case 'update':
      return update(membership, id, change.set)
  }
}

function add(
  membership: Membership,
  kind: Adding,
  {name, address, storeId, promoteWhenReady, replaces}: NewMember,
): Plan {
  const {members} = membership
  const others = members.filter(member => member.id !== replaces)
  if (address !== '' && others.some(member => member.address === address)) return 'address-taken'
  if (storeId !== '' && members.some(member => member.storeId === storeId)) return 'store-taken'
  if (name !== '' && others.some(member => member.name === name)) return 'name-taken'
  const id = nodeId(membership.nextMemberId)
  const isLearner = kind === 'add-learner'
  const member: Member = {
    id,
    name,
    address,
    storeId,
    promoteWhenReady: isLearner && (promoteWhenReady ?? false),
  }
  const added = {members: [...members, member], nextMemberId: id + 1}
  if (isLearner) return {...added, learners: [...membership.learners, id]}
  if (kind === 'add-voter') return {...added, voters: [...membership.voters, id]}
  return {...added, observers: [...membership.observers, id]}
}

function remove(membership: Membership, id: NodeId): Plan {
  return {
    members: membership.members.filter(member => member.id !== id),
    voters: without(membership.voters, id),
    learners: without(membership.learners, id),
    observers: without(membership.observers, id),
  }
}

function promote(membership: Membership, id: NodeId): Plan {
  if (membership.voters.includes(id)) return 'unchanged'
  if (!membership.learners.includes(id)) return 'not-a-learner'
  return {
    members: withMember(membership, id, {promoteWhenReady: false}),
    voters: [...membership.voters, id],
    learners: without(membership.learners, id),
  }
}

function demote(membership: Membership, id: NodeId): Plan {
  if (membership.learners.includes(id)) return 'unchanged'
  if (!membership.voters.includes(id)) return 'not-a-voter'
  return {voters: without(membership.voters, id), learners: [...membership.learners, id]}
}

function update(membership: Membership, id: NodeId, set: MemberUpdate): Plan {
  const current = membership.members.find(member => member.id === id)!
  const next = updated(current, set)
  const others = membership.members.filter(member => member.id !== id)
  if (next.address !== '' && others.some(other => other.address === next.address)) {
    return 'address-taken'
  }
  if (next.name !== '' && others.some(other => other.name === next.name)) return 'name-taken'
  if (next.promoteWhenReady && !membership.learners.includes(id)) return 'not-a-learner'
  const same =
    next.address === current.address &&
    next.name === current.name &&
    next.promoteWhenReady === current.promoteWhenReady
  return same ? 'unchanged' : {members: withMember(membership, id, next)}
}

/** Begins a change of the whole set: its new voters catch up as learners first. */
function setTarget(
  membership: Membership,
  voters: readonly NodeId[],
  learners: readonly NodeId[],
): Plan {
  if (voters.length === 0) return 'no-voter-left'
  const ids = [...voters, ...learners]
  if (new Set(ids).size !== ids.length) return 'overlapping-roles'
  if (!ids.every(id => isMemberId(membership, id))) return 'unknown-member'
  if (ids.some(id => membership.observers.includes(id))) return 'overlapping-roles'
  const target = {voters: ascending(voters), learners: ascending(learners)}
  const same =
    sameIds(target.voters, membership.voters) && sameIds(target.learners, membership.learners)
  return same ? 'unchanged' : {target}
}

/**
 * Both halves decide from here on (paper §6). A voter that becomes a learner stays in the outgoing
 * half until the stage is left: as a learner it could not count, and the old majority might need it.
 */
function enterJoint(membership: Membership): Plan {
  const {target, voters: outgoing, observers} = membership
  if (!target) return 'nothing-to-cancel'
  const learnersNext = target.learners.filter(id => outgoing.includes(id))
  const learners = target.learners.filter(id => !outgoing.includes(id))
  const staying = new Set([...target.voters, ...outgoing, ...learners, ...observers])
  return {
    members: membership.members
      .filter(member => staying.has(member.id))
      .map(member =>
        target.voters.includes(member.id) ? {...member, promoteWhenReady: false} : member,
      ),
    voters: target.voters,
    votersOutgoing: outgoing,
    learners,
    learnersNext,
    target: undefined,
  }
}

function leaveJoint(membership: Membership): Plan {
  if (membership.votersOutgoing.length === 0) return 'unchanged'
  const {voters, observers, learnersNext} = membership
  const learners = [...membership.learners, ...learnersNext]
  const staying = new Set([...voters, ...learners, ...observers])
  return {
    members: membership.members.filter(member => staying.has(member.id)),
    votersOutgoing: [],
    learners,
    learnersNext: [],
  }
}

function ordered(membership: Membership): Membership {
  return {
    ...membership,
    members: [...membership.members].sort((a, b) => a.id - b.id),
    voters: ascending(membership.voters),
    learners: ascending(membership.learners),
    observers: ascending(membership.observers),
  }
}

function withMember(membership: Membership, id: NodeId, set: MemberUpdate): Member[] {
  return membership.members.map(member => (member.id === id ? updated(member, set) : member))
}

/** What `set` does not name stays. */
function updated(member: Member, set: MemberUpdate): Member {
  const {name, address, promoteWhenReady} = member
  return {
    ...member,
    name: set.name ?? name,
    address: set.address ?? address,
    promoteWhenReady: set.promoteWhenReady ?? promoteWhenReady,
  }
}

function without(ids: readonly NodeId[], id: NodeId): NodeId[] {
  return ids.filter(other => other !== id)
}

function ascending(ids: readonly NodeId[]): NodeId[] {
  return [...ids].sort((a, b) => a - b)
}

function sameIds(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i])
}
