/**
 * Changing the membership through the log (paper §6, thesis §4). A membership is in force on a node
 * once that node has applied its entry; one change is in flight at a time.
 */
import {entryData} from './entry.js'
import {invariant} from './invariant.js'
import {maybeOrderTimeout, mostCaughtUpVoter} from './leadership-transfer.js'
import type {ChangeOrigin, Membership} from './membership.js'
import {
  decodeMembership,
  encodeMembership,
  isMemberId,
  isRemovedId,
  isVoter,
  stageOf,
} from './membership.js'
import type {ChangeRefusal, MembershipChange} from './membership-change.js'
import {planChange} from './membership-change.js'
import type {MemberRemoved} from './messages.js'
import {countVotes} from './quorum.js'
import type {RaftState} from './raft-state.js'
import {becomeFollower} from './roles.js'
import type {Entry, LogIndex, NodeId, Term} from './types.js'

export type MembershipOutcome =
  | {
      readonly kind: 'accepted'
      readonly index: LogIndex
      readonly term: Term
      /** What holds once the entry is applied. */
      readonly membership: Membership
    }
  | {readonly kind: 'unchanged'}
  | {
      readonly kind: 'refused'
      readonly reason: MembershipRefusal
      readonly leader: NodeId | undefined
      readonly lag: LearnerLag | undefined
    }

export type MembershipRefusal =
  | ChangeRefusal
  | 'not-leader'
  | 'transferring'
  | 'not-committed-in-term'
  | 'learner-lags'

/** Why a learner can't be promoted yet. */
export interface LearnerLag {
  /** Entries that it lacks. */
  readonly gap: number
  readonly entriesPerTick: number
  readonly recentlyActive: boolean
}

/** How long a removed member is still served, in election timeouts. */
const FAREWELL_TIMEOUTS = 2

export function proposeMembership(
  raft: RaftState,
  change: MembershipChange,
  origin: ChangeOrigin,
): MembershipOutcome {
  const refuse = (reason: MembershipRefusal, lag?: LearnerLag): MembershipOutcome => ({
    kind: 'refused',
    reason,
    leader: raft.leaderId,
    lag,
  })
  if (!raft.isLeader) return refuse('not-leader')
  // Before that, a former leader's change may still be half-way (thesis §4.1, the known flaw).
  if (!raft.hasCommittedInTerm) return refuse('not-committed-in-term')
  if (raft.transferTarget !== undefined) return refuse('transferring')
  if (isChangeInFlight(raft)) return refuse('change-in-flight')
  const planned = planChange(raft.membership, change, origin)
  if (planned.kind === 'unchanged') return planned
  if (planned.kind === 'refused') return refuse(planned.reason)
  for (const id of joiningBy(raft.membership, change)) {
    const lag = lagOf(raft, id)
    if (lag) return refuse('learner-lags', lag)
  }
  return append(raft, planned.membership)
}

/** Learners that become voters by this change, each of which must be caught up. */
function joiningBy({voters, target}: Membership, change: MembershipChange): readonly NodeId[] {
  if (change.kind === 'promote') return [change.id]
  if (change.kind !== 'enter-joint') return []
  return target?.voters.filter(id => !voters.includes(id)) ?? []
}

/** Is there an entry in our tail that is or may be a membership, and is not applied? */
export function isChangeInFlight(raft: RaftState): boolean {
  return raft.pendingMembershipIndex > raft.log.lastApplied
}

/** Remembers the memberships of a page handed out for applying. */
export function noteMemberships(raft: RaftState, entries: readonly Entry[]): void {
  for (const entry of entries) {
    if (entry.kind !== 'membership') continue
    const membership = decodeMembership(entryData(entry), entry.index)
    invariant(membership !== undefined, 'a committed membership can be read')
    raft.membershipsApplying.push(membership)
  }
}

/** The caller has applied everything up to `index`: memberships up to it are in force. */
export function applyMemberships(raft: RaftState, index: LogIndex): void {
  while (raft.membershipsApplying.length > 0 && raft.membershipsApplying[0]!.index <= index) {
    applyMembership(raft, raft.membershipsApplying.shift()!)
  }
}

/** What the leader does by itself: finish a joint change, promote who was to be promoted. */
export function advanceMembership(raft: RaftState): void {
  if (!raft.hasCommittedInTerm || isChangeInFlight(raft)) return
  const stage = stageOf(raft.membership)
  // Leaving is never refused, not even during a transfer: a joint stage must not outlive its need.
  if (stage === 'joint') {
    appendOwnChange(raft, {kind: 'leave-joint'}, 'leaves the joint stage')
    return
  }
  if (raft.transferTarget !== undefined) return
  if (stage === 'learner-sync') {
    const enter = {kind: 'enter-joint'} as const
    if (joiningBy(raft.membership, enter).some(id => lagOf(raft, id))) return
    appendOwnChange(raft, enter, 'every new voter is caught up')
    return
  }
  const ready = raft.membership.members.find(
    member => member.promoteWhenReady && !lagOf(raft, member.id),
  )
  if (ready) appendOwnChange(raft, {kind: 'promote', id: ready.id}, 'the learner is caught up')
}

