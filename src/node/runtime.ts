/**
 * One Raft group of this process: turns the core's Readys into writes, messages and applied commands,
 * in the one legal order.
 *
 *   services ──propose, readBarrier──▶ RaftNode ──takeReady──┬─▶ LogWriter ──durable──▶ answers leave
 *   peers ─────step──────────────────▶   ▲                   ├─▶ Transport
 *                                        └──applied── Applier ◀┘──▶ StateMachine
 *
 * Everything that arrives during one turn of the event loop is drained together at its end.
 */
import {RaftctlError} from '../errors.js'
import type {Membership} from '../raft/membership.js'
import type {Message, SnapshotMeta} from '../raft/messages.js'
import {type ProposeOutcome, RaftNode} from '../raft/raft-node.js'
import type {Ready} from '../raft/ready.js'
import type {RaftStatus} from '../raft/status.js'
import type {Entry, LogIndex, NodeId, Term} from '../raft/types.js'
import {logIndex} from '../raft/types.js'
import type {
  Applied,
  Counters,
  LeaderChange,
  LogRange,
  MembershipChanged,
  MembershipRequest,
  NodeRuntimeApi,
  ProposalWaiter,
} from './api.js'
import {Applier} from './applier.js'
import {LogWriter} from './log-writer.js'
import {notLeader, refusal, toChange} from './membership-requests.js'
import {Meters} from './meters.js'
import type {RuntimeParts} from './parts.js'
import {PendingProposals, PendingReads} from './pending.js'
import type {ApplyResult, SnapshotInfo, UnusableSnapshot} from './ports.js'
import {recover} from './recovery.js'
import {electionTicks, heartbeatTicks} from './settings.js'
import {Snapshotter} from './snapshotter.js'

export type CoreView = Readonly<
  Pick<
    RaftNode,
    | 'nodeId'
    | 'role'
    | 'leaderId'
    | 'currentTerm'
    | 'commitIndex'
    | 'lastApplied'
    | 'membership'
    | 'removed'
    | 'status'
  >
>

/** A node whose disk is low tries to hand leadership over this often: the others may be low too. */
const HAND_OVER_MS = 10_000

/** A turn of the event loop rarely has more than two. */
const READYS_PER_TURN_MAX = 100

/** How long a read barrier waits for a quorum, in smallest election timeouts. */
const READ_PATIENCE_TIMEOUTS = 8

/** How long a transfer's outcome is waited for: the election it starts may need a second round. */
const TRANSFER_PATIENCE_TIMEOUTS = 6

