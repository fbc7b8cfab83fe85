/**
 * Makes log, snapshot and state agree before the core starts. Installing a snapshot writes the file,
 * then resets the log, then rebuilds the state; a crash between any two leaves one of these:
 *
 *   the log ends before the newest snapshot, or contradicts it  → the log is reset to it
 *   the state ends before the log begins                        → the state is rebuilt from it
 *
 * What no crash leaves is refused (RAFTCTL_DATA_DAMAGED) before anything is written.
 */
import {RaftctlError} from '../errors.js'
import type {RestoredState} from '../raft/raft-node.js'
import type {HardState} from '../raft/types.js'
import {logIndex} from '../raft/types.js'
import type {DurableLog, SnapshotInfo, SnapshotStore, StateMachine} from './ports.js'

export async function recover(
  log: DurableLog,
  stateMachine: StateMachine,
  snapshots: SnapshotStore,
): Promise<RestoredState> {
  const snapshot = snapshots.latest()
  const {hardState} = log
  if (hardState.commitIndex > log.lastIndex()) throw logCut(log)
  if (stateMachine.appliedIndex > log.lastIndex()) throw stateAhead(stateMachine, log)
  if (snapshot && !holds(log, snapshot)) {
    if (snapshot.index <= hardState.commitIndex) throw contradiction(snapshot, log)
    await log.append({
      reset: {index: snapshot.index, term: snapshot.term},
      hardState: hardStateAt(snapshot, hardState),
      entries: [],
    })
  }
  const logStart = logIndex(log.firstIndex() - 1)
  if (stateMachine.appliedIndex < logStart) {
    if (!snapshot || snapshot.index < logStart) throw missingSnapshot(stateMachine, logStart)
    await stateMachine.restore(snapshot, snapshots.content(snapshot.id))
  }
  return {
    hardState: log.hardState,
    membership: stateMachine.appliedIndex > 0 ? stateMachine.membership : undefined,
    appliedIndex: stateMachine.appliedIndex,
    snapshot: snapshot && {index: snapshot.index, term: snapshot.term},
  }
}

const REPLACE_HINT =
  'This disk lost or changed synced data. Replace this member: "raftctl member remove", then "raftctl member add".'

/** Does the log hold this position, or has it been compacted past it? */
function holds(log: DurableLog, {index, term}: SnapshotInfo): boolean {
  if (index < log.firstIndex() - 1) return true
  return log.term(index) === term
}

/** Whoever sent the snapshot was in its term, and so are we: our vote was of an older one. */
function hardStateAt({index, term}: SnapshotInfo, before: HardState): HardState {
  const isNewTerm = term > before.term
  return {
    term: isNewTerm ? term : before.term,
    votedFor: isNewTerm ? undefined : before.votedFor,
    commitIndex: index,
  }
}

function logCut(log: DurableLog): RaftctlError {
  const {commitIndex} = log.hardState
  return new RaftctlError(
    'RAFTCTL_DATA_DAMAGED',
    `the log counts index ${commitIndex} as committed, but ends at ${log.lastIndex()}`,
    {hint: REPLACE_HINT, details: {commitIndex, lastIndex: log.lastIndex()}},
  )
}

function contradiction({id, index}: SnapshotInfo, log: DurableLog): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_DATA_DAMAGED',
    `the snapshot ${id} and the log hold different histories: index ${index} of the log is of term ${log.term(index)}, and committed`,
    {hint: REPLACE_HINT, details: {snapshotId: id, index, term: log.term(index)}},
  )
}

function missingSnapshot(stateMachine: StateMachine, logStart: number): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_DATA_DAMAGED',
    `the state ends at index ${stateMachine.appliedIndex}, the log begins after ${logStart}, and no snapshot covers what lies between`,
    {
      hint: 'Put the missing snapshot file back, or replace this member: "raftctl member remove", then "raftctl member add".',
      details: {appliedIndex: stateMachine.appliedIndex, firstIndex: logStart + 1},
    },
  )
}

function stateAhead(stateMachine: StateMachine, log: DurableLog): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_DATA_DAMAGED',
    `the state has applied index ${stateMachine.appliedIndex}, but the log ends at ${log.lastIndex()}: acknowledged entries are gone`,
    {
      hint: REPLACE_HINT,
      details: {appliedIndex: stateMachine.appliedIndex, lastIndex: log.lastIndex()},
    },
  )
}
