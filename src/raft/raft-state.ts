import type {RaftConfig, RaftLimits} from './config.js'
import {DEFAULT_LIMITS, membershipAtCreation} from './config.js'
import {encodeEntry} from './entry.js'
import {RaftLog} from './log.js'
import type {LogReader} from './log-reader.js'
import {isVoter, type Membership} from './membership.js'
import type {Message} from './messages.js'
import {Progress} from './progress.js'
import {quorumValue} from './quorum.js'
import type {ReadState} from './ready.js'
import type {EntryKind, GroupId, LogIndex, NodeId, Role, Term} from './types.js'
import {logIndex, term} from './types.js'

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
/** A message without its envelope; the term defaults to our own. */
export type Outgoing = DistributiveOmit<Message, 'from' | 'groupId' | 'term'> & {
  readonly term?: Term
}

/** A read barrier at the leader, for itself (`from` undefined) or for another member. */
export interface PendingRead {
  readonly token: number
  readonly from: NodeId | undefined
  /** Undefined until the leader has committed in its own term. */
  index: LogIndex | undefined
  round: number
}

/**
 * Everything that one node of a group holds in memory: the fields of the paper's figure 2 and what
 * its rules need besides. The rules are functions over it, one file a section.
 */
export class RaftState {
  readonly nodeId: NodeId
  readonly groupId: GroupId
  readonly config: RaftConfig
  readonly limits: RaftLimits
  readonly preVote: boolean
  readonly checkQuorum: boolean
  readonly log: RaftLog

  role: Role = 'follower'
  leaderId: NodeId | undefined
  currentTerm: Term = term(0)
  votedFor: NodeId | undefined
  /** As applied (a membership takes effect when its entry is applied). */
  membership: Membership
  /** Handed out for applying, not applied yet; ascending. */
  membershipsApplying: Membership[] = []
  /** No member any more, and nobody needs our vote to find that out. */
  removed = false
  /** When we first heard of a removal that we have not applied ourselves. */
  removalToldTick: number | undefined
  /** Members that have applied our removal, as we have. */
  removalWitnesses = new Set<NodeId>()
  snapshotIndex: LogIndex = logIndex(0)
  snapshotTerm: Term = term(0)

  /** Logical time since this process began. */
  tick = 0
  electionElapsedTicks = 0
  heartbeatElapsedTicks = 0
  electionDeadlineTicks = 0

  /** Candidates: answers of the campaign under way, one per peer. */
  votes = new Map<NodeId, boolean>()
  /** The campaign under way was ordered by a leader. */
  campaignForced = false

  /** Leaders: every other member, and those that leave. */
  progress = new Map<NodeId, Progress>()
  /** Leaders: no entry above it of this tail can be a membership that is not applied yet. */
  pendingMembershipIndex: LogIndex = logIndex(0)
  transferTarget: NodeId | undefined
  /** The transfer is given up at this tick. */
  transferDeadlineTick = 0
  /** Leaders: bytes of records appended by this leader and not committed yet, oldest first. */
  uncommitted: {index: LogIndex; bytes: number}[] = []
  uncommittedBytes = 0
  /** Leaders: index of the blank entry that began their term. */
  termStartIndex: LogIndex = logIndex(0)

  /** Leaders: commits are told now, also to peers for whom there are no entries. */
  commitNewsDue = false

  readRound = 0
  /** Leaders: barriers waiting for a round of heartbeats. */
  reads: PendingRead[] = []
  /** Others: asked of the leader, oldest first; given up at a tick, for the question may be lost. */
  readsForwarded: {readonly token: number; readonly untilTick: number}[] = []
  nextReadToken: number

  outNow: Message[] = []
  outAfterSync: Message[] = []
  readStates: ReadState[] = []
  readsRefused: number[] = []
  snapshotsNeeded: NodeId[] = []

  constructor(config: RaftConfig, reader: LogReader) {
    this.config = config
    this.nodeId = config.nodeId
    this.groupId = config.groupId
    this.limits = {...DEFAULT_LIMITS, ...config.limits}
    this.preVote = config.preVote ?? true
    this.checkQuorum = config.checkQuorum ?? true
    this.log = new RaftLog(reader)
    this.membership = membershipAtCreation(config)
    // A restart must not repeat the tokens that answers from before it may still carry.
    this.nextReadToken = config.random() * 0x10_0000
    this.role = this.restingRole()
    this.resetElectionTimer()
  }

