/**
 * Linearizable reads without a log entry (thesis §6.4). A barrier takes the commit index, and counts
 * once a quorum has answered a heartbeat sent after it was asked: nobody else led at that moment.
 *
 * Barriers asked for between two Readys share one round of heartbeats. Rounds are a counter of the
 * core, so an answer to an earlier round never confirms a later one.
 */
import type {ReadIndex, ReadIndexResponse} from './messages.js'
import {quorumValue} from './quorum.js'
import type {RaftState} from './raft-state.js'
import type {LogIndex, NodeId} from './types.js'

export type ReadIndexOutcome =
  | {readonly kind: 'accepted'; readonly token: number}
  | {readonly kind: 'refused'; readonly reason: 'no-leader'}

/** How long an answer is waited for, in election timeouts. */
const PATIENCE_TIMEOUTS = 2

export function readIndex(raft: RaftState): ReadIndexOutcome {
  if (raft.leaderId === undefined) return {kind: 'refused', reason: 'no-leader'}
  const token = raft.nextReadToken++
  if (raft.isLeader) {
    addRead(raft, token, undefined)
  } else {
    const untilTick = raft.tick + PATIENCE_TIMEOUTS * raft.config.electionTicks
    raft.readsForwarded.push({token, untilTick})
    raft.sendNow({kind: 'read-index', to: raft.leaderId, token})
  }
  return {kind: 'accepted', token}
}

/** A member asks for a barrier. Not leading, we say so, and it asks whoever leads now. */
export function handleReadIndex(raft: RaftState, request: ReadIndex): void {
  const {from, token} = request
  if (raft.isLeader) addRead(raft, token, from)
  else raft.sendNow({kind: 'read-index-response', to: from, token, index: undefined})
}

export function handleReadIndexResponse(raft: RaftState, response: ReadIndexResponse): void {
  const waiting = raft.readsForwarded.findIndex(({token}) => token === response.token)
  if (waiting < 0) return
  raft.readsForwarded.splice(waiting, 1)
  const {token, index} = response
  if (index === undefined) raft.readsRefused.push(token)
  else raft.readStates.push({token, index})
}

/** Refuses what the leader was asked so long ago that question or answer must be lost. */
export function tickForwardedReads(raft: RaftState): void {
  while (raft.readsForwarded.length > 0 && raft.readsForwarded[0]!.untilTick <= raft.tick) {
    raft.readsRefused.push(raft.readsForwarded.shift()!.token)
  }
}

/**
 * Gives the barriers that are waiting for one an index and a round; returns whether heartbeats must
 * carry a new round. Until the leader has committed in its own term it can't know the commit index.
 */
export function startReadRound(raft: RaftState): boolean {
  if (raft.reads.length === 0 || !raft.hasCommittedInTerm) return false
  let started = false
  for (const read of raft.reads) {
    if (read.index !== undefined) continue
    if (!started) raft.readRound++
    started = true
    read.index = raft.log.commitIndex
    read.round = raft.readRound
  }
  return started
}

/** Answers every barrier whose round a quorum has confirmed. */
export function confirmReads(raft: RaftState): void {
  if (raft.reads.length === 0) return
  const confirmed = quorumValue(raft.membership, id => confirmedRoundOf(raft, id))
  const waiting = raft.reads.filter(read => {
    if (read.index === undefined || read.round > confirmed) return true
    const {token, index, from} = read
    if (from === undefined) raft.readStates.push({token, index})
    else answerForwarded(raft, from, token, index)
    return false
  })
  raft.reads = waiting
}

function answerForwarded(raft: RaftState, to: NodeId, token: number, index: LogIndex): void {
  raft.sendNow({kind: 'read-index-response', to, token, index})
  // It reads once it has applied that much, so it is told of the commit now.
  const progress = raft.progress.get(to)
  if (progress && progress.sentCommit < index) progress.askAgain = true
}

function addRead(raft: RaftState, token: number, from: NodeId | undefined): void {
  raft.reads.push({token, from, index: undefined, round: 0})
}

function confirmedRoundOf(raft: RaftState, id: NodeId): number {
  if (id === raft.nodeId) return raft.readRound
  return raft.progress.get(id)?.readRound ?? 0
}
