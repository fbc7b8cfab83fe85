/**
 * Log replication (paper §5.3) with flow control (thesis §10.2). Appends are built when the caller
 * takes a Ready, so that whatever gathered since the last one travels together.
 */
import {invariant} from './invariant.js'
import {maybeOrderTimeout} from './leadership-transfer.js'
import type {
  AppendEntries,
  AppendEntriesResponse,
  Heartbeat,
  HeartbeatResponse,
} from './messages.js'
import type {Progress} from './progress.js'
import type {RaftState} from './raft-state.js'
import {confirmReads} from './read-index.js'
import {becomeFollower, setLeader} from './roles.js'
import type {Entry, LogIndex, LogPosition, NodeId} from './types.js'
import {logIndex, ORIGIN} from './types.js'

/** Appends in flight to a lagging peer: enough to hide the round trip, not one a proposal. */
const LAGGING_WINDOW = 4

/** Sends each peer what it lacks, as far as its window allows. */
export function sendAppends(raft: RaftState): void {
  // News of a commit travels with the next entries, or alone with the next tick: sent at once it would
  // double the messages of a busy leader. A transfer lets no entries follow.
  const tellsCommits = raft.commitNewsDue || raft.transferTarget !== undefined
  for (const progress of raft.progress.values()) {
    progress.beginRound(raft.log.lastIndex, raft.tick)
    if (progress.state === 'snapshot') continue
    if (progress.state === 'probe') {
      if (!progress.probeSent) sendAppend(raft, progress)
      continue
    }
    let done = false
    while (progress.nextIndex <= lastFor(raft, progress) && hasWindow(raft, progress)) {
      done = true
      if (!sendAppend(raft, progress)) break
    }
    // News of a commit waits for the window like anything else: the peer may not be listening.
    const isNews = tellsCommits && progress.sentCommit < raft.log.commitIndex
    const news = isNews && hasWindow(raft, progress)
    if (!done && (news || progress.askAgain)) sendAppend(raft, progress, true)
  }
  raft.commitNewsDue = false
}

/**
 * Applies a leader's append (paper §5.3). The answer acknowledges the request's own range, never "my
 * last index", for what lies behind that range was not checked.
 */
export function handleAppendEntries(raft: RaftState, request: AppendEntries): void {
  followLeader(raft, request.from)
  const {log} = raft
  const {prev, entries} = request
  if (prev.index < log.commitIndex) {
    // What is committed is the same everywhere: the leader goes on from there.
    acknowledge(raft, request.from, log.commitIndex)
    return
  }
  if (!log.matches(prev)) {
    const hint = log.lastPositionUpToTerm(prev.index, prev.term)
    const rejection = {index: prev.index, rejected: true, hint}
    raft.sendAfterSync({kind: 'append-entries-response', to: request.from, ...rejection})
    return
  }
  const checkedTo = logIndex(prev.index + entries.length)
  log.appendAfter(prev, entries)
  log.commitTo(logIndex(Math.min(request.commitIndex, checkedTo)))
  acknowledge(raft, request.from, checkedTo)
}

export function handleAppendEntriesResponse(
  raft: RaftState,
  response: AppendEntriesResponse,
): void {
  const progress = heardFrom(raft, response.from)
  if (!progress || response.index > raft.log.lastIndex) return

  if (response.rejected) {
    const {index, term} = response.hint
    // Our own last position of that term or an older one: one probe a term, whichever side has more.
    const common = term === 0 ? index : raft.log.lastPositionUpToTerm(index, term).index
    progress.reject(response.index, common)
    return
  }

  const news = progress.acknowledge(response.index)
  progress.updateRound(raft.log.lastIndex, raft.tick)
  forgetInformed(raft, progress)
  if (progress.state === 'probe') progress.becomeReplicate()
  if (progress.state === 'snapshot' && progress.matchIndex >= raft.log.firstIndex - 1) {
    progress.becomeReplicate()
  }
  if (news) {
    raft.maybeCommit()
    maybeOrderTimeout(raft, progress)
  }
}

/** Keeps every member's election timer quiet, and carries read rounds. */
export function broadcastHeartbeat(raft: RaftState): void {
  raft.heartbeatElapsedTicks = 0
  for (const {id, matchIndex} of raft.progress.values()) {
    raft.sendNow({
      kind: 'heartbeat',
      to: id,
      // The receiver is not asked to check its log, so it is told only what it has acknowledged.
      commitIndex: logIndex(Math.min(matchIndex, raft.log.commitIndex)),
      readRound: raft.readRound,
    })
  }
}

