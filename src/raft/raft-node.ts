/**
 * One node of one Raft group: a deterministic state machine that the caller drives.
 *
 *   tick, step, propose … ──▶ RaftNode ──▶ takeReady ──▶ disk, peers, state machine
 *                                ▲                                │
 *                                └── advancePersisted, advanceApplied
 *
 * It owns no clock, timer, socket, file or global randomness: the same calls give the same Readys.
 */
import type {RaftConfig} from './config.js'
import {checkConfig} from './config.js'
import {
  answerVote,
  campaign,
  handleRequestPreVote,
  handleRequestPreVoteResponse,
  handleRequestVote,
  handleRequestVoteResponse,
  handleTimeoutNow,
  mayCampaign,
  recordVote,
  tickElection,
} from './election.js'
import {invariant} from './invariant.js'
import type {TransferOutcome} from './leadership-transfer.js'
import {mostCaughtUpVoter, transferLeadership} from './leadership-transfer.js'
import type {LogReader} from './log-reader.js'
import type {ChangeOrigin, Membership} from './membership.js'
import {isRemovedId, isVoter, NO_ORIGIN} from './membership.js'
import type {MembershipChange, NewMember} from './membership-change.js'
import type {MembershipOutcome} from './membership-control.js'
import {
  advanceMembership,
  applyMemberships,
  askAboutRemoval,
  handleMemberRemoved,
  lagOf,
  noteMemberships,
  proposeMembership,
  tickDepartures,
} from './membership-control.js'
import type {
  AppendEntries,
  AppendEntriesResponse,
  Heartbeat,
  HeartbeatResponse,
  InstallSnapshot,
  InstallSnapshotResponse,
  MemberRemoved,
  Message,
  ReadIndex,
  ReadIndexResponse,
  RequestPreVote,
  RequestPreVoteResponse,
  RequestVote,
  RequestVoteResponse,
  SnapshotMeta,
  TimeoutNow,
} from './messages.js'
import {countVotes} from './quorum.js'
import {RaftState} from './raft-state.js'
import type {ReadIndexOutcome} from './read-index.js'
import {
  confirmReads,
  handleReadIndex,
  handleReadIndexResponse,
  readIndex,
  startReadRound,
  tickForwardedReads,
} from './read-index.js'
import type {Ready} from './ready.js'
import {
  broadcastHeartbeat,
  handleAppendEntries,
  handleAppendEntriesResponse,
  handleHeartbeat,
  handleHeartbeatResponse,
  isLagging,
  sendAppends,
} from './replication.js'
import {becomeFollower} from './roles.js'
import type {SnapshotReport} from './snapshot.js'
import {
  handleInstallSnapshot,
  handleInstallSnapshotResponse,
  reportSnapshot,
  tickSnapshots,
} from './snapshot.js'
import type {PeerStatus, RaftStatus} from './status.js'
import type {Entry, GroupId, HardState, LogIndex, LogPosition, NodeId, Role, Term} from './types.js'
import {logIndex, ORIGIN} from './types.js'

/**
 * What became of a proposal. Accepted is not committed: it is, once an entry of this very term is
 * applied at this index; an entry of another term there means that it is lost (paper §5.3).
 */
export type ProposeOutcome =
  | {readonly kind: 'accepted'; readonly term: Term; readonly index: LogIndex}
  | {
      readonly kind: 'refused'
      readonly reason: 'not-leader' | 'transferring' | 'too-much-uncommitted'
      /** Whoever leads as far as this node knows; itself when it leads and refuses. */
      readonly leader: NodeId | undefined
    }

export type LogEntriesRange =
  /** Without a gap, from `lo` on; empty when nothing of the range is committed. */
  | {readonly kind: 'entries'; readonly entries: Entry[]}
  /** `firstIndex`: where the log begins now. */
  | {readonly kind: 'log-compacted'; readonly firstIndex: LogIndex}

/** What storage found at start. */
export interface RestoredState {
  /** Term, vote and commit record of the last durable batch (paper, figure 2). */
  readonly hardState: HardState
  /** As of `appliedIndex`; undefined where none was applied. */
  readonly membership: Membership | undefined
  /** Up to it the state machine's durable state goes; at least where the log begins. */
  readonly appliedIndex: LogIndex
  /** Position of the newest snapshot; undefined where there is none. */
  readonly snapshot: LogPosition | undefined
}

