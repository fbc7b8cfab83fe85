/** Handing leadership over (thesis §3.10): catch the target up, then tell it to campaign at once. */
import type {Progress} from './progress.js'
import type {RaftState} from './raft-state.js'
import type {NodeId} from './types.js'

export type TransferOutcome =
  | {readonly kind: 'accepted'}
  | {readonly kind: 'unchanged'}
  | {
      readonly kind: 'refused'
      readonly reason: TransferRefusal
      readonly leader: NodeId | undefined
    }

export type TransferRefusal = 'not-leader' | 'not-a-voter' | 'in-progress'

/** Given up after one election timeout; proposals are refused meanwhile. */
export function transferLeadership(raft: RaftState, target: NodeId): TransferOutcome {
  const refuse = (reason: TransferRefusal): TransferOutcome => ({
    kind: 'refused',
    reason,
    leader: raft.leaderId,
  })
  if (!raft.isLeader) return refuse('not-leader')
  if (target === raft.nodeId) return {kind: 'unchanged'}
  if (!raft.membership.voters.includes(target)) return refuse('not-a-voter')
  if (raft.transferTarget !== undefined && raft.transferTarget !== target) {
    return refuse('in-progress')
  }
  const progress = raft.progress.get(target)
  if (!progress) return refuse('not-a-voter')
  raft.transferTarget = target
  raft.transferDeadlineTick = raft.tick + raft.config.electionTicks
  maybeOrderTimeout(raft, progress)
  return {kind: 'accepted'}
}

/** Sends TimeoutNow once the target holds everything; again with each of its answers, if lost. */
export function maybeOrderTimeout(raft: RaftState, progress: Progress): boolean {
  if (raft.transferTarget !== progress.id || progress.matchIndex !== raft.log.lastIndex)
    return false
  raft.sendNow({kind: 'timeout-now', to: progress.id})
  return true
}

/** The other voter that holds most of the log; one that was heard from lately goes first. */
export function mostCaughtUpVoter(raft: RaftState): NodeId | undefined {
  let best: Progress | undefined
  for (const id of raft.membership.voters) {
    const progress = raft.progress.get(id)
    if (!progress) continue
    if (!best || isBetterTarget(raft, progress, best)) best = progress
  }
  return best?.id
}

function isBetterTarget(raft: RaftState, a: Progress, b: Progress): boolean {
  const heard = raft.hearsFrom(a.id)
  if (heard !== raft.hearsFrom(b.id)) return heard
  return a.matchIndex > b.matchIndex
}