export function handleHeartbeat(raft: RaftState, message: Heartbeat): void {
  followLeader(raft, message.from)
  raft.log.commitTo(message.commitIndex)
  const {from: to, readRound} = message
  raft.sendNow({kind: 'heartbeat-response', to, readRound})
}

export function handleHeartbeatResponse(raft: RaftState, response: HeartbeatResponse): void {
  const progress = heardFrom(raft, response.from)
  if (!progress) return
  progress.probeSent = false
  if (progress.matchIndex < lastFor(raft, progress)) progress.askAgain = true
  progress.readRound = Math.max(progress.readRound, response.readRound)
  confirmReads(raft)
  maybeOrderTimeout(raft, progress)
}

/** A message from our term's leader: it leads, and it is alive. */
export function followLeader(raft: RaftState, leader: NodeId): void {
  invariant(!raft.isLeader, 'a term has one leader')
  const campaigning = raft.role === 'candidate' || raft.role === 'pre-candidate'
  if (campaigning) becomeFollower(raft, raft.currentTerm, leader)
  else setLeader(raft, leader)
  raft.electionElapsedTicks = 0
}

/** Notes that a peer is alive; undefined for one that we don't serve. */
export function heardFrom(raft: RaftState, id: NodeId): Progress | undefined {
  const progress = raft.progress.get(id)
  if (!progress) return undefined
  progress.lastContactTick = raft.tick
  return progress
}

/** Stops serving a removed peer that holds its removal and was told of its commit. */
export function forgetInformed(raft: RaftState, progress: Progress): void {
  const {departing, matchIndex, sentCommit} = progress
  if (!departing) return
  if (matchIndex >= departing.removalIndex && sentCommit >= departing.removalIndex) {
    raft.progress.delete(progress.id)
  }
}

function acknowledge(raft: RaftState, to: NodeId, index: LogIndex): void {
  raft.sendAfterSync({
    kind: 'append-entries-response',
    to,
    index,
    rejected: false,
    hint: ORIGIN,
  })
}

/** Builds and queues one append; false when the peer needs a snapshot instead. */
function sendAppend(raft: RaftState, progress: Progress, empty = false): boolean {
  const {log, limits} = raft
  const prevIndex = logIndex(progress.nextIndex - 1)
  const prevTerm = log.term(prevIndex)
  if (prevTerm === undefined || progress.nextIndex < log.firstIndex) {
    requestSnapshot(raft, progress)
    return false
  }
  const prev: LogPosition = {index: prevIndex, term: prevTerm}
  const last = lastFor(raft, progress)
  const entries: Entry[] = empty
    ? []
    : log.entries(progress.nextIndex, last, limits.bytesPerAppendMax, limits.entriesPerAppendMax)
  raft.sendNow({
    kind: 'append-entries',
    to: progress.id,
    prev,
    entries,
    commitIndex: log.commitIndex,
  })
  progress.sentCommit = log.commitIndex
  progress.askAgain = false
  if (entries.length > 0 || progress.state === 'probe') {
    let bytes = 0
    for (const entry of entries) bytes += entry.record.length
    progress.sent(logIndex(prevIndex + entries.length), bytes)
  }
  return true
}

/** The peer's next entry is compacted. One that we don't hear from gets no snapshot sent after it. */
function requestSnapshot(raft: RaftState, progress: Progress): void {
  progress.probeSent = true
  if (!raft.hearsFrom(progress.id)) return
  progress.becomeSnapshot(raft.tick)
  raft.snapshotsNeeded.push(progress.id)
}

/** Observers see committed entries only, so that nothing of theirs is ever taken back. */
function lastFor(raft: RaftState, progress: Progress): LogIndex {
  const isObserver = raft.membership.observers.includes(progress.id)
  return isObserver ? raft.log.commitIndex : raft.log.lastIndex
}

function hasWindow(raft: RaftState, progress: Progress): boolean {
  const {limits} = raft
  if (progress.inFlightBytes >= limits.inFlightBytesMax) return false
  let window = limits.inFlightMessagesMax
  if (raft.membership.observers.includes(progress.id)) window = limits.observerWindow
  if (isLagging(raft, progress)) window = Math.min(window, LAGGING_WINDOW)
  return progress.inFlight < window
}

/** So far behind that it is served in pages, each answer asking for the next. */
export function isLagging(raft: RaftState, progress: Progress): boolean {
  return raft.log.lastIndex - progress.matchIndex > raft.limits.lagThreshold
}
