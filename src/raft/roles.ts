/**
 * Changes of role (paper, figure 4, with pre-vote from thesis §9.6).
 *
 *   follower ──timeout──▶ pre-candidate ──quorum would vote──▶ candidate ──votes──▶ leader
 *      ▲                        │ refused, newer leader            │                  │
 *      └────────────────────────┴──────────────────────────────────┴── newer term ────┘
 *
 * A vote is lost at step-down to a newer term only: stepping down at one's own term keeps it.
 */
import {invariant} from './invariant.js'
import type {RaftState} from './raft-state.js'
import type {NodeId, Term} from './types.js'
import {logIndex, term} from './types.js'

export function becomeFollower(raft: RaftState, newTerm: Term, leader: NodeId | undefined): void {
  invariant(newTerm >= raft.currentTerm, 'terms only grow')
  if (newTerm > raft.currentTerm) {
    raft.currentTerm = newTerm
    raft.votedFor = undefined
    // Its leader may be the same again, but has forgotten what it was asked.
    setLeader(raft, undefined)
  }
  leaveRole(raft)
  raft.role = raft.restingRole()
  setLeader(raft, leader)
}

/** Asks for votes that bind nobody: neither term nor vote change. */
export function becomePreCandidate(raft: RaftState): void {
  leaveRole(raft)
  raft.role = 'pre-candidate'
  setLeader(raft, undefined)
  raft.votes.set(raft.nodeId, true)
}

/** Our vote for ourselves counts once it is durable, like any other promise. */
export function becomeCandidate(raft: RaftState): void {
  leaveRole(raft)
  raft.role = 'candidate'
  setLeader(raft, undefined)
  raft.currentTerm = term(raft.currentTerm + 1)
  raft.votedFor = raft.nodeId
}

/** Paper §5.2, and §8: a blank entry commits everything that former leaders left. */
export function becomeLeader(raft: RaftState): void {
  leaveRole(raft)
  raft.role = 'leader'
  setLeader(raft, raft.nodeId)
  for (const {id} of raft.membership.members) {
    if (id !== raft.nodeId) raft.trackPeer(id)
  }
  // Any entry of our tail may be a membership that we don't know to be in force yet.
  raft.pendingMembershipIndex = raft.log.lastIndex
  raft.termStartIndex = raft.appendOwn('blank')
  raft.heartbeatElapsedTicks = raft.config.heartbeatTicks
}

/** Forgets what belongs to a role only. Reads that can't be confirmed any more are refused. */
function leaveRole(raft: RaftState): void {
  raft.resetElectionTimer()
  raft.heartbeatElapsedTicks = 0
  raft.votes.clear()
  raft.progress.clear()
  raft.transferTarget = undefined
  raft.uncommitted = []
  raft.uncommittedBytes = 0
  raft.snapshotsNeeded = []
  raft.pendingMembershipIndex = logIndex(0)
  for (const read of raft.reads) {
    if (read.from === undefined) raft.readsRefused.push(read.token)
  }
  raft.reads = []
}

/** Barriers asked of a leader that is gone are refused: their callers ask the new one. */
export function setLeader(raft: RaftState, leader: NodeId | undefined): void {
  if (raft.leaderId === leader) return
  raft.leaderId = leader
  for (const {token} of raft.readsForwarded.splice(0)) raft.readsRefused.push(token)
}
