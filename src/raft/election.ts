/** Leader election (paper §5.2, §5.4.1), with pre-vote and check-quorum (thesis §9.6, §6.2). */
import {invariant} from './invariant.js'
import {isVoter} from './membership.js'
import type {
  RequestPreVote,
  RequestPreVoteResponse,
  RequestVote,
  RequestVoteResponse,
  TimeoutNow,
} from './messages.js'
import {countVotes} from './quorum.js'
import type {RaftState} from './raft-state.js'
import {becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate} from './roles.js'
import type {NodeId} from './types.js'
import {logIndex, term} from './types.js'

export type CampaignKind = 'pre-vote' | 'vote' | 'forced'

/** Counts towards an election, a sole voter waiting for nobody; true when the timer ran out in vain. */
export function tickElection(raft: RaftState): boolean {
  raft.electionElapsedTicks++
  const waits = raft.electionElapsedTicks < raft.electionDeadlineTicks
  if (waits && !(raft.role === 'follower' && isSoleVoter(raft))) return false
  if (mayCampaign(raft)) {
    campaign(raft, raft.preVote ? 'pre-vote' : 'vote')
    return false
  }
  // Nothing to do but wait; a leader that was silent for so long no longer counts as one.
  if (!waits) becomeFollower(raft, raft.currentTerm, undefined)
  return !waits
}

/**
 * Only a voter campaigns, and only one whose applied membership is the newest that it can know of:
 * with a committed membership still to be applied, it would count under one that may be long gone.
 */
export function mayCampaign(raft: RaftState): boolean {
  return (
    !raft.removed &&
    !raft.isLeader &&
    isVoter(raft.membership, raft.nodeId) &&
    !hasUnappliedMembership(raft)
  )
}

/** `pre-vote` asks first; `forced` is ordered by the leader and overrides its lease (thesis §3.10). */
export function campaign(raft: RaftState, kind: CampaignKind): void {
  const {log, membership} = raft
  if (kind === 'pre-vote') {
    becomePreCandidate(raft)
    for (const to of otherVoters(raft)) {
      raft.sendNow({
        kind: 'request-pre-vote',
        to,
        term: term(raft.currentTerm + 1),
        last: log.last,
        commit: log.committed,
      })
    }
    // Whoever has nobody to ask goes on at once.
    if (countVotes(membership, id => raft.votes.get(id)) === 'won') campaign(raft, 'vote')
    return
  }
  becomeCandidate(raft)
  raft.campaignForced = kind === 'forced'
  for (const to of otherVoters(raft)) {
    // Asking is a promise here: an asker that forgot its term could use the same grant twice.
    raft.sendAfterSync({
      kind: 'request-vote',
      to,
      last: log.last,
      commit: log.committed,
      force: raft.campaignForced,
    })
  }
}

/**
 * Answers whether a vote at the asked term could be granted; binds to nothing. Learners answer too:
 * one may have been promoted without knowing it yet.
 */
export function handleRequestPreVote(raft: RaftState, request: RequestPreVote): void {
  const granted = request.term > raft.currentTerm && raft.log.isUpToDate(request.last)
  raft.sendNow({
    kind: 'request-pre-vote-response',
    to: request.from,
    // A grant carries the term that was asked for, a refusal our own, from which the asker learns.
    term: granted ? request.term : raft.currentTerm,
    granted,
    commit: raft.log.committed,
  })
}

export function handleRequestPreVoteResponse(
  raft: RaftState,
  response: RequestPreVoteResponse,
): void {
  if (raft.role !== 'pre-candidate') return
  if (response.granted && response.term !== raft.currentTerm + 1) return
  recordVote(raft, response.from, response.granted)
}

/**
 * Answers a candidate of our own term; `step` has already adopted any newer term.
 *
 * Grants one vote per term at most (paper §5.2), and only to a log at least as complete as ours
 * (§5.4.1). The answer is a promise: it leaves only once the vote is on disk (thesis §3.8).
 */
export function handleRequestVote(raft: RaftState, request: RequestVote): void {
  invariant(request.term === raft.currentTerm, 'a vote request is answered at its own term')

  const free =
    raft.votedFor === undefined ? raft.leaderId === undefined : raft.votedFor === request.from
  const granted = free && raft.log.isUpToDate(request.last)
  if (granted) {
    raft.votedFor = request.from
    raft.electionElapsedTicks = 0
  }

  answerVote(raft, request.from, granted)
}

export function answerVote(raft: RaftState, to: NodeId, granted: boolean): void {
  const commit = raft.log.committed
  raft.sendAfterSync({kind: 'request-vote-response', to, granted, commit})
}

export function handleRequestVoteResponse(raft: RaftState, response: RequestVoteResponse): void {
  if (raft.role !== 'candidate') return
  recordVote(raft, response.from, response.granted)
}

/** The leader wants us to take over: campaign at once, without asking first (thesis §3.10). */
export function handleTimeoutNow(raft: RaftState, message: TimeoutNow): void {
  if (message.from !== raft.leaderId) return
  if (mayCampaign(raft)) campaign(raft, 'forced')
}

/** Takes one answer per peer, whichever comes first, and acts once the outcome is certain. */
export function recordVote(raft: RaftState, from: NodeId, granted: boolean): void {
  if (raft.votes.has(from)) return
  raft.votes.set(from, granted)
  const result = countVotes(raft.membership, id => raft.votes.get(id))
  if (result === 'lost') becomeFollower(raft, raft.currentTerm, undefined)
  if (result !== 'won') return
  if (raft.role === 'pre-candidate') campaign(raft, 'vote')
  else becomeLeader(raft)
}

/** Is a membership committed, or in a snapshot being installed, that is not applied yet? */
export function hasUnappliedMembership(raft: RaftState): boolean {
  const {log} = raft
  if (log.lastApplied < log.firstIndex - 1) return true
  let next = logIndex(log.lastApplied + 1)
  while (next <= log.commitIndex) {
    const page = log.entries(next, log.commitIndex, raft.limits.applyBytesMax)
    if (page.some(entry => entry.kind === 'membership')) return true
    next = logIndex(next + page.length)
  }
  return false
}

function isSoleVoter(raft: RaftState): boolean {
  const {voters, votersOutgoing} = raft.membership
  return voters.length === 1 && votersOutgoing.length === 0 && voters[0] === raft.nodeId
}

function otherVoters(raft: RaftState): NodeId[] {
  const {voters, votersOutgoing} = raft.membership
  return [...new Set([...voters, ...votersOutgoing])].filter(id => id !== raft.nodeId)
}
