/** Snapshots as the core sees them (paper §7): positions and memberships; content is the caller's. */
import type {InstallSnapshot, InstallSnapshotResponse} from './messages.js'
import type {RaftState} from './raft-state.js'
import {followLeader, forgetInformed, heardFrom} from './replication.js'
import type {LogIndex, NodeId} from './types.js'
import {logIndex} from './types.js'

/** How sending a snapshot goes; `sent` means that the peer has it whole and will answer itself. */
export type SnapshotReport = 'moving' | 'sent' | 'failed'

/**
 * Takes a snapshot whose content the caller holds whole and verified.
 *
 * At or below the commit index it has nothing for us. Where the log already holds its position, only
 * the commit index moves. Otherwise the whole log goes: a suffix that follows a position which we
 * don't hold may conflict.
 */
export function handleInstallSnapshot(raft: RaftState, message: InstallSnapshot): void {
  followLeader(raft, message.from)
  const {log} = raft
  const {snapshot} = message
  if (snapshot.index > log.commitIndex) {
    if (log.matches(snapshot)) log.commitTo(snapshot.index)
    else install(raft, message)
  }
  raft.sendAfterSync({
    kind: 'install-snapshot-response',
    to: message.from,
    index: log.commitIndex,
  })
}

export function handleInstallSnapshotResponse(
  raft: RaftState,
  response: InstallSnapshotResponse,
): void {
  const progress = heardFrom(raft, response.from)
  if (!progress || response.index > raft.log.lastIndex) return
  progress.acknowledge(response.index)
  progress.updateRound(raft.log.lastIndex, raft.tick)
  forgetInformed(raft, progress)
  if (progress.state === 'snapshot') probeAgain(raft, response.from, progress.matchIndex)
  raft.maybeCommit()
}

/** The caller's word on a snapshot that it sends. After a failure the peer is probed again. */
export function reportSnapshot(raft: RaftState, peer: NodeId, report: SnapshotReport): void {
  const progress = raft.progress.get(peer)
  if (progress?.state !== 'snapshot') return
  if (report === 'failed') probeAgain(raft, peer, progress.matchIndex)
  else progress.snapshotTick = raft.tick
}

/** A snapshot that nothing was heard of for this long is taken for lost. */
export function tickSnapshots(raft: RaftState): void {
  const patienceTicks = 4 * raft.config.electionTicks
  for (const progress of raft.progress.values()) {
    if (progress.state !== 'snapshot') continue
    if (raft.tick - progress.snapshotTick < patienceTicks) continue
    probeAgain(raft, progress.id, progress.matchIndex)
  }
}

function install(raft: RaftState, {snapshot}: InstallSnapshot): void {
  raft.log.install(snapshot)
  raft.snapshotIndex = snapshot.index
  raft.snapshotTerm = snapshot.term
  // What was handed out before and not applied yet is part of the snapshot now.
  raft.membershipsApplying = [snapshot.membership]
}

function probeAgain(raft: RaftState, peer: NodeId, matchIndex: LogIndex): void {
  raft.progress.get(peer)?.becomeProbe(logIndex(matchIndex + 1))
}