/** Stops serving who was removed long enough ago. */
export function tickDepartures(raft: RaftState): void {
  for (const [id, {departing}] of raft.progress) {
    if (departing && raft.tick >= departing.untilTick) raft.progress.delete(id)
  }
}

/**
 * We have applied our own removal. The survivors may still need our vote while they have not, so we
 * ask around, at a term that changes nothing, until a majority of them says that we are gone.
 */
export function askAboutRemoval(raft: RaftState): void {
  for (const to of raft.membership.voters) {
    raft.sendNow({kind: 'request-pre-vote', to, last: raft.log.last, commit: raft.log.committed})
  }
}

/**
 * A member's word, from a committed membership, that we are none; ids are never used again.
 *
 * At the first word we go on voting for a while: it may come from the only member that knows, and
 * should that one die now, the others might need our vote to find out. So we ask again.
 */
export function handleMemberRemoved(raft: RaftState, message: MemberRemoved): void {
  if (message.membershipIndex < raft.membership.index) return
  if (!isRemovedId(raft.membership, raft.nodeId)) {
    raft.removalToldTick ??= raft.tick
    const waitedTicks = raft.tick - raft.removalToldTick
    if (waitedTicks < FAREWELL_TIMEOUTS * raft.config.electionTicks) return
    becomeFollower(raft, raft.currentTerm, undefined)
    raft.removed = true
    return
  }
  raft.removalWitnesses.add(message.from)
  const told = (id: NodeId) => raft.removalWitnesses.has(id) || undefined
  if (countVotes(raft.membership, told) === 'won') raft.removed = true
}

/** Why a learner must not vote yet; undefined when it may (thesis §4.2.1). */
export function lagOf(raft: RaftState, id: NodeId): LearnerLag | undefined {
  const progress = raft.progress.get(id)
  if (!progress) return {gap: raft.log.lastIndex, entriesPerTick: 0, recentlyActive: false}
  const {tick, config, log} = raft
  const recentlyActive = raft.hearsFrom(id)
  if (recentlyActive && progress.isCaughtUp(log.lastIndex, config.electionTicks, tick)) {
    return undefined
  }
  return {
    gap: log.lastIndex - progress.matchIndex,
    entriesPerTick: progress.entriesPerTick,
    recentlyActive,
  }
}

function append(raft: RaftState, next: Membership): MembershipOutcome {
  const data = encodeMembership(next)
  // Better that one node stops here than all of them when they apply it.
  invariant(decodeMembership(data, next.index) !== undefined, 'a proposed membership can be read')
  const index = raft.appendOwn('membership', data)
  raft.pendingMembershipIndex = index
  return {kind: 'accepted', index, term: raft.currentTerm, membership: {...next, index}}
}

function appendOwnChange(raft: RaftState, change: MembershipChange, reason: string): void {
  const planned = planChange(raft.membership, change, {timeMs: 0, actor: 'leader', reason})
  invariant(planned.kind === 'changed', 'what the leader changes by itself is allowed')
  append(raft, planned.membership)
}

function applyMembership(raft: RaftState, membership: Membership): void {
  invariant(membership.index >= raft.membership.index, 'memberships apply in log order')
  const wasVoter = isVoter(raft.membership, raft.nodeId)
  raft.membership = membership
  raft.removalWitnesses.clear()
  if (!raft.isLeader) {
    const campaigning = raft.role === 'candidate' || raft.role === 'pre-candidate'
    if (!campaigning) raft.role = raft.restingRole()
    else if (!isVoter(membership, raft.nodeId)) {
      becomeFollower(raft, raft.currentTerm, undefined)
    }
    return
  }

  updatePeers(raft, membership)
  const {transferTarget} = raft
  if (transferTarget !== undefined && !membership.voters.includes(transferTarget)) {
    raft.transferTarget = undefined
  }
  if (wasVoter && !isVoter(membership, raft.nodeId)) handOver(raft)
  // A smaller quorum may hold already what the larger one did not.
  raft.maybeCommit()
}

function updatePeers(raft: RaftState, membership: Membership): void {
  for (const {id} of membership.members) {
    if (id === raft.nodeId) continue
    const progress = raft.progress.get(id)
    if (progress) progress.departing = undefined
    else raft.trackPeer(id)
  }
  const untilTick = raft.tick + FAREWELL_TIMEOUTS * raft.config.electionTicks
  for (const progress of raft.progress.values()) {
    if (isMemberId(membership, progress.id) || progress.departing) continue
    progress.departing = {untilTick, removalIndex: membership.index}
  }
}

/**
 * We are no voter any more. We lead on, counting for nothing, until the best of the others has
 * everything and takes over, so that the survivors learn of the change while somebody can tell them.
 */
function handOver(raft: RaftState): void {
  raft.transferTarget = mostCaughtUpVoter(raft)
  raft.transferDeadlineTick = raft.tick + FAREWELL_TIMEOUTS * raft.config.electionTicks
  const progress = raft.transferTarget && raft.progress.get(raft.transferTarget)
  if (progress) maybeOrderTimeout(raft, progress)
}