export class NodeRuntime implements NodeRuntimeApi {
  readonly #parts: RuntimeParts
  readonly #raft: RaftNode
  readonly #writer: LogWriter
  readonly #applier: Applier
  readonly #snapshotter: Snapshotter
  readonly #proposals = new PendingProposals()
  readonly #reads = new PendingReads()
  readonly #listeners = new Set<() => void>()
  readonly #commitListeners = new Set<() => void>()
  #commitTold = 0
  readonly latencies: Meters
  #barrier: Promise<LogIndex> | undefined
  #drainScheduled = false
  #stopTicking: () => void = () => {}
  #state: 'running' | 'stopping' | 'stopped' = 'running'
  #failed = false
  #stopping: Promise<void> | undefined
  #ended: Promise<void> | undefined
  #seen: Pick<RaftStatus, 'role' | 'currentTerm' | 'leaderId' | 'membership'> | undefined
  #removedTold = false
  #diskWasLow = false
  #handOverMs = Number.NEGATIVE_INFINITY
  #counts = {
    proposals: 0,
    proposalsRefused: 0,
    entriesAppended: 0,
    entriesApplied: 0,
    elections: 0,
    leaderChanges: 0,
    messagesSent: 0,
    messagesReceived: 0,
    snapshotsInstalled: 0,
  }

  /** Recovers log, state and snapshots, and starts ticking. RAFTCTL_DATA_DAMAGED. */
  static async start(parts: RuntimeParts): Promise<NodeRuntime> {
    const restored = await recover(parts.log, parts.stateMachine, parts.snapshots)
    const {nodeId, groupId, settings, random} = parts
    const raft = new RaftNode(
      {
        nodeId,
        groupId,
        random,
        electionTicks: electionTicks(settings),
        heartbeatTicks: heartbeatTicks(settings),
        limits: settings.limits,
      },
      parts.log,
    )
    raft.restore(restored)
    return new NodeRuntime(parts, raft)
  }

  private constructor(parts: RuntimeParts, raft: RaftNode) {
    this.#parts = parts
    this.#raft = raft
    this.latencies = new Meters(parts.clock, parts.settings.tickMs)
    this.#writer = new LogWriter(
      parts.log,
      parts.clock,
      (readys, syncMs) => this.#persisted(readys, syncMs),
      error => this.#fail(error),
    )
    this.#applier = new Applier(parts.stateMachine, parts.snapshots, parts.clock, {
      applied: (entries, results, ms) => this.#applied(entries, results, ms),
      restored: meta => this.#restored(meta),
      failed: error => this.#fail(error),
    })
    this.#snapshotter = new Snapshotter(parts, raft, {
      changed: () => this.#schedule(),
      failed: error => this.#fail(error),
    })
    this.#stopTicking = parts.clock.every(parts.settings.tickMs, () => this.#tick())
    this.#watchChanges()
    this.#schedule()
  }

  status(): RaftStatus {
    return this.#raft.status()
  }

  /** The core, to be looked at only: what a simulation's checkers see after every event. */
  get core(): CoreView {
    return this.#raft
  }

  counters(): Counters {
    const {sync} = this.latencies
    return {
      ...this.#counts,
      proposalsPending: this.#proposals.size,
      logSyncs: sync.count,
      logSyncMs: sync.sumMs,
      logBytes: this.#parts.log.bytesWritten,
      snapshotsCreated: this.#snapshotter.created,
    }
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  onCommit(listener: () => void): () => void {
    this.#commitListeners.add(listener)
    return () => this.#commitListeners.delete(listener)
  }

  step(messages: readonly Message[]): void {
    if (this.#state === 'stopped') return
    this.#run(() => {
      this.#tell('received', messages)
      for (const message of messages) this.#raft.step(message)
      this.#counts.messagesReceived += messages.length
    })
    this.#schedule()
  }

  propose(data: Uint8Array): Promise<Applied> {
    return new Promise((resolve, failed) => {
      const applied = (index: LogIndex, term: Term, result: ApplyResult) =>
        resolve({index, term, result})
      this.submit(data, {applied, failed})
    })
  }

  submit(data: Uint8Array, waiter: ProposalWaiter): void {
    let outcome: ProposeOutcome
    try {
      this.#checkRunning()
      if (this.#isDiskLow && this.#raft.role === 'leader') {
        this.#counts.proposalsRefused++
        throw diskLow(this.#raft.nodeId, this.#parts)
      }
      outcome = this.#guard(() => this.#raft.propose(data))
      if (outcome.kind === 'refused') {
        this.#counts.proposalsRefused++
        throw this.#proposalRefused(outcome.reason, outcome.leader)
      }
    } catch (error) {
      waiter.failed(error)
      return
    }
    this.#counts.proposals++
    this.latencies.proposed(outcome.index)
    this.#schedule()
    this.#proposals.add(outcome.index, outcome.term, waiter)
  }

  /** Callers of one turn share a barrier: all of them ask before it is sent. */
  readBarrier(): Promise<LogIndex> {
    this.#barrier ??= this.#startBarrier()
    return this.#barrier
  }

  async changeMembership(request: MembershipRequest): Promise<MembershipChanged> {
    this.#checkRunning()
    const before = this.#raft.membership
    const {tickMs} = this.#parts.settings
    if (request.expectedIndex !== undefined && request.expectedIndex !== before.index) {
      throw new RaftctlError(
        'RAFTCTL_COMPARE_FAILED',
        `the membership has changed since: it is of index ${before.index}, not ${request.expectedIndex}`,
        {hint: 'Look at "raftctl member list" and try again.', details: {index: before.index}},
      )
    }
    const isCaughtUp = (id: NodeId) => {
      return this.#raft.status().progress.some(peer => peer.id === id && peer.caughtUp)
    }
    const change = toChange(request, before, isCaughtUp)
    const outcome = this.#guard(() => this.#raft.proposeMembership(change, request.origin))
    if (outcome.kind === 'refused') throw refusal(outcome, request, before, tickMs)
    if (outcome.kind === 'unchanged') {
      return {before, after: before, memberId: undefined, changed: false}
    }
    this.#schedule()
    await this.#appliedAt(outcome.index, outcome.term)
    const added = outcome.membership.nextMemberId > before.nextMemberId
    const memberId = added ? (before.nextMemberId as NodeId) : undefined
    return {before, after: outcome.membership, memberId, changed: true}
  }

  #appliedAt(index: LogIndex, term: Term): Promise<void> {
    return new Promise((resolve, failed) => {
      this.#proposals.add(index, term, {applied: () => resolve(), failed})
    })
  }

  async transferLeadership(to: NodeId | undefined): Promise<LeaderChange> {
    this.#checkRunning()
    const {nodeId: from, membership} = this.#raft
    const target = to ?? this.#raft.bestTransferTarget
    if (this.#raft.role === 'leader' && target === undefined) {
      throw new RaftctlError('RAFTCTL_REFUSED', 'there is no other voter to lead', {
        hint: 'Add one with "raftctl member add".',
        details: {rule: 'no-other-voter'},
      })
    }
    const outcome = this.#guard(() => this.#raft.transferLeadership(target ?? from))
    if (outcome.kind === 'unchanged') return {from, to: from, term: this.#raft.currentTerm}
    if (outcome.kind === 'refused') {
      if (outcome.reason === 'not-leader') throw notLeader(outcome.leader, membership)
      if (outcome.reason === 'in-progress') {
        throw new RaftctlError(
          'RAFTCTL_CHANGE_IN_FLIGHT',
          'leadership is being handed over already',
          {
            hint: 'Look at "raftctl leader show" in a moment.',
          },
        )
      }
      throw new RaftctlError('RAFTCTL_REFUSED', `member ${target} is no voter, so it can't lead`, {
        hint: `Promote it first: "raftctl member promote ${target}".`,
        details: {rule: outcome.reason, memberId: target},
      })
    }
    this.#schedule()
    return this.#leaderChange(from, target!)
  }

  async createSnapshot(atLeast?: LogIndex): Promise<SnapshotInfo> {
    this.#checkRunning()
    return this.#snapshotter.create(atLeast)
  }

  listSnapshots(): SnapshotInfo[] {
    return this.#parts.snapshots.list()
  }

  unusableSnapshots(): readonly UnusableSnapshot[] {
    return this.#parts.snapshots.unusable()
  }

  async deleteSnapshot(id: string): Promise<void> {
    this.#checkRunning()
    await this.#snapshotter.delete(id)
  }

  readSnapshot(id: string, offset: number, chunkBytes: number): AsyncIterable<Uint8Array> {
    this.#checkRunning()
    return this.#parts.snapshots.read(id, offset, chunkBytes)
  }

  logEntriesRange(lo: LogIndex, hi: LogIndex, bytesMax: number): LogRange {
    // What is closed can't be read, and that is no failure.
    if (this.#state === 'stopped') throw stopping()
    const range = this.#guard(() => this.#raft.logEntriesRange(lo, hi, bytesMax))
    if (range.kind === 'log-compacted') return range
    const {commitIndex} = this.#raft
    return {...range, commitIndex, firstIndex: this.#parts.log.firstIndex()}
  }

  /**
   * Hands leadership over where it can, finishes what is being written and applied, and closes; after
   * a failure it only closes. Every caller waits for the same end. Rejects when what was applied could
   * not be flushed, or the log not be sealed.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    if (this.#state === 'running') {
      this.#state = 'stopping'
      await this.#handOver()
    }
    await this.#end()
    const {log, stateMachine} = this.#parts
    const failures: unknown[] = []
    const closings = [() => log.close(), () => stateMachine.close()]
    if (!this.#failed)
      closings.unshift(
        () => stateMachine.flush(),
        () => this.#recordCommit(),
      )
    for (const close of closings) await close().catch(error => failures.push(error))
    // After a failure the first error counts, and that was told already.
    if (failures.length > 0 && !this.#failed) throw failures[0]
  }

  /** The seal carries how far the log is committed: whoever reads it offline sees all that counts. */
  async #recordCommit(): Promise<void> {
    const {log, stateMachine} = this.#parts
    const {hardState} = log
    const commitIndex = logIndex(Math.min(stateMachine.appliedIndex, log.lastIndex()))
    if (commitIndex <= hardState.commitIndex) return
    await log.append({reset: undefined, hardState: {...hardState, commitIndex}, entries: []})
  }

  /** Best effort: without a successor in time, the others elect one after their timeout. */
  async #handOver(): Promise<void> {
    const target = this.#raft.bestTransferTarget
    if (this.#raft.role !== 'leader' || target === undefined) return
    this.#run(() => this.#raft.transferLeadership(target))
    this.#schedule()
    await this.#leaderChange(this.#raft.nodeId, target).catch(() => undefined)
  }

  #tick(): void {
    this.latencies.ticked()
    this.#run(() => {
      this.#raft.tick()
      this.#reads.expire(this.#parts.clock.nowMs())
      this.#snapshotter.tick()
      this.#handOverIfLow()
    })
    this.#schedule()
  }

  /** Before anything fails, somebody with room takes over (storage.md). */
  #handOverIfLow(): void {
    const {clock, events, disk} = this.#parts
    if (this.#isDiskLow !== this.#diskWasLow) {
      this.#diskWasLow = this.#isDiskLow
      events.note(this.#isDiskLow ? 'disk-low' : 'disk-enough', {freeBytes: disk?.freeBytes})
    }
    const nowMs = clock.nowMs()
    if (!this.#isDiskLow || this.#raft.role !== 'leader' || nowMs < this.#handOverMs) return
    const target = this.#raft.bestTransferTarget
    if (target === undefined) return
    this.#handOverMs = nowMs + HAND_OVER_MS
    this.#raft.transferLeadership(target)
  }

  get #isDiskLow(): boolean {
    const freeBytes = this.#parts.disk?.freeBytes
    return freeBytes !== undefined && freeBytes < this.#parts.settings.lowDiskBytes
  }

  #schedule(): void {
    if (this.#drainScheduled || this.#state === 'stopped') return
    this.#drainScheduled = true
    this.#parts.clock.soon(() => {
      this.#drainScheduled = false
      if (this.#state !== 'stopped') this.#run(() => this.#drain())
    })
  }

  #drain(): void {
    this.#barrier = undefined
    let count = 0
    for (let ready = this.#raft.takeReady(); ready; ready = this.#raft.takeReady()) {
      this.#perform(ready)
      if (this.#state === 'stopped') return
      if (++count < READYS_PER_TURN_MAX) continue
      // Whatever the core is at, the rest of the process has its turn in between.
      this.#schedule()
      break
    }
    this.#watchChanges()
    if (this.#raft.commitIndex === this.#commitTold) return
    this.#commitTold = this.#raft.commitIndex
    for (const listener of this.#commitListeners) listener()
  }

  #perform(ready: Ready): void {
    this.latencies.taken(ready)
    this.#send(ready.sendNow)
    for (const peer of ready.snapshotsNeeded) this.#snapshotter.send(peer)
    for (const token of ready.readsRefused) this.#reads.refused(token)
    for (const {token, index} of ready.readStates) {
      this.#reads.confirmed(token, index, this.#raft.lastApplied)
    }
    this.#counts.entriesAppended += ready.entries.length
    if (ready.committedEntries.length > 0) this.#applier.apply(ready.committedEntries)
    if (ready.snapshot) this.#applier.restore(ready.snapshot, this.#writer.durable(ready.number))
    this.#writer.submit(ready)
  }

  /** In order: what a Ready wrote is durable, so the promises that depend on it may leave. */
  #persisted(readys: readonly Ready[], syncMs: number | undefined): void {
    this.latencies.persisted(readys, syncMs)
    this.#guard(() => this.#raft.advancePersisted(readys.at(-1)!.number))
    for (const ready of readys) this.#send(ready.sendAfterSync)
    this.#schedule()
  }

  #applied(entries: readonly Entry[], results: readonly ApplyResult[], ms: number): void {
    this.latencies.applied(ms)
    const last = entries.at(-1)!
    this.#counts.entriesApplied += entries.length
    this.#guard(() => this.#raft.advanceApplied(last.index))
    this.#proposals.applied(entries, results)
    this.#reads.applied(last.index)
    this.#snapshotter.applied()
    this.#schedule()
  }

  #restored(meta: SnapshotMeta): void {
    this.#counts.snapshotsInstalled++
    this.#guard(() => this.#raft.advanceApplied(meta.index))
    this.#proposals.skipped(meta)
    this.#reads.applied(meta.index)
    this.#parts.events.note('snapshot-installed', {index: meta.index, term: meta.term})
    this.#schedule()
  }

  #send(messages: readonly Message[]): void {
    if (messages.length === 0) return
    this.#counts.messagesSent += messages.length
    this.#tell('sent', messages)
    this.#parts.transport.send(messages)
  }

  #tell(direction: 'sent' | 'received', messages: readonly Message[]): void {
    const {message: tell} = this.#parts.events
    if (tell !== undefined) for (const message of messages) tell(direction, message)
  }

  async #startBarrier(): Promise<LogIndex> {
    this.#checkRunning()
    // Also after a refusal: the drain lets the next caller ask anew.
    this.#schedule()
    const outcome = this.#guard(() => this.#raft.readIndex())
    if (outcome.kind === 'refused') throw notLeader(undefined, this.#raft.membership)
    const patienceMs = READ_PATIENCE_TIMEOUTS * this.#parts.settings.electionMs
    return this.#reads.add(outcome.token, this.#parts.clock.nowMs() + patienceMs)
  }

  /** Resolves when `to` leads; rejects when the transfer was given up. */
  #leaderChange(from: NodeId, to: NodeId): Promise<LeaderChange> {
    const {clock, settings} = this.#parts
    const deadlineMs = clock.nowMs() + TRANSFER_PATIENCE_TIMEOUTS * settings.electionMs
    return new Promise((resolve, reject) => {
      const look = () => {
        const {leaderId, currentTerm: term, transferTarget} = this.#raft.status()
        if (leaderId === to) return finish(() => resolve({from, to, term}))
        const gone = leaderId !== undefined && leaderId !== from
        const givenUp = leaderId === from && transferTarget === undefined
        const late = clock.nowMs() >= deadlineMs
        if (gone || givenUp || late || this.#state === 'stopped') {
          finish(() => reject(transferGivenUp(to, leaderId)))
        }
      }
      const stopLooking = clock.every(settings.tickMs, look)
      const finish = (settle: () => void) => {
        stopLooking()
        settle()
      }
    })
  }

  #watchChanges(): void {
    const {role, currentTerm, leaderId, membership, removed} = this.#raft
    const seen = this.#seen
    const same =
      seen !== undefined &&
      seen.role === role &&
      seen.currentTerm === currentTerm &&
      seen.leaderId === leaderId &&
      seen.membership === membership
    if (removed && !this.#removedTold) {
      this.#removedTold = true
      this.#parts.events.removed()
    }
    if (same) return
    this.#seen = {role, currentTerm, leaderId, membership}
    this.latencies.changed(role, leaderId)
    if (seen?.membership !== membership) this.#membershipChanged(membership)
    if (seen && seen.role !== role) {
      if (role === 'candidate' || (role === 'leader' && seen.role !== 'candidate')) {
        this.#counts.elections++
      }
      this.#parts.events.note('role', {role, was: seen.role, term: currentTerm, leaderId})
    }
    if (seen && leaderId !== undefined && seen.leaderId !== leaderId) this.#counts.leaderChanges++
    for (const listener of this.#listeners) listener()
  }

  #membershipChanged(membership: Membership): void {
    // Before the first one is applied, the transport goes by what it was given when joining.
    if (membership.members.length > 0) this.#parts.transport.setMembership(membership)
  }

  #proposalRefused(
    reason: 'not-leader' | 'transferring' | 'too-much-uncommitted',
    leader: NodeId | undefined,
  ): RaftctlError {
    if (reason === 'not-leader') return notLeader(leader, this.#raft.membership)
    if (reason === 'transferring') {
      return new RaftctlError('RAFTCTL_NO_LEADER', 'leadership is being handed over', {
        hint: 'Try again in a moment.',
      })
    }
    return new RaftctlError(
      'RAFTCTL_OVERLOADED',
      'the leader holds as many uncommitted bytes as it may; the write was not accepted',
      {hint: 'Try again more slowly; "raftctl status" shows whether a quorum answers.'},
    )
  }

  #checkRunning(): void {
    if (this.#state !== 'running') throw stopping()
  }

  /** A broken invariant anywhere in the core stops the node, and still reaches the caller. */
  #guard<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      this.#fail(error)
      throw error
    }
  }

  /** The same where the event loop calls: nobody there would catch what is thrown. */
  #run(action: () => unknown): void {
    try {
      action()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** From here on nothing is sent, written or answered any more. Only the first failure counts. */
  #fail(error: unknown): void {
    if (this.#failed) return
    this.#failed = true
    this.#writer.abandon()
    this.#proposals.stopped()
    this.#reads.stopped()
    void this.#end()
    this.#parts.events.failed(error)
  }

  /** Resolves once nothing is under way any more; never rejects. */
  #end(): Promise<void> {
    this.#state = 'stopped'
    this.#ended ??= this.#finish()
    return this.#ended
  }

  async #finish(): Promise<void> {
    this.#stopTicking()
    await this.#applier.stop()
    await this.#writer.drained()
    this.#proposals.stopped()
    this.#reads.stopped()
    await this.#snapshotter.stop()
  }
}

function stopping(): RaftctlError {
  return new RaftctlError('RAFTCTL_NODE_STOPPED', 'this node is stopping', {
    hint: 'Ask another member.',
  })
}

function diskLow(memberId: NodeId, {disk, settings}: RuntimeParts): RaftctlError {
  const freeBytes = disk?.freeBytes
  const {lowDiskBytes} = settings
  return new RaftctlError(
    'RAFTCTL_DISK_LOW',
    `the disk of member ${memberId} has ${freeBytes} bytes left, fewer than ${lowDiskBytes}: it takes no writes`,
    {
      hint: `Free some space on the disk that holds the data of member ${memberId}.`,
      details: {memberId, freeBytes, lowDiskBytes},
    },
  )
}

function transferGivenUp(to: NodeId, leader: NodeId | undefined): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_TIMED_OUT',
    `member ${to} did not take over within an election timeout`,
    {
      hint: 'See with "raftctl status" whether it is reachable and up to date.',
      details: {target: to, leaderId: leader ?? null},
    },
  )
}