  /** What this node is when it neither leads nor campaigns. */
  restingRole(): Role {
    if (isVoter(this.membership, this.nodeId)) return 'follower'
    if (this.membership.learners.includes(this.nodeId)) return 'learner'
    if (this.membership.observers.includes(this.nodeId)) return 'observer'
    return this.config.startsAsLearner ? 'learner' : 'follower'
  }

  get isLeader(): boolean {
    return this.role === 'leader'
  }

  /** Has this leader committed an entry of its own term? (paper §8) */
  get hasCommittedInTerm(): boolean {
    return this.isLeader && this.log.commitIndex >= this.termStartIndex
  }

  /** Heard from a live leader within the smallest election timeout (thesis §4.2.3). */
  get isWithinLease(): boolean {
    return (
      this.checkQuorum &&
      this.leaderId !== undefined &&
      this.electionElapsedTicks < this.config.electionTicks
    )
  }

  /** Leaders: was this peer heard from within an election timeout? */
  hearsFrom(id: NodeId): boolean {
    const at = this.progress.get(id)?.lastContactTick
    return at !== undefined && this.tick - at <= this.config.electionTicks
  }

  resetElectionTimer(): void {
    this.electionElapsedTicks = 0
    const {electionTicks, random} = this.config
    this.electionDeadlineTicks = electionTicks + (random() % electionTicks)
  }

  /** Queues a message that promises nothing. */
  sendNow(message: Outgoing): void {
    this.outNow.push(this.#address(message))
  }

  /** Queues a promise: it leaves once everything decided so far is durable (thesis §3.8). */
  sendAfterSync(message: Outgoing): void {
    this.outAfterSync.push(this.#address(message))
  }

  /** Appends an entry of our own term; the caller has checked that we lead. */
  appendOwn(kind: EntryKind, data?: Uint8Array): LogIndex {
    const index = logIndex(this.log.lastIndex + 1)
    const entry = encodeEntry(index, this.currentTerm, kind, data)
    this.log.append(entry)
    this.uncommitted.push({index, bytes: entry.record.length})
    this.uncommittedBytes += entry.record.length
    return index
  }

  /**
   * Moves the commit index to what a quorum holds durably, ourselves included only once it is on our
   * disk. Counts replicas only for entries of our own term: an older entry, though on a majority, can
   * still be overwritten (paper §5.4.2, figure 8).
   */
  maybeCommit(): boolean {
    const reached = quorumValue(this.membership, id => this.matchIndexOf(id))
    const index = logIndex(Math.min(reached, this.log.lastIndex))
    if (index <= this.log.commitIndex || this.log.term(index) !== this.currentTerm) return false
    this.log.commitTo(index)
    // A membership is in force on a member once it knows of the commit, so that is said at once.
    if (this.pendingMembershipIndex > this.log.lastApplied) this.commitNewsDue = true
    let done = 0
    while (done < this.uncommitted.length && this.uncommitted[done]!.index <= index) {
      this.uncommittedBytes -= this.uncommitted[done]!.bytes
      done++
    }
    this.uncommitted.splice(0, done)
    return true
  }

  /** What a member is known to hold durably; an unknown one counts as holding nothing. */
  matchIndexOf(id: NodeId): LogIndex {
    if (id === this.nodeId) return this.log.persistedIndex
    return this.progress.get(id)?.matchIndex ?? logIndex(0)
  }

  /** A fresh peer, probed from the end of the log. */
  trackPeer(id: NodeId): Progress {
    const progress = new Progress(id, logIndex(this.log.lastIndex + 1))
    progress.beginRound(this.log.lastIndex, this.tick)
    this.progress.set(id, progress)
    return progress
  }

  /** Completes the caller's fresh object in place: copying it would cost more than all else here. */
  #address(message: Outgoing): Message {
    const addressed = message as {-readonly [K in keyof Message]: Message[K]}
    addressed.groupId = this.groupId
    addressed.from = this.nodeId
    addressed.term ??= this.currentTerm
    return addressed as Message
  }
}