/** What an in-flight Ready promised, to be counted once it is durable. */
interface ReadyInFlight {
  readonly number: number
  readonly term: Term
  readonly votedForSelf: boolean
}

export class RaftNode {
  readonly #raft: RaftState
  #readyNumber = 0
  #inFlight: ReadyInFlight[] = []
  /** What the last Ready with a hard state carried. */
  #handedOut: HardState
  #applyingBytes: {readonly index: LogIndex; readonly bytes: number}[] = []
  #installHandedOut: SnapshotMeta | undefined
  #started = false

  /** `log` shows what is durable; the core adds its own tail on the way there. */
  constructor(config: RaftConfig, log: LogReader) {
    checkConfig(config)
    this.#raft = new RaftState(config, log)
    const {currentTerm, votedFor} = this.#raft
    this.#handedOut = {term: currentTerm, votedFor, commitIndex: logIndex(0)}
  }

  /**
   * Takes up where storage left off; before the first tick or message only. The commit index starts
   * at the largest of snapshot, applied index and commit record: how far this node must apply before
   * it may count under its membership.
   */
  restore({hardState, membership, appliedIndex, snapshot}: RestoredState): void {
    const raft = this.#raft
    invariant(!this.#started, 'restore comes first')
    raft.currentTerm = hardState.term
    raft.votedFor = hardState.votedFor
    this.#handedOut = hardState
    const commit = Math.max(hardState.commitIndex, appliedIndex, snapshot?.index ?? 0)
    invariant(commit <= raft.log.lastIndex, 'the log holds everything that is committed')
    invariant(appliedIndex >= raft.log.firstIndex - 1, 'the state continues into the log')
    raft.log.commitIndex = logIndex(commit)
    raft.log.lastApplied = appliedIndex
    raft.log.applyingIndex = appliedIndex
    if (membership) raft.membership = membership
    if (snapshot) this.advanceSnapshot(snapshot)
    raft.role = raft.restingRole()
  }

  /** This node's own id; never changes. */
  get nodeId(): NodeId {
    return this.#raft.nodeId
  }
  /** The group that this node is of: messages of any other are ignored. */
  get groupId(): GroupId {
    return this.#raft.groupId
  }
  /** What this node is at the moment (paper, figure 4; thesis §9.6 for pre-candidates). */
  get role(): Role {
    return this.#raft.role
  }
  /** Who leads the current term, this node included; undefined where that is not known. */
  get leaderId(): NodeId | undefined {
    return this.#raft.leaderId
  }
  /** Never decreases; durable only with the next Ready's hard state (paper §5.1). */
  get currentTerm(): Term {
    return this.#raft.currentTerm
  }
  /** The highest entry that this node knows to be committed; never decreases (paper §5.3). */
  get commitIndex(): LogIndex {
    return this.#raft.log.commitIndex
  }
  /** The highest entry that `advanceApplied` reported; at most `commitIndex`. */
  get lastApplied(): LogIndex {
    return this.#raft.log.lastApplied
  }
  /** The last entry that the newest snapshot covers; 0 without one (paper §7). */
  get logSnapshotIndex(): LogIndex {
    return this.#raft.snapshotIndex
  }
  /** Term of the entry at `logSnapshotIndex`; 0 without a snapshot. */
  get logSnapshotTerm(): Term {
    return this.#raft.snapshotTerm
  }
  /** In force: as of the last entry applied, never one that is merely in the log (paper §6). */
  get membership(): Membership {
    return this.#raft.membership
  }
  /** Ids of every other member, ascending, as applied. */
  get peers(): NodeId[] {
    return this.#others(this.#raft.membership.members.map(member => member.id))
  }
  /** Ids of the other voters, ascending, as applied; of both halves in a joint stage (paper §6). */
  get voters(): NodeId[] {
    const {voters, votersOutgoing} = this.#raft.membership
    return this.#others([...new Set([...voters, ...votersOutgoing])])
  }
  /** Ids of all learners, ascending, this node included if it is one. They count in no quorum. */
  get learners(): NodeId[] {
    return [...this.#raft.membership.learners]
  }
  /** Ids of all observers, ascending, this node included if it is one. They see commits, no more. */
  get observers(): NodeId[] {
    return [...this.#raft.membership.observers]
  }
  /** Is this another node, and a learner? False for ids that are no members. */
  isLearnerPeer(id: NodeId): boolean {
    return id !== this.nodeId && this.#raft.membership.learners.includes(id)
  }
  /** True once this node is no member any more: the caller stops it. */
  get removed(): boolean {
    return this.#raft.removed
  }
  /** Leader only: what the peer is known to hold durably; undefined elsewhere and for strangers. */
  matchIndexFor(peer: NodeId): LogIndex | undefined {
    return this.#raft.progress.get(peer)?.matchIndex
  }
  /** Leader only: the voter that a transfer reaches soonest; undefined without another voter. */
  get bestTransferTarget(): NodeId | undefined {
    return mostCaughtUpVoter(this.#raft)
  }

  /**
   * One unit of logical time: election timeout (paper §5.2), heartbeat, check-quorum (thesis §6.2),
   * transfer timeout (§3.10), patience with snapshots. A removed node's time stands still.
   */
  tick(): void {
    this.#started = true
    const raft = this.#raft
    if (raft.removed) return
    raft.tick++
    tickForwardedReads(raft)
    if (raft.isLeader) this.#tickLeader()
    else if (tickElection(raft) && isRemovedId(raft.membership, raft.nodeId)) askAboutRemoval(raft)
  }

  /**
   * Starts an election now, with a pre-vote unless switched off; returns whether it did. Only a voter
   * may stand that does not lead, was not removed and has no committed membership still to apply.
   */
  campaign(): boolean {
    this.#started = true
    if (!mayCampaign(this.#raft)) return false
    campaign(this.#raft, this.#raft.preVote ? 'pre-vote' : 'vote')
    return true
  }

  /** Sets the current election timer, in ticks (≥ 1) from its last reset; the next is drawn again. */
  electionDeadlineOverride(ticks: number): void {
    this.#raft.electionDeadlineTicks = ticks
  }

  /** Leader only: gives leadership up at its own term. Its vote stays (paper §5.2). */
  stepDown(): boolean {
    if (!this.#raft.isLeader) return false
    becomeFollower(this.#raft, this.#raft.currentTerm, undefined)
    return true
  }

  /**
   * Leader only: appends a command (paper §5.3); `data` is copied. Refused during a transfer, and
   * while more than `uncommittedBytesMax` waits for a quorum; a single proposal is never too large.
   */
  propose(data: Uint8Array): ProposeOutcome {
    const raft = this.#raft
    const refuse = (reason: 'not-leader' | 'transferring' | 'too-much-uncommitted') =>
      ({kind: 'refused', reason, leader: raft.leaderId}) as const
    if (!raft.isLeader) return refuse('not-leader')
    if (raft.transferTarget !== undefined) return refuse('transferring')
    // A single proposal always fits, so that no size is refused for ever.
    const held = raft.uncommittedBytes
    if (held > 0 && held + data.length > raft.limits.uncommittedBytesMax) {
      return refuse('too-much-uncommitted')
    }
    const index = raft.appendOwn('command', data)
    return {kind: 'accepted', term: raft.currentTerm, index}
  }

  /**
   * Leader only: appends the membership that the change leads to (paper §6, thesis §4). One at a time,
   * by a leader that has committed in its own term and hands nothing over. `unchanged` when it holds
   * already. In force on each node once applied there. The named changes below are all of this kind.
   */
  proposeMembership(change: MembershipChange, origin: ChangeOrigin = NO_ORIGIN): MembershipOutcome {
    return proposeMembership(this.#raft, change, origin)
  }
  /** A new voter at once, without catching up first: for empty or tiny groups (thesis §4.1). */
  addPeer(member: NewMember, origin?: ChangeOrigin): MembershipOutcome {
    return this.proposeMembership({kind: 'add-voter', member}, origin)
  }
  /** A learner: gets the log, counts in no quorum (thesis §4.2.1). Its id comes from the membership. */
  addLearner(member: NewMember, origin?: ChangeOrigin): MembershipOutcome {
    return this.proposeMembership({kind: 'add-learner', member}, origin)
  }
  /** An observer: gets committed entries in a bounded window; never becomes anything else. */
  addObserver(member: NewMember, origin?: ChangeOrigin): MembershipOutcome {
    return this.proposeMembership({kind: 'add-observer', member}, origin)
  }
  /** Removes a voter; a removed leader hands over once it has applied this (thesis §4.2.2). */
  removePeer(id: NodeId, origin?: ChangeOrigin): MembershipOutcome {
    return this.proposeMembership({kind: 'remove-voter', id}, origin)
  }
  /** Removes a learner; `not-a-learner` for any other member. */
  removeLearner(id: NodeId, origin?: ChangeOrigin): MembershipOutcome {
    return this.proposeMembership({kind: 'remove-learner', id}, origin)
  }
  /** Removes an observer; `not-an-observer` for any other member. */
  removeObserver(id: NodeId, origin?: ChangeOrigin): MembershipOutcome {
    return this.proposeMembership({kind: 'remove-observer', id}, origin)
  }
  /** A caught-up learner becomes a voter; `learner-lags` with figures otherwise (thesis §4.2.1). */
  promoteLearner(id: NodeId, origin?: ChangeOrigin): MembershipOutcome {
    return this.proposeMembership({kind: 'promote', id}, origin)
  }
  /** A voter becomes a learner; never the last one. */
  demoteVoter(id: NodeId, origin?: ChangeOrigin): MembershipOutcome {
    return this.proposeMembership({kind: 'demote', id}, origin)
  }
  /**
   * The whole voter and learner set at once (paper §6): its new voters catch up as learners, then both
   * halves decide jointly, then the new one alone; the leader takes each step by itself. Every id is
   * a member already; voters and learners that are not named leave.
   */
  changeMembership(
    set: {readonly voters: readonly NodeId[]; readonly learners: readonly NodeId[]},
    origin?: ChangeOrigin,
  ): MembershipOutcome {
    return this.proposeMembership({kind: 'set', ...set}, origin)
  }

  /**
   * A linearizable read barrier (thesis §6.4), on any node that knows a leader. Its answer comes in a
   * Ready with this token: a read state once a quorum has confirmed the leader, or a refusal when that
   * can't be had any more or no answer came within two election timeouts. Tokens never repeat.
   */
  readIndex(): ReadIndexOutcome {
    return readIndex(this.#raft)
  }

  /**
   * Leader only: catches the target up and has it campaign at once (thesis §3.10); given up after one
   * election timeout, proposals refused meanwhile. `unchanged` when the target is this leader.
   */
  transferLeadership(target: NodeId): TransferOutcome {
    return transferLeadership(this.#raft, target)
  }

  /** Leader only: the caller's word on the snapshot that `snapshotsNeeded` asked for (paper §7). */
  reportSnapshot(peer: NodeId, report: SnapshotReport): void {
    reportSnapshot(this.#raft, peer, report)
  }

  /** A snapshot of our own is durable at this position; the caller may compact the log behind it. */
  advanceSnapshot({index, term}: LogPosition): void {
    if (index <= this.#raft.snapshotIndex) return
    this.#raft.snapshotIndex = index
    this.#raft.snapshotTerm = term
  }

  /**
   * Committed entries of [lo, hi]. `hi` is clamped to the commit index, so that "up to the largest
   * number" never shows an uncommitted entry; `lo` before the first entry that the log still holds
   * answers with that entry's index. Cut off once the records exceed `bytesMax` bytes, but at least
   * one entry.
   */
  logEntriesRange(lo: LogIndex, hi: LogIndex, bytesMax = Number.MAX_SAFE_INTEGER): LogEntriesRange {
    const {log} = this.#raft
    if (lo < log.firstIndex) return {kind: 'log-compacted', firstIndex: log.firstIndex}
    const end = logIndex(Math.min(hi, log.commitIndex))
    return {kind: 'entries', entries: log.entries(lo, end, bytesMax)}
  }

  /**
   * Takes any message. All of them pass the same term filter (paper §5.1) with three exceptions:
   * pre-votes change no term; a vote asked within a leader's lease is ignored before its term is
   * adopted; a campaign that a leader ordered overrides the lease.
   */
  step(message: Message): void {
    this.#started = true
    const raft = this.#raft
    if (message.groupId !== raft.groupId || message.to !== raft.nodeId) return
    if (message.kind === 'member-removed') {
      handleMemberRemoved(raft, message)
      return
    }
    if ('commit' in message) raft.log.learnCommitted(message.commit)

    const asksForVote = message.kind === 'request-vote' || message.kind === 'request-pre-vote'
    // Never promoted, an observer is no voter in anybody's membership.
    if (asksForVote && raft.role === 'observer') return
    if (asksForVote && isRemovedId(raft.membership, message.from)) {
      const membershipIndex = raft.membership.index
      raft.sendNow({kind: 'member-removed', to: message.from, membershipIndex})
      return
    }
    const ordered = message.kind === 'request-vote' && message.force
    if (asksForVote && !ordered && message.term > raft.currentTerm && raft.isWithinLease) return

    if (message.term > raft.currentTerm && !isPreVoteTerm(message)) {
      becomeFollower(raft, message.term, isFromLeader(message) ? message.from : undefined)
    } else if (message.term < raft.currentTerm && message.kind !== 'request-pre-vote') {
      this.#answerStale(message)
      return
    }
    this.#dispatch(message)
  }

  // One method a message, for callers that know what they hold; all of them are `step`.
  handleRequestPreVote(message: RequestPreVote): void {
    this.step(message)
  }
  handleRequestPreVoteResponse(message: RequestPreVoteResponse): void {
    this.step(message)
  }
  handleRequestVote(message: RequestVote): void {
    this.step(message)
  }
  handleRequestVoteResponse(message: RequestVoteResponse): void {
    this.step(message)
  }
  handleAppendEntries(message: AppendEntries): void {
    this.step(message)
  }
  handleAppendEntriesResponse(message: AppendEntriesResponse): void {
    this.step(message)
  }
  handleHeartbeat(message: Heartbeat): void {
    this.step(message)
  }
  handleHeartbeatResponse(message: HeartbeatResponse): void {
    this.step(message)
  }
  handleInstallSnapshot(message: InstallSnapshot): void {
    this.step(message)
  }
  handleInstallSnapshotResponse(message: InstallSnapshotResponse): void {
    this.step(message)
  }
  handleTimeoutNow(message: TimeoutNow): void {
    this.step(message)
  }
  handleReadIndex(message: ReadIndex): void {
    this.step(message)
  }
  handleReadIndexResponse(message: ReadIndexResponse): void {
    this.step(message)
  }

  handleMemberRemoved(message: MemberRemoved): void {
    this.step(message)
  }

  /**
   * Everything to be done since the last one; undefined when there is nothing. Several may be in
   * flight: their writes become durable, and are reported, in the order of their numbers.
   */
  takeReady(): Ready | undefined {
    const raft = this.#raft
    const {log} = raft
    if (raft.isLeader) {
      advanceMembership(raft)
      if (startReadRound(raft)) broadcastHeartbeat(raft)
      confirmReads(raft)
      sendAppends(raft)
    }
    const number = this.#readyNumber + 1
    const snapshot = this.#snapshotToHandOut()
    const writes = snapshot !== undefined || log.hasEntriesToHandOut()
    const hardState = this.#hardStateToHandOut(writes)
    const entries = writes ? log.handOut(number, snapshot) : []
    const committedEntries = this.#pageToApply()
    const ready: Ready = {
      number,
      sendNow: raft.outNow,
      snapshot,
      hardState,
      entries,
      sendAfterSync: raft.outAfterSync,
      committedEntries,
      snapshotsNeeded: raft.snapshotsNeeded,
      readStates: raft.readStates,
      readsRefused: raft.readsRefused,
    }
    if (isEmpty(ready)) return undefined

    this.#readyNumber = number
    const votedForSelf = hardState !== undefined && raft.votedFor === raft.nodeId
    this.#inFlight.push({number, term: raft.currentTerm, votedForSelf})
    raft.outNow = []
    raft.outAfterSync = []
    raft.snapshotsNeeded = []
    raft.readStates = []
    raft.readsRefused = []
    return ready
  }

  /**
   * Everything that Readys up to this number write is durable, so what depends on it counts now: our
   * own entries, our vote for ourselves (thesis §3.8). To be called before `sendAfterSync` leaves.
   */
  advancePersisted(readyNumber: number): void {
    const raft = this.#raft
    invariant(readyNumber <= this.#readyNumber, 'only a Ready that was taken can be persisted')
    raft.log.persisted(readyNumber)
    let votedForSelf = false
    while (this.#inFlight.length > 0 && this.#inFlight[0]!.number <= readyNumber) {
      const done = this.#inFlight.shift()!
      if (done.votedForSelf && done.term === raft.currentTerm) votedForSelf = true
    }
    if (votedForSelf && raft.role === 'candidate') recordVote(raft, raft.nodeId, true)
    if (raft.isLeader) raft.maybeCommit()
  }

  /** Everything up to `index` is applied; memberships up to it are in force from now on. */
  advanceApplied(index: LogIndex): void {
    const raft = this.#raft
    const {log} = raft
    if (index <= log.lastApplied) return
    invariant(index <= log.applyingIndex, 'only what was handed out can be applied')
    log.lastApplied = index
    while (this.#applyingBytes.length > 0 && this.#applyingBytes[0]!.index <= index) {
      this.#applyingBytes.shift()
    }
    applyMemberships(raft, index)
  }

  /** Everything above and each peer's progress, as one plain object that nobody shares. */
  status(): RaftStatus {
    const raft = this.#raft
    const {log} = raft
    return {
      nodeId: raft.nodeId,
      groupId: raft.groupId,
      role: raft.role,
      leaderId: raft.leaderId,
      currentTerm: raft.currentTerm,
      votedFor: raft.votedFor,
      firstIndex: log.firstIndex,
      lastIndex: log.lastIndex,
      persistedIndex: log.persistedIndex,
      commitIndex: log.commitIndex,
      lastApplied: log.lastApplied,
      logSnapshotIndex: raft.snapshotIndex,
      logSnapshotTerm: raft.snapshotTerm,
      membership: raft.membership,
      transferTarget: raft.transferTarget,
      progress: [...raft.progress.keys()].sort((a, b) => a - b).map(id => this.#peerStatus(id)),
      removed: raft.removed,
    }
  }

  #tickLeader(): void {
    const raft = this.#raft
    raft.electionElapsedTicks++
    if (raft.electionElapsedTicks >= raft.config.electionTicks) {
      // From the first election timeout on, every tick looks back over one.
      raft.electionElapsedTicks = raft.config.electionTicks - 1
      if (raft.checkQuorum && !this.#hearsQuorum()) {
        becomeFollower(raft, raft.currentTerm, undefined)
        return
      }
    }
    if (raft.transferTarget !== undefined && raft.tick >= raft.transferDeadlineTick) {
      raft.transferTarget = undefined
      // No voter any more, and nobody took over: whoever is left elects one of themselves.
      if (!isVoter(raft.membership, raft.nodeId)) {
        becomeFollower(raft, raft.currentTerm, undefined)
        return
      }
    }
    raft.commitNewsDue = true
    raft.heartbeatElapsedTicks++
    if (raft.heartbeatElapsedTicks >= raft.config.heartbeatTicks) broadcastHeartbeat(raft)
    tickSnapshots(raft)
    tickDepartures(raft)
  }

  /** Has a quorum been heard from within an election timeout? (thesis §6.2) */
  #hearsQuorum(): boolean {
    const raft = this.#raft
    const heard = (id: NodeId) => id === raft.nodeId || raft.hearsFrom(id)
    return countVotes(raft.membership, heard) === 'won'
  }

  /** An older term: leaders and candidates learn of ours; anything else is ignored. */
  #answerStale(message: Message): void {
    const raft = this.#raft
    const {from: to} = message
    if (message.kind === 'request-vote') {
      answerVote(raft, to, false)
    } else if (isFromLeader(message)) {
      // Frees a node that is stuck at a higher term: its leader steps down and a new one is found.
      const rejection = {index: ORIGIN.index, rejected: true, hint: ORIGIN}
      raft.sendAfterSync({kind: 'append-entries-response', to, ...rejection})
    }
  }

  #dispatch(message: Exclude<Message, MemberRemoved>): void {
    const raft = this.#raft
    switch (message.kind) {
      case 'request-pre-vote':
        handleRequestPreVote(raft, message)
        return
      case 'request-pre-vote-response':
        handleRequestPreVoteResponse(raft, message)
        return
      case 'request-vote':
        handleRequestVote(raft, message)
        return
      case 'request-vote-response':
        handleRequestVoteResponse(raft, message)
        return
      case 'append-entries':
        handleAppendEntries(raft, message)
        return
      case 'append-entries-response':
        if (raft.isLeader) handleAppendEntriesResponse(raft, message)
        return
      case 'heartbeat':
        handleHeartbeat(raft, message)
        return
      case 'heartbeat-response':
        if (raft.isLeader) handleHeartbeatResponse(raft, message)
        return
      case 'install-snapshot':
        handleInstallSnapshot(raft, message)
        return
      case 'install-snapshot-response':
        if (raft.isLeader) handleInstallSnapshotResponse(raft, message)
        return
      case 'timeout-now':
        handleTimeoutNow(raft, message)
        return
      case 'read-index':
        handleReadIndex(raft, message)
        return
      case 'read-index-response':
        handleReadIndexResponse(raft, message)
        return
    }
  }

  #snapshotToHandOut(): SnapshotMeta | undefined {
    const {installing} = this.#raft.log
    if (!installing || installing === this.#installHandedOut) return undefined
    this.#installHandedOut = installing
    return installing
  }

  /**
   * Written whenever term or vote changed, and with every entry: the commit record that rides along
   * tells, after a restart, up to which membership this node had to apply. A membership that was
   * applied is recorded at once, so that a restart does not bring back an older one.
   */
  #hardStateToHandOut(writes: boolean): HardState | undefined {
    const {currentTerm, votedFor, membership, log} = this.#raft
    const before = this.#handedOut
    const same =
      before.term === currentTerm &&
      before.votedFor === votedFor &&
      before.commitIndex >= membership.index
    if (same && !writes) return undefined
    this.#handedOut = {term: currentTerm, votedFor, commitIndex: log.commitIndex}
    return this.#handedOut
  }

  /** The next page to apply: committed, durable here, each entry once, a bounded amount at a time. */
  #pageToApply(): readonly Entry[] {
    const raft = this.#raft
    const {log, limits} = raft
    const end = logIndex(Math.min(log.commitIndex, log.persistedIndex))
    if (log.installing || log.applyingIndex >= end) return []
    let applying = 0
    for (const {bytes} of this.#applyingBytes) applying += bytes
    if (applying >= limits.applyingBytesMax) return []
    const page = log.entries(logIndex(log.applyingIndex + 1), end, limits.applyBytesMax)
    const last = page.at(-1)!.index
    log.applyingIndex = last
    this.#applyingBytes.push({
      index: last,
      bytes: page.reduce((sum, entry) => sum + entry.record.length, 0),
    })
    noteMemberships(raft, page)
    return page
  }

  #peerStatus(id: NodeId): PeerStatus {
    const raft = this.#raft
    const progress = raft.progress.get(id)!
    const {matchIndex, nextIndex, state, lastContactTick, inFlight} = progress
    return {
      id,
      matchIndex,
      nextIndex,
      state,
      lastContactTicks: lastContactTick === undefined ? undefined : raft.tick - lastContactTick,
      inFlight,
      lag: raft.log.lastIndex - matchIndex,
      lagging: isLagging(raft, progress),
      recentlyActive: raft.hearsFrom(id),
      caughtUp: lagOf(raft, id) === undefined,
      entriesPerTick: progress.entriesPerTick,
    }
  }

  #others(ids: readonly NodeId[]): NodeId[] {
    return ids.filter(id => id !== this.nodeId).sort((a, b) => a - b)
  }
}

/** Pre-votes are asked and granted at a term that nobody has entered. */
function isPreVoteTerm(message: Message): boolean {
  return (
    message.kind === 'request-pre-vote' ||
    (message.kind === 'request-pre-vote-response' && message.granted)
  )
}

function isFromLeader(message: Message): boolean {
  return (
    message.kind === 'append-entries' ||
    message.kind === 'heartbeat' ||
    message.kind === 'install-snapshot'
  )
}

function isEmpty(ready: Ready): boolean {
  return (
    ready.sendNow.length === 0 &&
    ready.snapshot === undefined &&
    ready.hardState === undefined &&
    ready.entries.length === 0 &&
    ready.sendAfterSync.length === 0 &&
    ready.committedEntries.length === 0 &&
    ready.snapshotsNeeded.length === 0 &&
    ready.readStates.length === 0 &&
    ready.readsRefused.length === 0
  )
}
